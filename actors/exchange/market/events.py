"""The event log: the single truth of the simulated exchange. Everything else is computed from it.

Three things happen in a market: an order comes to rest in the book, a trade takes from a resting order, and what is
left of a resting order, or a part of it, is cancelled. Folding these in order gives books, tickers, candles, fills and
balances. Prices and sizes are counts of 1e-8, times are milliseconds since the epoch.
"""

from collections import deque
from collections.abc import Callable, Iterator

from msgspec import Struct


class Placed(Struct, frozen=True, gc=False):
    """An order came to rest in the book of `code`."""

    t_ms: int
    code: str
    order_id: int
    is_ask: bool
    price_e8: int
    size_e8: int


class Traded(Struct, frozen=True, gc=False):
    """An incoming order took `size_e8` from the resting order `maker_id`.

    The `best_*` values are the book right after this trade; `sequential_id` is unique within the market.
    `taker_id` is 0 for a background trader.
    """

    t_ms: int
    code: str
    sequential_id: int
    is_buy: bool
    price_e8: int
    size_e8: int
    maker_id: int
    taker_id: int
    best_ask_e8: int
    best_ask_size_e8: int
    best_bid_e8: int
    best_bid_size_e8: int

    @property
    def ask_bid(self) -> str:
        """The taker's side as the exchange writes it."""
        return "BID" if self.is_buy else "ASK"

    @property
    def funds_e16(self) -> int:
        """Price times size, in 1e-16 of the quote currency."""
        return self.price_e8 * self.size_e8


class Cancelled(Struct, frozen=True, gc=False):
    """`size_e8` of a resting order was taken out of the book: all that was left of it, or a part."""

    t_ms: int
    code: str
    order_id: int
    size_e8: int


Event = Placed | Traded | Cancelled


class EventLog:
    """Append-only log; listeners see each trade in order, right when it is appended.

    Args:
        kept: how many events can be looked back at, None for all. Views are folded as events come, so none need be.

    Attributes:
        touched: codes of the markets in which something happened since somebody last emptied it, oldest first.
    """

    def __init__(self, *, kept: int | None = 0) -> None:
        self.touched: dict[str, None] = {}
        self._events: deque[Event] = deque(maxlen=kept)
        self._trade_listeners: list[Callable[[Traded], None]] = []
        self._next_order_id = 1

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def next_order_id(self) -> int:
        """A new order id, unique over all markets; background orders have ids too."""
        order_id = self._next_order_id
        self._next_order_id += 1
        return order_id

    def append(self, event: Event) -> None:
        """Add one event and tell the listeners."""
        self._events.append(event)
        self.touched[event.code] = None
        if isinstance(event, Traded):
            for listener in self._trade_listeners:
                listener(event)

    def on_trade(self, listener: Callable[[Traded], None]) -> None:
        """Call `listener` with each trade from now on; it must not append to the log."""
        self._trade_listeners.append(listener)
