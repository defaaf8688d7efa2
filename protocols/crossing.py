"""Telling once that a value has crossed a limit, however often it trembles there afterwards.

A limit alone would report every tick beyond it, and a value that trembles around it again and again. So a key that has
been reported is armed again only when its value has come back inside the limit by a margin.
"""

import enum
import math


class Zone(enum.Enum):
    """Where a value stands, seen from the limits."""

    BELOW = "below"
    INSIDE = "inside"
    ABOVE = "above"


class Crossings:
    """Follows one value for each key, such as the change rate of each market.

    Args:
        high: reported when a value is greater than this.
        low: reported when a value is less than this; none by default.
        margin: how far back inside a value must come before it can be reported again; in the value's own unit.
    """

    def __init__(self, *, high: float, low: float = -math.inf, margin: float) -> None:
        self._high = high
        self._low = low
        self._margin = margin
        self._outside: dict[str, Zone] = {}

    def zone(self, key: str) -> Zone:
        """Where the key's value stands; inside also means that it is armed."""
        return self._outside.get(key, Zone.INSIDE)

    def take(self, key: str, value: float) -> Zone | None:
        """Take the newest value; return the zone it has just entered from elsewhere, when that is news.

        A value that goes from one limit to the other is news both times. Coming back inside is not.
        """
        before, now = self.zone(key), self._zone_after(self.zone(key), value)
        if now is before:
            return None
        if now is Zone.INSIDE:
            del self._outside[key]
            return None
        self._outside[key] = now
        return now

    def forget(self, key: str) -> None:
        """Drop a key that is no longer followed."""
        self._outside.pop(key, None)

    def _zone_after(self, zone: Zone, value: float) -> Zone:
        if value > self._high or (zone is Zone.ABOVE and value > self._high - self._margin):
            return Zone.ABOVE
        if value < self._low or (zone is Zone.BELOW and value < self._low + self._margin):
            return Zone.BELOW
        return Zone.INSIDE
