"""Which topic made the exchange refuse a request: it does not say, and each refusal costs the connection.

What was refused together is tried again in parts, one part on top of what is known to work, until the part is one
topic: that one is to blame and is given up. So one bad want, whoever declared it, does not silence the others, and a
want that comes and goes, or many bad ones at once, cannot take the connection down all the time.
"""

import math
from collections import deque
from typing import Final

from protocols.upbit.topics import Topic

MAX_REFUSALS: Final = 8
"""Refusals in a row; then the search pauses."""

RETRIAL_S: Final = 60.0
"""Length of the first pause, doubled each time, and how long a topic that was given up is not tried again."""

LONGEST_PAUSE_S: Final = 3600.0


class SuspectSearch:
    """Topics that are held back: those waiting for their trial, and those given up until they are wanted anew."""

    def __init__(self) -> None:
        self._waiting: deque[frozenset[Topic]] = deque()
        self._given_up_s: dict[Topic, float] = {}
        self._dropped: set[Topic] = set()
        self._refusals = 0
        self._refused_s = -math.inf
        self._pause_s = RETRIAL_S
        self._paused_until_s = -math.inf

    @property
    def held(self) -> frozenset[Topic]:
        """What must not be asked for now."""
        return frozenset(self._given_up_s).union(*self._waiting)

    def refused(self, suspects: frozenset[Topic], wanted: frozenset[Topic], now_s: float) -> list[Topic]:
        """Hold back all that may have made the exchange refuse; return what stays out from now on.

        That is the topic to blame once it is alone, and everything that is still waiting when the search pauses.
        `suspects` may hold topics that are no longer wanted: they may have been to blame all the same.
        """
        self._refusals += 1
        self._refused_s = now_s
        out: frozenset[Topic] = frozenset()
        if len(suspects) == 1:
            out = suspects
            self._given_up_s |= dict.fromkeys(suspects, now_s)
            self._dropped |= suspects - wanted
        else:
            self._waiting.extendleft(reversed(_parts(suspects)))
        if self._refusals >= MAX_REFUSALS:
            self._refusals = 0
            self._paused_until_s = now_s + self._pause_s
            self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)
            out = out.union(*self._waiting)
        return sorted(out & wanted)

    def all_work(self, wanted: frozenset[Topic], now_s: float) -> bool:
        """Note that everything asked for works; let the next part take its trial, and say whether there is one."""
        for part in self._waiting:
            if part & wanted:
                if now_s < self._paused_until_s:
                    return False
                self._waiting.remove(part)
                return True
        self._refusals = 0
        if now_s >= self._refused_s + RETRIAL_S:
            self._waiting.clear()  # Wanted again after so long, they are new.
            self._pause_s = RETRIAL_S
        return False

    def next_trial_s(self, wanted: frozenset[Topic]) -> float:
        """When the next part may take its trial, if everything asked for works; infinite when none is waiting."""
        return self._paused_until_s if any(part & wanted for part in self._waiting) else math.inf

    def keep(self, wanted: frozenset[Topic]) -> None:
        """Take notice of what is no longer wanted: wanted again, what was given up will be tried again."""
        self._dropped |= self._given_up_s.keys() - wanted

    def retrial_s(self, wanted: frozenset[Topic]) -> float:
        """When the next topic that was given up and is wanted anew may be tried again; infinite for never."""
        return min((self._given_up_s[topic] + RETRIAL_S for topic in self._dropped & wanted), default=math.inf)

    def forgive(self, now_s: float) -> bool:
        """Release what was given up long ago and dropped since; say whether there was any."""
        ready = [topic for topic in self._dropped if now_s >= self._given_up_s[topic] + RETRIAL_S]
        for topic in ready:
            del self._given_up_s[topic]
            self._dropped.discard(topic)
        return bool(ready)


def _parts(topics: frozenset[Topic]) -> list[frozenset[Topic]]:
    """One part per type, for a type is the likeliest to be refused as a whole; of one type, halves."""
    in_order = sorted(topics)
    kinds = sorted({topic.type for topic in in_order})
    if len(kinds) > 1:
        return [frozenset(topic for topic in in_order if topic.type == kind) for kind in kinds]
    half = len(in_order) // 2
    return [frozenset(in_order[:half]), frozenset(in_order[half:])]
