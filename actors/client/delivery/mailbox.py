"""Events that wait for one subscription's callback: bounded, in order for each topic, and honest about what it lost.

Past its limit a mailbox either coalesces (the newest event of a topic takes the older one's place: for tickers, books
and candles, whose newest message says all) or drops the newest and tells the range as a `Gap` (for trades and what
belongs to the account). Not thread-safe: its owner holds a lock.
"""

from collections import deque
from collections.abc import Container
from typing import Any, Final

from actors.client.wishes import Wish
from protocols.channel.messages import Event, Gap

FRESH_AFTER: Final = 1000
"""Waiting events of one subscription after which those of state coalesce."""

EVERY_LIMIT: Final = 100_000
"""Waiting events of one subscription of which none may be merged; at the highest measured rate of trades of all
markets together (2,000 a second, 2026-09-23) this is 50 s."""

TOO_SLOW: Final = "callback too slow"

AnyEvent = Event[Any]


class Mailbox:
    """Events of one subscription.

    Args:
        limit: events that may wait in order.
        coalesces: what happens past the limit: the newest of each topic replaces the older, or is dropped.

    Attributes:
        merged: events that a newer one replaced.
        dropped: events that were dropped; each is inside a `Gap` that `take_gaps` returns.
    """

    def __init__(self, *, limit: int, coalesces: bool) -> None:
        self._limit = limit
        self._coalesces = coalesces
        self._waiting: deque[AnyEvent] = deque()
        self._newest: dict[str, AnyEvent] = {}
        self._missing: dict[tuple[str, int], tuple[int, int]] = {}
        self.merged = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._newest)

    def put(self, event: AnyEvent) -> None:
        """Add the newest event of its topic."""
        if len(self._waiting) < self._limit and not self._newest and not self._missing:
            self._waiting.append(event)
        elif self._coalesces:
            self.merged += event.topic in self._newest
            self._newest[event.topic] = event
        else:
            first, _ = self._missing.get((event.topic, event.epoch), (event.sequence, 0))
            self._missing[event.topic, event.epoch] = (first, event.sequence)
            self.dropped += 1

    def take(self) -> AnyEvent | None:
        """Remove and return the next event; None when none waits."""
        if self._waiting:
            return self._waiting.popleft()
        if self._newest:
            return self._newest.pop(next(iter(self._newest)))
        return None

    @property
    def has_dropped(self) -> bool:
        """Whether something was dropped that `take_gaps` has not told yet."""
        return bool(self._missing)

    def oldest_ns(self) -> int | None:
        """When the event that is next was received, by the monotonic clock; None when none waits."""
        if self._waiting:
            return self._waiting[0].received_ns
        if self._newest:
            return next(iter(self._newest.values())).received_ns
        return None

    def take_gaps(self) -> list[Gap]:
        """Return what was dropped, once there is room again to go on behind it."""
        if not self._missing or len(self._waiting) > self._limit // 2:
            return []
        gaps = [Gap(topic, epoch, *ends, TOO_SLOW) for (topic, epoch), ends in self._missing.items()]
        self._missing.clear()
        return gaps

    def keep(self, topics: Container[str]) -> None:
        """Remove what belongs to other topics than these."""
        self._waiting = deque(event for event in self._waiting if event.topic in topics)
        self._newest = {topic: event for topic, event in self._newest.items() if topic in topics}
        self._missing = {key: ends for key, ends in self._missing.items() if key[0] in topics}

    def pour_into(self, other: "Mailbox") -> None:
        """Hand everything over to another mailbox, in order."""
        while (event := self.take()) is not None:
            other.put(event)
        missing = other._missing  # noqa: SLF001 - of the same class
        for key, (first, last) in self._missing.items():
            # What the other one had to drop just now came before this: one range has both.
            missing[key] = (missing.get(key, (first, 0))[0], last)
        self._missing.clear()


def mailbox_for(wish: Wish) -> Mailbox:
    """Make the mailbox of a new subscription: its limit, and what happens past it, follow from type and delivery."""
    if wish.delivery in {"latest", "sampled"}:
        return Mailbox(limit=0, coalesces=True)
    if wish.delivery is None and wish.is_of_state:
        return Mailbox(limit=FRESH_AFTER, coalesces=True)
    return Mailbox(limit=EVERY_LIMIT, coalesces=False)
