"""Which topic made the exchange refuse a request: it does not say, and each refusal costs the connection.

What was refused together is tried again in parts, one part on top of what is known to work, until the part is one
topic. So one bad want, whoever declared it, does not silence the others.
"""

from collections import deque
from typing import Final

from protocols.upbit.topics import Topic

MAX_REFUSALS: Final = 8
"""Refusals spent on one search; then everything still under suspicion is given up."""


class SuspectSearch:
    """Topics that are held back: those waiting for their trial, and those given up until they are wanted anew."""

    def __init__(self) -> None:
        self._waiting: deque[frozenset[Topic]] = deque()
        self._given_up: frozenset[Topic] = frozenset()
        self._refusals = 0

    @property
    def held(self) -> frozenset[Topic]:
        """What must not be asked for now."""
        return self._given_up.union(*self._waiting)

    @property
    def is_waiting(self) -> bool:
        """Whether topics wait for their trial."""
        return bool(self._waiting)

    def refused(self, suspects: frozenset[Topic]) -> list[Topic]:
        """Hold back what was new in a refused request; return those that are given up with it."""
        self._refusals += 1
        if len(suspects) > 1 and self._refusals < MAX_REFUSALS:
            self._waiting.extendleft(reversed(_parts(suspects)))
            return []
        guilty = suspects if self._refusals < MAX_REFUSALS else suspects.union(*self._waiting)
        if self._refusals >= MAX_REFUSALS:
            self._waiting.clear()
        self._given_up |= guilty
        return sorted(guilty)

    def release(self) -> None:
        """Let the next part take its trial; to be called when nothing that is asked for is in doubt."""
        self._waiting.popleft()

    def all_work(self) -> None:
        """Note that everything asked for works: with nothing waiting, the search is over and the next starts anew."""
        if not self._waiting:
            self._refusals = 0

    def keep(self, wanted: frozenset[Topic]) -> None:
        """Forget topics that are no longer wanted: wanted again, they are new."""
        self._given_up &= wanted
        parts = (part & wanted for part in self._waiting)
        self._waiting = deque(part for part in parts if part)


def _parts(topics: frozenset[Topic]) -> list[frozenset[Topic]]:
    """One part per type, for a type is the likeliest to be refused as a whole; of one type, halves."""
    in_order = sorted(topics)
    kinds = sorted({topic.type for topic in in_order})
    if len(kinds) > 1:
        return [frozenset(topic for topic in in_order if topic.type == kind) for kind in kinds]
    half = len(in_order) // 2
    return [frozenset(in_order[:half]), frozenset(in_order[half:])]
