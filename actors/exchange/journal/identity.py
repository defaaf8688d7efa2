"""Which message is which: what names one message of a stream for good, and in what two with the same name differ."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from msgspec import Struct

from protocols.upbit.messages import (
    SNAPSHOT,
    Announcement,
    Candle,
    DataMessage,
    MyAsset,
    MyOrder,
    Orderbook,
    Ticker,
    Trade,
)

IDENTITY_FIELDS: Final[dict[type[Struct], tuple[str, ...]]] = {
    Trade: ("code", "sequential_id"),
    Ticker: ("code", "timestamp", "trade_timestamp", "acc_trade_volume"),
    Orderbook: ("code", "timestamp", "level"),
    Candle: ("code", "type", "candle_date_time_utc", "timestamp", "candle_acc_trade_volume"),
    MyOrder: ("uuid", "state", "trade_uuid", "executed_volume", "timestamp"),
    MyAsset: ("asset_uuid",),
    Announcement: ("uuid", "event_type"),
}
"""Fields that name a message. The depth of a book is its stream's; a change in one of these makes another message."""


class Difference(NamedTuple):
    """One field in which two messages of the same identity differ."""

    field: str
    sent: object
    received: object


def identity_of(message: DataMessage) -> tuple[object, ...]:
    """Return the values that name a message within its stream."""
    return tuple(getattr(message, name) for name in IDENTITY_FIELDS[type(message)])


def digest_of(message: DataMessage) -> int:
    """Return one number for all values of a message."""
    if isinstance(message, Ticker):
        # CPython gives -1 and -2 the same hash, and of all values only the change of a ticker is ever that.
        return hash((message, message.signed_change_price - 0.5))
    return hash(message)


def describe_identity(message: DataMessage) -> dict[str, object]:
    """Return type and identity by name, as plain values."""
    fields = {name: getattr(message, name) for name in IDENTITY_FIELDS[type(message)]}
    depth = {"depth": len(message.orderbook_units)} if isinstance(message, Orderbook) else {}
    return {"type": message.type, **fields, **depth}


def is_snapshot(message: DataMessage) -> bool:
    """Whether a message is the state at the time of a request, and no event."""
    return message.stream_type == SNAPSHOT


def differences(sent: DataMessage, received: DataMessage) -> list[Difference]:
    """Return every field in which two messages differ; fields of inner rows as `orderbook_units[3].ask_size`."""
    return list(_differing("", sent, received))


def _differing(path: str, sent: Any, received: Any) -> Iterator[Difference]:  # noqa: ANN401 - any field's value
    if isinstance(sent, Struct) and type(sent) is type(received):
        for name in sent.__struct_fields__:
            yield from _differing(f"{path}.{name}" if path else name, getattr(sent, name), getattr(received, name))
    elif isinstance(sent, tuple) and isinstance(received, tuple) and len(sent) == len(received):
        for index, (one, other) in enumerate(zip(sent, received, strict=True)):
            yield from _differing(f"{path}[{index}]", one, other)
    elif sent != received:
        yield Difference(path, sent, received)
