"""Whole lives of orders: what REST answers and what the events say, step by step, and that both agree."""

from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from protocols.upbit.messages import MyAsset, MyOrder
from tests.actors.exchange.rest.orders.private_side import OWNED, PrivateSide


class Life:
    """One account's view by events, compared with REST at each step."""

    def __init__(self, side: PrivateSide) -> None:
        self.side = side
        self.balances = {currency: (amount, Decimal(0)) for currency, amount in OWNED.items()}

    def states(self, uuid: str | None = None) -> list[str]:
        """States of the new events, of one order if it is named; what they say must be what REST says."""
        events = self.side.events()
        newest: dict[str, MyOrder] = {}
        for event in events:
            if isinstance(event, MyOrder):
                newest[event.uuid] = event
            else:
                self._fold(event)
        for event in newest.values():
            self._compare(event)
        for entry in self.side.get("/accounts"):
            held = self.balances.get(entry["currency"], (Decimal(0), Decimal(0)))
            assert (Decimal(entry["balance"]), Decimal(entry["locked"])) == held
        return [event.state for event in events if isinstance(event, MyOrder) and uuid in {None, event.uuid}]

    def _fold(self, event: MyAsset) -> None:
        for asset in event.assets:
            self.balances[asset.currency] = (asset.balance, asset.locked)

    def _compare(self, event: MyOrder) -> None:
        """Compare the newest event about an order with REST, name by name as far as both have it."""
        shown = self.side.get("/order", uuid=event.uuid)
        for name in ("remaining_volume", "reserved_fee", "paid_fee"):
            value = getattr(event, name)
            assert shown.get(name) == (None if value is None else f"{value.normalize():f}"), name
        assert Decimal(shown["executed_volume"]) == (event.executed_volume or 0)
        assert Decimal(shown["prevented_volume"]) == (event.prevented_volume or 0)
        assert Decimal(shown["prevented_locked"]) == event.prevented_locked
        assert (shown["side"], shown["ord_type"]) == (event.side, event.order_type)
        assert (shown["trades_count"], len(shown["trades"])) == (event.trades_count, event.trades_count)
        assert sum(Decimal(trade["funds"]) for trade in shown["trades"]) == event.executed_funds
        assert shown["state"] == (event.state if event.state in {"done", "cancel", "watch"} else "wait")


@pytest.fixture
def life(side: PrivateSide) -> Life:
    return Life(side)


def test_a_limit_order_is_filled_in_part_and_cancelled(side: PrivateSide, life: Life) -> None:
    uuid = side.place()["uuid"]
    assert life.states() == ["wait"]
    side.take(4, is_buy=False)
    assert life.states() == ["trade"]
    _, answer = side.call("DELETE", "/order", {"uuid": uuid})
    assert (answer["state"], answer["remaining_volume"], answer["locked"]) == ("wait", "6", "12006")
    assert life.states() == ["cancel"]
    assert side.get("/order", uuid=uuid)["locked"] == "0"
    assert life.balances["XRP"] == (OWNED["XRP"] + 4, 0)
    assert life.balances["KRW"] == (OWNED["KRW"] - 8004, 0)


def test_a_limit_order_that_is_filled_twice_ends_as_done(side: PrivateSide, life: Life) -> None:
    uuid = side.place(side="ask", price="2100")["uuid"]
    side.take(6, is_buy=True)
    side.take(4, is_buy=True)
    assert life.states() == ["wait", "trade", "trade", "done"]
    shown = side.get("/order", uuid=uuid)
    assert (shown["remaining_volume"], shown["paid_fee"], shown["locked"]) == ("0", "10.5", "0")
    assert life.balances["KRW"] == (OWNED["KRW"] + Decimal("20989.5"), 0)


def test_a_market_buy_ends_in_cancel_with_the_documented_amounts(side: PrivateSide, life: Life) -> None:
    side.rest(1375, 10, is_ask=True)
    placed = side.place(ord_type="price", price="5000", volume=None)
    assert life.states(placed["uuid"]) == ["wait", "trade", "cancel"]
    (shown,) = side.get("/orders", state="cancel")
    assert (shown["executed_volume"], shown["executed_funds"]) == ("3.63636363", "4999.99999125")
    assert (shown["paid_fee"], shown["reserved_fee"], shown["locked"]) == ("2.499999995625", "2.5", "0")
    assert life.balances["KRW"] == (OWNED["KRW"] - Decimal("5002.499991245625"), 0)


def test_a_market_sell_pays_its_fee_from_the_proceeds_as_documented(side: PrivateSide, life: Life) -> None:
    side.rest(1375, 10, is_ask=False)
    placed = side.place(side="ask", ord_type="market", price=None, volume="5.377594")
    assert (placed["locked"], placed["reserved_fee"]) == ("5.377594", "0")
    assert life.states() == ["wait", "trade", "done"]
    shown = side.get("/order", uuid=placed["uuid"])
    assert (shown["trades"][0]["funds"], shown["paid_fee"]) == ("7394.19175", "3.697095875")


def test_a_market_order_without_anybody_to_trade_with_is_cancelled(side: PrivateSide, life: Life) -> None:
    side.place(ord_type="price", price="5000", volume=None)
    assert life.states() == ["wait", "cancel"]


