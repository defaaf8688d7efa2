"""The day, the last 24 hours, and the 52 weeks of a ticker."""

from actors.exchange.market.candles import CandleState
from actors.exchange.market.day import DayState, YearRange
from actors.exchange.market.events import EventLog
from actors.exchange.market.market import Market, MarketSpec
from actors.exchange.market.units import DAY_MS, MINUTE_MS
from tests.actors.exchange.market.trades import traded

SPEC = MarketSpec("KRW-BTC", "비트코인", "Bitcoin", 100, 1, 1.0, 0.0, 0.0, 60.0, 0.0, 0.0)
TODAY = 20_000


def day_candle(day: int, high_e8: int, low_e8: int) -> CandleState:
    return CandleState(day * DAY_MS, low_e8, high_e8, low_e8, high_e8, day * DAY_MS, 1, 1)


def test_the_close_of_the_past_is_the_reference_of_the_first_day() -> None:
    day = DayState(past_close_e8=90)
    day.look(TODAY * DAY_MS)
    day.apply(traded(TODAY * DAY_MS, 100))
    assert (day.prev_close_e8, day.open_e8) == (90, 100)


def test_24_hours_move_by_whole_minutes() -> None:
    day = DayState()
    for minute in (0, 1):
        day.look(minute * MINUTE_MS)
        day.apply(traded(minute * MINUTE_MS + 59_999 * (minute == 0), 100, 5))
    day.look(DAY_MS - 1)
    assert day.volume_24h_e8 == 10
    day.look(DAY_MS)
    assert (day.volume_24h_e8, day.funds_24h_e16) == (5, 500)


def test_a_price_of_more_than_52_weeks_ago_leaves_the_range() -> None:
    days = [day_candle(TODAY - 363, 900, 500), day_candle(TODAY - 200, 700, 400), day_candle(TODAY - 100, 600, 300)]
    year = YearRange(high_e8=900, high_day=TODAY - 363, low_e8=300, low_day=TODAY - 100)
    market = Market(SPEC, EventLog(), year, past_days=lambda: days, past_close_e8=600)
    market.look(TODAY * DAY_MS)
    assert (year.high_e8, year.high_day) == (900, TODAY - 363)
    market.look((TODAY + 1) * DAY_MS)
    assert (year.high_e8, year.high_day) == (700, TODAY - 200)
    assert (year.low_e8, year.low_day) == (300, TODAY - 100)


def test_of_equal_extremes_the_newest_day_counts() -> None:
    year = YearRange(high_e8=1, high_day=0, low_e8=1, low_day=0)
    year.restart([day_candle(5, 9, 2), day_candle(6, 9, 2), day_candle(7, 8, 3)])
    assert (year.high_day, year.low_day) == (6, 6)


def test_without_day_candles_the_range_stays() -> None:
    year = YearRange(high_e8=9, high_day=1, low_e8=2, low_day=1)
    year.restart([])
    assert (year.high_e8, year.low_e8) == (9, 2)
