"""A seeded trader on one account, so that the private stream of a key is never empty for long.

It places limit orders near the best price, lets the market fill them in parts, cancels some, buys or sells at market,
and now and then uses what the exchange has besides: ioc, fok, post_only, best, reserved orders, identifiers, and an
order that meets one of its own. It acts at times of its own choosing, whether or not anybody listens. What the exchange
refuses it lets go. Fees and bad trades cost it about two hundredths of its money an hour; once half is lost, its orders
shrink with what is left.
"""

import random
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate
from typing import Final

from actors.exchange.market.market import Market
from actors.exchange.market.units import E8, as_decimal, as_float, price_above, price_below, to_e8
from actors.exchange.trading.account import Account
from actors.exchange.trading.amounts import count_e8
from actors.exchange.trading.desk import Desk
from actors.exchange.trading.matching import resting_orders
from actors.exchange.trading.order import WAIT, Order
from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.terms import OrderTerms

OPENING_BALANCES: Final = {
    "KRW": Decimal(50_000_000),
    "BTC": Decimal("0.21340877"),
    "ETH": Decimal("4.5"),
    "XRP": Decimal("6500.25"),
    "ADA": Decimal(12000),
}
TRADED_CODES: Final = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA")
MEAN_PAUSE_S: Final = 1.5

_LEAST_KRW: Final = 5_000
_SMALLEST_KRW: Final = 6_000
"""Least amount that it asks for: a little more than the exchange's least, as volumes are cut and prices move."""

_MOST_OPEN: Final = 8
_MOST_AGE_MS: Final = 90_000
_CANCEL_SHARE: Final = 0.15
_NAMED_SHARE: Final = 0.3


