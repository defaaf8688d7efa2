"""The resource tracker, a process that `multiprocess` starts beside the first child.

It has nothing to clean up here, since no semaphore or shared memory is ever made; but there is no way to do without it.
"""

import os
import signal
import warnings

from multiprocess import resource_tracker

_tracker = resource_tracker._resource_tracker  # noqa: SLF001 - there is no public way to know or end it


def ensure_tracker() -> None:
    """See that the tracker runs; called before signals are blocked for the start of a child.

    Its start lets SIGINT and SIGTERM through, whatever mask was set before. One that somebody killed is replaced.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What it warns of, resources that leak, cannot be.
        resource_tracker.ensure_running()


def tracker_pid() -> set[int]:
    """Return the tracker's pid, when it runs."""
    pid = _tracker._pid  # noqa: SLF001 - as above
    return set() if pid is None else {pid}


def collect_tracker() -> None:
    """Collect a tracker that somebody killed; the next start of a child makes a new one."""
    if _tracker._pid is not None and has_ended(_tracker._pid):  # noqa: SLF001 - as above
        _tracker._stop()  # noqa: SLF001 - as above


def has_ended(pid: int) -> bool:
    """Whether a child of this process is a zombie, which it stays."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end_tracker() -> None:
    """End the tracker, which otherwise outlives us for a moment and becomes a zombie of PID 1.

    It is killed rather than asked: it would wait for every process that inherited its pipe, a child's own forks
    included.
    """
    if _tracker._pid is not None:  # noqa: SLF001 - as above
        os.kill(_tracker._pid, signal.SIGKILL)  # noqa: SLF001 - as above
        _tracker._stop()  # noqa: SLF001 - as above
