"""What owners can do with their orders once they are placed, and what the desk remembers of them."""

from decimal import Decimal

import pytest

from actors.exchange.market.units import E8
from actors.exchange.trading.account_orders import AccountOrders
from actors.exchange.trading.order import Fill, Order
from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.terms import OrderTerms
from protocols.errors import UsageError
from tests.actors.exchange.trading.floor import OPENING, Floor, ask, bid, market_buy


def test_the_answer_to_an_order_says_wait_even_if_it_fills_at_once() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=10)
    order, accepted = floor.place(floor.a, bid(1000, 10, identifier="mine"))
    assert order.state == "done"
    assert (accepted.state, accepted.executed_volume, accepted.remaining_volume) == ("wait", 0, 10)
    assert (accepted.trades_count, accepted.fills, accepted.identifier) == (0, (), "mine")
    assert (accepted.locked, accepted.reserved_fee) == (Decimal(10005), 5)


def test_a_cancel_answers_with_the_order_still_waiting_and_the_end_comes_by_event() -> None:
    floor = Floor()
    order = floor.order(floor.a, bid(900, 10))
    floor.hit(is_buy=False, volume=4)
    before = floor.desk.cancel(order, t_ms=floor.now_ms)
    assert before is not None
    assert (before.state, before.executed_volume, before.locked) == ("wait", 4, 6 * 900 * Decimal("1.0005"))
    assert floor.states(order) == ["wait", "trade", "cancel"]
    assert floor.life(order)[-1].locked == before.locked  # What was locked before the release.
    assert order.state_now().locked == 0
    assert list(floor.market.book.bids.best_first()) == []
    assert floor.a.free["KRW"] == OPENING["KRW"] - order.funds - order.paid_fee


def test_a_finished_order_cannot_be_cancelled() -> None:
    floor = Floor()
    order = floor.order(floor.a, bid(900, 10))
    assert floor.desk.cancel(order, t_ms=floor.now_ms) is not None
    told = len(floor.events)
    assert floor.desk.cancel(order, t_ms=floor.now_ms) is None
    assert len(floor.events) == told
    with pytest.raises(UsageError, match="cannot become"):
        order.become("done", floor.now_ms)


def test_an_order_is_found_by_uuid_or_identifier_the_uuid_wins_and_others_are_not_found() -> None:
    floor = Floor()
    first = floor.order(floor.a, bid(900, 10, identifier="first"))
    second = floor.order(floor.a, bid(900, 10, identifier="second"))
    find = floor.desk.find
    assert find(floor.a, uuid=first.uuid) is first
    assert find(floor.a, identifier="second") is second
    assert find(floor.a, uuid=first.uuid, identifier="second") is first
    assert find(floor.a, uuid="nothing", identifier="second") is None
    assert find(floor.a) is None
    assert find(floor.b, uuid=first.uuid) is None
    assert find(floor.b, identifier="first") is None
    floor.desk.cancel(first, t_ms=floor.now_ms)
    assert find(floor.a, uuid=first.uuid) is find(floor.a, identifier="first") is first


def test_open_and_closed_orders_are_listed_oldest_first() -> None:
    floor = Floor()
    orders = [floor.order(floor.a, bid(900 - i, 10)) for i in range(5)]
    for index in (3, 1):
        floor.desk.cancel(orders[index], t_ms=floor.now_ms)
    assert floor.desk.open_orders(floor.a) == [orders[0], orders[2], orders[4]]
    assert floor.desk.closed_orders(floor.a) == [orders[1], orders[3]]
    assert floor.desk.open_orders(floor.b) == floor.desk.closed_orders(floor.b) == []


def new_order(floor: Floor, name: str | None) -> Order:
    return Order(
        floor.a,
        floor.market,
        bid(900, 10, identifier=name),
        order_id=floor.log.next_order_id(),
        order_uuid=floor.desk._settlement.new_uuid(),
        smp_type=None,
        t_ms=floor.now_ms,
    )


