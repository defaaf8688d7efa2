"""The state of the tree as plain structs, for `upbitd status`, its `--json`, and other views."""

from msgspec import Struct

Counters = dict[str, int | float]


class LastExit(Struct, frozen=True):
    """How a child's process ended last: an exit code or a signal's number, and its last words."""

    code: int | None
    signal: int | None
    summary: str


class ChildStatus(Struct, frozen=True):
    """One child.

    Attributes:
        state: `pending`, `starting`, `ready`, `stopping`, `stopped`, `backoff` or `parked`. A child with a pid that
            is parked lives and waits for its owner; one without is tried again from time to time.
        pid: None when no process exists.
        restarts: how many times it was started again.
        uptime_s: age of this life; None without a process.
        last_exit: None before its first end.
        heartbeat_age_s: None before the first heartbeat of this life.
        memory_bytes: resident set size; None without a process.
        progress: how much input this life has consumed.
        reason: why it is parked or has ended by itself, or what it waits for; empty otherwise.
        group: the group that it belongs to; empty for the outermost one.
        is_held: its operator stopped it, and nothing else starts it.
        phase: `booting`, `importing`, `running` or `stopping`; empty without a process.
        waiting_s: for how long input has waited untouched; 0 when none waits.
        cpu_s: processor time of this life; None without a process.
    """

    name: str
    state: str
    pid: int | None
    restarts: int
    uptime_s: float | None
    last_exit: LastExit | None
    heartbeat_age_s: float | None
    memory_bytes: int | None
    progress: int
    counters: Counters
    reason: str
    group: str = ""
    is_held: bool = False
    phase: str = ""
    waiting_s: float = 0.0
    cpu_s: float | None = None


class GroupStatus(Struct, frozen=True):
    """One group; the outermost one has no name.

    Attributes:
        members: names of its children and groups, in start order.
    """

    name: str
    group: str
    state: str
    strategy: str
    restarts: int
    reason: str
    members: tuple[str, ...]
    is_held: bool = False


class TreeStatus(Struct, frozen=True):
    """The whole tree: `starting`, `running` or `stopping`.

    Attributes:
        children: in start order.
        groups: the outermost one, which has no name, first.
        start_method: how processes are made.
        log_lines_dropped: lines of the log that nobody took in time.
        log_lines_cut: lines of children that were longer than a line may be.
        crash_reports_lost: reports that could not be written.
        strangers_ended: processes that dead children had left behind.
        orders_refused: orders that were not taken, since too many others waited.
        cpu_s: processor time of the supervisor itself.
        memory_bytes: its resident set size.
    """

    pid: int
    state: str
    uptime_s: float
    run_dir: str
    children: tuple[ChildStatus, ...]
    groups: tuple[GroupStatus, ...] = ()
    start_method: str = ""
    log_lines_dropped: int = 0
    log_lines_cut: int = 0
    crash_reports_lost: int = 0
    strangers_ended: int = 0
    orders_refused: int = 0
    cpu_s: float | None = None
    memory_bytes: int | None = None
