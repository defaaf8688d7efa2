"""What the machine orders; whoever runs the tree carries it out, in order."""

from msgspec import Struct

from supervisor.machine.causes import Exit


class Spawn(Struct, frozen=True):
    """Start a process for the child; `incarnation` counts its lives."""

    child: str
    incarnation: int


class AskToStop(Struct, frozen=True):
    """Stop the child by the ladder: ask, signal, dump, kill."""

    child: str
    limit_s: float


class Kill(Struct, frozen=True):
    """End the child now; dump its stacks before, when it hangs and did not end in its time.

    `why` is said for it, where nobody has said anything about its end.
    """

    child: str
    dump: bool = True
    why: str = ""


class Record(Struct, frozen=True):
    """Write one line to the lifecycle file and the log; `child` may be a group too."""

    event: str
    child: str
    cause: str | None = None
    exit: Exit | None = None
    reason: str | None = None


class Decision(Struct, frozen=True):
    """What follows from an end, in one line for people."""

    child: str
    text: str


class Removed(Struct, frozen=True):
    """The child or group is gone for good."""

    name: str


class TreeStarted(Struct, frozen=True):
    """Each child was ready, or has failed once, or waits for one that has."""


class TreeStopped(Struct, frozen=True):
    """No process is left and none will be started."""


Action = Spawn | AskToStop | Kill | Record | Decision | Removed | TreeStarted | TreeStopped
