"""The sign that an actor's loop turns, and that it consumes what comes in; written into its black box."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import trio

from actors.runtime.process.counters import Counters
from actors.runtime.process.lifeline import arm_dead_man
from protocols.control.black_box import BoxWriter

NEVER: Final = 0

Watch = Callable[[Callable[[], bool]], AbstractContextManager[None]]
"""Asks from time to time, within `with`, whether an input waits untouched."""


class Progress:
    """How much input this actor has consumed since it began, and whether more waits.

    Attributes:
        consumed: only grows.
    """

    def __init__(self) -> None:
        self.consumed = 0
        self._inputs: list[Callable[[], bool]] = []

    @contextmanager
    def watch(self, is_waiting: Callable[[], bool]) -> Iterator[None]:
        """Ask this input at each heartbeat whether something waits in it; it may count what was taken then."""
        self._inputs.append(is_waiting)
        try:
            yield
        finally:
            self._inputs.remove(is_waiting)

    def is_waiting(self) -> bool:
        """Whether input waits anywhere."""
        # All are asked, whatever the first says: each may have something to count.
        answers = [is_waiting() for is_waiting in self._inputs]
        return any(answers)


class Pulse:
    """What one beat writes down."""

    def __init__(self, box: BoxWriter, progress: Progress, counters: Counters) -> None:
        self._box = box
        self._progress = progress
        self._counters = counters
        self._consumed = 0
        self._waiting_since_ns = NEVER

    def beat(self, now_ns: int) -> None:
        """Write that the loop turns, how much was consumed, since when input waits untouched, and the counters."""
        is_waiting = self._progress.is_waiting()
        consumed = self._progress.consumed
        if consumed != self._consumed or not is_waiting:
            self._waiting_since_ns = NEVER
        elif self._waiting_since_ns == NEVER:
            self._waiting_since_ns = now_ns
        self._consumed = consumed
        self._box.progress(consumed, self._waiting_since_ns, now_ns)
        self._box.counters(self._counters.snapshot())
        self._box.beat(now_ns)


async def run_heartbeat(
    pulse: Pulse, *, every_s: float, dead_man_s: float, monotonic_ns: Callable[[], int] = time.monotonic_ns
) -> None:
    """Beat at once and then every `every_s` seconds, until cancelled.

    It runs in the actor's own loop on purpose: a loop that does not turn must not look alive, and its dead-man timer
    must run down.
    """
    while True:
        arm_dead_man(dead_man_s)
        pulse.beat(monotonic_ns())
        await trio.sleep(every_s)
