from decimal import Decimal
from pathlib import Path

from actors.consumers.order_tracker import Account, OrderTrackerSettings, run
from protocols.channel.messages import Gap
from protocols.order_state import OrderChange
from protocols.upbit.messages import Asset
from tests.actors.consumers.harness import my_asset, my_order, running


def test_finished_orders_leave_and_their_history_is_bounded() -> None:
    account = Account(history=2)
    for n in range(5):
        assert account.take(my_order(f"order-{n}", "wait")) is OrderChange.NEW
        assert account.take(my_order(f"order-{n}", "done", executed="1")) is OrderChange.FINISHED
    account.take(my_order("order-9", "wait"))
    assert list(account.ledger.open) == ["order-9"]
    assert [order.uuid for order in account.ledger.finished] == ["order-3", "order-4"]


def test_the_newest_balance_of_each_currency_counts() -> None:
    account = Account(history=1)
    account.take(my_asset(20, Asset("KRW", Decimal("5.5"), Decimal(0)), Asset("BTC", Decimal("0.1"), Decimal(0))))
    account.take(my_asset(10, Asset("KRW", Decimal("9.9"), Decimal(0))))
    account.take(my_asset(30, Asset("BTC", Decimal("0.2"), Decimal("0.1"))))
    assert account.balances["KRW"][0].balance == Decimal("5.5")
    assert account.balances["BTC"][0].total == Decimal("0.3")


async def test_it_follows_an_order_from_wait_to_done(tmp_path: Path) -> None:
    async with running(tmp_path, run, OrderTrackerSettings(), source="private") as tracker:
        source = tracker.source
        source.go_up()
        await source.wanted("myOrder", "myAsset")
        assert tracker.is_ready
        source.publish(my_order("a", "wait"), my_order("b", "wait"), my_order("a", "trade", executed="0.4"))
        await tracker.consumed(3)
        state = await tracker.state()
        assert {order["uuid"]: order["state"] for order in state["open"]} == {"a": "trade", "b": "wait"}
        source.publish(my_order("a", "done", executed="1"))
        await tracker.consumed(4)
        state = await tracker.state()
        assert [order["uuid"] for order in state["open"]] == ["b"]
        assert [order["uuid"] for order in state["finished"]] == ["a"]
        assert state["uncertain"] is None


async def test_money_leaves_as_text_with_all_its_digits(tmp_path: Path) -> None:
    async with running(tmp_path, run, OrderTrackerSettings(), source="private") as tracker:
        source = tracker.source
        source.go_up()
        await source.wanted("myOrder", "myAsset")
        source.publish(my_asset(1, Asset("KRW", Decimal("1386929.37231066771348207123"), Decimal(0))))
        await tracker.consumed(1)
        state = await tracker.state()
        assert state["balances"][0]["balance"] == "1386929.37231066771348207123"


async def test_after_an_outage_the_state_is_shown_as_uncertain(tmp_path: Path) -> None:
    async with running(tmp_path, run, OrderTrackerSettings(), source="private") as tracker:
        source = tracker.source
        source.go_up()
        await source.wanted("myOrder", "myAsset")
        source.publish(my_order("a", "wait"))
        await tracker.consumed(1)
        source.go_down("1006")
        source.go_up()
        source.publish(my_order("a", "wait"))
        await tracker.consumed(2)
        state = await tracker.state()
        assert state["uncertain"]["reason"] == "1006"
        assert state["source"]["link"] == "up"
        assert state["events"]["duplicate"] == 1


async def test_a_gap_in_the_events_is_shown_as_uncertain(tmp_path: Path) -> None:
    async with running(tmp_path, run, OrderTrackerSettings(), source="private") as tracker:
        source = tracker.source
        source.go_up()
        await source.wanted("myOrder", "myAsset")
        for subscriber in source.publisher._subscribers:
            subscriber.send(Gap("myOrder", 1, 3, 5, "subscriber too slow"))
        source.publisher.flush()
        state = await tracker.state_when(lambda state: state["uncertain"] is not None)
        assert state["source"]["missed"] == 3


async def test_a_parked_link_is_shown_with_its_reason_and_is_no_error(tmp_path: Path) -> None:
    async with running(tmp_path, run, OrderTrackerSettings(), source="private") as tracker:
        tracker.source.go_down("no keys; write them to the keys file", parked=True)
        state = await tracker.state_when(lambda state: state["source"]["link"] == "parked")
        assert state["source"]["reason"] == "no keys; write them to the keys file"
        assert state["uncertain"] is None


async def test_an_order_in_a_state_nobody_knows_is_counted_and_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, run, OrderTrackerSettings(), source="private") as tracker:
        source = tracker.source
        source.go_up()
        await source.wanted("myOrder", "myAsset")
        source.publish(my_order("a", "teleported"))
        await tracker.consumed(1)
        assert (await tracker.state())["events"]["unknown"] == 1
        assert tracker.actor.counters.snapshot()["orders_unknown"] == 1


async def test_a_restarted_tracker_says_that_it_forgot(tmp_path: Path) -> None:
    async with running(tmp_path, run, OrderTrackerSettings(), source="private", incarnation=2) as tracker:
        state = await tracker.state_when(lambda state: state["uncertain"] is not None)
        assert state["uncertain"]["reason"].startswith("restarted")
