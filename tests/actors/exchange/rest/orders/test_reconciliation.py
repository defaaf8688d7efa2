"""A client that was away for a while knows the whole truth again after asking: nothing is lost that REST could tell."""

import random
from decimal import Decimal
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from actors.exchange.market.units import as_decimal
from actors.exchange.rest.orders.amounts import amount_text
from protocols.upbit.messages import MyAsset, MyOrder
from tests.actors.exchange.rest.orders.private_side import PrivateSide

PAGE = 4
"""Of open orders; small, so that several pages are read."""


class Known:
    """What a client knows about one order."""

    def __init__(self) -> None:
        self.state = "wait"
        self.executed = Decimal(0)
        self.fills: dict[str, tuple[Decimal, Decimal]] = {}

    def learn(self, state: str, executed: Decimal) -> None:
        self.state, self.executed = state, executed


class Client:
    """Follows its account by events while it listens, and asks for what it missed."""

    def __init__(self, side: PrivateSide) -> None:
        self.side = side
        self.orders: dict[str, Known] = {}
        self.balances: dict[str, tuple[Decimal, Decimal]] = {}
        self.unanswered: set[str] = set()
        self.reconcile()

    def listen(self) -> None:
        for event in self.side.events():
            if isinstance(event, MyAsset):
                self.balances |= {asset.currency: (asset.balance, asset.locked) for asset in event.assets}
            else:
                self._apply(event)

    def miss(self) -> None:
        self.side.events()

    def reconcile(self) -> None:
        self.side.events()
        still_open = self._read_open()
        ended = [uuid for uuid, known in self.orders.items() if known.state == "wait" and uuid not in still_open]
        for start in range(0, len(ended), 100):
            for order in self.side.get("/orders/uuids", **{"uuids[]": ended[start : start + 100]}):
                self._learn(order)
        for identifier in sorted(self.unanswered):
            status, order = self.side.call("GET", "/order", {"identifier": identifier})
            assert status == 200 or order["error"]["name"] == "order_not_found"
            if status == 200:
                self._learn(order)
        self.unanswered.clear()
        for order in self.side.get("/orders/closed", limit="1000"):
            self._learn(order)
        self._read_missing_fills()
        self.balances = {
            entry["currency"]: (Decimal(entry["balance"]), Decimal(entry["locked"]))
            for entry in self.side.get("/accounts")
        }

    def _read_open(self) -> set[str]:
        seen: set[str] = set()
        page = 1
        while True:
            orders = self.side.get("/orders/open", limit=str(PAGE), page=str(page), **{"states[]": ["wait", "watch"]})
            for order in orders:
                seen.add(order["uuid"])
                self._learn(order)
            if len(orders) < PAGE:
                return seen
            page += 1

    def _learn(self, order: dict[str, Any]) -> None:
        known = self.orders.setdefault(order["uuid"], Known())
        known.learn(order["state"], Decimal(order["executed_volume"]))

    def _read_missing_fills(self) -> None:
        for uuid, known in self.orders.items():
            if sum(volume for _, volume in known.fills.values()) != known.executed:
                trades = self.side.get("/order", uuid=uuid)["trades"]
                known.fills = {trade["uuid"]: (Decimal(trade["price"]), Decimal(trade["volume"])) for trade in trades}

    def _apply(self, event: MyOrder) -> None:
        known = self.orders.setdefault(event.uuid, Known())
        if event.state == "trade":
            assert event.trade_uuid is not None
            assert event.price is not None
            assert event.volume is not None
            known.fills[event.trade_uuid] = (event.price, event.volume)
        state = event.state if event.state in {"done", "cancel", "watch"} else "wait"
        known.learn(state, event.executed_volume or Decimal(0))


def assert_knows_everything(client: Client) -> None:
    (ledger,) = [entry for entry in client.side.desk.ledger() if entry.access_key == "key"]
    assert set(client.orders) == {order.uuid for order in ledger.orders}
    for order in ledger.orders:
        known = client.orders[order.uuid]
        assert (known.state, known.executed) == (order.state, order.executed_volume)
        assert known.fills == {fill.trade_uuid: (fill.price, fill.volume) for fill in order.fills}
    truth = {entry.currency: (entry.free, entry.locked) for entry in ledger.balances if entry.free or entry.locked}
    assert {currency: held for currency, held in client.balances.items() if any(held)} == truth


