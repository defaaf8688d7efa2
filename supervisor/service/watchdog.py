"""When the service manager must hear that the supervisor lives, as it asked for in its environment."""

import math
from collections.abc import MutableMapping
from typing import Final

from protocols.errors import SettingsError

INTERVAL_VARIABLE: Final = "WATCHDOG_USEC"
PID_VARIABLE: Final = "WATCHDOG_PID"


class Watchdog:
    """A deadline that each sign of life moves on.

    Half the interval is kept to, as sd_watchdog_enabled(3) advises: one late sign of life is not the end.

    Args:
        interval_s: after so much silence the service manager ends the service; None when it does not watch.
    """

    def __init__(self, interval_s: float | None) -> None:
        self._half_s = math.inf if interval_s is None else interval_s / 2
        self._due_s = math.inf if interval_s is None else -math.inf

    def is_due(self, *, now_s: float) -> bool:
        """Whether a sign of life is to be given now."""
        return now_s >= self._due_s

    def fed(self, *, now_s: float) -> None:
        """Note that one was given."""
        self._due_s = now_s + self._half_s

    @property
    def due_s(self) -> float:
        """When the next one is to be given; infinite when nobody watches."""
        return self._due_s


def take_watchdog_interval(environment: MutableMapping[str, str], *, pid: int) -> float | None:
    """Take the two variables out of the environment; return the interval, None when this process is not watched.

    Raises:
        SettingsError: one of them is no number that can be used.
    """
    interval, watched = environment.pop(INTERVAL_VARIABLE, ""), environment.pop(PID_VARIABLE, "")
    if not interval:
        return None
    if watched and _number(PID_VARIABLE, watched) != pid:
        return None  # It is about the process that started this one.
    return _number(INTERVAL_VARIABLE, interval) / 1e6


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) > 0):
        raise SettingsError(f"{name}={text[:40]!r} is no number above 0; the service manager sets it, unset it here")
    return int(text)
