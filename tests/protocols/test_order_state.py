import itertools
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import UsageError
from protocols.order_state import NEXT_STATE, OrderChange, OrderLedger, OrderState, next_state
from protocols.upbit.messages import MyOrder

NEW, UPDATED, FINISHED = OrderChange.NEW, OrderChange.UPDATED, OrderChange.FINISHED
DUPLICATE, STALE = OrderChange.DUPLICATE, OrderChange.STALE


def order(
    state: str, executed: str | None = "0", remaining: str | None = "10", *, fill: str | None = None, uuid: str = "o-1"
) -> MyOrder:
    return MyOrder(
        code="KRW-BTC",
        uuid=uuid,
        ask_bid="BID",
        order_type="limit",
        state=state,
        trade_uuid=fill,
        price=Decimal(1000),
        avg_price=Decimal(0),
        volume=Decimal(10),
        remaining_volume=None if remaining is None else Decimal(remaining),
        executed_volume=None if executed is None else Decimal(executed),
        trades_count=0,
        reserved_fee=Decimal(0),
        remaining_fee=Decimal(0),
        paid_fee=Decimal(0),
        locked=Decimal(0),
        executed_funds=Decimal(0),
        time_in_force=None,
        trade_fee=None,
        is_maker=None,
        identifier=None,
        smp_type=None,
        prevented_volume=None,
        prevented_locked=None,
        trade_timestamp=None,
        order_timestamp=1,
        timestamp=2,
        stream_type="REALTIME",
    )


def changes(*events: MyOrder) -> list[OrderChange]:
    ledger = OrderLedger()
    return [ledger.apply(event) for event in events]


def test_a_limit_order_that_is_filled_twice() -> None:
    assert changes(
        order("wait"),
        order("trade", "4", "6", fill="f-1"),
        order("trade", "10", "0", fill="f-2"),
        order("done", "10", "0"),
    ) == [NEW, UPDATED, UPDATED, FINISHED]


def test_a_market_buy_ends_with_cancel_and_keeps_its_fills() -> None:
    ledger = OrderLedger()
    events = [
        order("wait", None, None),
        order("trade", "3.63636363", None, fill="f-1"),
        order("cancel", "3.63636363", None),
    ]
    assert [ledger.apply(event) for event in events] == [NEW, UPDATED, FINISHED]
    assert ledger.open == {}
    assert ledger.finished[0].executed_volume == Decimal("3.63636363")


def test_an_order_lives_on_after_self_match_prevention_while_something_remains() -> None:
    assert changes(
        order("wait"),
        order("prevented", "0", "6"),
        order("prevented", "0", "3"),
        order("trade", "1", "2", fill="f-1"),
        order("prevented", "1", "0"),
    ) == [NEW, UPDATED, UPDATED, UPDATED, FINISHED]


def test_the_cancel_after_nothing_remains_confirms_the_end_and_is_not_another() -> None:
    ledger = OrderLedger()
    events = [order("wait"), order("prevented", "0", "0"), order("cancel", "0", "0"), order("cancel", "0", "0")]
    assert [ledger.apply(event) for event in events] == [NEW, FINISHED, DUPLICATE, DUPLICATE]
    assert [finished.state for finished in ledger.finished] == ["cancel"]


def test_a_stop_order_waits_for_its_trigger_and_does_not_go_back() -> None:
    assert changes(order("watch"), order("wait"), order("watch")) == [NEW, UPDATED, STALE]


def test_an_event_twice_is_a_duplicate() -> None:
    fill = order("trade", "4", "6", fill="f-1")
    assert changes(order("wait"), order("wait"), fill, fill) == [NEW, DUPLICATE, UPDATED, DUPLICATE]


def test_an_event_that_comes_late_changes_nothing() -> None:
    ledger = OrderLedger()
    newest = order("trade", "7", "3", fill="f-2")
    for event in (newest, order("trade", "4", "6", fill="f-1"), order("wait"), order("prevented", "7", "5")):
        ledger.apply(event)
    assert ledger.open == {"o-1": newest}
    assert ledger.counters[STALE] == 3


def test_what_rest_calls_wait_after_an_outage_is_taken_for_the_fills_it_shows() -> None:
    ledger = OrderLedger()
    recovered = order("wait", "7", "3")
    assert [ledger.apply(event) for event in (order("trade", "4", "6", fill="f-1"), recovered)] == [NEW, UPDATED]
    assert ledger.apply(order("trade", "7", "3", fill="f-2")) is UPDATED
    assert ledger.apply(recovered) is STALE


