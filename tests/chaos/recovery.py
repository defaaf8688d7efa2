"""Waiting until the tree is as it should be again, and what that took."""

import time

import trio
from msgspec import Struct

from tests.chaos.kinds import CHILDREN, TRACERS, Effects
from tests.chaos.stage import Stage

STATUS_EVERY_S = 0.05
MS = 1e6

MARKET = "tracer_market"
"""Its streams never rest; those of the account may be quiet for seconds, so coming up must do there."""


class Before(Struct, frozen=True):
    """How things were right before a fault.

    Attributes:
        at_ns: when that was (monotonic).
        pids: the process of each child.
        ends: how many processes had ended.
    """

    at_ns: int
    pids: dict[str, int]
    ends: int


class Times(Struct, frozen=True):
    """What a recovery took; None where nothing had to recover."""

    ready_ms: float | None
    data_ms: float | None


def note_before(stage: Stage) -> Before:
    """Note how things are."""
    pids = {child: stage.history.standing(child).pid for child in CHILDREN}
    return Before(time.monotonic_ns(), pids, len(stage.history.ends))


async def wait_recovered(stage: Stage, effects: Effects, before: Before) -> Times:
    """Wait until all children are ready, those that had to end in another process, and data come everywhere."""
    await stage.change.wait_until(lambda: _is_ready(stage, effects, before))
    await stage.change.wait_until(lambda: all(_flows(stage, name, effects, before) for name in TRACERS))
    await _until_status_agrees(stage)
    ready_ns = [stage.history.standing(child).since_ns for child in effects.must_end if child in CHILDREN]
    data_ns = [_flow_ns(stage, name) for name in effects.interrupts]
    return Times(
        max(ready_ns, default=before.at_ns) / MS - before.at_ns / MS if ready_ns else None,
        max(data_ns, default=before.at_ns) / MS - before.at_ns / MS if data_ns else None,
    )


def _is_ready(stage: Stage, effects: Effects, before: Before) -> bool:
    for child in CHILDREN:
        standing = stage.history.standing(child)
        if standing.state != "ready" or (child in effects.must_end and standing.pid == before.pids[child]):
            return False
    return True


def _flows(stage: Stage, tracer: str, effects: Effects, before: Before) -> bool:
    """Whether a stream is up, and brings data since the fault or since it came up again."""
    fold = stage.folds[tracer]
    if tracer in effects.interrupts and fold.up_ns <= before.at_ns:
        return False
    since_ns = max(before.at_ns, fold.up_ns)
    return fold.is_up and (tracer != MARKET or fold.event_ns >= since_ns)


def _flow_ns(stage: Stage, tracer: str) -> int:
    fold = stage.folds[tracer]
    return fold.first_event_ns if tracer == MARKET else fold.up_ns


async def _until_status_agrees(stage: Stage) -> None:
    """Ask until the supervisor says the same: its history has no line for the end of a child's waiting."""
    while True:
        status = await stage.status()
        if status.state == "running" and all(child.state == "ready" for child in status.children):
            return
        await trio.sleep(STATUS_EVERY_S)
