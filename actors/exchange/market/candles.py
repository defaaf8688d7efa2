"""Candles of all lengths, folded from the trades of one market: the newest of each, and a bounded run of older ones.

Starts are aligned to 00:00 UTC; weeks begin on Monday. No trade, no candle. Trades wait unfolded until somebody looks
or a few hundred have come: what is read is the same, and many trades are folded at once more cheaply than one by one.

A closed candle is packed into 96 bytes: prices have 12, since an account may name one that eight do not hold. With 855
markets of which each trades in every second, candles take 270 MB at most; after the start, when the eight days before
it are folded, 120 MB.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from struct import Struct as Packing
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.exchange.market.events import Traded
from actors.exchange.market.units import DAY_MS
from protocols.errors import UsageError
from protocols.upbit.messages import CANDLE_UNITS

_SECONDS: Final = {"s": 1, "m": 60}
UNIT_MS: Final = {unit: int(unit[:-1]) * _SECONDS[unit[-1]] * 1000 for unit in CANDLE_UNITS}

DAY: Final = "day"
WEEK: Final = "week"
MONTH: Final = "month"
YEAR: Final = "year"
HISTORY_UNITS: Final = (*CANDLE_UNITS, DAY, WEEK, MONTH, YEAR)

KEPT: Final = 240
"""Closed candles that are kept of each length: REST gives 200 at a time."""

KEPT_DAYS: Final = 400

_WAITING: Final = 256
"""Trades that may wait to be folded."""

_FIELDS: Final = Packing("<2q12s12s12s12s16s16s")
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()

_Row = tuple[int, int, int, int]


class CandleState(Struct, gc=False):
    """One candle; amounts are counts of 1e-8 and 1e-16, times are milliseconds since the epoch.

    Attributes:
        start_ms: begin of its period.
        last_ms: time of its last trade.
    """

    start_ms: int
    open_e8: int
    high_e8: int
    low_e8: int
    close_e8: int
    last_ms: int
    volume_e8: int
    funds_e16: int


class CandleRun:
    """Candles of one length in order: the newest, and those before it, of which the oldest are dropped past `kept`.

    Args:
        length_ms: length of a candle.
        kept: how many closed candles are kept (a quarter more for a while).
    """

    def __init__(self, length_ms: int, *, kept: int = KEPT) -> None:
        self.newest: CandleState | None = None
        self._length_ms = length_ms
        self._kept = kept
        self._closed = bytearray()

    def fold(self, rows: Sequence[_Row]) -> None:
        """Add trades in the order of their times, each as (time, price, size, price times size)."""
        length_ms, candle = self._length_ms, self.newest
        end_ms = candle.start_ms + length_ms if candle is not None else 0
        for t_ms, price, size, funds in rows:
            if candle is None or t_ms >= end_ms:
                if candle is not None:
                    self._close(candle)
                start_ms = t_ms - t_ms % length_ms
                end_ms = start_ms + length_ms
                candle = CandleState(start_ms, price, price, price, price, t_ms, size, funds)
                continue
            if price > candle.high_e8:
                candle.high_e8 = price
            elif price < candle.low_e8:
                candle.low_e8 = price
            candle.close_e8 = price
            candle.last_ms = t_ms
            candle.volume_e8 += size
            candle.funds_e16 += funds
        self.newest = candle

    def put_before(self, candles: Sequence[CandleState]) -> None:
        """Add candles that are older than all others, oldest first."""
        self._closed[:0] = b"".join(map(_packed, candles))

    def before(self, before_ms: int) -> Iterator[CandleState]:
        """The candles that start before a moment, newest first."""
        newest = self.newest
        if newest is not None and newest.start_ms < before_ms:
            yield replace(newest)
        for offset in range(self._end(before_ms) - _FIELDS.size, -1, -_FIELDS.size):
            start_ms, last_ms, *amounts = _FIELDS.unpack_from(self._closed, offset)
            opening, high, low, close, volume, funds = [int.from_bytes(amount, "little") for amount in amounts]
            yield CandleState(start_ms, opening, high, low, close, last_ms, volume, funds)

    def _end(self, before_ms: int) -> int:
        """The offset behind the last closed candle that starts before a moment."""
        low, high = 0, len(self._closed) // _FIELDS.size
        while low < high:
            middle = (low + high) // 2
            if _FIELDS.unpack_from(self._closed, middle * _FIELDS.size)[0] < before_ms:
                low = middle + 1
            else:
                high = middle
        return low * _FIELDS.size

    def _close(self, candle: CandleState) -> None:
        closed = self._closed
        closed += _packed(candle)
        if len(closed) > self._kept * 5 // 4 * _FIELDS.size:
            del closed[: len(closed) - self._kept * _FIELDS.size]


class Candles:
    """The candles of one market.

    Args:
        past_days: gives the day candles from before the first trade, oldest first; called once, when days are read.
    """

    def __init__(self, past_days: Callable[[], Sequence[CandleState]] = tuple) -> None:
        self._past_days: Callable[[], Sequence[CandleState]] | None = past_days
        self._waiting: list[Traded] = []
        self._runs = {unit: CandleRun(length_ms) for unit, length_ms in UNIT_MS.items()}
        self._runs[DAY] = CandleRun(DAY_MS, kept=KEPT_DAYS)

    def apply(self, trade: Traded) -> None:
        """Add one trade to the candles of all lengths."""
        self._waiting.append(trade)
        if len(self._waiting) > _WAITING:
            self._fold()

    def newest(self, unit: str) -> CandleState | None:
        """The newest candle of a length, None before the first trade; to be read, not kept: it goes on growing."""
        self._fold()
        return self._runs[unit].newest

    def before(self, unit: str, *, before_ms: int, count: int) -> list[CandleState]:
        """Candles that start before a moment, newest first.

        Args:
            unit: one of `HISTORY_UNITS`: those of WebSockets, `day`, `week`, `month`, `year`.
            before_ms: milliseconds since the epoch; a candle that starts at this moment is left out.
            count: at most so many; older ones than are kept (240 of each length, 400 days) are gone.

        Raises:
            UsageError: there are no candles of this length.
        """
        if unit in _PERIOD_START:
            candles = self._periods(_PERIOD_START[unit], before_ms)
        elif unit == DAY:
            candles = self._days().before(before_ms)
        elif unit in self._runs:
            self._fold()
            candles = self._runs[unit].before(before_ms)
        else:
            raise UsageError(f"no candles of length {unit!r}; choose one of {', '.join(HISTORY_UNITS)}")
        return list(islice(candles, count))

    def close_before(self, day: int) -> int:
        """The last price before 00:00 UTC of a day counted from the epoch, 0 when there is none."""
        self._fold()
        newest = next(self._runs[DAY].before(day * DAY_MS), None)
        if newest is None:  # Before all trades: only now the days of the past are made.
            newest = next(self._days().before(day * DAY_MS), None)
        return 0 if newest is None else newest.close_e8

    def _days(self) -> CandleRun:
        self._fold()
        days = self._runs[DAY]
        if self._past_days is not None:
            days.put_before(self._past_days())
            self._past_days = None
        return days

    def _periods(self, start_of: Callable[[int], int], before_ms: int) -> Iterator[CandleState]:
        """Weeks, months or years that start before a moment, newest first, folded from whole days."""
        period: CandleState | None = None
        for day in self._days().before(2**62):
            start_ms = start_of(day.start_ms // DAY_MS) * DAY_MS
            if start_ms >= before_ms:
                continue
            if period is None or period.start_ms != start_ms:
                if period is not None:
                    yield period
                period = day
                period.start_ms = start_ms
                continue
            period.open_e8 = day.open_e8
            period.high_e8 = max(period.high_e8, day.high_e8)
            period.low_e8 = min(period.low_e8, day.low_e8)
            period.volume_e8 += day.volume_e8
            period.funds_e16 += day.funds_e16
        if period is not None:
            yield period

    def _fold(self) -> None:
        if not self._waiting:
            return
        rows = [(trade.t_ms, trade.price_e8, trade.size_e8, trade.price_e8 * trade.size_e8) for trade in self._waiting]
        self._waiting.clear()
        for run in self._runs.values():
            run.fold(rows)


def _packed(candle: CandleState) -> bytes:
    return _FIELDS.pack(
        candle.start_ms,
        candle.last_ms,
        candle.open_e8.to_bytes(12, "little"),
        candle.high_e8.to_bytes(12, "little"),
        candle.low_e8.to_bytes(12, "little"),
        candle.close_e8.to_bytes(12, "little"),
        candle.volume_e8.to_bytes(16, "little"),
        candle.funds_e16.to_bytes(16, "little"),
    )


def _week_start(day: int) -> int:
    return day - (day + 3) % 7  # 1970-01-01 was a Thursday.


def _month_start(day: int) -> int:
    return dt.date.fromordinal(day + _EPOCH).replace(day=1).toordinal() - _EPOCH


def _year_start(day: int) -> int:
    return dt.date.fromordinal(day + _EPOCH).replace(month=1, day=1).toordinal() - _EPOCH


_PERIOD_START: Final = {WEEK: _week_start, MONTH: _month_start, YEAR: _year_start}
