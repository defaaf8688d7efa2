"""Everything that the simulated exchange says follows from its log, and agrees."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.exchange.market.book import Book
from actors.exchange.market.candles import UNIT_MS
from actors.exchange.market.events import Cancelled, Placed, Traded
from actors.exchange.market.market import Market
from actors.exchange.market.units import DAY_MS, MINUTE_MS, as_decimal, tick_e8
from actors.exchange.market.universe import build_universe
from actors.exchange.market.views import ticker
from actors.exchange.trading.order import FEE_RATE
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.trader import OPENING_BALANCES
from protocols.errors import SettingsError
from protocols.upbit.messages import Asset, MyAsset, MyOrder, Ticker
from tests.actors.exchange.conftest import START_MS

NewSimulation = Callable[..., Simulation]
seeds = st.integers(0, 2**32)
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refold(simulation: Simulation) -> dict[str, Book]:
    books: defaultdict[str, Book] = defaultdict(Book)
    for event in simulation.log:
        if isinstance(event, Placed):
            books[event.code].place(event.order_id, is_ask=event.is_ask, price_e8=event.price_e8, size_e8=event.size_e8)
        elif isinstance(event, Cancelled):
            assert books[event.code].cancel(event.order_id) == event.size_e8
        elif event.maker_id:
            fill = books[event.code].take(is_buy=event.is_buy, size_e8=event.size_e8)
            assert fill == (event.maker_id, event.price_e8, event.size_e8)
            assert books[event.code].asks.best() == (event.best_ask_e8, event.best_ask_size_e8)
            assert books[event.code].bids.best() == (event.best_bid_e8, event.best_bid_size_e8)
    return books


def ticker_of(market: Market, now_ms: int) -> Ticker:
    assert market.last_trade is not None
    return ticker(market, market.last_trade, now_ms=now_ms, stream_type="REALTIME")


def trades_of(simulation: Simulation, code: str) -> list[Traded]:
    return [event for event in simulation.log if isinstance(event, Traded) and event.code == code]


@few
@given(seed=seeds)
def test_folding_the_log_again_gives_the_same_books_and_the_best_prices_of_each_trade(
    seed: int, new_simulation: NewSimulation
) -> None:
    simulation = new_simulation(seed=seed)
    simulation.advance(START_MS + 8_000)
    books = refold(simulation)
    for code, market in simulation.markets.items():
        for mine, refolded in ((market.book.asks, books[code].asks), (market.book.bids, books[code].bids)):
            assert list(mine.best_first()) == list(refolded.best_first())
            assert {price: level.orders for price, level in mine.levels.items()} == {
                price: level.orders for price, level in refolded.levels.items()
            }


@few
@given(seed=seeds)
def test_ticker_values_are_those_of_the_trades_in_the_log(seed: int, new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=seed)
    now_ms = START_MS + 8_000
    simulation.advance(now_ms)
    for code, market in simulation.markets.items():
        trades = trades_of(simulation, code)
        today = [trade for trade in trades if trade.t_ms // DAY_MS == now_ms // DAY_MS]
        before = [trade for trade in trades if trade.t_ms // DAY_MS < now_ms // DAY_MS]
        window = [trade for trade in trades if trade.t_ms // MINUTE_MS > now_ms // MINUTE_MS - 1440]
        seen = ticker_of(market, now_ms)
        assert seen.prev_closing_price == before[-1].price_e8 / 1e8
        assert seen.opening_price == today[0].price_e8 / 1e8
        assert seen.high_price == max(trade.price_e8 for trade in today) / 1e8
        assert seen.low_price == min(trade.price_e8 for trade in today) / 1e8
        assert seen.trade_price == today[-1].price_e8 / 1e8
        assert seen.acc_trade_volume == sum(trade.size_e8 for trade in today) / 10**8
        assert seen.acc_trade_price == sum(trade.funds_e16 for trade in today) / 10**16
        assert seen.acc_trade_price_24h == sum(trade.funds_e16 for trade in window) / 10**16
        assert seen.acc_trade_volume_24h == sum(trade.size_e8 for trade in window) / 10**8
        assert seen.acc_bid_volume == sum(trade.size_e8 for trade in today if trade.is_buy) / 10**8
        change = today[-1].price_e8 - before[-1].price_e8
        assert seen.signed_change_price == change / 1e8
        assert seen.signed_change_rate == pytest.approx(change / before[-1].price_e8, abs=1e-10)
        assert seen.change_rate == abs(seen.signed_change_rate)
        assert seen.change == ("RISE" if change > 0 else "FALL" if change < 0 else "EVEN")
        assert seen.lowest_52_week_price <= seen.low_price <= seen.high_price <= seen.highest_52_week_price


@few
@given(seed=seeds)
def test_candles_are_those_of_the_trades_in_the_log(seed: int, new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=seed)
    simulation.advance(START_MS + 8_000)
    for code, market in simulation.markets.items():
        trades = trades_of(simulation, code)
        for unit, length_ms in UNIT_MS.items():
            newest = [trade for trade in trades if trade.t_ms // length_ms == trades[-1].t_ms // length_ms]
            candle = market.candles.current[unit]
            prices = [trade.price_e8 for trade in newest]
            assert (candle.open_e8, candle.high_e8, candle.low_e8, candle.close_e8) == (
                prices[0], max(prices), min(prices), prices[-1],
            )  # fmt: skip
            assert candle.volume_e8 == sum(trade.size_e8 for trade in newest)
            assert candle.funds_e16 == sum(trade.funds_e16 for trade in newest)


@few
@given(seed=seeds, pauses=st.lists(st.integers(1, 3_000), min_size=1, max_size=6))
def test_the_same_seed_gives_the_same_log_however_often_the_clock_is_read(
    seed: int, pauses: list[int], new_simulation: NewSimulation
) -> None:
    stepped, once = new_simulation(seed=seed, markets=5), new_simulation(seed=seed, markets=5)
    now_ms = START_MS
    for pause_ms in pauses:
        now_ms += pause_ms
        stepped.advance(now_ms)
    once.advance(now_ms)
    assert list(stepped.log) == list(once.log)
    assert stepped.take_account_events() == once.take_account_events()


def test_another_seed_gives_another_log(new_simulation: NewSimulation) -> None:
    assert list(new_simulation(seed=1).log) != list(new_simulation(seed=2).log)


@few
@given(seed=seeds)
def test_prices_lie_on_price_units_ids_are_unique_and_times_never_go_back(
    seed: int, new_simulation: NewSimulation
) -> None:
    simulation = new_simulation(seed=seed, markets=12)
    simulation.advance(START_MS + 5_000)
    ids: set[tuple[str, int]] = set()
    last_ms = 0
    for event in simulation.log:
        assert event.t_ms >= last_ms
        last_ms = event.t_ms
        if isinstance(event, Cancelled):
            continue
        assert event.price_e8 % tick_e8(simulation.markets[event.code].quote, event.price_e8) == 0
        if isinstance(event, Traded):
            assert event.sequential_id > 2**53
            assert event.sequential_id // 10_000 == event.t_ms
            assert (event.code, event.sequential_id) not in ids
            ids.add((event.code, event.sequential_id))


def test_a_day_ends_at_midnight_and_the_next_one_starts_from_its_close(new_simulation: NewSimulation) -> None:
    midnight_ms = (START_MS // DAY_MS + 1) * DAY_MS
    simulation = new_simulation(start_ms=midnight_ms - 5_000, rate=50.0)
    simulation.advance(midnight_ms - 1)
    market = simulation.markets["KRW-BTC"]
    close = market.day.last_e8
    simulation.advance(midnight_ms)
    at_midnight = ticker_of(market, midnight_ms)
    assert (at_midnight.acc_trade_volume, at_midnight.change) == (0.0, "EVEN")
    simulation.advance(midnight_ms + 5_000)
    seen = ticker_of(market, simulation.now_ms)
    today = [trade for trade in trades_of(simulation, "KRW-BTC") if trade.t_ms >= midnight_ms]
    assert seen.prev_closing_price == close / 1e8
    assert seen.opening_price == today[0].price_e8 / 1e8
    assert seen.acc_trade_volume == sum(trade.size_e8 for trade in today) / 10**8


@few
@given(seed=seeds)
def test_balances_follow_from_the_account_s_fills_and_locked_amounts_from_its_open_orders(
    seed: int, new_simulation: NewSimulation
) -> None:
    simulation = new_simulation(seed=seed, markets=4)
    simulation.advance(START_MS + 60_000)
    expected = defaultdict(Decimal, OPENING_BALANCES)
    last_asset: dict[str, tuple[Decimal, Decimal]] = {}
    for _, event in simulation.take_account_events():
        if isinstance(event, MyAsset):
            last_asset |= {asset.currency: (asset.balance, asset.locked) for asset in event.assets}
        elif event.state == "trade":
            assert event.price is not None
            assert event.volume is not None
            assert event.trade_fee is not None
            sign = -1 if event.ask_bid == "ASK" else 1
            funds = event.price * event.volume
            assert event.trade_fee == funds * FEE_RATE["KRW"]
            expected["KRW"] -= sign * funds + event.trade_fee
            expected[event.code.removeprefix("KRW-")] += sign * event.volume
    (account,) = simulation.desk.accounts.values()
    for currency, total in expected.items():
        assert account.free[currency] + account.locked.get(currency, Decimal(0)) == total
        assert account.free[currency] >= 0
    for currency, seen in last_asset.items():
        assert seen == (account.free[currency], account.locked[currency])
        orders = simulation.desk.orders_of(account)
        assert account.locked[currency] == sum(order.locked for order in orders if order.currency == currency)


@few
@given(seed=seeds)
def test_every_order_lives_as_the_documentation_says(seed: int, new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=seed, markets=4)
    simulation.advance(START_MS + 60_000)
    lives: defaultdict[str, list[MyOrder]] = defaultdict(list)
    for access_key, event in simulation.take_account_events():
        assert access_key == "key"
        if isinstance(event, MyOrder):
            lives[event.uuid].append(event)
    assert lives
    for life in lives.values():
        states = [event.state for event in life]
        assert states[0] == "wait"
        assert set(states[1:-1]) <= {"trade"}
        assert states.count("done") + states.count("cancel") <= 1
        fills = [event for event in life if event.state == "trade"]
        assert sum((fill.volume or Decimal(0)) for fill in fills) == (life[-1].executed_volume or 0)
        assert [fill.trades_count for fill in fills] == list(range(1, len(fills) + 1))
        assert life[0].order_timestamp % 1000 == 0
        if life[0].order_type == "price":
            assert states[-1] == "cancel"
            assert life[-1].executed_volume is None or life[-1].executed_volume > 0
        if states[-1] == "done":
            assert (life[-1].remaining_volume, life[-1].locked) == (0, 0)


def test_a_market_buy_has_the_amounts_of_the_recorded_example(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(access_key="", rate=0.0)
    market = simulation.markets["KRW-XRP"]
    account = simulation.desk.open_account("a", {"KRW": Decimal(10_000)})
    price_e8, _ = market.book.asks.best()
    simulation.desk.market_buy(account, market, funds=Decimal(5000), t_ms=START_MS)
    wait, locked, trade, bought, cancel, released = (event for _, event in simulation.take_account_events())
    assert isinstance(wait, MyOrder)
    assert (wait.state, wait.price, wait.volume, wait.executed_volume) == ("wait", 5000, None, None)
    assert (wait.reserved_fee, wait.locked) == (Decimal("2.5"), Decimal("5002.5"))
    assert isinstance(locked, MyAsset)
    assert locked.assets == (Asset("KRW", Decimal("4997.5"), Decimal("5002.5")),)
    assert isinstance(trade, MyOrder)
    volume = as_decimal(5000 * 10**16 // price_e8)
    assert (trade.state, trade.price, trade.volume) == ("trade", as_decimal(price_e8), volume)
    assert trade.executed_funds == as_decimal(price_e8) * volume
    assert trade.locked == (5000 - trade.executed_funds) * Decimal("1.0005")
    assert isinstance(bought, MyAsset)
    assert isinstance(cancel, MyOrder)
    assert (cancel.state, cancel.executed_volume, cancel.locked) == ("cancel", volume, trade.locked)
    assert isinstance(released, MyAsset)
    assert released.assets[0].locked == 0


def test_within_20_s_prices_move_and_surges_go_both_ways(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=1, markets=60, rate=200.0)
    crossed: set[tuple[str, int]] = set()
    before = {code: market.day.last_e8 for code, market in simulation.markets.items()}
    was_above = {code: market.day.funds_24h_e16 > 10**25 for code, market in simulation.markets.items()}
    for second in range(1, 21):
        simulation.advance(START_MS + second * 1000)
        for code, market in simulation.markets.items():
            rate = ticker_of(market, simulation.now_ms).signed_change_rate
            if abs(rate) >= 0.05:
                crossed.add((code, 1 if rate > 0 else -1))
    moved = [code for code, market in simulation.markets.items() if market.day.last_e8 != before[code]]
    krw = [market for market in simulation.markets.values() if market.quote == "KRW"]
    assert len(moved) > 50
    assert {("KRW-XRP", 1), ("KRW-ADA", -1)} <= crossed
    assert {market.day.funds_24h_e16 > 10**25 for market in krw} == {True, False}
    assert any(market.day.funds_24h_e16 > 10**25 and not was_above[market.code] for market in krw)


def test_the_universe_is_that_of_the_exchange() -> None:
    universe = build_universe(855, seed=1)
    assert [spec.code for spec in universe[:4]] == ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA"]
    assert len({spec.code for spec in universe}) == 855
    counts = {quote: sum(spec.quote == quote for spec in universe) for quote in ("KRW", "BTC", "USDT")}
    assert counts == {"KRW": 289, "BTC": 328, "USDT": 238}


@pytest.mark.parametrize("markets", [0, 3, 856])
def test_a_universe_of_another_size_is_refused(markets: int) -> None:
    with pytest.raises(SettingsError, match="4 to 855"):
        build_universe(markets, seed=1)


def test_markets_without_activity_stand_still(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(rate=0.0, access_key="")
    before = list(simulation.log)
    simulation.advance(START_MS + 60_000)
    assert list(simulation.log) == before != []
