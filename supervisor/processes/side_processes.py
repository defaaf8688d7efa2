"""Processes that this one has beside its children, such as the one that checks settings: no strangers."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final


class SideProcesses:
    """Those that run now. They are made in threads, and the main thread ends what it does not know.

    What one of them starts needs no place here: as long as it lives that is its own business, and what it leaves to
    this process is as much a stranger as what an actor leaves.
    """

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._turn = threading.Lock()

    @contextmanager
    def running(self, make: Callable[[], subprocess.Popen[bytes]]) -> Iterator[subprocess.Popen[bytes]]:
        """Make a process that is known until it has ended and is collected; that is waited for.

        Raises:
            OSError: it cannot be made.
        """
        with self._turn:  # A sweep between its first moment and its number would end it.
            process = make()
            self._pids.add(process.pid)
        try:
            with process:
                yield process
        finally:
            self._pids.discard(process.pid)

    @contextmanager
    def known_nowait(self) -> Iterator[set[int] | None]:
        """Hold back new ones and give the pids of those that run; None when one is being made, which takes a moment."""
        if not self._turn.acquire(blocking=False):
            yield None
            return
        try:
            yield set(self._pids)
        finally:
            self._turn.release()


SIDE_PROCESSES: Final = SideProcesses()
"""Of this process: it has one set of children, whoever in it reads settings, and however deep down."""
