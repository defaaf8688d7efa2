"""Reading a table of settings into a struct, with every problem named at once instead of the first one only."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from actors.runtime.settings.hiding import hide_values
from protocols.errors import SettingsError

_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def find_problems(table: Mapping[str, Any], kind: type[Any], *, where: str) -> list[str]:
    """Return one line for each key of `table` that is unknown, missing or of the wrong type for the struct `kind`.

    Each line begins with the key's full path, such as `supervisor.intensity`. An empty list means that
    `msgspec.convert(table, kind)` works, except for rules between several fields (`__post_init__`). A value whose key
    says that it is a secret is in none of them.
    """
    return [hide_values(line, table) for line in _found(table, kind, where)]


def _found(table: Mapping[str, Any], kind: type[Any], where: str) -> list[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems = [f"{where}.{key}: unknown setting{suggestion(key, fields)}" for key in table if key not in fields]
    for key, field in fields.items():
        if key not in table:
            if field.required:
                problems.append(f"{where}.{key}: missing")
            continue
        try:
            msgspec.convert(table[key], field.type)
        except msgspec.ValidationError as error:
            problems.append(describe(error, f"{where}.{key}") + _known_values(error, field.type))
        except SettingsError as error:
            problems.append(_with_path(error, where))
    return problems or _problem_of_whole(table, kind, where)


def _problem_of_whole(table: Mapping[str, Any], kind: type[Any], where: str) -> list[str]:
    try:
        msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        return [describe(error, where)]
    except SettingsError as error:
        return [_with_path(error, where)]
    return []


def _with_path(error: SettingsError, where: str) -> str:
    """Return what a table that checks itself says; it begins with its own name, and may be part of another table."""
    text = str(error)
    return text if text.startswith(f"{where}.") else f"{where}.{text}"


def _known_values(error: msgspec.ValidationError, kind: Any) -> str:  # noqa: ANN401 - any annotation
    """Return the values that a field of some fixed words may have, as the end of a message about another one."""
    if not str(error).startswith("Invalid enum value"):
        return ""
    types = [msgspec.inspect.type_info(kind)]
    words: list[str] = []
    while types:
        match types.pop():
            case msgspec.inspect.LiteralType(values=values):
                words += map(str, values)
            case msgspec.inspect.EnumType(cls=enum_class):
                words += [str(member.value) for member in enum_class]
            case msgspec.inspect.UnionType(types=inner):
                types += inner
            case msgspec.inspect.ListType(item_type=inner) | msgspec.inspect.VarTupleType(item_type=inner):
                types.append(inner)
    return f"; choose from: {', '.join(words)}" if words else ""


def describe(error: msgspec.ValidationError, where: str) -> str:
    """Put the full path before what msgspec says, instead of its own path behind."""
    text = str(error)
    place = _PLACE.search(text)
    inner = "" if place is None else place["path"]
    reason = text if place is None else text[: place.start()]
    return f"{where}{inner}: {reason.replace('`', '')}"


def suggestion(name: str, known: Collection[str]) -> str:
    """Return what may have been meant, as the end of a message."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known here: {', '.join(sorted(known))}" if known else "; nothing can be set here"
