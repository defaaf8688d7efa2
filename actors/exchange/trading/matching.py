"""How an incoming order meets the book: price first, then time, and never its own account unless that is asked for.

Self-match prevention is decided when two orders of one account would trade, by the incoming order's mode:
`cancel_taker` ends the incoming one, `cancel_maker` ends the resting one and goes on, `reduce` takes the smaller of the
two volumes from both. A resting order that was reduced keeps its place in time (assumed: nobody recorded it). Whether
fill-or-kill can be filled is decided before anything trades, and volume that prevention would take away does not count
(assumed).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from actors.exchange.market.book import Side
from actors.exchange.market.market import Market
from actors.exchange.trading.order import CANCEL, WAIT, Order
from actors.exchange.trading.settlement import Settlement


class Resting(NamedTuple):
    """An order in the book that an incoming one would meet."""

    order_id: int
    price_e8: int
    size_e8: int


def resting_orders(side: Side, limit_e8: int | None) -> Iterator[Resting]:
    """The orders of one side that are not worse than a limit, in the order in which they trade."""
    for price_e8, _ in side.best_first():
        if limit_e8 is not None and (price_e8 > limit_e8 if side.is_ask else price_e8 < limit_e8):
            return
        for order_id, size_e8 in side.levels[price_e8].orders.items():
            yield Resting(order_id, price_e8, size_e8)


def crosses(market: Market, *, is_ask: bool, limit_e8: int | None) -> bool:
    """Whether an order with this limit would take from the book as it is."""
    return next(resting_orders(market.book.side(is_ask=not is_ask), limit_e8), None) is not None


def execute(order: Order, settlement: Settlement, t_ms: int) -> None:
    """Let an order do what its terms say: take what crosses, then rest or end."""
    market, terms = order.market, order.terms
    limit_e8 = order.limit_e8
    if terms.order_type == "best":
        limit_e8, _ = _opposite(market, order).best()
    if terms.time_in_force == "post_only" and crosses(market, is_ask=order.is_ask, limit_e8=limit_e8):
        settlement.finish(order, CANCEL, t_ms)
        return
    if terms.time_in_force != "fok" or _can_fill(order, settlement.orders, limit_e8):
        _take(order, settlement, limit_e8, t_ms)
    if order.state != WAIT:
        return
    if terms.order_type == "limit" and terms.time_in_force in {None, "post_only"} and order.limit_e8 is not None:
        _rest(order, order.limit_e8, t_ms)
    else:
        settlement.finish(order, CANCEL, t_ms)


def _opposite(market: Market, order: Order) -> Side:
    return market.book.side(is_ask=not order.is_ask)


def _rest(order: Order, limit_e8: int, t_ms: int) -> None:
    size_e8 = order.takeable_e8(limit_e8)
    order.market.place(t_ms, is_ask=order.is_ask, price_e8=limit_e8, size_e8=size_e8, order_id=order.order_id)


def _take(order: Order, settlement: Settlement, limit_e8: int | None, t_ms: int) -> None:
    """Trade against the book until the order is finished, the limit is reached, or nothing can be bought any more."""
    side = _opposite(order.market, order)
    while order.state == WAIT:
        first = next(resting_orders(side, limit_e8), None)
        wanted_e8 = 0 if first is None else order.takeable_e8(first.price_e8)
        if first is None or wanted_e8 == 0:
            return
        maker = settlement.orders.get(first.order_id)
        if maker is not None and _prevents(order, maker):
            _prevent(order, maker, first, settlement, t_ms)
        else:
            order.market.take_once(
                t_ms, is_buy=not order.is_ask, size_e8=wanted_e8, limit_e8=limit_e8, taker_id=order.order_id
            )


def _prevents(taker: Order, maker: Order) -> bool:
    return maker.account is taker.account and taker.smp_type in {"reduce", "cancel_maker", "cancel_taker"}


def _prevent(taker: Order, maker: Order, met: Resting, settlement: Settlement, t_ms: int) -> None:
    price_e8 = met.price_e8
    if taker.smp_type == "cancel_taker":
        settlement.prevent(taker, t_ms, price_e8=price_e8)
        return
    is_reduced = taker.smp_type == "reduce"
    overlap_e8 = min(met.size_e8, taker.takeable_e8(price_e8)) if is_reduced else met.size_e8
    taker.market.cancel(t_ms, maker.order_id, overlap_e8)
    settlement.prevent(maker, t_ms, price_e8=price_e8, size_e8=overlap_e8)
    if is_reduced:
        settlement.prevent(taker, t_ms, price_e8=price_e8, size_e8=overlap_e8)


def _can_fill(order: Order, account_orders: Mapping[int, Order], limit_e8: int | None) -> bool:
    """Whether the book can fill the whole order within the limit, with what prevention leaves of it."""
    missing_e8: int | None = None
    for resting in resting_orders(_opposite(order.market, order), limit_e8):
        # Fill-or-kill goes with a volume, or with a budget at one price: its volume is known at the first order.
        missing_e8 = order.takeable_e8(resting.price_e8) if missing_e8 is None else missing_e8
        maker = account_orders.get(resting.order_id)
        if maker is not None and _prevents(order, maker):
            if order.smp_type != "cancel_maker":
                return False
            continue
        missing_e8 -= resting.size_e8
        if missing_e8 <= 0:
            return True
    return False
