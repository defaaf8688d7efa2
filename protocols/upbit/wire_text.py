"""Market messages as text with the wire's spelling of numbers.

Made for speed, since a busy exchange writes thousands of them a second: numbers that are spelled alike are written all
at once, and what repeats (words, prices) is remembered. Sizes are not: there are too many of them at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any, Final, NamedTuple, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from protocols.upbit import wire_names
from protocols.upbit.messages import OrderbookUnit, Trade
from protocols.upbit.number_spelling import Speller, spell_all, spellers_of
from protocols.upbit.wire_shapes import Kind

KEPT_TEXTS: Final = 1 << 16
"""Texts that one memory holds before it forgets all of them; 855 markets have some 20,000 prices at a time."""

_REMEMBERED: Final = frozenset({
    "opening_price", "high_price", "low_price", "trade_price", "prev_closing_price", "change_price",
    "signed_change_price", "highest_52_week_price", "lowest_52_week_price", "best_ask_price", "best_bid_price", "level",
})  # fmt: skip

_DEPTHS: Final = 64
"""Templates of rows that are kept; there are books of 1, 5, 15 and 30 levels."""

# A trade of before 2024-11-27 has no best prices; everything else that is None is null on the wire.
_OMITTING: Final = frozenset({Trade})

ManyToText = Callable[[list[Any]], list[Any]]


class Memory(dict[Any, str]):
    """The text of each value that was asked for; bounded by beginning anew.

    Args:
        text_of: makes the text; equal values must have the same.
        limit: how many are kept.
    """

    def __init__(self, text_of: Callable[[Any], str], *, limit: int = KEPT_TEXTS) -> None:
        super().__init__()
        self._text_of = text_of
        self._limit = limit

    def __missing__(self, value: Any) -> str:  # noqa: ANN401  # whatever can be written
        if len(self) >= self._limit:
            self.clear()
        text = self[value] = self._text_of(value)
        return text


_WORDS: Final = Memory(lambda value: msgspec.json.encode(value).decode())
"""Texts of what is equal only to itself: words, true, false and null."""


class _Manner(NamedTuple):
    """How a field is written; fields of one manner are written together.

    Attributes:
        name: tells one manner from another.
        write: makes the texts of several values; None for integers, which any template writes.
    """

    name: str
    write: ManyToText | None


_AS_INTEGER: Final = _Manner("integer", None)
_AS_WORD: Final = _Manner("word", lambda values: [_WORDS[value] for value in values])


def kind_writer(kind: Kind, *, short: bool) -> Callable[[Any], str]:
    """A function that writes messages of one kind of market data as JSON objects, with long or short names."""
    names = wire_names.spelled(kind.names, short=short)
    manners = _manners_of(kind.canonical, short=short)
    if kind.row is OrderbookUnit:
        write_rows = _rows_writer(short=short)
        manners[kind.rows] = _Manner("rows", lambda values: list(map(write_rows, values)))
    is_told_by_field = kind.key in kind.canonical.__struct_fields__
    head = "" if is_told_by_field else f'"{names[kind.key]}":"{kind.values[0]}",'
    if kind.canonical not in _OMITTING:
        return _object_writer(names, manners, head)
    return _omitting_writer(kind.canonical, names, manners, head)


def _object_writer(names: Mapping[str, str], manners: Mapping[str, _Manner], head: str) -> Callable[[Any], str]:
    """A function that writes the fields that have `manners`, in the order of `names`, after `head`."""
    own = [name for name in names if name in manners]
    together = sorted(own, key=lambda name: manners[name].name)
    spans: list[tuple[slice, ManyToText]] = []
    start = 0
    for _, group in groupby(together, key=lambda name: manners[name].name):
        members = list(group)
        write_many = manners[members[0]].write
        if write_many is not None:
            spans.append((slice(start, start + len(members)), write_many))
        start += len(members)
    values_of = attrgetter(*together)
    in_order = itemgetter(*map(together.index, own))
    template = "{" + head + ",".join(f'"{names[name]}":%s' for name in own) + "}"

    def write(message: Any) -> str:  # noqa: ANN401  # a struct with these fields
        cells = list(values_of(message))
        for span, write_many in spans:
            cells[span] = write_many(cells[span])
        return template % tuple(in_order(cells))

    return write


def _omitting_writer(
    struct: type[Struct], names: Mapping[str, str], manners: Mapping[str, _Manner], head: str
) -> Callable[[Any], str]:
    """Like `_object_writer`, but what is None is left out."""
    optional = [name for name, kind in _types_of(struct).items() if NoneType in get_args(kind)]
    optional_of = attrgetter(*optional)
    write_whole = _object_writer(names, manners, head)

    @cache
    def writer_without(*missing: str) -> Callable[[Any], str]:
        return _object_writer(names, {name: how for name, how in manners.items() if name not in missing}, head)

    def write(message: Any) -> str:  # noqa: ANN401  # a struct of this type
        values = optional_of(message)
        if None not in values:
            return write_whole(message)
        return writer_without(*(name for name, value in zip(optional, values, strict=True) if value is None))(message)

    return write


def _rows_writer(*, short: bool) -> Callable[[Sequence[OrderbookUnit]], str]:
    """A function that writes the levels of a book; the struct has its fields in the wire's order."""
    names = wire_names.spelled(wire_names.ORDERBOOK_UNIT, short=short)
    spellers = spellers_of(OrderbookUnit, short=short)
    row = "{" + ",".join(f'"{name}":%s' for name in names.values()) + "}"
    spell_size = spellers["ask_size"]
    remembered = _memory_of(spellers["ask_price"]).__getitem__

    @lru_cache(maxsize=_DEPTHS)
    def template(depth: int) -> str:
        return f"[{','.join([row] * depth)}]"

    def write(units: Sequence[OrderbookUnit]) -> str:
        cells: list[Any] = list(chain.from_iterable(map(astuple, units)))
        depth = len(units)
        sizes = spell_all(spell_size, cells[2::4] + cells[3::4])
        cells[0::4], cells[1::4] = map(remembered, cells[0::4]), map(remembered, cells[1::4])
        cells[2::4], cells[3::4] = sizes[:depth], sizes[depth:]
        return template(depth) % tuple(cells)

    return write


def _manners_of(struct: type[Struct], *, short: bool) -> dict[str, _Manner]:
    """By field of a struct, how it is written: numbers as they are spelled, ids and times as integers, or words."""
    spellers = spellers_of(struct, short=short)
    return {name: _manner_of(name, kind, spellers.get(name)) for name, kind in _types_of(struct).items()}


def _manner_of(name: str, kind: object, speller: Speller | None) -> _Manner:
    if speller is None:
        return _AS_INTEGER if kind is int else _AS_WORD
    if name not in _REMEMBERED:
        return _Manner(speller.__name__, lambda values: spell_all(speller, values))
    remembered = _memory_of(speller).__getitem__
    return _Manner(f"{speller.__name__}, remembered", lambda values: list(map(remembered, values)))


@cache
def _memory_of(speller: Speller) -> Memory:
    return Memory(speller)


def _types_of(struct: type[Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}
