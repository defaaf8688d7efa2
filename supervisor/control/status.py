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
        reason: why it is parked, or what it waits for; empty otherwise.
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


class TreeStatus(Struct, frozen=True):
    """The supervisor and all children in start order. `state` is `starting`, `running` or `stopping`."""

    pid: int
    state: str
    uptime_s: float
    run_dir: str
    children: tuple[ChildStatus, ...]
