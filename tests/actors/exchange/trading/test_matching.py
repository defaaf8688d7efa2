"""How incoming orders meet the book: priority, time in force, order types, self-match prevention."""

from decimal import Decimal

import pytest

from actors.exchange.market.units import E8
from actors.exchange.quirks import Quirks
from actors.exchange.trading.order import Order
from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.terms import OrderTerms
from protocols.order_state import OrderChange, OrderLedger
from protocols.upbit.messages import MyOrder
from tests.actors.exchange.trading.floor import OPENING, Floor, ask, best_ask, best_bid, bid, market_buy, market_sell


def asks_of(floor: Floor) -> list[tuple[int, int]]:
    return [(price // E8, size // E8) for price, size in floor.market.book.asks.best_first()]


def bids_of(floor: Floor) -> list[tuple[int, int]]:
    return [(price // E8, size // E8) for price, size in floor.market.book.bids.best_first()]


def filled(order: Order) -> list[tuple[Decimal, Decimal]]:
    return [(fill.price, fill.volume) for fill in order.fills]


def test_price_comes_first_and_then_time() -> None:
    floor = Floor()
    late = floor.order(floor.b, ask(1001, 10))
    first = floor.order(floor.b, ask(1000, 10))
    second = floor.order(floor.c, ask(1000, 10))
    taker = floor.order(floor.a, bid(1001, 25))
    assert filled(taker) == [(1000, 10), (1000, 10), (1001, 5)]
    assert [order.state for order in (first, second, late)] == ["done", "done", "wait"]
    assert late.remaining == 5


def test_what_a_limit_order_does_not_take_rests_at_its_price() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=10)
    order = floor.order(floor.a, bid(1002, 30))
    assert filled(order) == [(1000, 10)]
    assert bids_of(floor) == [(1002, 20)]
    assert floor.states(order) == ["wait", "trade"]
    floor.hit(is_buy=False, volume=20)
    assert floor.states(order) == ["wait", "trade", "trade", "done"]
    assert [fill.is_maker for fill in order.fills] == [False, True]
    assert [fill.trend for fill in order.fills] == ["up", "down"]


def test_ioc_cancels_the_remainder() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=10)
    floor.background(is_ask=True, price=1003, volume=10)
    order = floor.order(floor.a, bid(1001, 30, time_in_force="ioc"))
    assert floor.states(order) == ["wait", "trade", "cancel"]
    assert (order.executed, order.remaining) == (10, 20)
    assert bids_of(floor) == []


@pytest.mark.parametrize(("volume", "states"), [(20, ["wait", "trade", "trade", "done"]), (21, ["wait", "cancel"])])
def test_fok_is_all_or_nothing(volume: int, states: list[str]) -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=10)
    floor.background(is_ask=True, price=1001, volume=10)
    floor.background(is_ask=True, price=1002, volume=10)
    order = floor.order(floor.a, bid(1001, volume, time_in_force="fok"))
    assert floor.states(order) == states
    assert order.executed == (volume if states[-1] == "done" else 0)
    assert floor.a.locked["KRW"] == 0


def test_post_only_that_would_cross_is_accepted_and_cancelled_without_a_fill() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=10)
    order, accepted = floor.place(floor.a, bid(1000, 10, time_in_force="post_only"))
    assert accepted.state == "wait"
    assert floor.states(order) == ["wait", "cancel"]
    assert order.executed == 0
    resting = floor.order(floor.a, bid(999, 10, time_in_force="post_only"))
    assert (resting.state, bids_of(floor)) == ("wait", [(999, 10)])


def test_post_only_that_would_cross_is_refused_where_the_exchange_is_of_that_manner() -> None:
    floor = Floor(quirks=Quirks(post_only="refuse"))
    floor.background(is_ask=True, price=1000, volume=10)
    with pytest.raises(OrderRefused, match="invalid_post_only"):
        floor.order(floor.a, bid(1000, 10, time_in_force="post_only"))
    assert floor.events == []


def test_a_market_buy_ends_in_cancel_and_the_rest_is_released() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1375, volume=100)
    order = floor.order(floor.a, market_buy(5000))
    assert floor.states(order) == ["wait", "trade", "cancel"]
    assert filled(order) == [(1375, Decimal("3.63636363"))]
    assert floor.a.free["KRW"] == OPENING["KRW"] - order.funds - order.paid_fee
    assert floor.a.locked["KRW"] == 0


def test_a_market_buy_that_spends_its_budget_to_the_last_digit_is_done() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=100)
    assert floor.states(floor.order(floor.a, market_buy(5000))) == ["wait", "trade", "done"]


