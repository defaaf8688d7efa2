"""The private side without service and sockets: handlers are called directly, in markets that only a test moves."""

import random
from decimal import Decimal
from typing import Any

import msgspec

from actors.exchange.market.market import Market
from actors.exchange.market.units import to_e8
from actors.exchange.quirks import Quirks
from actors.exchange.rest.errors import RestRefused
from actors.exchange.rest.messages import Answered
from actors.exchange.rest.orders.routes import order_routes
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.routes import Call
from actors.exchange.trading.account import Account
from actors.exchange.trading.order import Order
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.terms import OrderTerms
from actors.exchange.trading.venue import Venue
from protocols.upbit.messages import MyAsset, MyOrder
from tests.actors.exchange.conftest import START_MS

XRP = "KRW-XRP"
OWNED = {"KRW": Decimal(2_000_000_000), "XRP": Decimal(100_000), "BTC": Decimal(3)}
XRP_LIMIT = {"market": XRP, "side": "bid", "ord_type": "limit", "price": "2000", "volume": "10"}
"""A bid for 20,000 KRW that rests, since nobody offers anything in an emptied book."""


class PrivateSide:
    """One simulated exchange with two accounts; the book of KRW-XRP is empty at the start."""

    def __init__(self, *, rate: float = 0.0, seed: int = 7, markets: int = 4, quirks: Quirks | None = None) -> None:
        chosen = quirks or Quirks()
        self.simulation = Simulation(seed=seed, markets=markets, rate=rate, start_ms=START_MS, quirks=chosen)
        self.desk = self.simulation.desk
        self.account = self.desk.open_account("key", OWNED)
        self.other = self.desk.open_account("other", OWNED)
        self.now_ms = START_MS
        self.venue = Venue(self.simulation, lambda: self.now_ms)
        routes = order_routes(self.venue, chosen, random.Random(1))
        self.routes = {(route.method, route.path): route for route in routes}
        self.xrp = self.simulation.markets[XRP]
        if rate == 0.0:
            empty_book(self.xrp)

    def answered(
        self, method: str, path: str, parameters: dict[str, Any] | None = None, *, account: Account | None = None
    ) -> Answered:
        """What a handler answers, or what its refusal is turned into; lists are `name[]` repeated."""
        pairs: list[tuple[str, str | None]] = []
        for name, value in (parameters or {}).items():
            pairs += [(name, one) for one in value] if isinstance(value, list) else [(name, value)]
        call = Call(Parameters(pairs, family="exchange"), account or self.account, self.venue.catch_up())
        try:
            answer = self.routes[method, f"/v1{path}"].handler(call)
        except RestRefused as refused:
            answer = refused.answer()
        return answer if isinstance(answer, Answered) else Answered(answer)

    def call(
        self, method: str, path: str, parameters: dict[str, Any] | None = None, *, account: Account | None = None
    ) -> tuple[int, Any]:
        """Status and document of an answer."""
        answer = self.answered(method, path, parameters, account=account).answer
        return answer.status, msgspec.json.decode(answer.body)

    def get(self, path: str, **parameters: Any) -> Any:
        """The document of a query that succeeds."""
        status, document = self.call("GET", path, parameters)
        assert status == 200, document
        return document

    def place(self, account: Account | None = None, **changes: Any) -> Any:
        """Place `XRP_LIMIT` with changes; a change to None leaves a parameter out."""
        asked = {name: value for name, value in (XRP_LIMIT | changes).items() if value is not None}
        status, document = self.call("POST", "/orders", asked, account=account)
        assert status == 201, document
        return document

    def place_watch(self, price: str = "1000", volume: str = "10") -> Order:
        """Reserve a bid of the account, far below the market."""
        terms = OrderTerms(is_ask=False, order_type="limit", price=Decimal(price), volume=Decimal(volume))
        return self.desk.place_watch(self.account, self.xrp, terms, trigger_e8=to_e8(500), t_ms=self.venue.catch_up())

    def refusal(self, method: str, path: str, parameters: dict[str, Any]) -> tuple[int, str]:
        """Status and name of a refusal."""
        status, document = self.call(method, path, parameters)
        assert set(document) == {"error"}, document
        assert set(document["error"]) == {"name", "message"}
        assert document["error"]["message"]
        return status, document["error"]["name"]

    def rest(self, price: float, volume: float, *, is_ask: bool) -> int:
        """Let a background trader rest an order in KRW-XRP."""
        return self.xrp.place(self.now_ms, is_ask=is_ask, price_e8=to_e8(price), size_e8=to_e8(volume))

    def take(self, volume: float, *, is_buy: bool) -> None:
        """Let a background trader take from the book of KRW-XRP."""
        assert self.xrp.take(self.now_ms, is_buy=is_buy, size_e8=to_e8(volume)) == to_e8(volume)

    def wait(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms
        self.venue.catch_up()

    def events(self, access_key: str = "key") -> list[MyOrder | MyAsset]:
        """Events of one account since the last call; those of others are dropped."""
        return [event for key, event in self.simulation.take_account_events() if key == access_key]

    def order_events(self) -> list[MyOrder]:
        """Order events of the account since the last call."""
        return [event for event in self.events() if isinstance(event, MyOrder)]


def empty_book(market: Market) -> None:
    """Take every background order out of a book."""
    for side in (market.book.asks, market.book.bids):
        for order_id in [order_id for level in side.levels.values() for order_id in level.orders]:
            market.cancel(START_MS, order_id)
