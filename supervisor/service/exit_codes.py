"""Exit codes of `upbitd`, above all of `upbitd run`: what each tells the one who started it."""

from typing import Final

EXIT_STOPPED: Final = 0
"""Stopped in order: by a signal, by `upbitd stop`, or by the settings' own `auto_shutdown`."""

EXIT_FAILED: Final = 1
"""The supervisor itself, or another command, failed while it ran, or lacked something that may be there the next time,
such as room on a disk. Starting it again may help."""

EXIT_BAD_INPUT: Final = 2
"""Settings or arguments cannot be used, or another supervisor holds the run directory. The same again fails again."""

EXIT_EXHAUSTED: Final = 3
"""The budget of restarts is spent, and the settings say that the tree ends then."""

_CODES: Final = {"": EXIT_STOPPED, "asked": EXIT_STOPPED, "auto_shutdown": EXIT_STOPPED, "exhausted": EXIT_EXHAUSTED}


def exit_code_of(end: str) -> int:
    """Return the exit code for why a tree stopped, in the machine's words."""
    return _CODES[end]