def random_order(side: PrivateSide, rng: random.Random) -> dict[str, Any]:
    """Parameters of an order near the best prices, of a random kind."""
    market = side.simulation.markets[rng.choice(("KRW-BTC", "KRW-XRP"))]
    is_ask = rng.random() < 0.5
    levels = list(market.book.side(is_ask=is_ask if rng.random() < 0.7 else not is_ask).best_first())
    price = as_decimal(levels[rng.randrange(min(10, len(levels)))][0])
    worth = Decimal(rng.randrange(10_000, 20_000_000))
    volume = amount_text((worth / price).quantize(Decimal("1E-8")))
    common = {"market": market.code, "side": "ask" if is_ask else "bid"}
    kind = rng.choice(("limit", "limit", "limit", "ioc", "fok", "post_only", "market", "best"))
    if kind == "market":
        of_kind = {"ord_type": "market", "volume": volume} if is_ask else {"ord_type": "price", "price": str(worth)}
    elif kind == "best":
        amount = {"volume": volume} if is_ask else {"price": str(worth)}
        of_kind = {"ord_type": "best", "time_in_force": rng.choice(("ioc", "fok"))} | amount
    else:
        of_kind = {"ord_type": "limit", "price": amount_text(price), "volume": volume}
        of_kind |= {} if kind == "limit" else {"time_in_force": kind}
    smp = {} if kind == "post_only" else {"smp_type": rng.choice(("reduce", "cancel_maker", "cancel_taker", "none"))}
    return common | of_kind | smp


def act(side: PrivateSide, client: Client, rng: random.Random) -> None:
    """One request of the client, whose answer may get lost, or some time that passes."""
    draw = rng.random()
    if draw < 0.6:
        identifier = f"id-{rng.getrandbits(64):x}"
        status, answer = side.call("POST", "/orders", random_order(side, rng) | {"identifier": identifier})
        assert status == 201 or answer["error"]["name"].startswith("insufficient_funds")
        client.unanswered.add(identifier)
    elif draw < 0.75:
        open_orders = side.get("/orders/open")
        if open_orders:
            replace_or_cancel(side, rng.choice(open_orders), rng)
    else:
        side.wait(rng.randrange(10, 500))


def replace_or_cancel(side: PrivateSide, order: dict[str, Any], rng: random.Random) -> None:
    if rng.random() < 0.5:
        assert side.call("DELETE", "/order", {"uuid": order["uuid"]})[0] == 200
        return
    same = {"new_ord_type": "limit", "new_price": order["price"], "new_volume": "remain_only"}
    status, answer = side.call("POST", "/orders/cancel_and_new", {"prev_order_uuid": order["uuid"]} | same)
    assert status == 201 or answer["error"]["name"].startswith("under_min_total")


# Without shrinking: each example takes half a second, and the seed of a failing one says enough.
@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(seed=st.integers(0, 2**32), connected=st.lists(st.booleans(), min_size=2, max_size=6))
def test_reconciliation_after_missed_events_gives_exactly_the_ledger(seed: int, connected: list[bool]) -> None:
    side = PrivateSide(rate=100.0, seed=seed)
    side.place_watch()
    rng = random.Random(seed)
    client = Client(side)
    for is_connected in connected:
        for _ in range(20):
            act(side, client, rng)
            client.listen() if is_connected else client.miss()
        if not is_connected:
            client.reconcile()
        assert_knows_everything(client)


def test_an_order_whose_answer_was_lost_is_found_by_its_identifier_and_refused_when_sent_again() -> None:
    side = PrivateSide()
    asked = {"market": "KRW-XRP", "side": "bid", "ord_type": "limit", "price": "2000", "volume": "10"}
    side.call("POST", "/orders", asked | {"identifier": "lost"})
    assert side.get("/order", identifier="lost")["state"] == "wait"
    assert side.refusal("POST", "/orders", asked | {"identifier": "lost"}) == (400, "duplicated_identifier")
    assert side.refusal("GET", "/order", {"identifier": "never sent"}) == (404, "order_not_found")
