"""The newest event of each market, by the exchange's own time, within bounds."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Final, Protocol, TypeVar

from actors.client.pieces.arguments import check_plain_function, whole_number

MAX_KEYS: Final = 2000
"""More than twice the markets that the exchange has, of all quote currencies (855 in 2026-10)."""


class Timed(Protocol):
    """An event of the exchange."""

    @property
    def timestamp(self) -> int:
        """The exchange's own time in ms since the epoch, UTC."""


EventT = TypeVar("EventT", bound=Timed)

_code_of: Final = attrgetter("code")


class LatestValues(Mapping[str, EventT]):
    """A read-only mapping from market to its newest event, filled by a subscription. No I/O and no clock.

        prices = LatestValues[Ticker]()
        await client.subscribe_ticker(["KRW-BTC", "KRW-ETH"], prices.take)
        ...
        if "KRW-BTC" in prices and prices.age_s("KRW-BTC", time.time()) < 5:
            print(prices["KRW-BTC"].trade_price)

    A value never goes back in the exchange's time: an older event changes nothing; of two of the same time the later
    one counts. When a new key comes and all places are taken, the key that was longest without an update leaves.

    Args:
        max_keys: how many keys are kept.
        key: what to keep an event under; its market by default. Candles of several lengths need
            `lambda candle: f"{candle.type}/{candle.code}"`.
        on_leave: a plain function that is told the key that had to leave.

    Attributes:
        outdated: events that were ignored because a newer one was known.
        evicted: keys that had to leave.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        max_keys: int = MAX_KEYS,
        key: Callable[[EventT], str] = _code_of,
        on_leave: Callable[[str], object] | None = None,
    ) -> None:
        self._max_keys = whole_number("max_keys", max_keys)
        check_plain_function("key", key)
        check_plain_function("on_leave", on_leave, optional=True)
        self._key = key
        self._on_leave = on_leave
        self._events: OrderedDict[str, EventT] = OrderedDict()  # The one longest without an update is first.
        self.outdated = 0
        self.evicted = 0

    def take(self, event: EventT) -> bool:
        """Take one event in; return whether it is the newest of its key."""
        key = self._key(event)
        known = self._events.get(key)
        if known is not None and event.timestamp < known.timestamp:
            self.outdated += 1
            return False
        self._events[key] = event
        self._events.move_to_end(key)
        if len(self._events) > self._max_keys:
            self._evict()
        return True

    def __call__(self, event: EventT) -> None:
        """Do as `take`; so the object itself is a callback."""
        self.take(event)

    def age_s(self, key: str, now_s: float) -> float:
        """How old a value is by the exchange's time, in seconds; infinite when there is none.

        Args:
            key: the market.
            now_s: the time now in seconds since the epoch, `time.time()`. A local clock that is behind the exchange's
                makes no negative age.
        """
        event = self._events.get(key)
        return math.inf if event is None else max(0.0, now_s - event.timestamp / 1000)

    def forget(self, key: str) -> None:
        """Drop a key that is no longer followed."""
        self._events.pop(key, None)

    def __getitem__(self, key: str) -> EventT:
        return self._events[key]

    def __iter__(self) -> Iterator[str]:
        # Over a copy: events may come in, and change the order, while a caller awaits inside its loop.
        return iter(tuple(self._events))

    def __len__(self) -> int:
        return len(self._events)

    # As a callback it must be comparable and hashable like a function: by what it is, not by what it holds now.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def _evict(self) -> None:
        key, _event = self._events.popitem(last=False)
        self.evicted += 1
        if self._on_leave is not None:
            self._on_leave(key)
