"""Thinning what fails again and again: a log that says it each second hides everything else."""

from typing import Final

AT_LEAST_EACH: Final = 512
"""However long it goes on: with a failure each second, a line in nine minutes."""


class Repeats:
    """Counts failures in a row, and says which of them are worth a line: the first, the second, the fourth, ...

    if times := repeats.failed(str(error)):
        log.warning("no answer", reason=str(error), times=times)
    """

    def __init__(self) -> None:
        self._times = 0
        self._reason = ""

    def failed(self, reason: str) -> int:
        """Count one more, from 1 with each new reason; return how many if this one is worth a line, else 0."""
        if reason != self._reason:
            self._times, self._reason = 0, reason
        self._times += 1
        is_power_of_two = self._times & (self._times - 1) == 0
        return self._times if is_power_of_two or self._times % AT_LEAST_EACH == 0 else 0

    def worked(self) -> None:
        """Begin anew: the next failure is worth a line."""
        self._times = 0
