"""What a ticker says about the day and the last 24 hours, folded from the trades of one market."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from actors.exchange.market.candles import CandleState
from actors.exchange.market.events import Traded
from actors.exchange.market.units import DAY_MS, MINUTE_MS

DAY_MINUTES: Final = 1440


YEAR_DAYS: Final = 364


class YearRange:
    """Highest and lowest price of 52 weeks with the days on which they were traded; days are counted from the epoch."""

    def __init__(self, *, high_e8: int, high_day: int, low_e8: int, low_day: int) -> None:
        self.high_e8 = high_e8
        self.high_day = high_day
        self.low_e8 = low_e8
        self.low_day = low_day

    def apply(self, trade: Traded) -> None:
        """Widen the range by one trade."""
        if trade.price_e8 > self.high_e8:
            self.high_e8, self.high_day = trade.price_e8, trade.t_ms // DAY_MS
        if trade.price_e8 < self.low_e8:
            self.low_e8, self.low_day = trade.price_e8, trade.t_ms // DAY_MS

    def is_over(self, today: int) -> bool:
        """Whether one of the two was traded more than 52 weeks ago."""
        return min(self.high_day, self.low_day) <= today - YEAR_DAYS

    def restart(self, days: Sequence[CandleState]) -> None:
        """Take the range from day candles instead; at equal prices the newest day counts. None leave it as it is."""
        if not days:
            return
        highest = max(days, key=lambda day: (day.high_e8, day.start_ms))
        lowest = min(days, key=lambda day: (day.low_e8, -day.start_ms))
        self.high_e8, self.high_day = highest.high_e8, highest.start_ms // DAY_MS
        self.low_e8, self.low_day = lowest.low_e8, lowest.start_ms // DAY_MS


class DayState:
    """Open, high, low, volumes since 00:00 UTC, the close of the day before, and sums over 24 hours.

    The 24 hours move in steps of one minute: they are the minute of the newest trade or look and the 1,439 before it.

    Args:
        past_close_e8: the last price before the first trade, 0 when there is none.
    """

    def __init__(self, past_close_e8: int = 0) -> None:
        self.day = -1
        self.prev_close_e8 = 0
        self.open_e8 = self.high_e8 = self.low_e8 = self.last_e8 = past_close_e8
        self.ask_volume_e8 = self.bid_volume_e8 = 0
        self.funds_e16 = 0
        self.volume_24h_e8 = 0
        self.funds_24h_e16 = 0
        self._minutes: deque[list[int]] = deque()

    @property
    def volume_e8(self) -> int:
        """Base volume since 00:00 UTC."""
        return self.ask_volume_e8 + self.bid_volume_e8

    def look(self, now_ms: int) -> bool:
        """Let time pass without a trade; return whether a new day began.

        The day ends at 00:00 UTC, and what is older than 24 hours drops out of the sums.
        """
        day = now_ms // DAY_MS
        is_new_day = day > self.day
        if is_new_day:
            self._roll(day)
        oldest = now_ms // MINUTE_MS - DAY_MINUTES
        while self._minutes and self._minutes[0][0] <= oldest:
            _, volume_e8, funds_e16 = self._minutes.popleft()
            self.volume_24h_e8 -= volume_e8
            self.funds_24h_e16 -= funds_e16
        return is_new_day

    def apply(self, trade: Traded) -> None:
        """Add one trade; `look` has been given its time."""
        price, size, funds_e16 = trade.price_e8, trade.size_e8, trade.funds_e16
        if self.funds_e16 == 0:
            self.open_e8 = self.high_e8 = self.low_e8 = price
        elif price > self.high_e8:
            self.high_e8 = price
        elif price < self.low_e8:
            self.low_e8 = price
        self.last_e8 = price
        if trade.is_buy:
            self.bid_volume_e8 += size
        else:
            self.ask_volume_e8 += size
        self.funds_e16 += funds_e16
        self._add_minute(trade.t_ms // MINUTE_MS, size, funds_e16)
        if self.prev_close_e8 == 0:
            self.prev_close_e8 = price  # The very first trade of a market without a past is its own reference.

    def _add_minute(self, minute: int, size_e8: int, funds_e16: int) -> None:
        minutes = self._minutes
        if not minutes or minutes[-1][0] != minute:
            minutes.append([minute, size_e8, funds_e16])
        else:
            bucket = minutes[-1]
            bucket[1] += size_e8
            bucket[2] += funds_e16
        self.volume_24h_e8 += size_e8
        self.funds_24h_e16 += funds_e16

    def _roll(self, day: int) -> None:
        # Without a trade the new day shows the last price everywhere; its first trade then sets open, high and low.
        self.day = day
        self.prev_close_e8 = self.open_e8 = self.high_e8 = self.low_e8 = self.last_e8
        self.ask_volume_e8 = self.bid_volume_e8 = self.funds_e16 = 0
