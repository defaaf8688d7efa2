"""What lies before the start."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.exchange.background.past import TRADED_DAYS, Past, PastTrade
from actors.exchange.market.day import YEAR_DAYS
from actors.exchange.market.market import MarketSpec
from actors.exchange.market.units import DAY_MS, E8, tick_e8
from actors.exchange.market.universe import build_universe
from tests.actors.exchange.conftest import START_MS

END_MS = START_MS - 150_000
SPECS = build_universe(855, seed=1)[::19]

specs = st.sampled_from(SPECS)
starts = st.sampled_from([START_MS, START_MS // DAY_MS * DAY_MS, START_MS // DAY_MS * DAY_MS + 60_000])
few = settings(max_examples=15, deadline=None)


def trades_of(spec: MarketSpec, start_ms: int = START_MS, seed: int = 1) -> list[PastTrade]:
    return Past(spec, seed=seed, start_ms=start_ms).trades(spec.anchor_e8 * 1.04, end_ms=start_ms - 150_000)


@few
@given(spec=specs, start_ms=starts, seed=st.integers(0, 999))
def test_trades_reach_eight_whole_days_back_in_order_and_on_price_units(
    spec: MarketSpec, start_ms: int, seed: int
) -> None:
    trades = trades_of(spec, start_ms, seed)
    assert all(earlier.t_ms <= later.t_ms for earlier, later in pairwise(trades))
    assert trades[-1].t_ms < start_ms - 150_000
    days = {trade.t_ms // DAY_MS for trade in trades}
    today = start_ms // DAY_MS
    assert days - {today} == set(range(today - TRADED_DAYS, today))
    for trade in trades:
        assert trade.price_e8 % tick_e8(spec.quote, trade.price_e8) == 0
        assert trade.size_e8 > 0


@few
@given(spec=specs, seed=st.integers(0, 999))
def test_the_last_24_hours_have_the_turnover_of_the_specification_and_most_of_the_trades(
    spec: MarketSpec, seed: int
) -> None:
    trades = trades_of(spec, seed=seed)
    newest = [trade for trade in trades if trade.t_ms >= START_MS - DAY_MS]
    turnover_e16 = sum(trade.price_e8 * trade.size_e8 for trade in newest)
    # Each size is rounded to 1e-8, worth up to a price of 1e-8.
    assert turnover_e16 == pytest.approx(spec.turnover_e8 * E8, rel=1e-6, abs=len(newest) * spec.anchor_e8 * 2)
    earlier = [trade for trade in trades if trade.t_ms < START_MS - 2 * DAY_MS]
    assert 0 < len(earlier) / (TRADED_DAYS - 2) < len(newest) / 5


@few
@given(spec=specs, start_ms=starts, seed=st.integers(0, 999))
def test_yesterday_closes_at_the_anchor(spec: MarketSpec, start_ms: int, seed: int) -> None:
    trades = trades_of(spec, start_ms, seed)
    yesterday = [trade for trade in trades if trade.t_ms // DAY_MS == start_ms // DAY_MS - 1]
    assert yesterday[-1].price_e8 == spec.anchor_e8


@few
@given(spec=specs, seed=st.integers(0, 999))
def test_day_candles_join_up_and_reach_the_range_of_52_weeks_on_its_days(spec: MarketSpec, seed: int) -> None:
    past = Past(spec, seed=seed, start_ms=START_MS)
    days, today = past.days(), START_MS // DAY_MS
    assert [day.start_ms // DAY_MS for day in days] == list(range(today - YEAR_DAYS, today - TRADED_DAYS))
    assert days[-1].close_e8 == past.close_e8
    for earlier, later in pairwise(days):
        assert later.open_e8 == earlier.close_e8
    for day in days:
        assert day.low_e8 <= min(day.open_e8, day.close_e8) <= max(day.open_e8, day.close_e8) <= day.high_e8
        assert day.low_e8 * day.volume_e8 <= day.funds_e16 <= day.high_e8 * day.volume_e8
        assert day.start_ms <= day.last_ms < day.start_ms + DAY_MS
        assert (day.high_e8 == past.year.high_e8) is (day.start_ms // DAY_MS == past.year.high_day)
        assert (day.low_e8 == past.year.low_e8) is (day.start_ms // DAY_MS == past.year.low_day)
        for price_e8 in (day.open_e8, day.high_e8, day.low_e8, day.close_e8):
            assert price_e8 % tick_e8(spec.quote, price_e8) == 0


def test_the_same_seed_has_the_same_past_and_another_seed_another() -> None:
    spec = SPECS[0]
    one, same, other = (Past(spec, seed=seed, start_ms=START_MS) for seed in (1, 1, 2))
    assert one.days() == same.days() != other.days()
    assert trades_of(spec, seed=1) == trades_of(spec, seed=1) != trades_of(spec, seed=2)
