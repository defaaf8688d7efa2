"""The tree described as it stands: the machine's records, joined with what the living processes told."""

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from supervisor.control.status import ChildStatus, LastExit, TreeStatus
from supervisor.machine.child_record import ChildRecord
from supervisor.machine.machine import Machine
from supervisor.machine.machine_types import ChildState
from supervisor.processes.life import Life


def describe_tree(
    machine: Machine, lives: Mapping[str, Life], *, run_dir: Path, uptime_s: float, is_started: bool, now_s: float
) -> TreeStatus:
    """Return the whole status; `lives` are the newest ones, also those that have ended."""
    state = "stopping" if machine.is_stopping else "running" if is_started else "starting"
    children = tuple(describe_child(record, lives.get(name), now_s=now_s) for name, record in machine.children.items())
    return TreeStatus(os.getpid(), state, uptime_s, os.fspath(run_dir), children)


def describe_child(record: ChildRecord, life: Life | None, *, now_s: float) -> ChildStatus:
    """Return one child's status; a life that has ended tells nothing any more."""
    if life is not None and life.is_ending:
        life = None
    beat = None if life is None else life.heartbeat
    ended = record.last_exit
    return ChildStatus(
        name=record.spec.name,
        state=state_of(record),
        pid=None if life is None else life.pid,
        restarts=record.restarts,
        uptime_s=None if life is None else now_s - life.started_s,
        last_exit=None if ended is None else LastExit(ended.code, ended.signal, ended.summary),
        heartbeat_age_s=None if life is None or life.heartbeat_s is None else now_s - life.heartbeat_s,
        memory_bytes=None if life is None else _memory_bytes(life.pid),
        progress=0 if beat is None else beat.progress,
        counters={} if beat is None else beat.counters,
        reason=record.reason,
    )


def state_of(record: ChildRecord) -> ChildState:
    """Return the state as people see it: a living child that waits for its owner is parked."""
    return ChildState.PARKED if record.reason and record.state is ChildState.READY else record.state


def _memory_bytes(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
