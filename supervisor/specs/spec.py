"""What the supervisor is told about its children. Words and meaning are those of OTP's supervisor."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

NAME_PATTERN: Final = "^[a-z][a-z0-9_]{0,31}$"
"""A child's name is also a file name (its socket) and a table name in environment variables."""

RESERVED_NAMES: Final = frozenset({"supervisor", "child", "group", "control", "run"})

Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
Positive = Annotated[float, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0)]
Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one"]


class ChildSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One supervised process.

    Attributes:
        name: its name everywhere: settings, status, socket, process title.
        start: import path of its coroutine function, `package.module:function`.
        restart: `permanent` always comes back, `transient` after an error only, `temporary` never.
        shutdown_s: how long it may take to stop when asked; then it is killed.
        start_timeout_s: how long it may take to say that it is ready; then it is killed, which counts as a failure.
        secrets: names of environment variables of the supervisor that are handed to this child alone.
        settings: its own table, checked by its own type.
    """

    name: Name
    start: str
    restart: Restart = "permanent"
    shutdown_s: Seconds = 2.0
    start_timeout_s: Positive = 30.0
    secrets: tuple[str, ...] = ()
    settings: dict[str, Any] = {}


class SupervisorFlags(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the whole tree behaves.

    Attributes:
        strategy: which siblings are restarted with a failed child.
        intensity: restarts of one child for one cause within `period_s`; past it the child is parked.
        killed_intensity: the same for a SIGKILL from outside. That is an operator at work, not a child that cannot
            run, so it is restarted at once and has a larger budget.
        period_s: the window of both.
        backoff_first_s: upper bound of the second delay; the first restart is at once, and the bound doubles.
        backoff_cap_s: largest upper bound.
        stable_s: ready for that long, a child has recovered: its delays begin anew, and a probe counts as healed.
        probe_s: how often a parked child is tried again.
        shutdown_s: limit for the stop of the whole tree, whatever the children's own limits add up to.
        heartbeat_s: how often each child reports.
        log_level: for the supervisor and all children.
    """

    strategy: Strategy = "one_for_one"
    intensity: Annotated[int, Meta(ge=0)] = 5
    killed_intensity: Annotated[int, Meta(ge=0)] = 200
    period_s: Positive = 60.0
    backoff_first_s: Positive = 0.25
    backoff_cap_s: Positive = 30.0
    stable_s: Positive = 60.0
    probe_s: Positive = 60.0
    shutdown_s: Positive = 4.0
    heartbeat_s: Positive = 1.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
