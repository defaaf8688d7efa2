"""One process, as its supervisor holds it: its pidfd, its control link, its black box, its output."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable
from typing import Final, NamedTuple

import psutil
import trio

from protocols.errors import UsageError
from supervisor.processes.black_box import BlackBox

_STOPPED: Final = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}


class ExitStatus(NamedTuple):
    """How a process ended, as far as its parent knows.

    Attributes:
        number: the exit code, or the negative signal number; None when nobody can know it.
        is_server_lost: its parent was a fork server, and that is gone too.
    """

    number: int | None
    is_server_lost: bool = False


class ChildProcess:
    """One process, known by its pidfd: signals can never hit another process that got the same number.

    Attributes:
        pid: process id, for people and for reading /proc.
        pidfd: readable once the process is gone.
        control: the supervisor's end of the control link.
        box: what it notes about itself.
        output: the reading ends of its stdout and stderr; whoever collects them takes them over.
        status_fd: asked once it is gone, tells what is readable when its exit status is known; None: it is known now.
        gone: set by the one task that watches the process, once it is gone; everybody else waits for this.
    """

    def __init__(
        self,
        pid: int,
        *,
        control: socket.socket,
        box: BlackBox,
        output: tuple[int, int],
        status: Callable[[], ExitStatus],
        status_fd: Callable[[], int | None],
        release: Callable[[], None],
    ) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.control = control
        self.box = box
        self.output = output
        self.gone = trio.Event()
        self.status_fd = status_fd
        self._status = status
        self._release = release

    def send_signal(self, number: int) -> None:
        """Send a signal; a process that is gone is no error."""
        if self.gone.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def is_stopped(self) -> bool:
        """Return whether somebody has stopped it, by SIGSTOP or as a debugger; it answers nothing then."""
        try:
            return psutil.Process(self.pid).status() in _STOPPED
        except psutil.Error:
            return False  # It is gone.

    def reap(self) -> ExitStatus:
        """Collect the exit status of a process that is gone, as far as it is known by now.

        Raises:
            UsageError: the process is still there.
        """
        if not self.gone.is_set():
            raise UsageError(f"process {self.pid} was to be reaped and is still there")
        return self._status()

    def close(self) -> None:
        """Close what belongs to a reaped process, but its box and its output."""
        self.control.close()
        os.close(self.pidfd)
        self._release()

    def close_records(self) -> None:
        """Close its box and its output too, which nobody has taken over."""
        self.box.close()
        for fd in self.output:
            os.close(fd)
