"""The subscriber's side of the promise: prove that nothing was missed, or say exactly what was.

Within an epoch a topic's sequence numbers have no holes but those that were announced: by the merged count in a
frame's header, or by a `Gap`. Anything else is a fault of ours and is counted as such.
"""

from typing import Any

from protocols.channel.messages import Event, Gap


class Continuity:
    """Follows the sequence of each topic of one link.

    Attributes:
        unannounced: events that were neither delivered nor announced; stays 0 unless there is a bug.
        merged: events that were merged into newer ones, announced by their frames.
        missed: events inside announced gaps.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}
        self.unannounced = 0
        self.merged = 0
        self.missed = 0

    def saw_event(self, event: Event[Any], merged: int) -> int:
        """Note one event; return how many before it are missing without having been announced (0 when whole)."""
        known = self._last.get(event.topic)
        self._last[event.topic] = (event.epoch, event.sequence)
        self.merged += merged
        if known is None or known[0] != event.epoch:
            return 0
        hole = event.sequence - known[1] - 1 - merged
        if hole > 0:
            self.unannounced += hole
        return max(hole, 0)

    def saw_gap(self, gap: Gap) -> None:
        """Note an announced range: the next event expected is the one behind it."""
        known = self._last.get(gap.topic)
        if known is None or known[0] < gap.epoch or (known[0] == gap.epoch and known[1] < gap.last):
            self._last[gap.topic] = (gap.epoch, gap.last)
        self.missed += gap.last - gap.first + 1

    def position(self, topic: str) -> tuple[int, int] | None:
        """Epoch and sequence of the last event known of a topic."""
        return self._last.get(topic)

    def begin_life(self) -> None:
        """Drop all topics: another process serves from now on, and what is known is about its predecessor's events."""
        self._last.clear()

    def forget(self, topic: str) -> None:
        """Drop a topic that is no longer wanted, so that its next event starts a new count."""
        self._last.pop(topic, None)
