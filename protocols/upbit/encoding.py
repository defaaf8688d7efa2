"""Typed messages -> frames as the exchange writes them; the inverse of `decoding`.

The simulated exchange speaks with it, and the tests of decoding do.

Names and key order are the wire's, null is written where the exchange's WebSocket writes it, `Decimal` is a JSON number
with all its digits. Two exceptions are the exchange's own: error and status frames look alike in every format, and the
answer to LIST_SUBSCRIPTIONS is shortened but never wrapped in an array.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from protocols.upbit import wire_names
from protocols.upbit.messages import ErrorFrame, Message, Status, SubscriptionEntry, Trade
from protocols.upbit.number_spelling import Spelling, spellers_of
from protocols.upbit.requests import Format
from protocols.upbit.wire_shapes import KINDS, Kind
from protocols.upbit.wire_text import kind_writer

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode

# Left out when they have no value: a trade of before 2024-11-27 has no best prices, and the list of subscriptions has
# codes and level only where the type has them. Everything else that is None is null on the wire.
_OMITTED: Final = frozenset({Trade, SubscriptionEntry})


def encode_message(
    message: Message,
    format: Format,  # noqa: A002  # the exchange's own word for it
    spelling: Spelling = Spelling.PLAIN,
) -> bytes:
    """Write one message as one frame in one of the four formats.

    Args:
        message: what is said.
        format: names of the fields, and whether the object stands in an array.
        spelling: `WIRE` for numbers as the exchange writes them; both spellings mean exactly the same numbers.
    """
    if isinstance(message, Status):
        return _encode(message)
    if isinstance(message, ErrorFrame):
        return _encode({"error": message})
    body = _body(message, spelling, short=format.is_short)
    return b"[" + body + b"]" if format.is_list and hasattr(message, "stream_type") else body


def _body(message: Message, spelling: Spelling, *, short: bool) -> bytes:
    spell = _SPELLED.get((type(message), short)) if spelling is Spelling.WIRE else None
    return _encode(_WIRE_OF[type(message), short](message)) if spell is None else spell(message).encode()


def _writer(canonical: type[Struct], names: Mapping[str, str], tag: tuple[str, str] | None) -> Callable[[Any], Struct]:
    """A function that turns a canonical struct into one with the wire's names in the wire's order."""
    own = [name for name in names if name in canonical.__struct_fields__]
    tag_field, tag_value = tag or (None, None)
    wire: Any = msgspec.defstruct(
        f"Written{canonical.__name__}",
        [(name, Any) for name in own],
        rename={name: names[name] for name in own},
        tag_field=tag_field,
        tag=tag_value,
        gc=False,
    )
    values_of = attrgetter(*own)
    if canonical in _OMITTED:
        return lambda message: wire(*(UNSET if value is None or value == () else value for value in values_of(message)))
    return lambda message: wire(*values_of(message))


def _kind_writer(kind: Kind, *, short: bool) -> Callable[[Any], Struct]:
    names = wire_names.spelled(kind.names, short=short)
    tag = None if kind.key in kind.canonical.__struct_fields__ else (names[kind.key], kind.values[0])
    write = _writer(kind.canonical, names, tag)
    if kind.row is None:
        return write
    write_row = _writer(kind.row, wire_names.spelled(kind.row_names, short=short), None)

    def write_with_rows(message: Any) -> Struct:  # noqa: ANN401  # any of the kinds that hold rows
        written = write(message)
        setattr(written, kind.rows, [write_row(row) for row in getattr(message, kind.rows)])
        return written

    return write_with_rows


_WIRE_OF: Final = {
    (kind.canonical, short): _kind_writer(kind, short=short) for kind in KINDS for short in (False, True)
}
_SPELLED: Final = {
    (kind.canonical, short): kind_writer(kind, short=short)
    for kind in KINDS
    for short in (False, True)
    if spellers_of(kind.canonical, short=short)
}
