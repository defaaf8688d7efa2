"""The reference of the client library, made from the code.

`python -m tests.docs.client_reference` writes it into docs/client-reference.md anew.
"""

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import msgspec

from actors import client
from actors.client.health import ConnectionHealth, SubscriptionHealth
from actors.client.pieces import MarketPrice
from actors.client.reports import ClientState
from protocols.channel.messages import Event
from protocols.order_state import OrderChange
from protocols.upbit.markets import MarketEvent, MarketInfo
from protocols.upbit.messages import (
    Asset,
    Candle,
    MyAsset,
    MyOrder,
    Orderbook,
    OrderbookUnit,
    SubscriptionEntry,
    Ticker,
    Trade,
)
from tests.docs.docstrings import annotation_of, docstring_of, first_paragraph, signature_of
from tests.docs.event_fields import FIELDS
from tests.docs.settings_reference import meanings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "client-reference.md"
BEGIN = "<!-- made by: python -m tests.docs.client_reference -->\n"

Row = tuple[str, str, str]
"""Name, type, meaning."""

Sections = dict[str, dict[str, str]]

CHAPTERS: dict[str, tuple[Any, ...]] = {
    "The client": (client.WebSocketClient, client.Subscription),
    "Exceptions": (
        client.SubscriptionError,
        client.WebSocketConnectionError,
        client.AuthenticationError,
        client.RateLimitExceededError,
    ),
    "Events": (Ticker, Trade, Orderbook, OrderbookUnit, Candle, MyOrder, MyAsset, Asset, Event),
    "Reports": (client.GapReport, client.StateReport, client.ErrorReport),
    "Health": (client.ClientHealth, ConnectionHealth, SubscriptionHealth, SubscriptionEntry),
    "Markets": (client.krw_markets, client.list_markets, MarketInfo, MarketEvent),
    "Pieces": (
        client.LatestValues,
        client.TopVolume,
        client.CrossingAlert,
        client.TurnoverAlert,
        client.Alert,
        client.PriceGap,
        MarketPrice,
        client.OpenOrders,
        OrderChange,
        client.Batcher,
        client.BatcherStopped,
    ),
}

NOT_FOR_PROGRAMS = {client.WebSocketClient: {"change", "end"}}
"""What a `Subscription` calls on its client; it takes internal objects."""

MADE_FOR_YOU = {client.Subscription}
"""Classes whose objects are only ever returned; how they are made is nobody's business."""

OBJECTS: tuple[object, ...] = (
    client.WebSocketClient("reference"),
    client.LatestValues(),
    client.TopVolume(),
    client.CrossingAlert(),
    client.TurnoverAlert(),
    client.PriceGap(),
    client.OpenOrders(),
    client.Batcher(print),
    client.RateLimitExceededError("", retry_after_s=1.0),
)
"""One of each class whose objects have attributes of their own; the types of these are read here."""

FROM_PYTHON = {"get", "items", "keys", "values", "add_note", "args", "with_traceback"}
"""What mappings and exceptions have anyway."""


def public_names(kind: type[Any]) -> list[str]:
    """Methods and properties of a class that a program may use, in the order of the code."""
    hidden = NOT_FOR_PROGRAMS.get(kind, set()) | (FROM_PYTHON if not issubclass(kind, msgspec.Struct) else set())
    found: dict[str, None] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(("actors", "protocols")):
            found.update(dict.fromkeys(vars(base)))
    fields = set(kind.__struct_fields__) if issubclass(kind, msgspec.Struct) else set()
    return [name for name in found if not name.startswith("_") and name not in hidden | fields]


def own_attributes(kind: type[Any]) -> dict[str, str]:
    """Public attributes of the objects of a class, with their types."""
    found = next((found for found in OBJECTS if type(found) is kind), None)
    names = getattr(found, "__dict__", {})
    return {name: type(value).__name__ for name, value in names.items() if not name.startswith("_")}


def entry_of(found: Any) -> str:
    """The entry of one class or function."""
    return "\n\n".join(part for part in _parts(found) if part)


