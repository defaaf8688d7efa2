"""What the supervisor and a child say over the control link. Settings travel here, so argument lists stay small.

Frames are those of `protocols.channel.framing`. `Start` comes with the child's listening socket as an attached
descriptor (SCM_RIGHTS). Signs of life are not told: the child writes them into its black box.
"""

from msgspec import Raw, Struct


class Start(Struct, array_like=True, tag="start", frozen=True):
    """Everything a child needs to begin.

    Attributes:
        name: the child's name in the settings.
        entry: import path of its coroutine, such as `actors.consumers.price_monitor:run`.
        settings: the child's own settings as msgpack, checked by the child against its type.
        secrets: values that only this child may hold, by name; never logged.
        run_dir: the run directory, absolute.
        incarnation: 1 for the first life of this child, then 2, 3, ...
        heartbeat_s: how often its loop writes a sign of life.
        dead_man_s: its own timer ends it when the loop stood still for that long; 0: it has none.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    name: str
    entry: str
    settings: Raw
    secrets: dict[str, str]
    run_dir: str
    incarnation: int
    heartbeat_s: float
    dead_man_s: float = 0.0
    log_level: str = "info"


class Stop(Struct, array_like=True, tag="stop", frozen=True):
    """Finish within `deadline_s` seconds; after that the supervisor kills."""

    deadline_s: float


class ShowTasks(Struct, array_like=True, tag="show_tasks", frozen=True):
    """Write where the tasks wait into the memory for dumps. A child whose loop does not turn cannot.

    Attributes:
        until_ns: when nobody waits for it any more (monotonic): what came later would be found in the next dump.
    """

    until_ns: int


class Ready(Struct, array_like=True, tag="ready", frozen=True):
    """The child does its work from here on."""

    pid: int


class Parked(Struct, array_like=True, tag="parked", frozen=True):
    """The child lives but cannot work until its owner does what `reason` says."""

    reason: str


class Unparked(Struct, array_like=True, tag="unparked", frozen=True):
    """The child works again."""


class Failed(Struct, array_like=True, tag="failed", frozen=True):
    """Last words before a child ends by an error: one line for the status, the traceback for the log."""

    summary: str
    traceback: str


ToChild = Start | Stop | ShowTasks
FromChild = Ready | Parked | Unparked | Failed
