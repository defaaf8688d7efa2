"""One market: the only place that appends its events to the log, and the views that are folded from them."""

from typing import Final

from msgspec import Struct

from actors.exchange.market.book import Book
from actors.exchange.market.candles import Candles
from actors.exchange.market.day import DayState, YearRange
from actors.exchange.market.events import Cancelled, EventLog, Placed, Traded

_IDS_PER_MS: Final = 10_000


class MarketSpec(Struct, frozen=True):
    """What does not change about a market.

    Attributes:
        anchor_e8: the price that the market moves around, in 1e-8 of the quote currency.
        turnover_e8: turnover of the 24 hours before the start, in 1e-8 of the quote currency.
        weight: share of the activity; only its ratio to the other markets' weights counts.
        bias, swing, period_s, phase, noise: how its fair price moves (see `actors.exchange.quoting`); ratios.
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

    @property
    def quote(self) -> str:
        """Currency that the price is in."""
        return self.code.partition("-")[0]

    @property
    def base(self) -> str:
        """Currency that is bought and sold."""
        return self.code.partition("-")[2]


class Market:
    """Book, day, candles and last trade of one market."""

    def __init__(self, spec: MarketSpec, log: EventLog, year: YearRange) -> None:
        self.spec = spec
        self.code = spec.code
        self.quote = spec.quote
        self.book = Book()
        self.day = DayState()
        self.year = year
        self.candles = Candles()
        self.last_trade: Traded | None = None
        self.book_changed_ms = 0
        self.book_changes = 0
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

    def cancel(self, t_ms: int, order_id: int) -> int:
        """Take an order out of the book and return what was left of it, 0 when it was not there."""
        left_e8 = self.book.cancel(order_id)
        if left_e8:
            self._book_changed(t_ms)
            self._log.append(Cancelled(t_ms, self.code, order_id, left_e8))
        return left_e8

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
        self.day.apply(trade)
        self.year.apply(trade)
        self.candles.apply(trade)
        self.last_trade = trade
        self._log.append(trade)

    def _book_changed(self, t_ms: int) -> None:
        self.book_changed_ms = t_ms
        self.book_changes += 1
