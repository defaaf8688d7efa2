"""Candles of every length are the fold of the trades, whenever somebody looks."""

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.exchange.market.candles import (
    DAY,
    HISTORY_UNITS,
    KEPT,
    KEPT_DAYS,
    MONTH,
    UNIT_MS,
    WEEK,
    YEAR,
    Candles,
    CandleState,
)
from actors.exchange.market.events import Traded
from actors.exchange.market.units import DAY_MS
from protocols.errors import UsageError
from tests.actors.exchange.market.trades import traded

START_MS = 1_767_139_200_000  # 2025-12-31 00:00 UTC, a Wednesday
FAR_MS = 2**60


def date_of(t_ms: int) -> dt.date:
    return dt.datetime.fromtimestamp(t_ms / 1000, dt.UTC).date()


def whole(length_ms: int) -> Callable[[int], object]:
    return lambda t_ms: t_ms // length_ms


PERIOD: dict[str, Callable[[int], object]] = {
    **{unit: whole(length_ms) for unit, length_ms in UNIT_MS.items()},
    DAY: date_of,
    WEEK: lambda t_ms: date_of(t_ms).isocalendar()[:2],
    MONTH: lambda t_ms: (date_of(t_ms).year, date_of(t_ms).month),
    YEAR: lambda t_ms: date_of(t_ms).year,
}


def folded(trades: list[Traded], unit: str) -> list[tuple[int, int, int, int, int, int, int]]:
    """Open, high, low, close, last time, volume and funds of each period that has trades, newest first."""
    periods: dict[object, list[Traded]] = {}
    for trade in trades:
        periods.setdefault(PERIOD[unit](trade.t_ms), []).append(trade)
    candles = [
        (
            group[0].price_e8,
            max(trade.price_e8 for trade in group),
            min(trade.price_e8 for trade in group),
            group[-1].price_e8,
            group[-1].t_ms,
            sum(trade.size_e8 for trade in group),
            sum(trade.funds_e16 for trade in group),
        )
        for group in periods.values()
    ]
    return candles[::-1]


def values(candle: CandleState) -> tuple[int, int, int, int, int, int, int]:
    return (
        candle.open_e8,
        candle.high_e8,
        candle.low_e8,
        candle.close_e8,
        candle.last_ms,
        candle.volume_e8,
        candle.funds_e16,
    )


def newest_of(candles: Candles, unit: str) -> CandleState:
    newest = candles.newest(unit)
    assert newest is not None
    return newest


pauses = st.sampled_from([0, 1, 400, 5_000, 61_000, 3_600_000, DAY_MS - 1, 9 * DAY_MS])
steps = st.lists(st.tuples(pauses, st.integers(1, 10**24), st.integers(1, 10**12), st.booleans()), max_size=40)


@settings(max_examples=30, deadline=None)
@given(steps=steps)
def test_candles_of_every_length_are_the_fold_of_the_trades_whenever_somebody_looks(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    candles, trades, t_ms = Candles(), [], START_MS - 20_000
    for pause_ms, price_e8, size_e8, looks in steps:
        t_ms += pause_ms
        trades.append(traded(t_ms, price_e8, size_e8))
        candles.apply(trades[-1])
        if looks:
            assert values(newest_of(candles, "1m")) == folded(trades, "1m")[0]
    for unit in HISTORY_UNITS:
        assert [values(candle) for candle in candles.before(unit, before_ms=FAR_MS, count=200)] == folded(trades, unit)


@pytest.mark.parametrize("unit", HISTORY_UNITS)
def test_a_candle_starts_at_its_period_and_to_is_exclusive(unit: str) -> None:
    candles = Candles()
    for day in range(800):
        candles.apply(traded(START_MS + day * DAY_MS + 5_000_000))
    (newest, second) = candles.before(unit, before_ms=FAR_MS, count=2)
    assert candles.before(unit, before_ms=newest.start_ms, count=1) == [second]
    assert candles.before(unit, before_ms=newest.start_ms + 1, count=1) == [newest]
    if unit in UNIT_MS:
        assert newest.start_ms % UNIT_MS[unit] == 0
    start = date_of(newest.start_ms)
    assert unit != WEEK or start.weekday() == 0
    assert unit != MONTH or start.day == 1
    assert unit != YEAR or (start.month, start.day) == (1, 1)
    assert unit not in {DAY, WEEK, MONTH, YEAR} or newest.start_ms % DAY_MS == 0


def test_no_trade_makes_no_candle() -> None:
    candles = Candles()
    assert candles.newest("1s") is None
    assert candles.before("1s", before_ms=FAR_MS, count=9) == []
    candles.apply(traded(1_000))
    candles.apply(traded(61_000))
    assert [candle.start_ms for candle in candles.before("1s", before_ms=FAR_MS, count=9)] == [61_000, 1_000]


def test_at_least_240_closed_candles_and_400_days_are_kept_and_not_many_more() -> None:
    candles = Candles()
    for day in range(2_000):
        candles.apply(traded(START_MS + day * DAY_MS))
    assert KEPT < len(candles.before("1s", before_ms=FAR_MS, count=10_000)) <= KEPT * 5 // 4 + 1
    assert KEPT_DAYS < len(candles.before(DAY, before_ms=FAR_MS, count=10_000)) <= KEPT_DAYS * 5 // 4 + 1


def test_days_from_before_the_trades_come_after_them_and_are_asked_for_once() -> None:
    asked: list[int] = []

    def past_days() -> list[CandleState]:
        asked.append(1)
        return [CandleState(day * DAY_MS, 5, 9, 4, 7, day * DAY_MS + 1, 10, 60) for day in (10, 11)]

    candles = Candles(past_days)
    candles.apply(traded(12 * DAY_MS, 8, 2))
    assert not asked
    days = candles.before(DAY, before_ms=FAR_MS, count=9)
    assert [day.start_ms // DAY_MS for day in days] == [12, 11, 10]
    assert candles.close_before(12) == 7
    assert candles.close_before(13) == 8
    assert candles.close_before(10) == 0
    (month,) = candles.before(MONTH, before_ms=FAR_MS, count=9)
    assert values(month) == (5, 9, 4, 8, 12 * DAY_MS, 22, 136)
    assert asked == [1]


def test_a_price_of_1e15_is_kept_to_the_last_digit() -> None:
    candles = Candles()
    candles.apply(traded(1_000, 10**23 - 1, 5))
    candles.apply(traded(2_000))
    closed = candles.before("1s", before_ms=2_000, count=1)[0]
    assert values(closed) == (*[10**23 - 1] * 4, 1_000, 5, 5 * (10**23 - 1))


def test_what_is_handed_out_does_not_grow_with_the_next_trade() -> None:
    candles = Candles()
    candles.apply(traded(1_000))
    (candle,) = candles.before("1m", before_ms=FAR_MS, count=1)
    candles.apply(traded(2_000))
    assert candles.newest("1m") != candle
    assert candle.last_ms == 1_000


def test_an_unknown_length_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"2m.*240m, day"):
        Candles().before("2m", before_ms=FAR_MS, count=1)
