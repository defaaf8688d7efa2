"""Knowing that a process is gone, and how it ended."""

import signal
from collections.abc import Callable
from typing import Final

import trio

from supervisor.machine.causes import Exit
from supervisor.processes.limits import OomCount
from supervisor.processes.process import ChildProcess

UNKNOWN: Final = "nobody knows how it ended: its fork server ended too"


async def watch(process: ChildProcess) -> None:
    """Wait until the process is gone and tell everybody; one task for each process.

    Right also when a grandchild still holds the pipes and sockets of the process.
    """
    await trio.lowlevel.wait_readable(process.pidfd)
    process.gone.set()


class Coroner:
    """Tells how processes ended; it knows an out-of-memory kill from another SIGKILL by the kernel's own count."""

    def __init__(self, read_count: Callable[[], int] | None = None) -> None:
        self._read_count = OomCount().read if read_count is None else read_count
        self._before = self._at_last_look = self._read_count()

    def look(self) -> None:
        """Let an old count go; called once a heartbeat, so that no kill of long ago explains a SIGKILL of today.

        A kill counts as recent until the second look after it: between it and `classify` there may be one.
        """
        self._before, self._at_last_look = self._at_last_look, self._read_count()

    def classify(self, status: int | None, summary: str = "") -> Exit:
        """Turn an exit status (negative: a signal's number) and last words into how the process ended."""
        if status is None:
            return Exit(code=None, signal=None, summary=summary or UNKNOWN)
        if status >= 0:
            return Exit(code=status, signal=None, summary=summary)
        is_oom = -status == signal.SIGKILL and self._takes_one_kill()
        return Exit(code=None, signal=-status, summary=summary, is_out_of_memory=is_oom)

    def _takes_one_kill(self) -> bool:
        """Whether the kernel killed more processes of late than were found up to now; this one is found then."""
        if self._read_count() <= self._before:
            return False
        self._before += 1
        self._at_last_look = max(self._at_last_look, self._before)
        return True
