"""A seeded trader on one account, so that the private stream of a key is never empty for long.

It places limit orders near the best price, lets the market fill them in parts, cancels some, and buys or sells at
market now and then. It acts at times of its own choosing, whether or not anybody listens.
"""

import random
from decimal import Decimal
from typing import Final

from actors.exchange.market.market import Market
from actors.exchange.market.units import E8, price_above, price_below, to_e8
from actors.exchange.trading.account import Account
from actors.exchange.trading.desk import Desk
from actors.exchange.trading.order import Order

OPENING_BALANCES: Final = {
    "KRW": Decimal(50_000_000),
    "BTC": Decimal("0.21340877"),
    "ETH": Decimal("4.5"),
    "XRP": Decimal("6500.25"),
    "ADA": Decimal(12000),
}
TRADED_CODES: Final = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA")
MEAN_PAUSE_S: Final = 1.5

_MIN_TOTAL_KRW: Final = 5_000
_MOST_OPEN: Final = 8
_MOST_AGE_MS: Final = 90_000


class Trader:
    """Acts on one account; every decision comes from `rng` and the time given."""

    def __init__(
        self, desk: Desk, account: Account, markets: list[Market], rng: random.Random, *, start_ms: int
    ) -> None:
        self._desk = desk
        self._account = account
        self._markets = markets
        self._rng = rng
        self.next_ms = start_ms + 300

    def act(self) -> None:
        """Do one thing at `next_ms` and choose the time of the next."""
        t_ms = self.next_ms
        self.next_ms += max(1, round(self._rng.expovariate(1.0 / MEAN_PAUSE_S) * 1000))
        open_orders = self._desk.orders_of(self._account)
        stale = [order for order in open_orders if t_ms - order.created_ms > _MOST_AGE_MS]
        draw = self._rng.random()
        if stale or len(open_orders) >= _MOST_OPEN or (draw < 0.15 and open_orders):
            self._desk.cancel(self._chosen(stale or open_orders), t_ms=t_ms)
            return
        market = self._rng.choice(self._markets)
        if draw < 0.7:
            self._place_limit(market, t_ms)
        elif draw < 0.87:
            self._market_buy(market, t_ms)
        else:
            self._market_sell(market, t_ms)

    def _chosen(self, orders: list[Order]) -> Order:
        return self._rng.choice(orders)

    def _place_limit(self, market: Market, t_ms: int) -> None:
        is_ask = self._rng.random() < 0.5
        price_e8, _ = market.book.side(is_ask=is_ask).best()
        for _ in range(self._rng.choice((0, 0, 0, 1, 2, 5))):
            price_e8 = (price_above if is_ask else price_below)(market.quote, price_e8)
        if price_e8 <= 0:
            return
        size_e8 = to_e8(self._rng.uniform(100_000, 2_000_000)) * E8 // price_e8
        if is_ask:
            size_e8 = min(size_e8, self._sellable_e8(market))
        elif not self._can_spend(Decimal(size_e8 * price_e8).scaleb(-16)):
            return
        if size_e8 * price_e8 >= _MIN_TOTAL_KRW * E8 * E8:
            self._desk.place_limit(self._account, market, is_ask=is_ask, price_e8=price_e8, size_e8=size_e8, t_ms=t_ms)

    def _market_buy(self, market: Market, t_ms: int) -> None:
        funds = Decimal(self._rng.randrange(_MIN_TOTAL_KRW, 400_000, 500))
        if self._can_spend(funds):
            self._desk.market_buy(self._account, market, funds=funds, t_ms=t_ms)

    def _market_sell(self, market: Market, t_ms: int) -> None:
        bid_e8, _ = market.book.bids.best()
        if bid_e8 == 0:
            return
        wanted_e8 = to_e8(self._rng.uniform(10_000, 400_000)) * E8 // bid_e8
        size_e8 = min(wanted_e8, self._sellable_e8(market))
        if size_e8 * bid_e8 >= _MIN_TOTAL_KRW * E8 * E8:
            self._desk.market_sell(self._account, market, size_e8=size_e8, t_ms=t_ms)

    def _can_spend(self, funds_krw: Decimal) -> bool:
        return self._account.free["KRW"] >= funds_krw * Decimal("1.0005")

    def _sellable_e8(self, market: Market) -> int:
        return int(self._account.free.get(market.spec.base, Decimal(0)).scaleb(8))
