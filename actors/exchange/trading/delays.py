"""What was accepted and takes effect a moment later."""

from collections import deque
from collections.abc import Callable

Action = Callable[[int], None]
"""Called with the time at which it takes effect."""


class Delays:
    """Actions that are due the same time after their acceptance, so that the first accepted is the first due.

    Args:
        delay_ms: how long each waits; 0 lets it happen at once.
    """

    def __init__(self, delay_ms: int) -> None:
        self._delay_ms = delay_ms
        self._waiting: deque[tuple[int, Action]] = deque()

    @property
    def next_ms(self) -> float:
        """When the next action is due; infinite when none waits."""
        return self._waiting[0][0] if self._waiting else float("inf")

    def accept(self, t_ms: int, action: Action) -> None:
        """Let an action take effect after the delay."""
        if self._delay_ms:
            self._waiting.append((t_ms + self._delay_ms, action))
        else:
            action(t_ms)

    def run_due(self, t_ms: int) -> None:
        """Let happen what is due."""
        while self._waiting and self._waiting[0][0] <= t_ms:
            due_ms, action = self._waiting.popleft()
            action(due_ms)