def test_an_order_first_seen_at_its_end_is_finished() -> None:
    assert changes(order("done", "10", "0")) == [FINISHED]
    assert changes(order("prevented", "0", "0")) == [FINISHED]


def test_a_final_state_that_knows_less_than_we_do_is_stale() -> None:
    assert changes(order("trade", "4", "6", fill="f-1"), order("cancel", "0", "10")) == [NEW, STALE]


def test_a_state_that_we_do_not_know_changes_nothing_and_is_counted() -> None:
    ledger = OrderLedger()
    ledger.apply(order("wait"))
    assert ledger.apply(order("frozen")) is OrderChange.UNKNOWN
    assert ledger.open["o-1"].state == "wait"
    assert ledger.counters[OrderChange.UNKNOWN] == 1


def test_finished_orders_are_kept_within_bounds_and_do_not_come_back() -> None:
    ledger = OrderLedger(history=3, remembered=5)
    for number in range(8):
        ledger.apply(order("wait", uuid=f"o-{number}"))
        assert ledger.apply(order("done", "10", "0", uuid=f"o-{number}")) is FINISHED
    assert [finished.uuid for finished in ledger.finished] == ["o-5", "o-6", "o-7"]
    assert ledger.apply(order("trade", "4", "6", fill="f", uuid="o-7")) is STALE
    assert ledger.apply(order("trade", "4", "6", fill="f", uuid="o-3")) is STALE
    assert ledger.apply(order("trade", "4", "6", fill="f", uuid="o-0")) is NEW


def test_the_open_orders_cannot_be_changed_from_outside() -> None:
    ledger = OrderLedger()
    with pytest.raises(TypeError):
        ledger.open["o-1"] = order("wait")  # type: ignore[index]


@pytest.mark.parametrize(("state", "reported"), sorted(itertools.product(OrderState, OrderState)))
def test_the_table_names_each_step_that_does_not_exist(state: OrderState, reported: OrderState) -> None:
    if (state, reported) in NEXT_STATE:
        assert next_state(state, reported) is reported
        assert not state.is_final
    else:
        assert state.is_final or reported is OrderState.WATCH
        with pytest.raises(UsageError, match=f"state {state.value} cannot become {reported.value}"):
            next_state(state, reported)


@st.composite
def lives(draw: st.DrawFn) -> list[MyOrder]:
    """What the exchange says, in order, about one order of 10 from its first word to its end."""
    executed, remaining = Decimal(0), Decimal(10)
    events = [order(draw(st.sampled_from(["wait", "watch"])))]
    for number, step in enumerate(draw(st.lists(st.sampled_from(["trade", "prevented"]), max_size=5))):
        if remaining <= 1:
            break
        part = draw(st.integers(1, int(remaining) - 1))
        remaining -= part
        executed += part if step == "trade" else 0
        events.append(order(step, str(executed), str(remaining), fill=f"f-{number}" if step == "trade" else None))
    if draw(st.booleans()):
        events.append(order("cancel", str(executed), str(remaining)))
    else:
        events.append(order("trade", str(executed + remaining), "0", fill="last"))
        events.append(order("done", str(executed + remaining), "0"))
    return events


@given(st.lists(lives(), min_size=1, max_size=3), st.data())
def test_any_order_of_events_with_any_repeats_ends_in_the_true_states(
    told: list[list[MyOrder]], data: st.DataObject
) -> None:
    events = [msgspec.structs.replace(event, uuid=f"o-{n}") for n, life in enumerate(told) for event in life]
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=6))))
    ledger = OrderLedger()
    ended: dict[str, MyOrder] = {}
    for event in shuffled:
        change = ledger.apply(event)
        assert (change is FINISHED) == (event.uuid not in ended and event.state in {"done", "cancel"})
        if change is FINISHED:
            ended[event.uuid] = event
        assert not ledger.open.keys() & ended.keys()
        assert all(ended[finished.uuid] == finished for finished in ledger.finished)
    assert ledger.open == {}
    assert {finished.uuid: finished.state for finished in ledger.finished} == {
        f"o-{n}": life[-1].state for n, life in enumerate(told)
    }
    assert sum(ledger.counters.values()) == len(shuffled)


@given(lives(), st.data())
def test_what_an_open_order_is_known_to_have_filled_never_shrinks(life: list[MyOrder], data: st.DataObject) -> None:
    ledger, most = OrderLedger(), Decimal(0)
    for event in data.draw(st.permutations(life[:-1])):
        ledger.apply(event)
        known = ledger.open["o-1"].executed_volume
        assert known is not None
        assert known >= most
        most = known
