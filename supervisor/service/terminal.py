"""Two meanings of SIGHUP: a terminal that was closed ends the tree, anybody else who sends it wants a reload."""

import os
from collections.abc import Callable
from typing import Final

TERMINAL: Final = "/dev/tty"


def opens_terminal() -> bool:
    """Whether this process has a terminal of its own: `/dev/tty` opens only then, tty(4)."""
    try:
        fd = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    os.close(fd)
    return True


class Terminal:
    """The terminal that a program was started in; it remembers from its start whether there was one."""

    def __init__(self, *, opens: Callable[[], bool] = opens_terminal) -> None:
        self._opens = opens
        self._had_one = opens()

    def is_gone(self) -> bool:
        """Whether there was one and it was closed.

        The kernel takes it away from every process of its session before it sends the first SIGHUP.
        """
        return self._had_one and not self._opens()
