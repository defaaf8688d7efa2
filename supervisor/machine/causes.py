"""How a process ended, and why, as far as it matters for what happens next."""

import enum
import signal
from typing import Final

from msgspec import Struct

from protocols.control.exit_codes import EXIT_MEMORY, EXIT_OK, EXIT_REFUSED, EXIT_SETTINGS


class Cause(enum.StrEnum):
    """Why a member ended. Each has a budget of its own where the member is parked when that is spent."""

    EXIT = "exit"
    SIGNAL = "signal"
    KILLED = "killed"
    FORK_SERVER_LOST = "fork_server_lost"
    MEMORY = "memory"
    HANG = "hang"
    SETTINGS = "settings"
    REFUSED = "refused"
    SPAWN_FAILED = "spawn_failed"
    START_TIMEOUT = "start_timeout"
    LINK_BROKEN = "link_broken"
    STOP = "stop"
    RESTART = "restart"
    SIBLING = "sibling"
    AUTO_SHUTDOWN = "auto_shutdown"
    ESCALATION = "escalation"


ORDERED: Final = frozenset({Cause.STOP, Cause.RESTART, Cause.SIBLING})
"""Ends that were asked for, so that nothing follows from them by the rules of failure."""

FROM_OUTSIDE: Final = frozenset({Cause.KILLED, Cause.FORK_SERVER_LOST})
"""Ends that say nothing about whether the child can run: it is started again at once."""

_OF_SIGNAL: Final[dict[int, Cause]] = {signal.SIGKILL: Cause.KILLED, signal.SIGALRM: Cause.HANG}
"""SIGALRM is how the dead-man timer of an actor ends it when its loop does not turn."""

_OF_CODE: Final = {EXIT_SETTINGS: Cause.SETTINGS, EXIT_MEMORY: Cause.MEMORY, EXIT_REFUSED: Cause.REFUSED}


def signal_name(number: int) -> str:
    """Return a signal's name; real-time signals between the first and the last have only a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


class Exit(Struct, frozen=True):
    """How a process ended.

    Attributes:
        code: its exit code; None when a signal ended it, or when nobody knows.
        signal: the number of the signal that ended it.
        summary: its last words, if it had any.
        is_out_of_memory: the kernel killed it because memory was short.
        is_server_lost: its fork server ended, and took it along unless it had ended just before.
    """

    code: int | None
    signal: int | None
    summary: str = ""
    is_out_of_memory: bool = False
    is_server_lost: bool = False

    @property
    def cause(self) -> Cause:
        """The cause as far as the exit itself tells it."""
        if self.is_out_of_memory:
            return Cause.MEMORY
        if self.is_server_lost and self.code is None and self.signal in {None, signal.SIGKILL}:
            return Cause.FORK_SERVER_LOST
        if self.signal is not None:
            return _OF_SIGNAL.get(self.signal, Cause.SIGNAL)
        return _OF_CODE.get(self.code or 0, Cause.EXIT)

    @property
    def is_normal(self) -> bool:
        """Whether the process ended as one that has done its work."""
        return self.code == EXIT_OK

    def __str__(self) -> str:
        if self.signal is not None:
            how = f"signal {signal_name(self.signal)}"
        else:
            how = "no exit code" if self.code is None else f"exit code {self.code}"
        return f"{how}: {self.summary}" if self.summary else how