def _parts(found: Any) -> Iterator[str]:
    yield f"### `{found.__name__}`"
    if not isinstance(found, type):
        yield _function(found.__name__, found)
    elif issubclass(found, Exception):
        yield _code(f"class {found.__name__}({', '.join(base.__name__ for base in found.__bases__)})")
        yield docstring_of(found).prose
        yield _table(_attributes(found))
    elif issubclass(found, msgspec.Struct | Enum):
        yield docstring_of(found).prose
        yield _table(_fields(found))
    else:
        yield from _class(found)


def _class(kind: type[Any]) -> Iterator[str]:
    said = docstring_of(kind)
    if kind not in MADE_FOR_YOU:
        yield _code(signature_of(kind.__name__, kind.__init__, returns=False))
    yield said.prose
    yield _arguments(said.sections)
    yield _raises(said.sections)
    yield _table(_attributes(kind) + _properties(kind))
    for name in public_names(kind):
        if inspect.isfunction(method := inspect.getattr_static(kind, name)):
            yield f"#### `{kind.__name__}.{name}`"
            yield _function(name, method)


def _fields(kind: type[Any]) -> list[Row]:
    """What a struct or an enum holds."""
    if issubclass(kind, Enum):
        return [(name, repr(member.value), FIELDS[kind][name]) for name, member in kind.__members__.items()]
    known = {**meanings(kind), **FIELDS.get(kind, {})}
    rows = [(f.name, _with_default(kind, f), known[f.name]) for f in msgspec.structs.fields(kind)]
    methods = [(name, inspect.getattr_static(kind, name)) for name in public_names(kind)]
    plain = [(name, method) for name, method in methods if inspect.isfunction(method)]
    return [*rows, *_properties(kind), *((signature_of(n, method), "", first_paragraph(method)) for n, method in plain)]


def _properties(kind: type[Any]) -> list[Row]:
    members = [(name, inspect.getattr_static(kind, name)) for name in public_names(kind)]
    return [(n, annotation_of(kind, n), first_paragraph(one)) for n, one in members if isinstance(one, property)]


def _attributes(kind: type[Any]) -> list[Row]:
    """Attributes of a class's objects, as the docstrings of the class and its bases tell them."""
    said: dict[str, str] = {}
    for base in kind.__mro__:
        sections = docstring_of(base).sections if base.__module__.startswith("actors") else {}
        for names, meaning in {**sections.get("Args", {}), **sections.get("Attributes", {})}.items():
            said.update((name, meaning) for name in names.split(", ") if name not in said)
    return [(name, text, said[name]) for name, text in own_attributes(kind).items()]


def _with_default(kind: type[Any], field: msgspec.structs.FieldInfo) -> str:
    text = annotation_of(kind, field.name)
    return text if field.default is msgspec.NODEFAULT else f"{text} = {field.default!r}"


def _function(name: str, function: Any) -> str:
    said = docstring_of(function)
    parts = [_code(signature_of(name, function)), said.prose, _arguments(said.sections), _raises(said.sections)]
    return "\n\n".join(part for part in parts if part)


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def _table(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [f"| `{name}` | {_cell(text)} | {_plain(meaning)} |" for name, text, meaning in rows]
    return "\n".join(["| name | type | meaning |", "|---|---|---|", *lines])


def _arguments(sections: Sections) -> str:
    rows = [f"| `{name}` | {_plain(meaning)} |" for name, meaning in sections.get("Args", {}).items()]
    return "\n".join(["| argument | meaning |", "|---|---|", *rows]) if rows else ""


def _raises(sections: Sections) -> str:
    return "\n".join(f"- raises `{name}`: {_plain(text)}" for name, text in sections.get("Raises", {}).items())


def _cell(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""


def _plain(text: str) -> str:
    is_word = text[:2].istitle()  # And not an abbreviation, such as KRW.
    return (text[0].lower() + text[1:] if is_word else text).rstrip(".").replace("|", "\\|")


def _states() -> str:
    return "`ClientState` is one of " + ", ".join(f"`{state}`" for state in get_args(ClientState)) + "."


def everything() -> str:
    """The part of the document that is made."""
    parts = []
    for title, entries in CHAPTERS.items():
        parts.append(f"## {title}")
        parts += [_states()] if title == "Reports" else []
        parts += [entry_of(entry) for entry in entries]
    return "\n" + "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    head = DOCUMENT.read_text("utf-8").partition(BEGIN)[0]
    DOCUMENT.write_text(head + BEGIN + everything(), "utf-8")
