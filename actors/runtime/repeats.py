"""Thinning what fails again and again: a log that says it each second hides everything else."""


class Repeats:
    """Counts failures in a row, and says which of them are worth a line: the first, the second, the fourth, ...

    if times := repeats.failed():
        log.warning("no answer", times=times)
    """

    def __init__(self) -> None:
        self._times = 0

    def failed(self) -> int:
        """Count one more; return how many there were if this one is worth a line, else 0."""
        self._times += 1
        is_power_of_two = self._times & (self._times - 1) == 0
        return self._times if is_power_of_two else 0

    def worked(self) -> None:
        """The next failure is the first one again."""
        self._times = 0
