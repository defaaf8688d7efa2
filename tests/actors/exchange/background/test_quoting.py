"""Background traders: bursts, quiet markets, thin books, and prices that never run away."""

import math
import random
from collections import Counter
from collections.abc import Container

import pytest
from msgspec.structs import replace

from actors.exchange.background.quoting import Quoter
from actors.exchange.background.regimes import ALL_MARKETS, Regime, Regimes
from actors.exchange.market.day import YearRange
from actors.exchange.market.events import EventLog, Placed, Traded
from actors.exchange.market.market import FULL_LEVELS, Market
from actors.exchange.market.units import DAY_MS, floor_price, tick_e8
from actors.exchange.market.universe import build_universe
from actors.exchange.market.views import orderbook
from actors.exchange.trading.simulation import Simulation
from protocols.upbit.messages import SNAPSHOT
from tests.actors.exchange.conftest import START_MS

UNIVERSE = {spec.code: spec for spec in build_universe(60, seed=1)}
QUIET = [code for code, spec in UNIVERSE.items() if spec.quiet_s]
THIN = [code for code, spec in UNIVERSE.items() if spec.ask_levels < FULL_LEVELS]


def lonely_quoter(
    code: str, *, seed: int = 1, log: EventLog | None = None, levels: int = FULL_LEVELS, accounts: Container[int] = ()
) -> tuple[Market, Quoter]:
    year = YearRange(high_e8=1, high_day=0, low_e8=1, low_day=0)
    market = Market(replace(UNIVERSE[code], ask_levels=levels, bid_levels=levels), log or EventLog(), year)
    everywhere = Regimes(random.Random(seed), start_ms=START_MS, scope=ALL_MARKETS)
    rng = random.Random(seed)
    return market, Quoter(market, rng, start_ms=START_MS, everywhere=everywhere, account_orders=accounts)


@pytest.fixture(scope="module")
def five_minutes() -> Simulation:
    simulation = Simulation(seed=1, markets=60, rate=20.0, start_ms=START_MS, kept_events=None)
    simulation.advance(START_MS + 300_000)
    return simulation


