"""Alive is not working: once a heartbeat each child's black box and memory are looked at, and the run directory."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import trio
from msgspec import Struct

from protocols.control.black_box import find_stall
from supervisor.machine.states import State
from supervisor.processes.life import Life
from supervisor.processes.limits import MIB, resident_bytes
from supervisor.running.run_dir_watch import RunDirWatch
from supervisor.running.tree import Tree
from supervisor.specs.rules import BEATS_TO_STALL
from supervisor.specs.spec import ChildSpec

LATE_FACTOR: Final = 2.0
"""A round that comes later than so many intervals shows that this process itself stood still: a machine that was
suspended or a supervisor that was stopped. The children stood still with it, and get one more round."""

_JUDGED: Final = frozenset({State.STARTING, State.READY})
"""One that is being stopped ends soon, one way or another."""


class Verdict(Struct, frozen=True):
    """What is wrong with one child: it hangs, or has too much memory."""

    child: str
    detail: str
    is_memory: bool


async def run_health(tree: Tree, watch: RunDirWatch, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
    """Judge every child, and look after the run directory, once a heartbeat, until cancelled."""
    last_s = monotonic_s()
    while True:
        every_s = tree.machine.flags.heartbeat_s
        await trio.sleep(every_s)
        now_s = monotonic_s()
        was_asleep, last_s = now_s - last_s > LATE_FACTOR * every_s, now_s
        tree.children.tend()
        if not tree.machine.is_stopping:
            watch.look(now_s=now_s)
        if was_asleep:
            continue
        for verdict in list(judge_all(tree)):
            tree.condemn(verdict.child, verdict.detail, is_memory=verdict.is_memory)


def judge_all(tree: Tree) -> Iterator[Verdict]:
    """Yield what is wrong with children: with those that start or are ready their memory, with the latter a stall."""
    now_ns = time.monotonic_ns()
    for name, record in tree.machine.children.items():
        life = tree.children.lives.get(name)
        if record.state not in _JUDGED or life is None or life.is_ending:
            continue
        verdict = judge_memory(life, record.spec)
        if verdict is None and record.state is State.READY:  # How long a start may take has a limit of its own.
            verdict = judge_stall(life, record.spec, now_ns=now_ns)
        if verdict is not None:
            yield verdict


def judge_memory(life: Life, spec: ChildSpec) -> Verdict | None:
    """Say that one living child has more memory than it may; None when it has not."""
    if spec.memory_limit_mib is None:
        return None
    used = resident_bytes(life.pid) or 0
    if used <= spec.memory_limit_mib * MIB:
        return None
    return Verdict(spec.name, f"{used / MIB:.0f} MiB in use (limit {spec.memory_limit_mib:g} MiB)", is_memory=True)


def judge_stall(life: Life, spec: ChildSpec, *, now_ns: int) -> Verdict | None:
    """Say that one living child does no work; None when it does, or when nobody wants to know."""
    if spec.stall_timeout_s <= 0:
        return None
    # One that was started under a slower heartbeat keeps it when a reload makes the limit shorter.
    limit_s = max(spec.stall_timeout_s, BEATS_TO_STALL * life.heartbeat_s)
    stall = find_stall(life.box.contents(), now_ns=now_ns, stall_timeout_s=limit_s)
    return Verdict(spec.name, stall, is_memory=False) if stall else None
