"""What a ticker says about the day and the last 24 hours, folded from the trades of one market."""

from collections import deque
from typing import Final

from actors.exchange.market.events import Traded
from actors.exchange.market.units import DAY_MS, MINUTE_MS

DAY_MINUTES: Final = 1440


class YearRange:
    """Highest and lowest price of 52 weeks with the days on which they were traded."""

    def __init__(self, *, high_e8: int, high_day: int, low_e8: int, low_day: int) -> None:
        self.high_e8 = high_e8
        self.high_day = high_day
        self.low_e8 = low_e8
        self.low_day = low_day

    def apply(self, trade: Traded) -> None:
        """Widen the range by one trade; days are counted from the epoch."""
        if trade.price_e8 > self.high_e8:
            self.high_e8, self.high_day = trade.price_e8, trade.t_ms // DAY_MS
        if trade.price_e8 < self.low_e8:
            self.low_e8, self.low_day = trade.price_e8, trade.t_ms // DAY_MS


class DayState:
    """Open, high, low, volumes since 00:00 UTC, the close of the day before, and sums over 24 hours.

    The 24 hours move in steps of one minute: they are the minute of the newest trade or look and the 1,439 before it.
    """

    def __init__(self) -> None:
        self.day = -1
        self.prev_close_e8 = 0
        self.open_e8 = self.high_e8 = self.low_e8 = self.last_e8 = 0
        self.ask_volume_e8 = self.bid_volume_e8 = 0
        self.funds_e16 = 0
        self.volume_24h_e8 = 0
        self.funds_24h_e16 = 0
        self._minutes: deque[list[int]] = deque()

    @property
    def volume_e8(self) -> int:
        """Base volume since 00:00 UTC."""
        return self.ask_volume_e8 + self.bid_volume_e8

    def look(self, now_ms: int) -> None:
        """Let time pass without a trade: roll the day at 00:00 UTC and drop what is older than 24 hours."""
        if now_ms // DAY_MS > self.day:
            self._roll(now_ms // DAY_MS)
        oldest = now_ms // MINUTE_MS - DAY_MINUTES
        while self._minutes and self._minutes[0][0] <= oldest:
            _, volume_e8, funds_e16 = self._minutes.popleft()
            self.volume_24h_e8 -= volume_e8
            self.funds_24h_e16 -= funds_e16

    def apply(self, trade: Traded) -> None:
        """Add one trade."""
        self.look(trade.t_ms)
        price = trade.price_e8
        if self.volume_e8 == 0:
            self.open_e8 = self.high_e8 = self.low_e8 = price
        self.high_e8 = max(self.high_e8, price)
        self.low_e8 = min(self.low_e8, price)
        self.last_e8 = price
        if trade.is_buy:
            self.bid_volume_e8 += trade.size_e8
        else:
            self.ask_volume_e8 += trade.size_e8
        self.funds_e16 += trade.funds_e16
        self._add_minute(trade)
        if self.prev_close_e8 == 0:
            self.prev_close_e8 = price  # The very first trade of a market is its own reference.

    def _add_minute(self, trade: Traded) -> None:
        minute = trade.t_ms // MINUTE_MS
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0, 0])
        bucket = self._minutes[-1]
        bucket[1] += trade.size_e8
        bucket[2] += trade.funds_e16
        self.volume_24h_e8 += trade.size_e8
        self.funds_24h_e16 += trade.funds_e16

    def _roll(self, day: int) -> None:
        # Without a trade the new day shows the last price everywhere; its first trade then sets open, high and low.
        self.day = day
        self.prev_close_e8 = self.open_e8 = self.high_e8 = self.low_e8 = self.last_e8
        self.ask_volume_e8 = self.bid_volume_e8 = self.funds_e16 = 0
