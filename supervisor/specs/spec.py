"""What the supervisor is told about its children and their groups. Words and meaning are those of OTP's supervisor."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

NAME_PATTERN: Final = "^[a-z][a-z0-9_]{0,31}$"
"""A child's name is also a file name (its socket) and a table name in environment variables."""

RESERVED_NAMES: Final = frozenset({"supervisor", "child", "group", "control", "run", "spare"})

LEAST_MEMORY_MIB: Final = 32
"""An actor that does nothing has about 25 MiB resident."""

ADJUSTABLE: Final = frozenset({"shutdown_s", "stall_timeout_s", "start_timeout_s", "restart", "significant"})
"""Keys of a child that take effect without a new process."""

ROOT: Final = ""
"""The name of the outermost group, which `[supervisor]` describes."""

Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
Positive = Annotated[float, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
WhenExhausted = Literal["park", "escalate", "stop_all"]
StartMethod = Literal["forkserver", "spawn"]
LogLevel = Literal["debug", "info", "warning", "error"]


class ChildSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One supervised process.

    Attributes:
        name: its name everywhere: settings, status, socket, process title.
        start: import path of its coroutine function, `package.module:function`.
        group: the group that it belongs to; the outermost one when not said.
        restart: `permanent` always comes back, `transient` after an error only, `temporary` never.
        significant: its own end can end its group, as the group's `auto_shutdown` says.
        shutdown_s: how long it may take to stop when asked; then it is killed.
        start_timeout_s: how long it may take to say that it is ready; then it is killed, which counts as a failure.
        stall_timeout_s: how long its loop may stand still, or its input wait untouched; then its stacks are dumped and
            it is killed. 0: its input may wait for ever, and a loop that stands still is left to
            `supervisor.dead_man_s`.
        memory_limit_mib: resident memory above this ends it, with that as the cause; an actor that does nothing has
            about 25. Not said: no limit.
        open_files: how many descriptors it may have open. Not said: as many as the supervisor may.
        secrets: names of environment variables of the supervisor that this child alone gets, as `actor.secrets`.
        settings: its own table, checked by its own type.
    """

    name: Name
    start: str
    group: str = ROOT
    restart: Restart = "permanent"
    significant: bool = False
    shutdown_s: Seconds = 2.0
    start_timeout_s: Positive = 30.0
    stall_timeout_s: Seconds = 10.0
    memory_limit_mib: Annotated[float, Meta(ge=LEAST_MEMORY_MIB, le=1e9)] | None = None
    open_files: Annotated[int, Meta(ge=16, le=2**30)] | None = None
    secrets: tuple[str, ...] = ()
    settings: dict[str, Any] = {}


class GroupPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a group treats its members, which are children and other groups.

    Attributes:
        strategy: who is restarted with a failed member: nobody else, all, or those that were started after it.
        intensity: restarts within `period_s` before `when_exhausted` applies. Counted for each member and cause when
            it says `park`, and for all members together, as OTP does, when it says `escalate` or `stop_all`.
        period_s: the window.
        auto_shutdown: whether the group ends when a significant member, or the last of them, ends by itself.
        when_exhausted: `park` the member and try it again from time to time; `escalate`: the group ends and its own
            group decides; `stop_all`: the whole tree stops.
    """

    strategy: Strategy = "one_for_one"
    intensity: Count = 5
    period_s: Positive = 60.0
    auto_shutdown: AutoShutdown = "never"
    when_exhausted: WhenExhausted = "park"


class GroupSpec(GroupPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of children that is itself a member of a group. It has no process of its own.

    Attributes:
        name: shares one set of names with the children.
        group: the group that it belongs to; the outermost one when not said.
        restart: as for a child. A group that ends by `auto_shutdown` or `escalate` ends normally in OTP's sense, so
            only a `permanent` one comes back.
        significant: as for a child.
    """

    name: Name
    group: str = ROOT
    restart: Restart = "permanent"
    significant: bool = False


class SupervisorFlags(GroupPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the outermost group, and the tree as a whole, behaves.

    Attributes:
        killed_intensity: like `intensity`, where a child is parked, for a SIGKILL from outside: that is an operator at
            work, not a child that cannot run, so it is restarted at once and has a larger budget. Everywhere for
            children that end with their fork server.
        backoff_first_s: upper bound of the second delay; the first restart is at once, and the bound doubles.
        backoff_cap_s: largest upper bound.
        stable_s: ready for that long, a child has recovered: its delays begin anew, and a probe counts as healed.
        probe_s: how often a parked member is tried again.
        shutdown_s: limit for the stop of the whole tree, whatever the children's own limits add up to.
        heartbeat_s: how often each child's loop writes its sign of life.
        dead_man_s: a child whose loop stood still for that long is ended by its own timer, whoever else still lives.
            0: no such timer.
        start_method: how processes are made; docs/supervision.md compares the two.
        spares: processes that wait, with everything imported, to become the next child.
        preload: an owner's own modules that the fork server and spares import in advance. A change in them, or in what
            they import, takes effect with the next start of the supervisor.
        crash_reports: how many reports of ended children are kept; of the child with the most the oldest goes first.
        log_level: for the supervisor and all children.
    """

    killed_intensity: Count = 200
    backoff_first_s: Positive = 0.25
    backoff_cap_s: Positive = 30.0
    stable_s: Positive = 60.0
    probe_s: Positive = 60.0
    shutdown_s: Positive = 4.0
    heartbeat_s: Positive = 1.0
    dead_man_s: Seconds = 30.0
    start_method: StartMethod = "forkserver"
    spares: Count = 0
    preload: tuple[str, ...] = ()
    crash_reports: Annotated[int, Meta(ge=1)] = 50
    log_level: LogLevel = "info"


class TreeSpec(Struct, frozen=True, kw_only=True):
    """A whole tree, checked: names are unique, groups exist and hold one another without a cycle.

    Attributes:
        children: in start order.
        groups: in the order of the file. A group stands among its siblings where its first child stands.
    """

    flags: SupervisorFlags
    children: tuple[ChildSpec, ...]
    groups: tuple[GroupSpec, ...] = ()
