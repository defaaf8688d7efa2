"""A trading floor of one empty market with three accounts, so that each order's way can be seen by itself."""

import random
from collections.abc import Iterable
from decimal import Decimal

from actors.exchange.market.day import YearRange
from actors.exchange.market.events import EventLog
from actors.exchange.market.market import Market, MarketSpec
from actors.exchange.market.units import E8
from actors.exchange.quirks import Quirks
from actors.exchange.trading.account import Account
from actors.exchange.trading.desk import AccountEvent, Desk
from actors.exchange.trading.order import Order, OrderState
from actors.exchange.trading.terms import OrderTerms
from protocols.upbit.messages import MyAsset, MyOrder
from tests.actors.exchange.conftest import START_MS

OPENING = {"KRW": Decimal(3_000_000), "XRP": Decimal("20000.5")}
LAST_PRICE = 1000


def market_spec(code: str, price: Decimal | int) -> MarketSpec:
    return MarketSpec(
        code=code,
        korean_name=code,
        english_name=code,
        anchor_e8=int(price * E8),
        turnover_e8=E8,
        weight=1.0,
        bias=0.0,
        swing=0.0,
        period_s=60.0,
        phase=0.0,
        noise=0.0,
    )


class Floor:
    """One market, accounts `a`, `b` and `c`, and everything that they were told."""

    def __init__(
        self, *, code: str = "KRW-XRP", last: Decimal | int = LAST_PRICE, quirks: Quirks | None = None
    ) -> None:
        self.events: list[tuple[str, AccountEvent]] = []
        self.log = EventLog(kept=None)
        self.desk = Desk(
            self.log, random.Random(5), lambda key, event: self.events.append((key, event)), quirks or Quirks()
        )
        year = YearRange(high_e8=int(last * E8), high_day=0, low_e8=int(last * E8), low_day=0)
        self.market = Market(market_spec(code, last), self.log, year)
        self.a, self.b, self.c = (self.desk.open_account(key, OPENING) for key in "abc")
        self.now_ms = START_MS
        self.background(is_ask=True, price=last, volume=1)
        self.market.take(self.now_ms, is_buy=True, size_e8=E8)

    def background(self, *, is_ask: bool, price: Decimal | int, volume: Decimal | int) -> int:
        """Let a background trader's order rest."""
        return self.market.place(self.now_ms, is_ask=is_ask, price_e8=int(price * E8), size_e8=int(volume * E8))

    def hit(self, *, is_buy: bool, volume: Decimal | int) -> None:
        """Let a background trader take, and reserved orders follow the price."""
        self.market.take(self.now_ms, is_buy=is_buy, size_e8=int(volume * E8))
        self.desk.release_triggered(self.now_ms)

    def place(self, account: Account, terms: OrderTerms) -> tuple[Order, OrderState]:
        """Place an order a little later than what was before."""
        self.now_ms += 7
        return self.desk.place(account, self.market, terms, t_ms=self.now_ms)

    def order(self, account: Account, terms: OrderTerms) -> Order:
        """Place an order and forget how it looked."""
        return self.place(account, terms)[0]

    def life(self, order: Order) -> list[MyOrder]:
        """The events of one order."""
        return [event for _, event in self.events if isinstance(event, MyOrder) and event.uuid == order.uuid]

    def states(self, order: Order) -> list[str]:
        """The states that one order's owner was told of."""
        return [event.state for event in self.life(order)]

    def assets(self, account: Account) -> Iterable[MyAsset]:
        """The asset events of one account."""
        return [event for key, event in self.events if key == account.access_key and isinstance(event, MyAsset)]


def limit(is_ask: bool, price: str | int, volume: str | int, **more: str | None) -> OrderTerms:
    return OrderTerms(is_ask=is_ask, order_type="limit", price=Decimal(price), volume=Decimal(volume), **more)


def bid(price: str | int, volume: str | int, **more: str | None) -> OrderTerms:
    return limit(False, price, volume, **more)


def ask(price: str | int, volume: str | int, **more: str | None) -> OrderTerms:
    return limit(True, price, volume, **more)


def market_buy(funds: str | int, **more: str | None) -> OrderTerms:
    return OrderTerms(is_ask=False, order_type="price", price=Decimal(funds), **more)


def market_sell(volume: str | int, **more: str | None) -> OrderTerms:
    return OrderTerms(is_ask=True, order_type="market", volume=Decimal(volume), **more)


def best_bid(funds: str | int, time_in_force: str, **more: str | None) -> OrderTerms:
    return OrderTerms(is_ask=False, order_type="best", price=Decimal(funds), time_in_force=time_in_force, **more)


def best_ask(volume: str | int, time_in_force: str, **more: str | None) -> OrderTerms:
    return OrderTerms(is_ask=True, order_type="best", volume=Decimal(volume), time_in_force=time_in_force, **more)
