"""Words of the machine: a child's states and what may follow what, causes of an end, and the actions it orders."""

import enum
import signal
from typing import Final

from msgspec import Struct

from protocols.errors import UsageError


class ChildState(enum.StrEnum):
    """Where a child is in its life."""

    PENDING = "pending"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    BACKOFF = "backoff"
    PARKED = "parked"


class ChildInput(enum.Enum):
    """What can happen to a child."""

    START = enum.auto()
    READY = enum.auto()
    STOP = enum.auto()
    FINISH = enum.auto()
    RETRY = enum.auto()
    GIVE_UP = enum.auto()


_S, _I = ChildState, ChildInput
NEXT_STATE: Final[dict[tuple[ChildState, ChildInput], ChildState]] = {
    (_S.PENDING, _I.START): _S.STARTING,
    (_S.PENDING, _I.STOP): _S.STOPPED,
    (_S.STARTING, _I.READY): _S.READY,
    (_S.STARTING, _I.STOP): _S.STOPPING,
    (_S.STARTING, _I.FINISH): _S.STOPPED,
    (_S.STARTING, _I.RETRY): _S.BACKOFF,
    (_S.STARTING, _I.GIVE_UP): _S.PARKED,
    (_S.READY, _I.STOP): _S.STOPPING,
    (_S.READY, _I.FINISH): _S.STOPPED,
    (_S.READY, _I.RETRY): _S.BACKOFF,
    (_S.READY, _I.GIVE_UP): _S.PARKED,
    (_S.STOPPING, _I.FINISH): _S.STOPPED,
    (_S.STOPPING, _I.RETRY): _S.BACKOFF,
    (_S.STOPPING, _I.GIVE_UP): _S.PARKED,
    (_S.STOPPED, _I.START): _S.STARTING,
    (_S.BACKOFF, _I.START): _S.STARTING,
    (_S.BACKOFF, _I.STOP): _S.STOPPED,
    (_S.PARKED, _I.START): _S.STARTING,
    (_S.PARKED, _I.STOP): _S.STOPPED,
}

ALIVE: Final = frozenset({_S.STARTING, _S.READY, _S.STOPPING})
"""States in which a process exists."""


def next_state(state: ChildState, happened: ChildInput) -> ChildState:
    """Return the state that follows.

    Raises:
        UsageError: the pair is not in the table.
    """
    try:
        return NEXT_STATE[state, happened]
    except KeyError:
        raise UsageError(f"a child in {state.name} cannot accept {happened.name}") from None


class UnknownChild(UsageError):
    """The tree has no child of this name."""


class Cause(enum.StrEnum):
    """Why a process ended, as far as it matters for what happens next."""

    EXIT = "exit"
    SIGNAL = "signal"
    KILLED = "killed"
    SETTINGS = "settings"
    SPAWN_FAILED = "spawn_failed"
    START_TIMEOUT = "start_timeout"
    LINK_BROKEN = "link_broken"
    STOP = "stop"
    RESTART = "restart"


EXIT_SETTINGS: Final = 2


class Exit(Struct, frozen=True):
    """How a process ended: by an exit code, or by a signal. `summary` holds its last words, if it had any."""

    code: int | None
    signal: int | None
    summary: str = ""

    @property
    def cause(self) -> Cause:
        """The cause as far as the exit itself tells it."""
        if self.signal is not None:
            return Cause.KILLED if self.signal == signal.SIGKILL else Cause.SIGNAL
        return Cause.SETTINGS if self.code == EXIT_SETTINGS else Cause.EXIT

    @property
    def is_normal(self) -> bool:
        """Whether the child ended as one that has done its work."""
        return self.code == 0

    def __str__(self) -> str:
        how = f"exit code {self.code}" if self.signal is None else f"signal {signal.Signals(self.signal).name}"
        return f"{how}: {self.summary}" if self.summary else how


class Spawn(Struct, frozen=True):
    """Start a process for the child; `incarnation` counts its lives."""

    child: str
    incarnation: int


class AskToStop(Struct, frozen=True):
    """Stop the child by the ladder: ask, signal, dump, kill."""

    child: str
    limit_s: float


class Kill(Struct, frozen=True):
    """End the child now; dump its stacks before, when it hangs and did not end in its time."""

    child: str
    dump: bool = True


class Record(Struct, frozen=True):
    """Write one line to the lifecycle file and the log."""

    event: str
    child: str
    cause: str | None = None
    exit: Exit | None = None
    reason: str | None = None


class TreeStarted(Struct, frozen=True):
    """Each child has been started and was ready, or has failed once."""


class TreeStopped(Struct, frozen=True):
    """No process is left and none will be started."""


Action = Spawn | AskToStop | Kill | Record | TreeStarted | TreeStopped
