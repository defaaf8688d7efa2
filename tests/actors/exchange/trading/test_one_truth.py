"""Everything that is said of a market follows from its log, and agrees at every instant."""

import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.exchange.background.past import TRADED_DAYS
from actors.exchange.market.book import Book
from actors.exchange.market.candles import DAY, UNIT_MS, CandleState
from actors.exchange.market.events import Cancelled, Placed, Traded
from actors.exchange.market.market import Market
from actors.exchange.market.units import DAY_MS, MINUTE_MS, as_decimal
from actors.exchange.market.views import orderbook, ticker
from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.terms import OrderTerms
from protocols.upbit.messages import Ticker
from tests.actors.exchange.conftest import START_MS

NewSimulation = Callable[..., Simulation]
seeds = st.integers(0, 2**32)
MIDNIGHT_MS = (START_MS // DAY_MS + 1) * DAY_MS
starts = st.sampled_from([START_MS, MIDNIGHT_MS - 3_000, MIDNIGHT_MS, MIDNIGHT_MS + 30_000])
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refold(simulation: Simulation) -> dict[str, Book]:
    books: defaultdict[str, Book] = defaultdict(Book)
    for event in simulation.log:
        book = books[event.code]
        if isinstance(event, Placed):
            book.place(event.order_id, is_ask=event.is_ask, price_e8=event.price_e8, size_e8=event.size_e8)
        elif isinstance(event, Cancelled):
            assert book.cancel(event.order_id, event.size_e8) == event.size_e8
        elif event.maker_id:
            assert book.take(is_buy=event.is_buy, size_e8=event.size_e8) == (
                event.maker_id, event.price_e8, event.size_e8,
            )  # fmt: skip
            assert book.asks.best() == (event.best_ask_e8, event.best_ask_size_e8)
            assert book.bids.best() == (event.best_bid_e8, event.best_bid_size_e8)
    return books


def ticker_of(market: Market, now_ms: int) -> Ticker:
    assert market.last_trade is not None
    return ticker(market, market.last_trade, now_ms=now_ms, stream_type="REALTIME")


def trades_by_code(simulation: Simulation) -> dict[str, list[Traded]]:
    trades: defaultdict[str, list[Traded]] = defaultdict(list)
    for event in simulation.log:
        if isinstance(event, Traded):
            trades[event.code].append(event)
    return trades


def place_something(simulation: Simulation, rng: random.Random) -> None:
    """One order of the account: at the market, or a little away from it, or the cancel of one that is open."""
    (account,) = simulation.desk.accounts.values()
    open_orders = simulation.desk.open_orders(account)
    if open_orders and rng.random() < 0.3:
        simulation.desk.cancel(rng.choice(open_orders), t_ms=simulation.now_ms)
        return
    market = simulation.markets[rng.choice(["KRW-BTC", "KRW-ETH", "KRW-XRP"])]
    is_ask, levels = rng.random() < 0.5, market.book.side(is_ask=rng.random() < 0.5).top(5)
    price = as_decimal(rng.choice(levels)[0])
    volume = (Decimal(rng.randrange(5_000, 900_000)) / price).quantize(Decimal("1E-8"))
    terms = OrderTerms(is_ask, "limit", price, volume, rng.choice([None, None, "ioc", "fok", "post_only"]))
    try:
        simulation.desk.place(account, market, terms, t_ms=simulation.now_ms)
    except OrderRefused:
        return  # Too small, or more than the account owns: nothing happened.


def assert_books_agree(simulation: Simulation) -> None:
    books = refold(simulation)
    for code, market in simulation.markets.items():
        for mine, refolded in ((market.book.asks, books[code].asks), (market.book.bids, books[code].bids)):
            assert list(mine.best_first()) == list(refolded.best_first())
            assert {price: level.orders for price, level in mine.levels.items()} == {
                price: level.orders for price, level in refolded.levels.items()
            }
        book = orderbook(market, units=30, level=0.0, stream_type="SNAPSHOT")
        assert book is not None
        best = book.orderbook_units[0]
        assert not best.ask_price or best.bid_price < best.ask_price
        assert book.timestamp == max(event.t_ms for event in simulation.log if event.code == code)


def assert_ticker_agrees(market: Market, trades: list[Traded], now_ms: int) -> None:
    today = [trade for trade in trades if trade.t_ms // DAY_MS == now_ms // DAY_MS]
    before = [trade for trade in trades if trade.t_ms // DAY_MS < now_ms // DAY_MS]
    window = [trade for trade in trades if trade.t_ms // MINUTE_MS > now_ms // MINUTE_MS - 1440]
    prices = [trade.price_e8 for trade in today] or [before[-1].price_e8]
    seen = ticker_of(market, now_ms)
    assert seen.prev_closing_price == before[-1].price_e8 / 1e8
    assert (seen.opening_price, seen.high_price, seen.low_price, seen.trade_price) == (
        prices[0] / 1e8, max(prices) / 1e8, min(prices) / 1e8, prices[-1] / 1e8,
    )  # fmt: skip
    assert seen.acc_trade_volume == sum(trade.size_e8 for trade in today) / 10**8
    assert seen.acc_trade_price == sum(trade.funds_e16 for trade in today) / 10**16
    assert seen.acc_trade_price_24h == sum(trade.funds_e16 for trade in window) / 10**16
    assert seen.acc_trade_volume_24h == sum(trade.size_e8 for trade in window) / 10**8
    assert seen.acc_bid_volume == sum(trade.size_e8 for trade in today if trade.is_buy) / 10**8
    change = prices[-1] - before[-1].price_e8
    assert seen.signed_change_price == change / 1e8
    assert seen.signed_change_rate == pytest.approx(change / before[-1].price_e8, abs=1e-10)
    assert (seen.change_rate, seen.change_price) == (abs(seen.signed_change_rate), abs(seen.signed_change_price))
    assert seen.change == ("RISE" if change > 0 else "FALL" if change < 0 else "EVEN")


def folded(group: list[Traded], start_ms: int) -> CandleState:
    prices = [trade.price_e8 for trade in group]
    return CandleState(
        start_ms=start_ms,
        open_e8=prices[0],
        high_e8=max(prices),
        low_e8=min(prices),
        close_e8=prices[-1],
        last_ms=group[-1].t_ms,
        volume_e8=sum(trade.size_e8 for trade in group),
        funds_e16=sum(trade.funds_e16 for trade in group),
    )


def assert_candles_agree(market: Market, trades: list[Traded], now_ms: int) -> None:
    for unit, length_ms in {**UNIT_MS, DAY: DAY_MS}.items():
        groups: defaultdict[int, list[Traded]] = defaultdict(list)
        for trade in trades:
            groups[trade.t_ms // length_ms * length_ms].append(trade)
        expected = [folded(group, start_ms) for start_ms, group in groups.items()][::-1]
        seen = market.candles.before(unit, before_ms=now_ms + 1, count=200)
        assert seen[: len(expected)] == expected[:200]
        if unit in UNIT_MS:
            assert market.candles.newest(unit) == expected[0]
    year = market.candles.before(DAY, before_ms=now_ms + 1, count=364)
    seen_ticker = ticker_of(market, now_ms)
    assert seen_ticker.highest_52_week_price == max(day.high_e8 for day in year) / 1e8
    assert seen_ticker.lowest_52_week_price == min(day.low_e8 for day in year) / 1e8
    if year[0].start_ms == now_ms // DAY_MS * DAY_MS:
        today, yesterday = year[:2]
        assert (seen_ticker.opening_price, seen_ticker.trade_price) == (today.open_e8 / 1e8, today.close_e8 / 1e8)
        assert (seen_ticker.high_price, seen_ticker.low_price) == (today.high_e8 / 1e8, today.low_e8 / 1e8)
        assert seen_ticker.acc_trade_volume == today.volume_e8 / 10**8
        assert seen_ticker.prev_closing_price == yesterday.close_e8 / 1e8


def back_filled(simulation: Simulation, code: str, *, since_ms: int, page: int) -> list[Traded]:
    """What a client gets that pages from now backwards, a UTC day at a time, until it is behind `since_ms`."""
    trades: list[Traded] = []
    for days_ago in range(TRADED_DAYS):
        day, cursor = simulation.now_ms // DAY_MS - days_ago, None
        while ticks := simulation.archive.ticks(code, day=day, count=page, before_id=cursor):
            trades.extend(ticks)
            cursor = ticks[-1].sequential_id
            if ticks[-1].t_ms < since_ms:
                return [trade for trade in trades if trade.t_ms >= since_ms]
    return [trade for trade in trades if trade.t_ms >= since_ms]


@few
@given(seed=seeds, start_ms=starts, pauses=st.lists(st.integers(1, 4_000), min_size=1, max_size=3))
def test_books_tickers_candles_and_archive_agree_with_the_log_at_every_instant(
    seed: int, start_ms: int, pauses: list[int], new_simulation: NewSimulation
) -> None:
    simulation = new_simulation(seed=seed, start_ms=start_ms, markets=5, rate=60.0)
    rng = random.Random(seed)
    for pause_ms in pauses:
        simulation.advance(simulation.now_ms + pause_ms)
        place_something(simulation, rng)
        now_ms, trades = simulation.now_ms, trades_by_code(simulation)
        assert_books_agree(simulation)
        for code, market in simulation.markets.items():
            assert market.last_trade == trades[code][-1]
            assert_ticker_agrees(market, trades[code], now_ms)
            assert_candles_agree(market, trades[code], now_ms)
            assert simulation.archive.ticks(code, day=now_ms // DAY_MS, count=500) == [
                trade for trade in trades[code][::-1] if trade.t_ms // DAY_MS == now_ms // DAY_MS
            ]


@few
@given(seed=seeds, start_ms=starts, back_ms=st.integers(1, 7 * DAY_MS), page=st.sampled_from([1, 7, 200, 500]))
def test_a_back_fill_page_by_page_gives_exactly_the_trades_that_were_missed(
    seed: int, start_ms: int, back_ms: int, page: int, new_simulation: NewSimulation
) -> None:
    simulation = new_simulation(seed=seed, start_ms=start_ms, markets=4)
    simulation.advance(start_ms + 10_000)
    since_ms = simulation.now_ms - back_ms
    for code, trades in trades_by_code(simulation).items():
        missed = [trade for trade in trades if trade.t_ms >= since_ms]
        assert back_filled(simulation, code, since_ms=since_ms, page=page)[::-1] == missed


def test_a_back_fill_of_a_few_seconds_over_midnight_has_both_days(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(start_ms=MIDNIGHT_MS - 5_000)
    simulation.advance(MIDNIGHT_MS + 5_000)
    trades = back_filled(simulation, "KRW-BTC", since_ms=MIDNIGHT_MS - 4_000, page=5)
    assert {trade.t_ms // DAY_MS for trade in trades} == {MIDNIGHT_MS // DAY_MS - 1, MIDNIGHT_MS // DAY_MS}
    assert trades[::-1] == [
        trade for trade in trades_by_code(simulation)["KRW-BTC"] if trade.t_ms >= MIDNIGHT_MS - 4_000
    ]


def test_a_day_ends_at_midnight_and_the_next_one_starts_from_its_close(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(start_ms=MIDNIGHT_MS - 5_000, rate=50.0)
    simulation.advance(MIDNIGHT_MS - 1)
    market = simulation.markets["KRW-BTC"]
    close = market.day.last_e8
    assert market.candles.close_before(MIDNIGHT_MS // DAY_MS) == close
    simulation.advance(MIDNIGHT_MS)
    at_midnight = ticker_of(market, MIDNIGHT_MS)
    assert (at_midnight.acc_trade_volume, at_midnight.change) == (0.0, "EVEN")
    simulation.advance(MIDNIGHT_MS + 5_000)
    seen = ticker_of(market, simulation.now_ms)
    today = [trade for trade in trades_by_code(simulation)["KRW-BTC"] if trade.t_ms >= MIDNIGHT_MS]
    assert seen.prev_closing_price == close / 1e8
    assert seen.opening_price == today[0].price_e8 / 1e8
    assert seen.acc_trade_volume == sum(trade.size_e8 for trade in today) / 10**8


@few
@given(seed=seeds, pauses=st.lists(st.integers(1, 2_000), min_size=1, max_size=6), looks=st.integers(1, 5))
def test_the_same_seed_and_orders_give_the_same_log_however_often_the_clock_is_read(
    seed: int, pauses: list[int], looks: int, new_simulation: NewSimulation
) -> None:
    stepped, once = new_simulation(seed=seed, markets=5), new_simulation(seed=seed, markets=5)
    chances = random.Random(seed), random.Random(seed)
    now_ms = START_MS
    for pause_ms in pauses:
        for look in range(1, looks):
            stepped.advance(now_ms + pause_ms * look // looks)
        now_ms += pause_ms
        for simulation, rng in zip((stepped, once), chances, strict=True):
            simulation.advance(now_ms)
            place_something(simulation, rng)
    assert list(stepped.log) == list(once.log)
    assert stepped.take_account_events() == once.take_account_events()
