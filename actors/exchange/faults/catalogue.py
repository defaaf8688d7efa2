"""The kinds of fault for people and programs: what each does, and its parameters. Made from the structs themselves."""

import inspect
from typing import Any, Final, get_args

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.inspect import (
    BoolType,
    Field,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
)

from actors.exchange.faults.kinds import Fault
from protocols.unreadable import UNREADABLE

_NAMES: Final = {IntType: "integer", FloatType: "number", StrType: "text", BoolType: "flag"}


class _Head(Struct):
    kind: str = ""


def kinds_document() -> list[dict[str, Any]]:
    """Every kind with what happens and its parameters: name, type, default, and what is allowed."""
    return [_kind_document(kind) for kind in get_args(Fault)]


def explain(body: bytes, error: Exception) -> str:
    """Say what is wrong with the body of a fault that could not be read, and what would be right."""
    documents = {document["kind"]: document for document in kinds_document()}
    try:
        kind = msgspec.json.decode(body, type=_Head).kind
    except UNREADABLE:
        kind = ""
    if kind not in documents:
        return f"{error}; kinds: {', '.join(documents)}"
    return f"{error}; {kind} takes {'; '.join(_in_words(parameter) for parameter in documents[kind]['parameters'])}"


def _kind_document(kind: type[Struct]) -> dict[str, Any]:
    described = msgspec.inspect.type_info(kind)
    if not isinstance(described, StructType):
        raise TypeError(f"{kind} is no struct")
    first_line, _, _ = (inspect.getdoc(kind) or "").partition("\n")
    return {
        "kind": described.tag,
        "what_happens": first_line,
        "parameters": [_parameter_document(field) for field in described.fields],
    }


def _parameter_document(field: Field) -> dict[str, Any]:
    default = None if field.default is NODEFAULT else field.default
    return {"name": field.name, "default": default, **_type_document(field.type)}


def _type_document(type_: Type) -> dict[str, Any]:
    if isinstance(type_, UnionType):
        (inner,) = (member for member in type_.types if not isinstance(member, NoneType))
        return {**_type_document(inner), "nullable": True}
    if isinstance(type_, Metadata):
        return _type_document(type_.type)
    if isinstance(type_, LiteralType):
        return {"type": "choice", "choices": list(type_.values)}
    document: dict[str, Any] = {"type": _NAMES[type(type_)]}
    if isinstance(type_, IntType | FloatType):
        document |= {"minimum": type_.ge, "maximum": type_.le}
    if isinstance(type_, StrType):
        document |= {"longest": type_.max_length}
    return document


def _in_words(parameter: dict[str, Any]) -> str:
    if parameter["type"] == "choice":
        allowed = " | ".join(str(choice) or '""' for choice in parameter["choices"])
    elif "minimum" in parameter:
        allowed = f"{parameter['type']} {parameter['minimum']:g} to {parameter['maximum']:g}"
    else:
        allowed = parameter["type"]
    return f"{parameter['name']} ({allowed})"
