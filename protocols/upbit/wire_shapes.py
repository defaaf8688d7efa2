"""What each message looks like on the exchange's wire: one `Shape` per kind of message and spelling of its names.

A shape's structs are made from the canonical ones in `messages.py` (same fields, same types, the wire's names), so that
a field is declared in one place only. Canonical structs cannot be read from the wire directly: they are msgpack arrays
between actors, while the exchange sends objects with either of two spellings.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import starmap
from types import NoneType
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import astuple, fields

from protocols.upbit import wire_names
from protocols.upbit.messages import (
    CANDLE_TYPES,
    Announcement,
    Asset,
    Candle,
    ErrorFrame,
    Message,
    MyAsset,
    MyOrder,
    Orderbook,
    OrderbookUnit,
    Status,
    SubscriptionEntry,
    SubscriptionList,
    Ticker,
    Trade,
)

MAX_EXPONENT: Final = 60
"""Amounts beyond 1E±60 are refused: no balance is, and arithmetic with 1E999999999 would take all memory."""

LIST_SUBSCRIPTIONS: Final = "LIST_SUBSCRIPTIONS"

# The exchange documents ids and times as int64; more would not fit into msgpack on the way to the consumers.
_Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_NARROWED: Final[dict[Any, Any]] = {int: _Int64, int | None: _Int64 | None}


class Shape(NamedTuple):
    """How one kind of message is written on the wire with one spelling of the names.

    `marks` are the (field, value) by which an object of this shape is known; an empty value stands for any. `strict`
    refuses unknown fields, `lenient` ignores them; `*_rows` read the arrays of the list formats; `build` turns what
    they return into the canonical struct. `known` are all fields on the wire; `rows` names the field that holds nested
    objects, `known_in_rows` their fields.
    """

    kind: str
    marks: tuple[tuple[str, str], ...]
    strict: Callable[[bytes], Any]
    lenient: Callable[[bytes], Any]
    strict_rows: Callable[[bytes], list[Any]]
    lenient_rows: Callable[[bytes], list[Any]]
    build: Callable[[Any], Message]
    known: frozenset[str]
    rows: str = ""
    known_in_rows: frozenset[str] = frozenset()

    @property
    def prefixes(self) -> tuple[bytes, ...]:
        """The first bytes of such an object as the exchange writes it, up to the end of the type's name."""
        return tuple(_PREFIX.get(field, f'{{"{field}":"{value}').encode() for field, value in self.marks)


# What stands before the first quote from byte 10 on; these three are not told by a value.
_PREFIX: Final = {"status": '{"status":', "error": '{"error":{', "method": '{"method":'}


class Kind(NamedTuple):
    """One kind of message; `key` is the field that tells it, `values` what it holds then.

    `rows` is the field that holds nested objects, `row` their canonical struct. `build` makes the canonical struct from
    one with the same fields in the same order.
    """

    name: str
    canonical: type[Struct]
    names: Mapping[str, str]
    build: Callable[[Any], Message]
    values: tuple[str, ...]
    key: str = "type"
    rows: str = ""
    row: type[Struct] | None = None
    row_names: Mapping[str, str] = {}


def _build_ticker(wire: Struct) -> Ticker:
    return Ticker(*astuple(wire))


def _build_trade(wire: Struct) -> Trade:
    return Trade(*astuple(wire))


def _build_orderbook(wire: Struct) -> Orderbook:
    code, timestamp, total_ask_size, total_bid_size, units, stream_type, level = astuple(wire)
    levels = tuple(starmap(OrderbookUnit, map(astuple, units)))
    return Orderbook(code, timestamp, total_ask_size, total_bid_size, levels, stream_type, level)


def _build_candle(wire: Struct) -> Candle:
    return Candle(*astuple(wire))


def _build_my_order(wire: Struct) -> MyOrder:
    _check_amounts(wire)
    return MyOrder(*astuple(wire))


def _build_my_asset(wire: Struct) -> MyAsset:
    asset_uuid, assets, asset_timestamp, timestamp, stream_type = astuple(wire)
    for index, asset in enumerate(assets):
        _check_amounts(asset, f"{wire.__struct_encode_fields__[1]}[{index}].")
    rows = tuple(starmap(Asset, map(astuple, assets)))
    return MyAsset(asset_uuid, rows, asset_timestamp, timestamp, stream_type)


def _build_announcement(wire: Struct) -> Announcement:
    return Announcement(*astuple(wire))


def _build_subscription_list(wire: Struct) -> SubscriptionList:
    ticket, result = astuple(wire)
    return SubscriptionList(ticket, tuple(starmap(SubscriptionEntry, map(astuple, result))))


def _check_amounts(wire: Struct, within: str = "") -> None:
    """Refuse amounts that are no number to reckon with.

    Raises:
        msgspec.ValidationError: in msgspec's own form, with the path.
    """
    for name, value in zip(wire.__struct_encode_fields__, astuple(wire), strict=True):
        if isinstance(value, Decimal) and not (value.is_finite() and abs(value.adjusted()) <= MAX_EXPONENT):
            raise msgspec.ValidationError(f"Expected a finite amount within 1E±{MAX_EXPONENT} - at `$.{within}{name}`")