def test_finished_orders_are_forgotten_oldest_first_and_counted_but_their_identifiers_stay_used() -> None:
    floor, kept = Floor(), AccountOrders(most_closed=2, most_identifiers=4)
    orders = [new_order(floor, f"order-{i}") for i in range(4)]
    for order in orders:
        kept.add(order)
        kept.close(order)
    assert kept.closed_orders() == orders[2:]
    assert kept.forgotten == 2
    assert kept.find(uuid=orders[0].uuid) is kept.find(identifier="order-0") is None
    assert kept.is_used("order-0")
    kept.add(new_order(floor, "order-4"))
    assert (kept.is_used("order-0"), kept.is_used("order-1"), kept.forgotten_identifiers) == (False, True, 1)


def test_finished_orders_are_bounded_by_their_fills_too() -> None:
    floor, kept = Floor(), AccountOrders(most_fills=3)
    fill = floor.order(floor.b, bid(900, 10))
    floor.hit(is_buy=False, volume=1)
    for count in (2, 2, 9):
        order = new_order(floor, None)
        order.fills.extend(fill.fills * count)
        kept.add(order)
        kept.close(order)
    assert (len(kept.closed_orders()), kept.forgotten) == (1, 2)


def test_replace_cancels_the_old_order_first_and_gives_the_new_one_s_uuid() -> None:
    floor = Floor()
    poor = floor.desk.open_account("d", {"KRW": Decimal(10_005)})
    old = floor.order(poor, bid(1000, 10))
    uuid = floor.desk.replace(old, bid(500, 20, identifier="new"), t_ms=floor.now_ms)
    new = floor.desk.find(poor, uuid=uuid)
    assert new is not None
    assert (old.state, new.state, new.remaining) == ("cancel", "wait", 20)
    assert floor.desk.find(poor, identifier="new") is new
    told = [(event.uuid, event.state) for event in (*floor.life(old), *floor.life(new))]
    assert told == [(old.uuid, "wait"), (old.uuid, "cancel"), (new.uuid, "wait")]
    assert floor.events.index(("d", floor.life(old)[-1])) < floor.events.index(("d", floor.life(new)[0]))


def test_replace_with_what_remains_takes_the_remaining_volume() -> None:
    floor = Floor()
    old = floor.order(floor.a, bid(1000, 30))
    floor.hit(is_buy=False, volume=12)
    terms = OrderTerms(is_ask=False, order_type="limit", price=Decimal(900))
    new = floor.desk.find(floor.a, uuid=floor.desk.replace(old, terms, t_ms=floor.now_ms, remain_only=True))
    assert new is not None
    assert (new.terms.volume, new.terms.price) == (18, 900)


def test_replace_of_a_finished_order_is_refused_and_no_new_order_exists() -> None:
    floor = Floor()
    old = floor.order(floor.a, bid(1000, 10))
    floor.hit(is_buy=False, volume=10)
    told = len(floor.events)
    with pytest.raises(OrderRefused, match="order_not_found"):
        floor.desk.replace(old, bid(900, 10), t_ms=floor.now_ms)
    assert len(floor.events) == told


@pytest.mark.parametrize(
    ("terms", "name"),
    [
        (ask(1100, 10), "validation_error"),
        (bid("900.5", 10), "invalid_price_bid"),
        (bid(900, 1), "under_min_total_bid"),
        (bid(900, 10, identifier="old"), "duplicated_identifier"),
    ],
)
def test_replace_with_a_wrong_order_leaves_the_old_one_in_place(terms: OrderTerms, name: str) -> None:
    floor = Floor()
    old = floor.order(floor.a, bid(1000, 10, identifier="old"))
    with pytest.raises(OrderRefused, match=name):
        floor.desk.replace(old, terms, t_ms=floor.now_ms)
    assert floor.states(old) == ["wait"]


def test_replace_that_cannot_be_paid_cancels_the_old_order_and_its_uuid_leads_nowhere() -> None:
    floor = Floor()
    poor = floor.desk.open_account("d", {"KRW": Decimal(10_005)})
    old = floor.order(poor, bid(1000, 10))
    uuid = floor.desk.replace(old, bid(1000, 11), t_ms=floor.now_ms)
    assert floor.desk.find(poor, uuid=uuid) is None
    assert (old.state, floor.desk.unborn_replacements, poor.free["KRW"]) == ("cancel", 1, 10_005)


