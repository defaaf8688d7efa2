"""Making processes. One class for each way to start; the rest of the supervisor knows only `Spawner`."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final, Protocol

import multiprocess
import trio
from multiprocess import resource_tracker

from actors.runtime.process.child import InheritedSocket, enter
from protocols.errors import UsageError

_SIGNALS: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
"""Of these a child lets the first two through. SIGHUP stays blocked in it: a closed terminal tells the whole process
group, and the supervisor alone decides what that means."""


class ChildProcess:
    """One process, known by its pidfd: signals can never hit another process that got the same number.

    Attributes:
        pid: process id, for people and for reading /proc.
        pidfd: readable once the process is gone.
        control: the supervisor's end of the control link.
        gone: set by the one task that watches the process, once it is gone; everybody else waits for this.
    """

    def __init__(self, process: Any, control: socket.socket) -> None:  # noqa: ANN401 - multiprocess has no types
        self._process = process
        self.pid: int = process.pid
        self.pidfd = os.pidfd_open(self.pid)
        self.control = control
        self.gone = trio.Event()

    def send_signal(self, number: int) -> None:
        """Send a signal; a process that is gone is no error."""
        if self.gone.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def reap(self) -> int:
        """Collect the exit status of a process that is gone: the exit code, or the negative signal number.

        Raises:
            UsageError: the process is still there.
        """
        status = self._process.exitcode
        if status is None:
            raise UsageError(f"process {self.pid} was to be reaped and is still there")
        return int(status)

    def close(self) -> None:
        """Close what belongs to a reaped process."""
        self.control.close()
        os.close(self.pidfd)
        self._process.close()


class Spawner(Protocol):
    """A way to start processes."""

    def spawn(self, name: str) -> ChildProcess:
        """Start the process of one child; it waits for its `Start` message on the control link."""

    def close(self) -> None:
        """End what the spawner itself keeps running; all children are gone by then."""


class FreshInterpreter:
    """Starts each child in an interpreter of its own (`spawn`): nothing is inherited but what is handed over."""

    def __init__(self) -> None:
        self._context = multiprocess.get_context("spawn")
        # Its start unblocks SIGINT and SIGTERM of the caller (python/cpython#110844), so it comes before any masking.
        resource_tracker.ensure_running()

    def close(self) -> None:
        """End the resource tracker, which otherwise outlives us for a moment and becomes a zombie of PID 1.

        It has nothing to clean up, since no semaphore or shared memory is ever made. It is killed rather than asked:
        it would wait for every process that inherited its pipe, a child's own forks included.
        """
        tracker = resource_tracker._resource_tracker  # noqa: SLF001 - there is no public way to end it
        if tracker._pid is not None:  # noqa: SLF001 - as above
            os.kill(tracker._pid, signal.SIGKILL)  # noqa: SLF001 - as above
            tracker._stop()  # noqa: SLF001 - as above

    def spawn(self, name: str) -> ChildProcess:
        """Start a child from the main thread: its parent-death signal follows the thread that made it."""
        if threading.current_thread() is not threading.main_thread():
            raise UsageError("children are started from the main thread only")
        ours, theirs = socket.socketpair()
        try:
            process = self._context.Process(
                target=enter, args=(InheritedSocket(theirs), name, os.getpid()), name=name, daemon=False
            )
            # The child inherits the mask: until it has set up its signals, ^C and SIGTERM wait for it.
            with _blocked_signals(), _hidden_main_module():
                process.start()
                return ChildProcess(process, ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()


@contextlib.contextmanager
def _blocked_signals() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _hidden_main_module() -> Iterator[None]:
    """Keep `multiprocess` from running our entry script again in each child: its target is imported by name."""
    main = sys.modules["__main__"]
    kept: dict[str, Any] = {name: main.__dict__[name] for name in ("__file__", "__spec__") if name in main.__dict__}
    main.__spec__ = None
    main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        main.__dict__.update(kept)
