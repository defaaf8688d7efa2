"""Processes that nobody else ends or collects: what a dead child left behind, and orphans when this is PID 1."""

import ctypes
import os
import secrets
import signal
from pathlib import Path
from typing import Any, Final

from actors.runtime.process.lifeline import MARK, memory_mark
from actors.runtime.process.logs import get_logger

PR_SET_CHILD_SUBREAPER: Final = 36
PR_GET_CHILD_SUBREAPER: Final = 37
"""`prctl` options, from <linux/prctl.h>: orphans below this process become its children, not those of PID 1."""


def mark_environment() -> str:
    """Put a mark into the environment that all children inherit; return it."""
    mark = os.environ[MARK] = secrets.token_hex(8)
    return mark


class Strangers:
    """Finds and ends what dead children left behind.

    A living child's own processes are its business. When it dies they become ours, since this process adopts the
    orphans below it (`PR_SET_CHILD_SUBREAPER`): they are killed within milliseconds. As PID 1 of a container this
    process is also given orphans that have nothing to do with the tree; those are collected when they have ended.

    One that may not be killed, such as a program that runs as another user, is told in the log once and left to the
    owner; it is collected when it has ended.

    Attributes:
        ended: how many had to be ended.
        left: how many could not be ended.
    """

    def __init__(self, mark: str) -> None:
        self._variable = f"{MARK}={mark}".encode()
        self._memory = f" {memory_mark(mark)}\n".encode()
        self._tried: set[int] = set()
        self._before = own_children()
        self.ended = 0
        self.left = 0
        self._was_adopting = ctypes.c_int()
        _prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(self._was_adopting))
        _prctl(PR_SET_CHILD_SUBREAPER, 1)

    def close(self) -> None:
        """Adopt orphans as before, in a program that goes on after its tree."""
        _prctl(PR_SET_CHILD_SUBREAPER, self._was_adopting.value)

    def sweep(self, known: set[int]) -> list[int]:
        """End and collect children of this process that nobody knows; return those that had to be ended.

        One that does not end at once is collected by a later sweep; its end is told by SIGCHLD.
        """
        ended = []
        try:
            strangers = own_children() - known
        except OSError:
            return []  # No descriptor is left to look with; the next sweep finds them.
        self._tried &= strangers  # A number may come back.
        for pid in strangers:
            if _collect(pid):
                self._tried.discard(pid)
                self._before.discard(pid)
            elif pid in self._before:
                continue  # Whoever started this program started it too, and knows what it is for.
            elif pid not in self._tried and (os.getpid() != 1 or self._is_marked(pid)):
                self._tried.add(pid)
                if self._end(pid):
                    ended.append(pid)
        self.ended += len(ended)
        return ended

    def _end(self, pid: int) -> bool:
        """Kill a process; say whether that was allowed."""
        try:
            os.kill(pid, signal.SIGKILL)  # It is our child and not collected, so the number is still its own.
        except PermissionError as error:
            self.left += 1
            get_logger(actor="supervisor").warning(
                "stranger.left",
                child_pid=pid,
                left=self.left,
                error=str(error),
                advice=f"a dead child left it behind, and it may not be ended from here; as root: kill -KILL {pid}",
            )
            return False
        return True

    def _is_marked(self, pid: int) -> bool:
        """Say whether a process is of this tree: a program that was started in it, or a fork of an actor."""
        place = Path(f"/proc/{pid}")
        try:
            if self._variable in (place / "environ").read_bytes().split(b"\0"):
                return True
            return self._memory in (place / "maps").read_bytes()
        except OSError:
            return False


def _prctl(option: int, value: Any) -> None:  # noqa: ANN401 - a number, or where to put one
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def own_children() -> set[int]:
    """Return the pids of all children of this process, dead ones included."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update(int(pid) for pid in (task / "children").read_bytes().split())
        except OSError:
            continue  # A thread that has just ended.
    return found


def _collect(pid: int) -> bool:
    """Collect a child if it has ended; say whether it is gone. Never `waitpid(-1)`: that takes what others wait for."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