def test_now_and_then_one_taker_sweeps_thirty_orders_at_once(five_minutes: Simulation) -> None:
    trades = [event for event in five_minutes.log if isinstance(event, Traded) and event.t_ms > START_MS]
    bursts = [burst for burst, size in Counter((trade.code, trade.t_ms) for trade in trades).items() if size >= 30]
    assert bursts
    for code, t_ms in bursts:
        burst = [trade for trade in trades if (trade.code, trade.t_ms) == (code, t_ms)]
        assert len({trade.maker_id for trade in burst}) >= 20
        assert [trade.sequential_id // 10_000 for trade in burst] == [t_ms] * len(burst)
        low_e8, high_e8 = min(trade.price_e8 for trade in burst), max(trade.price_e8 for trade in burst)
        # The best levels only: prices do not run away by it.
        assert high_e8 - low_e8 <= max(low_e8 // 100, 4 * tick_e8(UNIVERSE[code].quote, high_e8))


@pytest.mark.parametrize(("regime", "is_buy"), [(Regime.CRASH, False), (Regime.PUMP, True)])
def test_in_a_crash_and_a_pump_bursts_are_frequent_and_one_sided(regime: Regime, is_buy: bool) -> None:
    log = EventLog(kept=None)
    market, quoter = lonely_quoter("KRW-BTC", log=log)
    quoter.open_book(START_MS)
    schedule = quoter._regimes
    t_ms = START_MS
    while schedule.at(t_ms).regime is not regime:
        t_ms = int(schedule.at(t_ms).end_ms) + 1
    begin = schedule.at(t_ms)
    for i in range(200):
        quoter.act(t_ms + int((begin.end_ms - t_ms) * i / 200))
    trades = [event for event in log if isinstance(event, Traded) and event.t_ms >= t_ms]
    bursts = [key for key, size in Counter((trade.t_ms, trade.is_buy) for trade in trades).items() if size >= 30]
    assert {side for _, side in bursts} == {is_buy}
    change = market.day.last_e8 / trades[0].price_e8 - 1
    assert change > 0.02 if is_buy else change < -0.02


def test_a_quiet_market_trades_every_few_minutes_and_its_book_is_as_old_as_its_last_event(
    five_minutes: Simulation,
) -> None:
    assert len(QUIET) >= 4
    events = [event for event in five_minutes.log if event.code in QUIET and event.t_ms > START_MS]
    for code in QUIET:
        times = {event.t_ms for event in events if event.code == code}
        assert len(times) <= 15
        market = five_minutes.markets[code]
        book = orderbook(market, units=30, level=0.0, stream_type=SNAPSHOT)
        assert book is not None
        assert book.timestamp == max(times, default=market.book_changed_ms) == market.book_changed_ms
    assert {event.code for event in events if isinstance(event, Traded)}
    assert max(five_minutes.now_ms - five_minutes.markets[code].book_changed_ms for code in QUIET) > 20_000


def test_at_the_start_books_of_quiet_markets_are_one_to_two_and_a_half_minutes_old() -> None:
    simulation = Simulation(seed=1, markets=60, rate=0.0, start_ms=START_MS)
    for code, market in simulation.markets.items():
        age_ms = START_MS - market.book_changed_ms
        assert 60_000 < age_ms <= 150_000 if code in QUIET else 0 < age_ms <= 60_000


def test_thin_books_have_short_sides_that_are_padded_with_zeros_and_others_have_not(five_minutes: Simulation) -> None:
    assert len(THIN) >= 4
    for code, market in five_minutes.markets.items():
        book = orderbook(market, units=30, level=0.0, stream_type=SNAPSHOT)
        assert book is not None
        rows = book.orderbook_units
        shown = [sum(row.ask_price > 0 for row in rows), sum(row.bid_price > 0 for row in rows)]
        spec = market.spec
        if code in THIN:
            assert spec.ask_levels - 1 <= shown[0] <= spec.ask_levels * 1.4 + 1
            assert spec.bid_levels - 1 <= shown[1] <= spec.bid_levels * 1.4 + 1
            assert max(shown) < 30
            assert book.orderbook_units[-1].ask_price == book.orderbook_units[-1].ask_size == 0.0
        elif market.quote == "KRW":
            assert shown == [30, 30]


@pytest.mark.parametrize("code", ["KRW-BTC", "KRW-XRP", "KRW-SHIB", "BTC-TRX"])
def test_over_months_prices_move_but_never_run_away(code: str) -> None:
    market, quoter = lonely_quoter(code)
    anchor_e8, furthest, moved = market.spec.anchor_e8, 0.0, set()
    for hours in range(0, 24 * 120, 3):
        t_ms = START_MS + hours * 3_600_000
        fair = quoter.fair_price(t_ms)
        furthest = max(furthest, abs(math.log(fair / anchor_e8)))
        moved.add(round(fair))
        price_e8 = floor_price(market.quote, round(fair))
        market.record_trade(t_ms, is_buy=True, price_e8=price_e8, size_e8=1, ids=(0, 0))
    assert 0.03 < furthest < 0.6
    assert len(moved) > 30


def test_a_new_day_turns_the_bias_around_and_starts_from_the_close() -> None:
    market, quoter = lonely_quoter("KRW-XRP")
    midnight_ms = (START_MS // DAY_MS + 1) * DAY_MS
    for t_ms in (midnight_ms - 1, midnight_ms + 1):
        fair = quoter.fair_price(t_ms)
        direction = math.copysign(1.0, fair - (market.day.last_e8 or market.spec.anchor_e8))
        assert direction == (1.0 if t_ms < midnight_ms else -1.0)
        market.record_trade(t_ms, is_buy=True, price_e8=floor_price("KRW", round(fair)), size_e8=1, ids=(0, 0))


@pytest.mark.parametrize("price_e8", [10**22, 10**6])
def test_a_close_that_an_account_made_far_away_is_not_believed_on_the_next_day(price_e8: int) -> None:
    market, quoter = lonely_quoter("KRW-XRP")
    midnight_ms = (START_MS // DAY_MS + 1) * DAY_MS
    market.record_trade(midnight_ms - 1, is_buy=True, price_e8=price_e8, size_e8=1, ids=(0, 0))
    assert abs(math.log(quoter.fair_price(midnight_ms) / market.spec.anchor_e8)) < 1.3


def test_orders_of_accounts_are_never_cancelled_by_background_traders() -> None:
    log = EventLog(kept=None)
    orders: set[int] = set()
    market, quoter = lonely_quoter("KRW-ADA", log=log, accounts=orders)
    quoter.open_book(START_MS)
    for side in (market.book.asks, market.book.bids):
        for price_e8, _ in side.top(10):
            orders.add(log.next_order_id())
            market.place(START_MS, is_ask=side.is_ask, price_e8=price_e8, size_e8=10**12, order_id=max(orders))
    for i in range(300):
        quoter.act(START_MS + i * 200)
    assert {event.order_id for event in log if isinstance(event, Placed)} > orders
    cancelled = {event.order_id for event in log if not isinstance(event, (Placed, Traded))}
    assert cancelled
    assert not cancelled & orders


def test_an_order_of_an_account_far_away_does_not_let_the_book_grow() -> None:
    log, orders = EventLog(), {10**6, 10**6 + 1}
    market, quoter = lonely_quoter("KRW-BTC", log=log, accounts=orders)
    quoter.open_book(START_MS)
    anchor_e8 = market.spec.anchor_e8
    for is_ask, far_e8 in ((True, anchor_e8 * 3), (False, anchor_e8 // 3)):
        price_e8 = floor_price("KRW", far_e8)
        market.place(START_MS, is_ask=is_ask, price_e8=price_e8, size_e8=10**8, order_id=10**6 + is_ask)
    for i in range(3_000):
        quoter.act(START_MS + i * 1_000)
        assert all(len(side.prices) <= FULL_LEVELS * 1.4 + 1 for side in (market.book.asks, market.book.bids))
    assert [market.book.cancel(order_id) for order_id in sorted(orders)] == [10**8, 10**8]


@pytest.mark.parametrize("seed", [32, 36])  # With these, a sweep wants more than a side has.
def test_a_sweep_of_a_thin_book_does_not_reach_what_an_account_left_far_away(seed: int) -> None:
    log, orders = EventLog(kept=None), {10**6, 10**6 + 1}
    market, quoter = lonely_quoter("KRW-XRP", seed=seed, log=log, levels=5, accounts=orders)
    quoter.open_book(START_MS)
    anchor_e8 = market.spec.anchor_e8
    for is_ask, far_e8 in ((True, anchor_e8 * 3), (False, anchor_e8 // 3)):
        price_e8 = floor_price("KRW", far_e8)
        market.place(START_MS, is_ask=is_ask, price_e8=price_e8, size_e8=10**16, order_id=10**6 + is_ask)
    fewest = 5
    for i in range(400):
        quoter.act(START_MS + i * 1_000)
        fewest = min(fewest, len(market.book.asks.prices), len(market.book.bids.prices))
    assert fewest <= 3  # A stale level of the makers may be left beside the account's.
    assert not {event.maker_id for event in log if isinstance(event, Traded)} & orders