def test_a_market_buy_walks_up_the_book_and_ends_when_it_is_empty() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=2)
    floor.background(is_ask=True, price=2000, volume=1)
    order = floor.order(floor.a, market_buy(9000))
    assert filled(order) == [(1000, 2), (2000, 1)]
    assert (order.state, floor.a.locked["KRW"]) == ("cancel", 0)


def test_a_market_sell_ends_in_done_or_in_cancel_when_no_bids_are_left() -> None:
    floor = Floor()
    floor.background(is_ask=False, price=1000, volume=20)
    assert floor.states(floor.order(floor.a, market_sell(10))) == ["wait", "trade", "done"]
    order = floor.order(floor.a, market_sell(15))
    assert floor.states(order) == ["wait", "trade", "cancel"]
    assert (order.executed, order.remaining) == (10, 5)
    assert floor.a.locked["XRP"] == 0


@pytest.mark.parametrize("time_in_force", ["ioc", "fok"])
def test_best_takes_at_the_best_opposite_price_only(time_in_force: str) -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=8)
    floor.background(is_ask=True, price=1001, volume=100)
    floor.background(is_ask=False, price=990, volume=6)
    floor.background(is_ask=False, price=989, volume=100)
    buys = floor.order(floor.a, best_bid(10_000, time_in_force))
    sells = floor.order(floor.a, best_ask(10, time_in_force))
    expected = (8, 6) if time_in_force == "ioc" else (0, 0)
    assert (buys.executed, sells.executed) == expected
    assert (buys.state, sells.state) == ("cancel", "cancel")


@pytest.mark.parametrize("terms", [best_bid(10_000, "fok"), best_ask(10, "fok")])
def test_best_fok_fills_when_the_best_price_has_enough(terms: OrderTerms) -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=10)
    floor.background(is_ask=False, price=990, volume=10)
    order = floor.order(floor.a, terms)
    assert (order.state, order.executed) == ("done", 10)


@pytest.mark.parametrize("terms", [best_bid(10_000, "ioc"), best_ask(10, "fok"), market_buy(5000), market_sell(10)])
def test_an_order_without_a_price_that_meets_an_empty_book_is_cancelled(terms: OrderTerms) -> None:
    floor = Floor()
    order = floor.order(floor.a, terms)
    assert floor.states(order) == ["wait", "cancel"]


def self_match(mode: str | None, *, maker: int, taker: int, **options: Quirks) -> tuple[Floor, Order, Order, Order]:
    """An account's own ask with somebody else's behind it, and its bid for both."""
    floor = Floor(**options)  # type: ignore[arg-type]  # options of a test
    own = floor.order(floor.a, ask(1000, maker))
    other = floor.order(floor.b, ask(1000, 10))
    return floor, own, other, floor.order(floor.a, bid(1000, taker, smp_type=mode))


@pytest.mark.parametrize("mode", ["cancel_maker", None])
def test_smp_cancel_maker_cancels_the_resting_order_and_goes_on(mode: str | None) -> None:
    floor, own, other, taker = self_match(mode, maker=20, taker=15)
    assert floor.states(own) == ["wait", "prevented", "cancel"]
    prevented = floor.life(own)[1]
    assert (prevented.remaining_volume, prevented.locked) == (0, 0)
    assert (prevented.prevented_volume, prevented.prevented_locked) == (20, 20)
    assert filled(taker) == [(1000, 10)]
    assert (taker.remaining, other.state) == (5, "done")
    assert floor.states(taker) == ["wait", "trade"]


def test_smp_cancel_taker_cancels_the_incoming_remainder() -> None:
    floor, own, other, taker = self_match("cancel_taker", maker=20, taker=15)
    assert floor.states(taker) == ["wait", "prevented", "cancel"]
    assert (own.state, own.remaining, other.remaining) == ("wait", 20, 10)
    prevented = floor.life(taker)[1]
    assert (prevented.prevented_volume, prevented.prevented_locked) == (15, 15 * 1000 * Decimal("1.0005"))
    assert floor.a.locked["KRW"] == 0


@pytest.mark.parametrize(
    ("maker", "taker", "maker_states", "taker_states", "left"),
    [
        (20, 15, ["wait", "prevented"], ["wait", "prevented", "cancel"], [(1000, 15)]),
        (15, 15, ["wait", "prevented", "cancel"], ["wait", "prevented", "cancel"], [(1000, 10)]),
        (15, 20, ["wait", "prevented", "cancel"], ["wait", "prevented", "trade", "done"], [(1000, 5)]),
    ],
)
def test_smp_reduce_takes_the_overlap_from_both_and_equal_volumes_are_both_gone(
    maker: int, taker: int, maker_states: list[str], taker_states: list[str], left: list[tuple[int, int]]
) -> None:
    floor, own, _, incoming = self_match("reduce", maker=maker, taker=taker)
    assert floor.states(own) == maker_states
    assert floor.states(incoming) == taker_states
    assert asks_of(floor) == left
    overlap = min(maker, taker)
    assert (own.prevented_volume, own.prevented_locked) == (overlap, overlap)
    assert (incoming.prevented_volume, incoming.prevented_locked) == (overlap, overlap * 1000 * Decimal("1.0005"))
    assert floor.a.locked["XRP"] == maker - overlap


