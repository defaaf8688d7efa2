"""Where a member of the tree is in its life, and what may follow what."""

import enum
from typing import Final

from protocols.errors import UsageError


class State(enum.StrEnum):
    """Where a member, a child or a group, is in its life."""

    PENDING = "pending"
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    BACKOFF = "backoff"
    PARKED = "parked"


class Input(enum.Enum):
    """What can happen to a member."""

    WISH = enum.auto()
    """It is to run as soon as its turn comes."""
    START = enum.auto()
    READY = enum.auto()
    STOP = enum.auto()
    FINISH = enum.auto()
    RETRY = enum.auto()
    GIVE_UP = enum.auto()


_S, _I = State, Input
NEXT_STATE: Final[dict[tuple[State, Input], State]] = {
    (_S.PENDING, _I.START): _S.STARTING,
    (_S.PENDING, _I.FINISH): _S.STOPPED,
    (_S.STARTING, _I.READY): _S.READY,
    (_S.STARTING, _I.STOP): _S.STOPPING,
    (_S.STARTING, _I.FINISH): _S.STOPPED,
    (_S.STARTING, _I.RETRY): _S.BACKOFF,
    (_S.STARTING, _I.GIVE_UP): _S.PARKED,
    (_S.READY, _I.STOP): _S.STOPPING,
    (_S.READY, _I.FINISH): _S.STOPPED,
    (_S.READY, _I.RETRY): _S.BACKOFF,
    (_S.READY, _I.GIVE_UP): _S.PARKED,
    (_S.STOPPING, _I.WISH): _S.PENDING,
    (_S.STOPPING, _I.FINISH): _S.STOPPED,
    (_S.STOPPING, _I.RETRY): _S.BACKOFF,
    (_S.STOPPING, _I.GIVE_UP): _S.PARKED,
    (_S.STOPPED, _I.WISH): _S.PENDING,
    (_S.BACKOFF, _I.WISH): _S.PENDING,
    (_S.BACKOFF, _I.FINISH): _S.STOPPED,
    (_S.PARKED, _I.WISH): _S.PENDING,
    (_S.PARKED, _I.FINISH): _S.STOPPED,
}

ALIVE: Final = frozenset({_S.STARTING, _S.READY, _S.STOPPING})
"""States in which a process exists, or members of a group may."""

RUNS: Final = ALIVE - {_S.STOPPING}
"""States of a group in which its members may be started."""

WAITING: Final = frozenset({_S.PENDING, _S.BACKOFF, _S.PARKED})
"""States of a member that is to run and does not yet."""


def next_state(state: State, happened: Input) -> State:
    """Return the state that follows.

    Raises:
        UsageError: the pair is not in the table.
    """
    try:
        return NEXT_STATE[state, happened]
    except KeyError:
        raise UsageError(f"a member in {state.name} cannot accept {happened.name}") from None