TAKERS: list[tuple[dict[str, Any], list[str], str]] = [
    ({"time_in_force": "ioc"}, ["wait", "trade", "cancel"], "4"),
    ({"time_in_force": "ioc", "volume": "4"}, ["wait", "trade", "done"], "4"),
    ({"time_in_force": "fok"}, ["wait", "cancel"], "0"),
    ({"time_in_force": "fok", "volume": "4"}, ["wait", "trade", "done"], "4"),
    ({"time_in_force": "post_only"}, ["wait", "cancel"], "0"),
    ({"time_in_force": "post_only", "price": "1999"}, ["wait"], "0"),
    ({"ord_type": "best", "price": "10000", "volume": None, "time_in_force": "ioc"}, ["wait", "trade", "cancel"], "4"),
    ({"ord_type": "best", "price": "10000", "volume": None, "time_in_force": "fok"}, ["wait", "cancel"], "0"),
    ({"ord_type": "best", "price": "6000", "volume": None, "time_in_force": "fok"}, ["wait", "trade", "done"], "3"),
    ({"price": "2010", "volume": "7"}, ["wait", "trade", "trade", "done"], "7"),
]


@pytest.mark.parametrize(("changes", "states", "executed"), TAKERS, ids=str)
def test_what_an_order_takes_depends_on_its_type_and_time_in_force(
    side: PrivateSide, life: Life, changes: dict[str, Any], states: list[str], executed: str
) -> None:
    side.rest(2000, 4, is_ask=True)
    side.rest(2010, 10, is_ask=True)
    placed = side.place(**changes)
    assert placed.get("time_in_force") == changes.get("time_in_force")
    assert life.states() == states
    assert side.get("/order", uuid=placed["uuid"])["executed_volume"] == executed


class Prevention(NamedTuple):
    """An ask meets a resting bid of 10 of the same account.

    Attributes:
        mode, volume: of the ask.
        bid_events, ask_events: what is told about each from then on.
        bid_prevented, ask_prevented: how much of each was prevented.
        bid_state, ask_state: by REST afterwards.
    """

    mode: str
    volume: str
    bid_events: list[str]
    ask_events: list[str]
    bid_prevented: str
    ask_prevented: str
    bid_state: str
    ask_state: str


PREVENTION = [
    Prevention("cancel_maker", "10", ["prevented", "cancel"], ["wait"], "10", "0", "cancel", "wait"),
    Prevention("cancel_taker", "10", [], ["wait", "prevented", "cancel"], "0", "10", "wait", "cancel"),
    Prevention(
        "reduce", "10", ["prevented", "cancel"], ["wait", "prevented", "cancel"], "10", "10", "cancel", "cancel"
    ),
    Prevention("reduce", "4", ["prevented"], ["wait", "prevented", "cancel"], "4", "4", "wait", "cancel"),
    Prevention("reduce", "25", ["prevented", "cancel"], ["wait", "prevented"], "10", "10", "cancel", "wait"),
    Prevention("none", "10", ["trade", "done"], ["wait", "trade", "done"], "0", "0", "done", "done"),
]


@pytest.mark.parametrize("case", PREVENTION, ids=lambda case: f"{case.mode} {case.volume}")
def test_own_orders_that_would_meet_end_by_the_takers_mode(side: PrivateSide, life: Life, case: Prevention) -> None:
    bid = side.place(smp_type="reduce")["uuid"]
    assert life.states() == ["wait"]
    ask = side.place(side="ask", volume=case.volume, smp_type=case.mode)["uuid"]
    events = [event for _, event in side.simulation.fresh_account_events if isinstance(event, MyOrder)]
    life.states()
    assert [event.state for event in events if event.uuid == bid] == case.bid_events
    assert [event.state for event in events if event.uuid == ask] == case.ask_events
    shown_bid, shown_ask = side.get("/order", uuid=bid), side.get("/order", uuid=ask)
    assert (shown_bid["state"], shown_ask["state"]) == (case.bid_state, case.ask_state)
    assert (shown_bid["prevented_volume"], shown_ask["prevented_volume"]) == (case.bid_prevented, case.ask_prevented)
    # Documented: bids unlock price times volume plus the fee, asks the volume.
    assert Decimal(shown_bid["prevented_locked"]) == Decimal(case.bid_prevented) * 2000 * Decimal("1.0005")
    assert shown_ask["prevented_locked"] == case.ask_prevented


def test_an_order_without_smp_type_cancels_the_resting_one_since_november_2026(side: PrivateSide, life: Life) -> None:
    bid, ask = side.place()["uuid"], side.place(side="ask")["uuid"]
    assert side.get("/order", uuid=bid)["state"] == "cancel"
    assert uuids(side.get("/orders/open")) == [ask]
    assert life.states(bid) == ["wait", "prevented", "cancel"]


def test_orders_of_two_accounts_trade_with_each_other(side: PrivateSide, life: Life) -> None:
    bid = side.place(account=side.other)
    side.place(side="ask")
    assert life.states() == ["wait", "trade", "done"]
    assert side.call("GET", "/order", {"uuid": bid["uuid"]}, account=side.other)[1]["state"] == "done"
    assert life.balances["KRW"] == (OWNED["KRW"] + 20_000 - 10, 0)


def test_orders_continue_to_be_matched_while_nobody_listens_and_queries_tell_it(side: PrivateSide) -> None:
    uuid = side.place()["uuid"]
    side.take(10, is_buy=False)
    side.simulation.take_account_events()  # As when no connection was open: gone for good.
    shown = side.get("/order", uuid=uuid)
    assert (shown["state"], len(shown["trades"])) == ("done", 1)
    assert side.events() == []


def uuids(orders: list[dict[str, Any]]) -> list[str]:
    return [order["uuid"] for order in orders]
