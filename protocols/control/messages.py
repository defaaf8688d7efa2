"""What the supervisor and a child say over the control link. Settings travel here, so argument lists stay small.

Frames are those of `protocols.channel.framing`. `Start` comes with the child's listening socket as an attached
descriptor (SCM_RIGHTS).
"""

from msgspec import Raw, Struct

Counters = dict[str, int | float]


class Start(Struct, array_like=True, tag="start", frozen=True):
    """Everything a child needs to begin.

    Attributes:
        name: the child's name in the settings.
        entry: import path of its coroutine, such as `actors.consumers.price_monitor:run`.
        settings: the child's own settings as msgpack, checked by the child against its type.
        secrets: values that only this child may hold, by name; never logged.
        run_dir: the run directory, absolute.
        incarnation: 1 for the first life of this child, then 2, 3, ...
        heartbeat_s: how often it reports.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    name: str
    entry: str
    settings: Raw
    secrets: dict[str, str]
    run_dir: str
    incarnation: int
    heartbeat_s: float
    log_level: str = "info"


class Stop(Struct, array_like=True, tag="stop", frozen=True):
    """Finish within `deadline_s` seconds; after that the supervisor kills."""

    deadline_s: float


class Ready(Struct, array_like=True, tag="ready", frozen=True):
    """The child does its work from here on."""

    pid: int


class Heartbeat(Struct, array_like=True, tag="heartbeat", frozen=True):
    """The child's loop turns: its counters, and how much input it has consumed so far."""

    progress: int
    counters: Counters


class Parked(Struct, array_like=True, tag="parked", frozen=True):
    """The child lives but cannot work until its owner does what `reason` says."""

    reason: str


class Unparked(Struct, array_like=True, tag="unparked", frozen=True):
    """The child works again."""


class Failed(Struct, array_like=True, tag="failed", frozen=True):
    """Last words before a child ends by an error: one line for the status, the traceback for the log."""

    summary: str
    traceback: str


ToChild = Start | Stop
FromChild = Ready | Heartbeat | Parked | Unparked | Failed
