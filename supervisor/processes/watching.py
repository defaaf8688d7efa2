"""Knowing that a process is gone, and how it ended."""

import signal
from collections.abc import Callable
from typing import Final

import trio

from supervisor.machine.causes import Exit
from supervisor.processes.limits import OomCount
from supervisor.processes.process import ChildProcess, ExitStatus

UNKNOWN: Final = "nobody knows how it ended: its fork server did not tell"

STATUS_S: Final = 1.0
"""How long a fork server may take to pass on an exit status; it takes less than a millisecond."""


async def watch(process: ChildProcess) -> None:
    """Wait until the process is gone and tell everybody; one task for each process.

    Right also when a grandchild still holds the pipes and sockets of the process.
    """
    await trio.lowlevel.wait_readable(process.pidfd)
    process.gone.set()


async def wait_for_status(process: ChildProcess) -> None:
    """Wait until the exit status of a process that is gone is known, or is not to be had."""
    fd = process.status_fd()
    if fd is not None:
        with trio.move_on_after(STATUS_S):
            await trio.lowlevel.wait_readable(fd)


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

    def classify(self, status: ExitStatus, summary: str = "") -> Exit:
        """Turn an exit status and last words into how the process ended."""
        number, is_server_lost = status
        if number is None:
            return Exit(code=None, signal=None, summary=summary or UNKNOWN, is_server_lost=is_server_lost)
        if number >= 0:
            return Exit(code=number, signal=None, summary=summary)
        # The kernel may have chosen the fork server; what that took along was killed for nothing of its own.
        is_oom = -number == signal.SIGKILL and not is_server_lost and self._takes_one_kill()
        return Exit(code=None, signal=-number, summary=summary, is_out_of_memory=is_oom, is_server_lost=is_server_lost)

    def _takes_one_kill(self) -> bool:
        """Whether the kernel killed more processes of late than were found up to now; this one is found then."""
        if self._read_count() <= self._before:
            return False
        self._before += 1
        self._at_last_look = max(self._at_last_look, self._before)
        return True
