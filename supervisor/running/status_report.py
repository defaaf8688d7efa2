"""The tree described as it stands: the machine's records, joined with what the living processes note."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from protocols.control.black_box import BoxContents
from supervisor.control.status import ChildStatus, GroupStatus, LastExit, TreeStatus
from supervisor.machine.machine import Machine
from supervisor.machine.members import ChildRecord, GroupRecord
from supervisor.machine.states import State
from supervisor.processes.life import Life
from supervisor.processes.limits import resident_bytes

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_UTIME: Final = 11
"""Position of the time in user mode among the fields of /proc/PID/stat behind the name, proc(5)."""

NOTHING: Final = BoxContents(0, "", 0, 0, 0, 0, 0, {}, ())


def describe_tree(
    machine: Machine, lives: Mapping[str, Life], *, run_dir: Path, uptime_s: float, is_started: bool, now_s: float
) -> TreeStatus:
    """Return the whole status; `lives` are the newest ones, also those that have ended."""
    state = "stopping" if machine.is_stopping else "running" if is_started else "starting"
    children = tuple(
        describe_child(machine.children[name], lives.get(name), now_s=now_s) for name in machine.layout.children()
    )
    groups = tuple(describe_group(group) for group in machine.groups.values())
    return TreeStatus(
        os.getpid(),
        state,
        uptime_s,
        os.fspath(run_dir),
        children,
        groups,
        start_method=machine.flags.start_method,
        cpu_s=time.process_time(),
        memory_bytes=resident_bytes(os.getpid()),
    )


def describe_child(record: ChildRecord, life: Life | None, *, now_s: float) -> ChildStatus:
    """Return one child's status; a life that has ended tells nothing any more."""
    if life is not None and life.is_ending:
        life = None
    box = NOTHING if life is None else life.box.contents()
    ended = record.last_exit
    return ChildStatus(
        name=record.name,
        state=state_of(record),
        pid=None if life is None else life.pid,
        restarts=record.restarts,
        uptime_s=None if life is None else now_s - life.started_s,
        last_exit=None if ended is None else LastExit(ended.code, ended.signal, ended.summary),
        heartbeat_age_s=_age_s(box.beat_ns),
        memory_bytes=None if life is None else resident_bytes(life.pid),
        progress=box.consumed,
        counters=box.counters,
        reason=record.reason,
        group=record.spec.group,
        is_held=record.is_held,
        phase=box.phase,
        waiting_s=_age_s(box.waiting_since_ns) or 0.0,
        cpu_s=None if life is None else cpu_seconds(life.pid),
    )


def describe_group(record: GroupRecord) -> GroupStatus:
    """Return one group's status."""
    return GroupStatus(
        name=record.name,
        group=record.spec.group,
        state=record.state,
        strategy=record.policy.strategy,
        restarts=record.restarts,
        reason=record.reason,
        members=tuple(record.members),
        is_held=record.is_held,
    )


def state_of(record: ChildRecord) -> State:
    """Return the state as people see it: a living child that waits for its owner is parked."""
    return State.PARKED if record.reason and record.state is State.READY else record.state


def cpu_seconds(pid: int) -> float | None:
    """Return the processor time of a process so far; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[_UTIME]) + int(fields[_UTIME + 1])) / _TICKS_PER_S


def _age_s(at_ns: int) -> float | None:
    return max(0.0, (time.monotonic_ns() - at_ns) / 1e9) if at_ns else None
