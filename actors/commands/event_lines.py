"""Events and markers as lines: short and aligned for people, one JSON object with every field for programs."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from actors.commands.number_text import amount_text, rate_text, short_amount_text
from protocols.channel.messages import CACHED, LIVE, RECOVERED, Down, Event, Gap, Up, WantProblem
from protocols.reports import PriceAlert, SurgeAlert, TurnoverAlert
from protocols.upbit.messages import Announcement, Candle, MyAsset, MyOrder, Orderbook, Ticker, Trade

Marker = Down | Up | Gap | WantProblem

ORIGINS: Final = {LIVE: "live", CACHED: "cached", RECOVERED: "recovered"}
_MARKS: Final = {LIVE: "", CACHED: "  (last known)", RECOVERED: "  (recovered)"}

_encode = msgspec.json.Encoder(decimal_format="string").encode


def json_line(item: Event[Any] | Marker) -> str:
    """Return one JSON object.

    An event has its message's own fields beside `topic`, `epoch`, `sequence`, `origin` (live, cached, recovered),
    `received_ns` (monotonic) and `wall_ns`; a marker has `marker` (up, down, gap, problem) and its fields. Amounts of
    the account are text, so that no digit is lost.
    """
    if not isinstance(item, Event):
        return _encode({"marker": _marker_name(item), **_fields(item)}).decode()
    body = item.body
    fields = _fields(body) if isinstance(body, Struct) else {"body": body}
    return _encode(
        {
            "type": getattr(body, "type", item.topic),
            "topic": item.topic,
            "epoch": item.epoch,
            "sequence": item.sequence,
            "origin": ORIGINS.get(item.origin, str(item.origin)),
            "received_ns": item.received_ns,
            "wall_ns": item.wall_ns,
            **fields,
        }
    ).decode()


def _fields(body: Struct) -> dict[str, object]:
    """Fields by name, inner structs as well: on the wire they are arrays."""
    return {name: _plain(getattr(body, name)) for name in body.__struct_fields__}


def _plain(value: object) -> object:
    if isinstance(value, Struct):
        return _fields(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def event_line(event: Event[Any]) -> str:
    """Return one line for people; the time is local, of the moment the message arrived."""
    at = datetime.fromtimestamp(event.wall_ns / 1e9, tz=UTC).astimezone()
    body = event.body
    kind = getattr(body, "type", event.topic)
    text = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} {kind:<9} {_describe(body)}"
    return text.rstrip() + _MARKS.get(event.origin, "")


def _describe(body: object) -> str:
    match body:
        case Ticker():
            turnover = short_amount_text(body.acc_trade_price_24h)
            rate = rate_text(body.signed_change_rate)
            return f"{body.code:<12} {amount_text(body.trade_price):>13} {rate:>8}  24h {turnover}"
        case Trade():
            price, volume = amount_text(body.trade_price), amount_text(body.trade_volume)
            return f"{body.code:<12} {price:>13} {body.ask_bid:<3}  {volume}"
        case Orderbook():
            return f"{body.code:<12} {_describe_book(body)}"
        case Candle():
            prices = (body.opening_price, body.high_price, body.low_price, body.trade_price)
            ohlc = " ".join(f"{name} {amount_text(price)}" for name, price in zip("OHLC", prices, strict=True))
            return f"{body.code:<12} {body.candle_date_time_utc}Z {ohlc} V {amount_text(body.candle_acc_trade_volume)}"
        case MyOrder():
            return _describe_order(body)
        case MyAsset():
            return "; ".join(
                f"{asset.currency} {amount_text(asset.balance)} locked {amount_text(asset.locked)}"
                for asset in body.assets
            )
        case Announcement():
            return f"{body.category}: {body.title}  {body.url}"
        case _:
            return _describe_report(body)


def _describe_book(book: Orderbook) -> str:
    if not book.orderbook_units:
        return "empty"
    best = book.orderbook_units[0]
    bid = f"bid {amount_text(best.bid_price)} x {amount_text(best.bid_size)}"
    ask = f"ask {amount_text(best.ask_price)} x {amount_text(best.ask_size)}"
    return f"{bid} | {ask}  ({len(book.orderbook_units)} levels)"


def _describe_order(order: MyOrder) -> str:
    filled = f"{amount_text(order.executed_volume)} of {amount_text(order.volume)}"
    head = f"{order.code:<12} {order.side} {order.order_type:<6} {order.state:<9}"
    if order.state == "trade":
        filled = f"fill {amount_text(order.volume)}, {amount_text(order.remaining_volume)} left"
    return f"{head} {amount_text(order.price):>13}  {filled}  {order.uuid}"


def _describe_report(body: object) -> str:
    match body:
        case PriceAlert() | SurgeAlert():
            rate = rate_text(body.signed_change_rate)
            return f"{body.code:<12} {amount_text(body.trade_price):>13} {rate:>8}  {body.direction}"
        case TurnoverAlert():
            turnover, limit = short_amount_text(body.acc_trade_price_24h), short_amount_text(body.limit)
            return f"{body.code:<12} 24h {turnover} KRW, above {limit}"
        case _:
            return _encode(body).decode()


def marker_line(marker: Marker) -> str:
    """Return what happened to the stream, for people."""
    match marker:
        case Up():
            after = f" after {marker.outage_s:.1f} s" if marker.outage_s else ""
            return f"up: epoch {marker.epoch}{after}"
        case Down():
            return f"{'parked' if marker.parked else 'down'}: {marker.reason}"
        case Gap():
            missed = marker.last - marker.first + 1
            return f"gap: {missed} events of {marker.topic} missed: {marker.reason}"
        case WantProblem():
            return f"problem: {marker.topic}: {marker.reason}"


def _marker_name(marker: Marker) -> str:
    match marker:
        case Up():
            return "up"
        case Down():
            return "down"
        case Gap():
            return "gap"
        case WantProblem():
            return "problem"
