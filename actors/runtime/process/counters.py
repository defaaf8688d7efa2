"""Numbers that an actor keeps about itself; they travel with each heartbeat to `upbitd status`."""

from typing import Protocol


class Counter(Protocol):
    """What those that only count need of an actor's counters."""

    def add(self, name: str, n: int = 1) -> None:
        """Add `n` to a counter."""

    def set(self, name: str, value: float) -> None:
        """Set a gauge."""


class Counters:
    """Named numbers. Plain dict access underneath, so counting costs next to nothing on the hot path."""

    def __init__(self) -> None:
        self._values: dict[str, int | float] = {}

    def add(self, name: str, n: float = 1) -> None:
        """Raise the counter by `n`; it begins at 0."""
        values = self._values
        values[name] = values.get(name, 0) + n

    def set(self, name: str, value: float) -> None:
        """Replace the value: for what goes up and down, such as the length of a queue."""
        self._values[name] = value

    def snapshot(self) -> dict[str, int | float]:
        """Return a copy of all values as they stand now."""
        return self._values.copy()
