"""One market: the only place that appends its events to the log, and the views that are folded from them."""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from actors.exchange.market.book import Book
from actors.exchange.market.candles import DAY, Candles, CandleState
from actors.exchange.market.day import YEAR_DAYS, DayState, YearRange
from actors.exchange.market.events import Cancelled, EventLog, Placed, Traded
from actors.exchange.market.units import DAY_MS

FULL_LEVELS: Final = 34
"""Levels a side that the background traders keep: a little more than the 30 that are shown."""

_IDS_PER_MS: Final = 10_000


class MarketSpec(Struct, frozen=True):
    """What does not change about a market.

    Attributes:
        anchor_e8: the price that the market moves around, in 1e-8 of the quote currency.
        turnover_e8: turnover of the 24 hours before the start, in 1e-8 of the quote currency.
        weight: share of the activity; only its ratio to the other markets' weights counts.
        bias, swing, period_s, phase, noise: how its fair price moves (`actors.exchange.background.quoting`); ratios.
        quiet_s: mean pause between two events of a quiet market; 0 for one that takes part in the common activity.
        ask_levels, bid_levels: how many price levels the background traders keep on each side.
    """

    code: str
    korean_name: str
    english_name: str
    anchor_e8: int
    turnover_e8: int
    weight: float
    bias: float
    swing: float
    period_s: float
    phase: float
    noise: float
    quiet_s: float = 0.0
    ask_levels: int = FULL_LEVELS
    bid_levels: int = FULL_LEVELS

    @property
    def quote(self) -> str:
        """Currency that the price is in."""
        return self.code.partition("-")[0]

    @property
    def base(self) -> str:
        """Currency that is bought and sold."""
        return self.code.partition("-")[2]


class Market:
    """Book, day, candles and last trade of one market.

    Args:
        spec: what does not change about it.
        log: the event log that its events are appended to.
        year: its 52-week range before its first trade.
        past_days: gives its day candles before its first trade, oldest first; called when somebody reads them.
        past_close_e8: the close of the last of these days, 0 when there are none.
    """

    def __init__(
        self,
        spec: MarketSpec,
        log: EventLog,
        year: YearRange,
        *,
        past_days: Callable[[], Sequence[CandleState]] = tuple,
        past_close_e8: int = 0,
    ) -> None:
        self.spec = spec
        self.code = spec.code
        self.quote = spec.quote
        self.book = Book()
        self.day = DayState(past_close_e8)
        self.year = year
        self.candles = Candles(past_days)
        self.last_trade: Traded | None = None
        self.book_changed_ms = 0
        self._log = log
        self._last_id = 0

    def place(self, t_ms: int, *, is_ask: bool, price_e8: int, size_e8: int, order_id: int | None = None) -> int:
        """Let an order rest in the book and return its id (a new one unless given).

        Raises:
            UsageError: it would cross.
        """
        placed_id = self._log.next_order_id() if order_id is None else order_id
        self.book.place(placed_id, is_ask=is_ask, price_e8=price_e8, size_e8=size_e8)
        self._book_changed(t_ms)
        self._log.append(Placed(t_ms, self.code, placed_id, is_ask, price_e8, size_e8))
        return placed_id

    def cancel(self, t_ms: int, order_id: int, size_e8: int | None = None) -> int:
        """Take an order, or only `size_e8` of it, out of the book; return what was taken out, 0 when it was not there.

        What is left of an order keeps its place in time.
        """
        taken_e8 = self.book.cancel(order_id, size_e8)
        if taken_e8:
            self._book_changed(t_ms)
            self._log.append(Cancelled(t_ms, self.code, order_id, taken_e8))
        return taken_e8

    def take(self, t_ms: int, *, is_buy: bool, size_e8: int, limit_e8: int | None = None, taker_id: int = 0) -> int:
        """Trade up to `size_e8` against the book, best price and oldest order first; return the size traded."""
        left_e8 = size_e8
        while left_e8:
            traded_e8 = self.take_once(t_ms, is_buy=is_buy, size_e8=left_e8, limit_e8=limit_e8, taker_id=taker_id)
            if not traded_e8:
                break
            left_e8 -= traded_e8
        return size_e8 - left_e8

    def take_once(
        self, t_ms: int, *, is_buy: bool, size_e8: int, limit_e8: int | None = None, taker_id: int = 0
    ) -> int:
        """Trade against the one order that is first in price and time; return the size traded, 0 for none."""
        fill = self.book.take(is_buy=is_buy, size_e8=size_e8, limit_e8=limit_e8)
        if fill is None:
            return 0
        self.record_trade(
            t_ms, is_buy=is_buy, price_e8=fill.price_e8, size_e8=fill.size_e8, ids=(fill.maker_id, taker_id)
        )
        self._book_changed(t_ms)
        return fill.size_e8

    def record_trade(self, t_ms: int, *, is_buy: bool, price_e8: int, size_e8: int, ids: tuple[int, int]) -> None:
        """Append a trade that the book (or the seeded history) made and fold it into day and candles."""
        self._last_id = max(self._last_id + 1, t_ms * _IDS_PER_MS)
        ask, bid = self.book.asks.best(), self.book.bids.best()
        trade = Traded(t_ms, self.code, self._last_id, is_buy, price_e8, size_e8, *ids, *ask, *bid)
        self.look(t_ms)
        self.day.apply(trade)
        self.year.apply(trade)
        self.candles.apply(trade)
        self.last_trade = trade
        self._log.append(trade)

    def look(self, now_ms: int) -> None:
        """Let time pass: a day ends at 00:00 UTC, and what is older than 24 hours or 52 weeks drops out."""
        if self.day.look(now_ms) and self.year.is_over(self.day.day):
            first_day = self.day.day - YEAR_DAYS + 1
            days = self.candles.before(DAY, before_ms=now_ms, count=YEAR_DAYS)
            self.year.restart([day for day in days if day.start_ms >= first_day * DAY_MS])

    def _book_changed(self, t_ms: int) -> None:
        self.book_changed_ms = t_ms
