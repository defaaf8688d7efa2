"""What the private stream says about an order at one step of its life."""

from decimal import Decimal
from typing import NamedTuple

from actors.exchange.trading.amounts import ZERO
from actors.exchange.trading.order import Fill, Order
from protocols.upbit.messages import REALTIME, MyOrder


class _FillFields(NamedTuple):
    """Fields of a `myOrder` that only a fill has; null in every other state."""

    trade_uuid: str | None = None
    trade_fee: Decimal | None = None
    is_maker: bool | None = None
    trade_timestamp: int | None = None


def order_event(order: Order, state: str, t_ms: int, fill: Fill | None = None) -> MyOrder:
    """The event for one step: `state` is watch, wait, trade, prevented, done or cancel.

    With a fill, price and volume are those of the fill and everything else is the order after it. Where an order has
    no volume of its own, executed_volume is null before the first fill (seen 2025-11); prevented_volume is null and
    prevented_locked 0 when nothing was prevented (seen 2025-11); order_timestamp is on whole seconds (seen 2025-11).
    """
    terms = order.terms
    price, volume = (terms.price, terms.volume) if fill is None else (fill.price, fill.volume)
    of_fill = _FillFields() if fill is None else _FillFields(fill.trade_uuid, fill.fee, fill.is_maker, fill.t_ms)
    return MyOrder(
        code=order.market.code,
        uuid=order.uuid,
        ask_bid="ASK" if order.is_ask else "BID",
        order_type=terms.order_type,
        state=state,
        trade_uuid=of_fill.trade_uuid,
        price=price,
        avg_price=order.avg_price,
        volume=volume,
        remaining_volume=order.remaining,
        executed_volume=None if terms.volume is None and not order.executed else order.executed,
        trades_count=len(order.fills),
        reserved_fee=order.reserved_fee,
        remaining_fee=order.remaining_fee,
        paid_fee=order.paid_fee,
        locked=order.locked,
        executed_funds=order.funds,
        time_in_force=terms.time_in_force,
        trade_fee=of_fill.trade_fee,
        is_maker=of_fill.is_maker,
        identifier=terms.identifier,
        smp_type=order.smp_type,
        prevented_volume=order.prevented_volume or None,
        prevented_locked=order.prevented_locked or ZERO,
        trade_timestamp=of_fill.trade_timestamp,
        order_timestamp=order.created_ms // 1000 * 1000,
        timestamp=t_ms,
        stream_type=REALTIME,
    )
