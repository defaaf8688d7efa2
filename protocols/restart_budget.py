"""How often a child may be restarted before someone else must decide."""

from collections import deque


class RestartBudget:
    """At most `max_restarts` restarts within any `period_s` seconds of the monotonic clock."""

    def __init__(self, max_restarts: int, period_s: float) -> None:
        self._max_restarts = max_restarts
        self._period_s = period_s
        self._admitted_s: deque[float] = deque()

    def admit(self, now_s: float) -> bool:
        """Spend one restart now if the budget has one left; say whether it had."""
        if self.left(now_s) == 0:
            return False
        self._admitted_s.append(now_s)
        return True

    def left(self, now_s: float) -> int:
        """How many restarts could be spent right now."""
        while self._admitted_s and now_s - self._admitted_s[0] > self._period_s:
            self._admitted_s.popleft()
        return self._max_restarts - len(self._admitted_s)

    def usage(self, now_s: float) -> str:
        """Say how much of it is spent right now, as `2 of 5 within 60 s`."""
        return f"{self._max_restarts - self.left(now_s)} of {self._max_restarts} within {self._period_s:g} s"
