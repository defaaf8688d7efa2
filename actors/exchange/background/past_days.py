"""Day candles of a market from before its trades: a seeded walk that touches the year's highest and lowest price."""

import math
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from actors.exchange.market.candles import CandleState
from actors.exchange.market.day import YearRange
from actors.exchange.market.market import MarketSpec
from actors.exchange.market.units import DAY_MS, E8, floor_price, price_above, price_below

_DAILY_MOVE: Final = 0.02
_LARGEST_FALL: Final = 0.5


class PastDays:
    """The walk of one market.

    Args:
        spec: the market.
        year: highest and lowest price with their days; no other day reaches either.
        rng: source of chance, for one walk.
    """

    def __init__(self, spec: MarketSpec, year: YearRange, rng: random.Random) -> None:
        self._quote = spec.quote
        self._turnover_e16 = spec.turnover_e8 * E8
        self._year = year
        self._rng = rng
        self._least_e8, self._most_e8 = price_above(spec.quote, year.low_e8), price_below(spec.quote, year.high_e8)

    def candles(self, days: range, close_e8: int) -> list[CandleState]:
        """One candle for each of `days` (from the epoch), oldest first; each opens where the one before it closed.

        `close_e8` is the close of the last of them. The days of highest and lowest price lie within `days`.
        """
        candles: list[CandleState] = []
        open_e8 = 0
        for day, day_close_e8 in zip(days, (*self._closes(days, close_e8), close_e8), strict=True):
            candles.append(self._candle(day, open_e8 or day_close_e8, day_close_e8))
            open_e8 = day_close_e8
        return candles

    def _closes(self, days: range, close_e8: int) -> Iterator[int]:
        """The closes of all days but the last: along straight lines by way of the extremes, with chance around them."""
        year = self._year
        highest, lowest = math.log(year.high_e8), math.log(year.low_e8)
        knots = {days[0]: (highest + lowest) / 2, days[-1]: math.log(close_e8)}
        knots |= {year.high_day: highest, year.low_day: lowest}
        for begin, end in pairwise(sorted(knots)):
            slope = (knots[end] - knots[begin]) / (end - begin)
            for day in range(begin, end):
                yield self._inside(math.exp(knots[begin] + slope * (day - begin) + self._rng.gauss(0.0, _DAILY_MOVE)))

    def _candle(self, day: int, open_e8: int, close_e8: int) -> CandleState:
        rng, year = self._rng, self._year
        upper_e8, lower_e8 = max(open_e8, close_e8), min(open_e8, close_e8)
        high_e8 = max(upper_e8, self._inside(upper_e8 * (1.0 + abs(rng.gauss(0.0, _DAILY_MOVE)))))
        low_e8 = min(lower_e8, self._inside(lower_e8 * (1.0 - min(_LARGEST_FALL, abs(rng.gauss(0.0, _DAILY_MOVE))))))
        volume_e8 = max(1, round(self._turnover_e16 * math.exp(rng.gauss(0.0, 0.4)) / close_e8))
        return CandleState(
            start_ms=day * DAY_MS,
            open_e8=open_e8,
            high_e8=year.high_e8 if day == year.high_day else high_e8,
            low_e8=year.low_e8 if day == year.low_day else low_e8,
            close_e8=close_e8,
            last_ms=(day + 1) * DAY_MS - 1 - int(rng.random() * 60_000),
            volume_e8=volume_e8,
            funds_e16=volume_e8 * ((open_e8 + close_e8) // 2),
        )

    def _inside(self, price_e8: float) -> int:
        """A valid price that is neither the highest nor the lowest of the year."""
        return min(self._most_e8, max(self._least_e8, floor_price(self._quote, round(price_e8))))