@pytest.mark.parametrize(("trigger", "hits"), [(1002, (1000, 1001, 1002)), (998, (1000, 999, 998))])
def test_a_reserved_order_lives_once_the_last_price_reaches_its_trigger(trigger: int, hits: tuple[int, ...]) -> None:
    floor = Floor()
    order = floor.desk.place_watch(floor.a, floor.market, bid(900, 10), trigger_e8=trigger * E8, t_ms=floor.now_ms)
    assert (floor.states(order), floor.a.locked["KRW"]) == (["watch"], Decimal("9004.5"))
    for price in hits:
        assert floor.states(order) == ["watch"]
        floor.background(is_ask=True, price=price, volume=1)
        floor.hit(is_buy=True, volume=1)
    assert floor.states(order) == ["watch", "wait"]
    assert floor.market.book.bids.best() == (900 * E8, 10 * E8)


def test_a_reserved_order_that_crosses_when_it_lives_takes_from_the_book() -> None:
    floor = Floor()
    order = floor.desk.place_watch(floor.a, floor.market, bid(1005, 10), trigger_e8=1002 * E8, t_ms=floor.now_ms)
    floor.background(is_ask=True, price=1002, volume=4)
    floor.order(floor.b, bid(1002, 5))
    assert floor.states(order) == ["watch", "wait"]
    floor.hit(is_buy=False, volume=10)
    assert floor.states(order) == ["watch", "wait", "trade", "done"]


def test_a_cancelled_reserved_order_releases_its_funds_and_is_never_triggered() -> None:
    floor = Floor()
    order = floor.desk.place_watch(floor.a, floor.market, bid(900, 10), trigger_e8=1002 * E8, t_ms=floor.now_ms)
    before = floor.desk.cancel(order, t_ms=floor.now_ms)
    assert before is not None
    assert before.state == "watch"
    floor.background(is_ask=True, price=1002, volume=1)
    floor.hit(is_buy=True, volume=1)
    assert floor.states(order) == ["watch", "cancel"]
    assert floor.a.free["KRW"] == OPENING["KRW"]


def test_only_a_plain_limit_order_can_be_reserved() -> None:
    floor = Floor()
    for terms in (market_buy(5000), bid(900, 10, time_in_force="ioc")):
        with pytest.raises(OrderRefused, match="validation_error"):
            floor.desk.place_watch(floor.a, floor.market, terms, trigger_e8=1002 * E8, t_ms=floor.now_ms)


def test_after_maintenance_orders_beyond_the_last_price_are_cancelled_and_reserved_ones_kept() -> None:
    floor = Floor()
    high_bid, low_bid = floor.order(floor.a, bid(1001, 10)), floor.order(floor.a, bid(1000, 10))
    high_ask = floor.order(floor.b, ask(1010, 10))
    reserved = floor.desk.place_watch(floor.a, floor.market, bid(1100, 10), trigger_e8=1102 * E8, t_ms=floor.now_ms)
    assert floor.desk.resume_after_maintenance(floor.now_ms) == [high_bid]
    assert [order.state for order in (high_bid, low_bid, high_ask, reserved)] == ["cancel", "wait", "wait", "watch"]
    floor.desk.cancel(low_bid, t_ms=floor.now_ms)
    low_ask = floor.order(floor.b, ask(999, 10))
    assert floor.desk.resume_after_maintenance(floor.now_ms) == [low_ask]


def test_the_ledger_has_balances_and_all_orders_with_their_fills() -> None:
    floor = Floor()
    heard: list[tuple[str, str, Fill]] = []
    floor.desk.on_fill(lambda *fill: heard.append(fill))
    floor.background(is_ask=True, price=1000, volume=10)
    done = floor.order(floor.a, bid(1000, 10))
    waiting = floor.order(floor.a, bid(900, 10))
    mine, *others = floor.desk.ledger()
    assert (mine.access_key, mine.forgotten) == ("a", 0)
    assert [state.uuid for state in mine.orders] == [done.uuid, waiting.uuid]
    assert heard == [("a", done.uuid, fill) for fill in mine.orders[0].fills]
    krw, xrp = mine.balances
    assert (krw.free, krw.locked) == (OPENING["KRW"] - Decimal(10_005) - Decimal("9004.5"), Decimal("9004.5"))
    assert (krw.opening, xrp.free, xrp.locked) == (OPENING["KRW"], OPENING["XRP"] + 10, 0)
    assert [other.orders for other in others] == [(), ()]
