"""What each process used and did between two looks at the tree."""

from msgspec import Struct

from supervisor.control.status import ChildStatus, TreeStatus

SUPERVISOR = "supervisor"
"""The row of the supervisor itself; no child can have this name."""


class Usage(Struct, frozen=True):
    """One process, or a child that has none now.

    Attributes:
        cpu_percent: of one core, since the look before; over its whole life at the first look. None: not known.
        memory_bytes: resident set size; None without a process.
        progress_per_s: input consumed a second, over the same time; None: not known.
        heartbeat_age_s: how old its last sign of life is; None before the first.
        waiting_s: for how long input has waited untouched; 0 when none waits.
    """

    name: str
    group: str
    state: str
    pid: int | None
    cpu_percent: float | None
    memory_bytes: int | None
    progress_per_s: float | None
    heartbeat_age_s: float | None
    waiting_s: float
    restarts: int


class Rates:
    """Compares each status with the one before it."""

    def __init__(self) -> None:
        self._before: TreeStatus | None = None

    def take(self, tree: TreeStatus) -> list[Usage]:
        """Return all processes, the busiest first; children without one stand at the end."""
        before = self._before if self._before is not None and self._before.pid == tree.pid else None
        span_s = None if before is None else tree.uptime_s - before.uptime_s
        lives = {} if before is None else {(child.name, child.pid): child for child in before.children}
        usages = [_of_supervisor(tree, before, span_s)]
        usages += [_of_child(child, lives.get((child.name, child.pid)), span_s) for child in tree.children]
        self._before = tree
        return sorted(usages, key=lambda usage: (usage.pid is not None, usage.cpu_percent or 0.0), reverse=True)


def _of_supervisor(tree: TreeStatus, before: TreeStatus | None, span_s: float | None) -> Usage:
    cpu = _rate(tree.cpu_s, None if before is None else before.cpu_s, span_s, tree.uptime_s)
    return Usage(
        name=SUPERVISOR,
        group="",
        state=tree.state,
        pid=tree.pid,
        cpu_percent=_percent(cpu),
        memory_bytes=tree.memory_bytes,
        progress_per_s=None,
        heartbeat_age_s=None,
        waiting_s=0.0,
        restarts=0,
    )


def _of_child(child: ChildStatus, before: ChildStatus | None, span_s: float | None) -> Usage:
    """Compare one life of a child with itself; a new life is compared with its own beginning."""
    cpu_before, progress_before = (None, None) if before is None else (before.cpu_s, before.progress)
    progress = None if child.pid is None else float(child.progress)
    return Usage(
        name=child.name,
        group=child.group,
        state=child.state,
        pid=child.pid,
        cpu_percent=_percent(_rate(child.cpu_s, cpu_before, span_s, child.uptime_s)),
        memory_bytes=child.memory_bytes,
        progress_per_s=_rate(progress, progress_before, span_s, child.uptime_s),
        heartbeat_age_s=child.heartbeat_age_s,
        waiting_s=child.waiting_s,
        restarts=child.restarts,
    )


def _rate(now: float | None, before: float | None, span_s: float | None, life_s: float | None) -> float | None:
    """Return the growth a second since the look before; without one, over the whole life."""
    if now is None:
        return None
    if before is None or span_s is None:
        return now / life_s if life_s else None
    return max(0.0, now - before) / span_s if span_s > 0 else None


def _percent(cores: float | None) -> float | None:
    return None if cores is None else 100.0 * cores