class Trader:
    """Acts on one account; every decision comes from `rng` and the time given."""

    def __init__(
        self, desk: Desk, account: Account, markets: list[Market], rng: random.Random, *, start_ms: int
    ) -> None:
        self._desk = desk
        self._account = account
        self._markets = markets
        self._rng = rng
        self._names = 0
        self._opening_krw = self._worth_krw()
        self.next_ms = start_ms + 300
        actions: tuple[tuple[Callable[[Market, int], None], int], ...] = (
            (self._rest, 60), (self._post_only, 6), (self._take_now, 9), (self._take_best, 8), (self._reserve, 4),
            (self._market_buy, 17), (self._market_sell, 13), (self._meet_itself, 6),
        )  # fmt: skip
        self._actions = [action for action, _ in actions]
        self._weights = list(accumulate(weight for _, weight in actions))

    def act(self) -> None:
        """Do one thing at `next_ms` and choose the time of the next."""
        t_ms = self.next_ms
        self.next_ms += max(1, round(self._rng.expovariate(1.0 / MEAN_PAUSE_S) * 1000))
        open_orders = self._desk.open_orders(self._account)
        stale = [order for order in open_orders if t_ms - order.created_ms > _MOST_AGE_MS]
        wants_cancel = self._rng.random() < _CANCEL_SHARE and bool(open_orders)
        if stale or len(open_orders) >= _MOST_OPEN or wants_cancel:
            self._desk.cancel(self._chosen(stale or open_orders), t_ms=t_ms)
            return
        market = self._rng.choice(self._markets)
        (action,) = self._rng.choices(self._actions, cum_weights=self._weights)
        try:
            action(market, t_ms)
        except OrderRefused:
            return  # It has too little of that currency, or asked for too small an order: the next time, then.

    def _chosen(self, orders: list[Order]) -> Order:
        return self._rng.choice(orders)

    def _rest(self, market: Market, t_ms: int, time_in_force: str | None = None) -> None:
        """Place a limit order at the best price of its own side, or up to five units behind it."""
        is_ask = self._rng.random() < 0.5
        price_e8, _ = market.book.side(is_ask=is_ask).best()
        for _ in range(self._rng.choice((0, 0, 0, 1, 2, 5))):
            price_e8 = (price_above if is_ask else price_below)(market.quote, price_e8)
        self._place_limit(market, t_ms, is_ask=is_ask, price_e8=price_e8, time_in_force=time_in_force)

    def _post_only(self, market: Market, t_ms: int) -> None:
        self._rest(market, t_ms, "post_only")

    def _take_now(self, market: Market, t_ms: int) -> None:
        """Take from the other side up to one unit behind its best price, all or what there is."""
        is_ask = self._rng.random() < 0.5
        best_e8, _ = market.book.side(is_ask=not is_ask).best()
        price_e8 = (price_below if is_ask else price_above)(market.quote, best_e8)
        time_in_force = self._rng.choice(("ioc", "ioc", "fok"))
        self._place_limit(market, t_ms, is_ask=is_ask, price_e8=price_e8, time_in_force=time_in_force)

    def _market_buy(self, market: Market, t_ms: int) -> None:
        funds = self._budget(self._rng.randrange(_LEAST_KRW, 400_000, 500))
        self._place(market, OrderTerms(is_ask=False, order_type="price", price=funds), t_ms)

    def _market_sell(self, market: Market, t_ms: int) -> None:
        size_e8 = self._sellable(market, self._affordable(self._rng.uniform(10_000, 400_000)))
        self._place(market, OrderTerms(is_ask=True, order_type="market", volume=as_decimal(size_e8)), t_ms)

    def _take_best(self, market: Market, t_ms: int) -> None:
        time_in_force = self._rng.choice(("ioc", "fok"))
        if self._rng.random() < 0.5:
            funds = self._budget(self._rng.randrange(_LEAST_KRW, 200_000, 500))
            terms = OrderTerms(is_ask=False, order_type="best", price=funds, time_in_force=time_in_force)
        else:
            volume = as_decimal(self._sellable(market, self._affordable(self._rng.uniform(10_000, 200_000))))
            terms = OrderTerms(is_ask=True, order_type="best", volume=volume, time_in_force=time_in_force)
        self._place(market, terms, t_ms)

    def _reserve(self, market: Market, t_ms: int) -> None:
        """Reserve a bid that lives once the price has risen by a few units, and then takes or rests there."""
        trigger_e8 = market.day.last_e8
        for _ in range(self._rng.randrange(1, 6)):
            trigger_e8 = price_above(market.quote, trigger_e8)
        size_e8 = self._size(trigger_e8, self._affordable(self._rng.uniform(50_000, 500_000)))
        terms = OrderTerms(
            is_ask=False, order_type="limit", price=as_decimal(trigger_e8), volume=as_decimal(size_e8),
            identifier=self._name(t_ms),
        )  # fmt: skip
        self._desk.place_watch(self._account, market, terms, trigger_e8=trigger_e8, t_ms=t_ms)

    def _meet_itself(self, market: Market, t_ms: int) -> None:
        """Take all that is before the one of its own orders that is met first, and that one too: prevention decides."""
        own = [order for order in self._desk.open_orders(self._account) if order.state == WAIT]
        if not own:
            self._rest(market, t_ms)
            return
        size_e8, met = min(((_size_until(order), order) for order in own), key=_funds_until)
        smp_type = self._rng.choice(("reduce", "cancel_maker", "cancel_taker", None))
        terms = OrderTerms(
            is_ask=not met.is_ask, order_type="limit", price=met.terms.price, volume=as_decimal(size_e8),
            time_in_force="ioc", smp_type=smp_type,
        )  # fmt: skip
        self._place(met.market, terms, t_ms)

    def _place_limit(
        self, market: Market, t_ms: int, *, is_ask: bool, price_e8: int, time_in_force: str | None
    ) -> None:
        if price_e8 <= 0:
            return
        size_e8 = self._size(price_e8, self._affordable(self._rng.uniform(100_000, 2_000_000)))
        if is_ask:
            size_e8 = min(size_e8, self._owned_e8(market))
        price, volume = as_decimal(price_e8), as_decimal(size_e8)
        terms = OrderTerms(
            is_ask=is_ask, order_type="limit", price=price, volume=volume, time_in_force=time_in_force,
            identifier=self._name(t_ms),
        )  # fmt: skip
        self._place(market, terms, t_ms)

    def _place(self, market: Market, terms: OrderTerms, t_ms: int) -> None:
        self._desk.place(self._account, market, terms, t_ms=t_ms)

    def _name(self, t_ms: int) -> str | None:
        """An identifier for some of its orders; it differs from those of an earlier start by the time."""
        if self._rng.random() >= _NAMED_SHARE:
            return None
        self._names += 1
        return f"trader-{t_ms}-{self._names}"

    def _worth_krw(self) -> float:
        """What the account owns of KRW and of the coins of its markets, at their last prices."""
        prices = {market.spec.base: as_float(market.day.last_e8) for market in self._markets} | {"KRW": 1.0}
        owned = (self._account.asset(currency) for currency in prices)
        return sum(float(asset.balance + asset.locked) * prices[asset.currency] for asset in owned)

    def _affordable(self, funds_krw: float) -> float:
        """The amount itself, or a part of it once more than half of what was owned at the start is lost."""
        half_krw, worth_krw = self._opening_krw / 2.0, self._worth_krw()
        return funds_krw if worth_krw >= half_krw else max(_SMALLEST_KRW, funds_krw * worth_krw / half_krw)

    def _budget(self, funds_krw: int) -> Decimal:
        return Decimal(int(self._affordable(funds_krw)))

    def _size(self, price_e8: int, funds_krw: float) -> int:
        return to_e8(funds_krw) * E8 // price_e8

    def _sellable(self, market: Market, funds_krw: float) -> int:
        """Volume worth some KRW at the best bid, but not more than there is; 0 without a bid."""
        bid_e8, _ = market.book.bids.best()
        return min(self._size(bid_e8, funds_krw), self._owned_e8(market)) if bid_e8 else 0

    def _owned_e8(self, market: Market) -> int:
        return count_e8(self._account.available(market.spec.base))


def _size_until(order: Order) -> int:
    """Volume of a resting order and all that is before it, in 1e-8."""
    size_e8 = 0
    for resting in resting_orders(order.market.book.side(is_ask=order.is_ask), order.limit_e8):
        size_e8 += resting.size_e8
        if resting.order_id == order.order_id:
            break
    return size_e8


def _funds_until(reached: tuple[int, Order]) -> int:
    size_e8, order = reached
    return size_e8 * (order.limit_e8 or 0)
