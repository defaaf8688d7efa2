import random

import pytest

from actors.client.pieces.open_orders import OpenOrders
from protocols.order_state import OrderChange
from tests.actors.client.pieces.events import order


def test_finished_orders_leave_the_active_ones() -> None:
    orders = OpenOrders()
    for event in (order("a", "wait"), order("b", "wait"), order("a", "done", executed=10, remaining=0)):
        orders(event)
    assert list(orders.active) == ["b"]
    assert [event.uuid for event in orders.finished] == ["a"]


def test_a_late_event_does_not_bring_a_finished_order_back() -> None:
    orders = OpenOrders()
    changes = [
        orders.take(event)
        for event in (order("a", "wait"), order("a", "cancel"), order("a", "trade", executed=1, remaining=9, fill="f"))
    ]
    assert changes == [OrderChange.NEW, OrderChange.FINISHED, OrderChange.STALE]
    assert not orders.active
    assert orders.counters[OrderChange.STALE] == 1


def test_a_prevented_order_lives_as_long_as_something_remains() -> None:
    orders = OpenOrders()
    orders.take(order("a", "prevented", remaining=4))
    assert list(orders.active) == ["a"]
    orders.take(order("a", "prevented", remaining=0))
    assert not orders.active


def test_the_history_of_finished_orders_is_bounded() -> None:
    orders = OpenOrders(history=3)
    for n in range(10):
        orders.take(order(f"o{n}", "done", executed=10, remaining=0))
    assert [event.uuid for event in orders.finished] == ["o7", "o8", "o9"]


def test_after_fifty_lives_with_repeated_events_the_open_ones_are_those_without_an_end() -> None:
    rng = random.Random(7)
    events = []
    for n in range(50):
        life = [order(f"o{n}", "wait")]
        life += [
            order(f"o{n}", "trade", executed=k, remaining=10 - k, fill=f"f{k}") for k in range(1, rng.randint(1, 5))
        ]
        if n % 3:
            life.append(order(f"o{n}", "cancel", executed=4, remaining=6))
        events += [(rng.random(), event) for event in life for _ in range(rng.randint(1, 2))]
    orders = OpenOrders()
    for _key, event in sorted(events, key=lambda keyed: keyed[0]):
        orders.take(event)
    assert set(orders.active) == {f"o{n}" for n in range(50) if not n % 3}


def test_a_history_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^history must be a whole number of at least 1, not 0$"):
        OpenOrders(0)


def test_the_view_of_active_orders_cannot_be_written() -> None:
    with pytest.raises(TypeError):
        OpenOrders().active["a"] = order("a", "wait")  # type: ignore[index]