def test_smp_reduce_leaves_a_resting_order_its_place_in_time() -> None:
    floor, own, other, _ = self_match("reduce", maker=20, taker=15)
    floor.hit(is_buy=True, volume=6)
    assert (own.state, other.executed) == ("done", 1)


def test_smp_none_lets_an_account_trade_with_itself_and_money_is_conserved() -> None:
    floor, own, _, taker = self_match("none", maker=20, taker=20)
    assert (own.state, taker.state) == ("done", "done")
    assert floor.a.free["XRP"] == OPENING["XRP"]
    assert floor.a.free["KRW"] == OPENING["KRW"] - own.paid_fee - taker.paid_fee
    assert own.fills[0].trade_uuid != taker.fills[0].trade_uuid


def test_smp_is_decided_by_the_taker_s_mode() -> None:
    floor = Floor()
    own = floor.order(floor.a, ask(1000, 20, smp_type="cancel_taker"))
    taker = floor.order(floor.a, bid(1000, 20, smp_type="cancel_maker"))
    assert (own.state, taker.state) == ("cancel", "wait")


def test_smp_does_not_hold_between_accounts() -> None:
    floor = Floor()
    own = floor.order(floor.b, ask(1000, 20))
    assert floor.order(floor.a, bid(1000, 20)).state == own.state == "done"


@pytest.mark.parametrize(
    ("mode", "volume", "executed", "own_left"),
    [
        ("cancel_maker", 10, 10, 0), ("cancel_maker", 11, 0, 12), ("cancel_taker", 10, 0, 12), ("reduce", 10, 0, 12),
        ("none", 10, 10, 2),
    ],
)  # fmt: skip
def test_fok_counts_only_volume_that_prevention_leaves(mode: str, volume: int, executed: int, own_left: int) -> None:
    floor = Floor()
    own = floor.order(floor.a, ask(1000, 12))
    floor.order(floor.b, ask(1000, 10))
    fok = floor.order(floor.a, bid(1000, volume, time_in_force="fok", smp_type=mode))
    assert (fok.executed, own.remaining) == (executed, own_left)
    assert fok.state == ("done" if executed else "cancel")


@pytest.mark.parametrize("mode", ["cancel_taker", "reduce"])
def test_a_market_buy_that_meets_its_own_account_loses_what_was_prevented(mode: str) -> None:
    floor = Floor()
    own = floor.order(floor.a, ask(1500, 4))
    buys = floor.order(floor.a, market_buy(10_000, smp_type=mode))
    floor.background(is_ask=True, price=1600, volume=1)
    assert floor.states(buys) == ["wait", "prevented", "cancel"]
    prevented = floor.life(buys)[1]
    expected = (Decimal("6.66666666"), Decimal(10_005)) if mode == "cancel_taker" else (4, Decimal(6003))
    assert (prevented.prevented_volume, prevented.prevented_locked) == expected
    assert own.state == ("wait" if mode == "cancel_taker" else "cancel")
    assert floor.a.locked["KRW"] == 0
    assert floor.a.free["KRW"] == OPENING["KRW"]


def test_the_older_default_is_no_prevention_and_no_smp_type_is_told() -> None:
    floor, own, _, taker = self_match(None, maker=20, taker=20, quirks=Quirks(default_smp="none"))
    assert (own.state, taker.state) == ("done", "done")
    assert {event.smp_type for event in floor.life(taker)} == {None}
    named = floor.order(floor.a, bid(900, 10, smp_type="reduce"))
    assert floor.life(named)[0].smp_type == "reduce"


def test_smp_type_is_always_told_since_2026_11_09() -> None:
    floor, own, _, taker = self_match("reduce", maker=20, taker=15)
    assert {event.smp_type for event in floor.life(own)} == {"cancel_maker"}
    assert {event.smp_type for event in floor.life(taker)} == {"reduce"}


@pytest.mark.parametrize("mode", ["cancel_maker", "cancel_taker", "reduce", "none"])
def test_a_consumer_s_ledger_understands_every_life_with_prevention(mode: str) -> None:
    floor, own, _, taker = self_match(mode, maker=12, taker=15)
    ledger = OrderLedger()
    events = [event for _, event in floor.events if isinstance(event, MyOrder)]
    changes = {ledger.apply(event) for event in events}
    assert OrderChange.STALE not in changes
    for order in (own, taker):
        assert (order.uuid in ledger.open) == order.is_open
