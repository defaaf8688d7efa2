"""What lies before the start of a market: a year of day candles, and eight days of trades that lead to the present.

The trades are thin in the first days and denser in the last 25 hours; the turnover of the last 24 hours is that of the
market's specification, and yesterday closes at the market's anchor. The day candles before the trades end where these
begin, and reach the highest and lowest price of 52 weeks on the very days that a ticker names.
"""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from actors.exchange.background.past_days import PastDays
from actors.exchange.market.candles import CandleState
from actors.exchange.market.day import YEAR_DAYS, YearRange
from actors.exchange.market.market import MarketSpec
from actors.exchange.market.units import DAY_MS, E8, floor_price

TRADED_DAYS: Final = 8
"""Whole days of trades before today: REST gives seven of them (`days_ago`)."""

RECENT_MS: Final = 25 * 3_600_000
RECENT_TRADES: Final = 100
EARLY_TRADES_A_DAY: Final = 6

_DAILY_MOVE: Final = 0.02
_WITHIN_DAY: Final = 0.0015
_SHARE_SPREAD: Final = 1.7
_CLOSING_MS: Final = 30 * 60_000
"""The trades of so long before midnight are made at the closing price."""

_NEWEST_EXTREME_DAYS: Final = 20

_LOG_ERROR: Final = 1e-12
"""More than a price loses on its way through a logarithm, so that a valid one is not cut to the next below it."""


class PastTrade(NamedTuple):
    """A trade of the time before the start."""

    t_ms: int
    code: str
    is_buy: bool
    price_e8: int
    size_e8: int


class _Path(NamedTuple):
    """Straight lines from close to close, and to the price of the start; prices are logarithms."""

    marks_ms: list[int]
    log_prices: list[float]

    def log_price(self, t_ms: int, chance: float) -> float:
        """The price at a time; `chance` from -1 to 1 moves it off the line, but not shortly before midnight."""
        marks = self.marks_ms
        day = bisect_right(marks, t_ms, 0, len(marks) - 1) - 1
        close, left_ms = self.log_prices[day + 1], marks[day + 1] - t_ms
        if left_ms <= _CLOSING_MS and day < TRADED_DAYS:
            return close
        opening = self.log_prices[day]
        return close + (opening - close) * left_ms / (marks[day + 1] - marks[day]) + chance * _WITHIN_DAY


class Past:
    """The past of one market; the same seed and start give the same past.

    Args:
        spec: the market.
        seed: seed of the simulation.
        start_ms: when the simulation starts, in milliseconds since the epoch.
    """

    def __init__(self, spec: MarketSpec, *, seed: int, start_ms: int) -> None:
        self._spec = spec
        self._seed = seed
        self._start_ms = start_ms
        self._today = start_ms // DAY_MS
        self._first_day = self._today - TRADED_DAYS
        rng = self._seeded("closes")
        log_close = math.log(spec.anchor_e8)
        log_closes = [log_close]
        for _ in range(TRADED_DAYS):
            log_close += rng.gauss(0.0, _DAILY_MOVE)
            log_closes.append(log_close)
        self._log_closes = log_closes[::-1]
        self.close_e8 = self._priced(math.exp(self._log_closes[0] + _LOG_ERROR))
        self.year = self._year()

    def _year(self) -> YearRange:
        """The range before the trades; a new one each time, since a market widens its own by its trades."""
        rng, anchor_e8 = self._seeded("year"), self._spec.anchor_e8
        high_ago, low_ago = rng.sample(range(_NEWEST_EXTREME_DAYS, YEAR_DAYS), 2)
        return YearRange(
            high_e8=self._priced(anchor_e8 * rng.uniform(1.25, 2.2)),
            high_day=self._today - high_ago,
            low_e8=self._priced(anchor_e8 * rng.uniform(0.45, 0.8)),
            low_day=self._today - low_ago,
        )

    def trades(self, price_e8: float, *, end_ms: int) -> list[PastTrade]:
        """The trades of the eight days before the start, oldest first.

        Args:
            price_e8: the price at which they arrive, in 1e-8.
            end_ms: the time that they lead up to; none is as late.
        """
        midnight_ms = self._today * DAY_MS
        recent_ms = self._start_ms - RECENT_MS
        early_ms = self._first_day * DAY_MS
        early = round((recent_ms - early_ms) * EARLY_TRADES_A_DAY / DAY_MS)
        marks = [*range(early_ms, midnight_ms + 1, DAY_MS), max(end_ms, midnight_ms + 1)]
        path = _Path(marks, [*self._log_closes, math.log(price_e8)])
        rng = self._seeded("trades")
        return [
            *self._leg(rng, path, (early_ms, recent_ms), early),
            *self._leg(rng, path, (recent_ms, end_ms), RECENT_TRADES),
        ]

    def days(self) -> list[CandleState]:
        """The day candles of the 52 weeks before the trades, oldest first."""
        days = range(self._today - YEAR_DAYS, self._first_day)
        return PastDays(self._spec, self._year(), self._seeded("days")).candles(days, self.close_e8)

    def _leg(self, rng: random.Random, path: _Path, period_ms: tuple[int, int], count: int) -> Iterator[PastTrade]:
        """`count` trades within a period, one somewhere in each of as many equal parts of it."""
        begin_ms, end_ms = period_ms
        code, quote, chance = self._spec.code, self._spec.quote, rng.random
        times = [begin_ms + int((end_ms - begin_ms) * (i + chance()) / count) for i in range(count)]
        # Two draws instead of a normal deviate: there are 150,000 of these at every start.
        shares = [math.exp(_SHARE_SPREAD * (chance() + chance() - 1.0)) for _ in times]
        # The turnover of the specification is that of 24 hours; in the last period, of those right before the start.
        counted = sum(shares[bisect_left(times, self._start_ms - DAY_MS) :])
        counted = counted or sum(shares) * DAY_MS / (end_ms - begin_ms)
        for t_ms, share in zip(times, shares, strict=True):
            price_e8 = floor_price(quote, round(math.exp(path.log_price(t_ms, chance() - chance()) + _LOG_ERROR)))
            size_e8 = max(1, round(self._spec.turnover_e8 * share / counted * E8 / price_e8))
            yield PastTrade(t_ms, code, chance() < 0.5, price_e8, size_e8)

    def _priced(self, price_e8: float) -> int:
        return floor_price(self._spec.quote, round(price_e8))

    def _seeded(self, purpose: str) -> random.Random:
        return random.Random(f"{self._seed}/{self._spec.code}/past/{purpose}")  # noqa: S311 - a market model