KINDS: Final = (
    Kind("ticker", Ticker, wire_names.TICKER, _build_ticker, ("ticker",)),
    Kind("trade", Trade, wire_names.TRADE, _build_trade, ("trade",)),
    Kind(
        "orderbook",
        Orderbook,
        wire_names.ORDERBOOK,
        _build_orderbook,
        ("orderbook",),
        rows="orderbook_units",
        row=OrderbookUnit,
        row_names=wire_names.ORDERBOOK_UNIT,
    ),
    Kind("candle", Candle, wire_names.CANDLE, _build_candle, CANDLE_TYPES),
    Kind("myOrder", MyOrder, wire_names.MY_ORDER, _build_my_order, ("myOrder",)),
    Kind(
        "myAsset",
        MyAsset,
        wire_names.MY_ASSET,
        _build_my_asset,
        ("myAsset",),
        rows="assets",
        row=Asset,
        row_names=wire_names.ASSET,
    ),
    Kind("announcement", Announcement, wire_names.ANNOUNCEMENT, _build_announcement, ("announcement",)),
    Kind(
        LIST_SUBSCRIPTIONS,
        SubscriptionList,
        wire_names.SUBSCRIPTION_LIST,
        _build_subscription_list,
        (LIST_SUBSCRIPTIONS,),
        key="method",
        rows="result",
        row=SubscriptionEntry,
        row_names=wire_names.SUBSCRIPTION_ENTRY,
    ),
)


def _wire_struct(
    canonical: type[Struct],
    names: Mapping[str, str],
    *,
    strict: bool,
    tag: tuple[str, str] | None,
    rows: Mapping[str, Any],
) -> type[Struct]:
    """A struct with the fields of `canonical` in their order, read from an object with the names of the wire.

    A field that may be None may be missing too: the exchange's REST interface leaves out what its WebSocket sends as
    null. `tag` is field and value that tell the kind on the wire, where the canonical struct has no such field.
    """
    declared: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in fields(canonical):
        kind = rows.get(field.name, _NARROWED.get(field.type, field.type))
        default = None if NoneType in get_args(field.type) else field.default
        declared.append((field.name, kind) if default is NODEFAULT else (field.name, kind, default))
    tag_field, tag_value = tag or (None, None)
    return msgspec.defstruct(
        f"Wire{canonical.__name__}",
        declared,
        rename=dict(names),
        tag_field=tag_field,
        tag=tag_value,
        forbid_unknown_fields=strict,
        kw_only=True,
        gc=False,
    )


def _decoders(kind: Kind, *, short: bool, strict: bool) -> tuple[Callable[[bytes], Any], Callable[[bytes], list[Any]]]:
    names = wire_names.spelled(kind.names, short=short)
    rows: dict[str, Any] = {"type": Literal[kind.values]} if kind.key in kind.canonical.__struct_fields__ else {}
    if kind.row is not None:
        row_names = wire_names.spelled(kind.row_names, short=short)
        rows[kind.rows] = list[_wire_struct(kind.row, row_names, strict=strict, tag=None, rows={})]  # type: ignore[misc]  # a type made at run time
    tag = None if kind.key in kind.canonical.__struct_fields__ else (names[kind.key], kind.values[0])
    wire: Any = _wire_struct(kind.canonical, names, strict=strict, tag=tag, rows=rows)
    return msgspec.json.Decoder(wire).decode, msgspec.json.Decoder(list[wire]).decode


def _shape(kind: Kind, *, short: bool) -> Shape:
    names = wire_names.spelled(kind.names, short=short)
    strict, strict_rows = _decoders(kind, short=short, strict=True)
    lenient, lenient_rows = _decoders(kind, short=short, strict=False)
    key = names[kind.key]
    return Shape(
        kind=kind.name,
        marks=tuple((key, value) for value in kind.values),
        strict=strict,
        lenient=lenient,
        strict_rows=strict_rows,
        lenient_rows=lenient_rows,
        build=kind.build,
        known=frozenset(names.values()),
        rows=names.get(kind.rows, ""),
        known_in_rows=frozenset(wire_names.spelled(kind.row_names, short=short).values()),
    )


class _StatusWire(Struct):
    status: str


class _ErrorBody(Struct):
    name: str | int
    message: str = ""


class _ErrorWire(Struct):
    error: _ErrorBody


def _build_error(wire: _ErrorWire) -> ErrorFrame:
    # Quotation REST names its errors by number; text holds both.
    return ErrorFrame(str(wire.error.name), wire.error.message)


def _plain_shape(kind: str, wire: type[Struct], build: Callable[[Any], Message]) -> Shape:
    """A shape of the messages that no format wraps or shortens; what else they hold is nothing we count."""
    read = msgspec.json.Decoder(wire).decode
    read_rows = msgspec.json.Decoder(list[wire]).decode  # type: ignore[valid-type]  # the type is an argument
    return Shape(kind, ((kind, ""),), read, read, read_rows, read_rows, build, frozenset())


SHAPES: Final = (
    *(_shape(kind, short=short) for kind in KINDS for short in (False, True)),
    _plain_shape("status", _StatusWire, lambda wire: Status(wire.status)),
    _plain_shape("error", _ErrorWire, _build_error),
)
