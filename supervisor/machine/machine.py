"""The supervisor's decisions: events in, actions out. No process, no clock, no log.

Every method takes the monotonic time `now_s` and returns the actions to carry out, in order. `next_check_s` says when
`tick` has something to do. Whoever carries out a `Spawn` reports `spawn_failed`, or `ready` and `exited` later on.
"""

import random
from collections import deque
from collections.abc import Sequence
from typing import Final

from protocols.errors import UsageError
from supervisor.machine.child_record import ChildRecord
from supervisor.machine.machine_types import (
    ALIVE,
    Action,
    AskToStop,
    Cause,
    ChildInput,
    ChildState,
    Exit,
    Kill,
    Record,
    Spawn,
    TreeStarted,
    TreeStopped,
    UnknownChild,
)
from supervisor.machine.strategies import STRATEGIES
from supervisor.specs.spec import ChildSpec, SupervisorFlags

_STOP_CAUSES: Final = frozenset({Cause.STOP, Cause.RESTART})


class Machine:
    """Decides for one tree of children."""

    def __init__(self, specs: Sequence[ChildSpec], flags: SupervisorFlags, rng: random.Random) -> None:
        self.children: Final = {spec.name: ChildRecord(spec, flags, rng) for spec in specs}
        self._order: Final = tuple(self.children)
        self._flags: Final = flags
        self._affected: Final = STRATEGIES[flags.strategy]
        self._to_start: deque[str] = deque()
        self._to_stop: deque[str] | None = None
        self._stop_by_s: float | None = None
        self._has_started = False
        self._stop_reported = False

    @property
    def is_stopping(self) -> bool:
        """Whether the tree was told to stop; nothing is started from then on."""
        return self._to_stop is not None

    def next_check_s(self) -> float | None:
        """Return when `tick` has something to do, None when only an event can change anything."""
        times = [child.due_s for child in self.children.values() if child.due_s is not None]
        if self._stop_by_s is not None:
            times.append(self._stop_by_s)
        return min(times, default=None)

    # Events

    def start(self, *, now_s: float) -> list[Action]:
        """Start the tree: the first child now, each next one when the one before is ready or has failed once."""
        self._to_start = deque(self._order)
        return self._advance_start(now_s)

    def ready(self, name: str, *, now_s: float) -> list[Action]:
        """Note that a child does its work."""
        child = self.children[name]
        if child.state is not ChildState.STARTING:
            return []  # It became ready while it was being stopped.
        child.enter(ChildInput.READY, now_s)
        child.backoff.succeeded(now_s)
        return [Record("child_ready", name), *self._advance_start(now_s)]

    def waits(self, name: str, reason: str) -> list[Action]:
        """Note that a living child waits for its owner."""
        child = self.children[name]
        if child.state is not ChildState.READY:
            return []  # Said while it was being stopped; who parks is ready first.
        child.reason = reason
        return [Record("child_parked", name, reason=reason)]

    def works(self, name: str) -> list[Action]:
        """Note that a living child no longer waits for its owner."""
        child = self.children[name]
        if child.state is ChildState.READY:
            child.reason = ""
        return []

    def link_broken(self, name: str, *, now_s: float) -> list[Action]:
        """Note that a child sent what the control link does not allow: it cannot be led any more."""
        child = self.children[name]
        if child.state not in {ChildState.STARTING, ChildState.READY}:
            return []  # It is being stopped already.
        child.note_recovery(now_s)
        return self._kill(child, Cause.LINK_BROKEN, now_s)

    def exited(self, name: str, ended: Exit, *, now_s: float) -> list[Action]:
        """Note that a child's process is gone, and decide what follows."""
        child = self.children[name]
        child.note_recovery(now_s)
        child.last_exit = ended
        child.reason = ""
        if child.state is ChildState.STOPPING:
            actions: list[Action] = [Record("child_stopped", name, cause=child.stopping_for, exit=ended)]
            actions += self._after_stop(child, now_s)
        else:
            how = "exit" if ended.signal is None else "signal"
            actions = [Record("child_exited", name, cause=how, exit=ended), *self._after_end(child, ended.cause, now_s)]
        return [*actions, *self._advance_start(now_s), *self._advance_stop(now_s)]

    def spawn_failed(self, name: str, reason: str, *, now_s: float) -> list[Action]:
        """Note that no process could be made for a child."""
        child = self.children[name]
        child.last_exit = Exit(code=None, signal=None, summary=reason)
        actions = self._after_end(child, Cause.SPAWN_FAILED, now_s)
        return [*actions, *self._advance_start(now_s), *self._advance_stop(now_s)]

    def tick(self, *, now_s: float) -> list[Action]:
        """Act on what is due: ends of backoff, limits of starting, probes, the limit of the whole stop."""
        actions: list[Action] = []
        for child in self.children.values():
            if child.due_s is not None and child.due_s <= now_s:
                actions += self._due(child, now_s)
        if self._stop_by_s is not None and self._stop_by_s <= now_s:
            actions += self._kill_all(now_s, is_late=True)
        return actions

    def restart(self, name: str, *, now_s: float) -> list[Action]:
        """Stop and start a child because its operator says so; its budgets and delays begin anew.

        Raises:
            UnknownChild: there is no such child.
            UsageError: the tree is stopping.
        """
        if name not in self.children:
            raise UnknownChild(f"no child named {name!r}; there are {', '.join(self._order)}")
        if self.is_stopping:
            raise UsageError(f"{name} is not restarted: the tree is stopping")
        child = self.children[name]
        child.forget_failures()
        if child.state is ChildState.PENDING:
            return []  # Its turn comes.
        if child.state in ALIVE:
            return self._ask_to_stop(child, Cause.RESTART, now_s)
        return self._start(child, now_s)

    def stop(self, *, now_s: float) -> list[Action]:
        """Stop the tree in reverse order; children that have no process are stopped at once."""
        if self.is_stopping:
            return []
        self._to_start.clear()
        self._to_stop = deque(reversed(self._order))
        self._stop_by_s = now_s + self._flags.shutdown_s
        for child in self.children.values():
            if child.state not in ALIVE and child.state is not ChildState.STOPPED:
                child.enter(ChildInput.STOP, now_s)
        return self._advance_stop(now_s)

    def hurry(self, *, now_s: float) -> list[Action]:
        """Kill what is left of a tree that is stopping, because its operator wants no more waiting."""
        return self._kill_all(now_s, is_late=False)

    def _kill_all(self, now_s: float, *, is_late: bool) -> list[Action]:
        """Kill what is left; those that were asked to stop and are late show their stacks before."""
        self._stop_by_s = None
        alive = [child for child in reversed(self.children.values()) if child.state in ALIVE]
        actions: list[Action] = []
        for child in alive:
            actions.append(Kill(child.spec.name, dump=is_late and child.state is ChildState.STOPPING))
            if child.state is not ChildState.STOPPING:
                child.enter(ChildInput.STOP, now_s)
            child.stopping_for = Cause.STOP
        return actions

    # Decisions

    def _start(self, child: ChildRecord, now_s: float) -> list[Action]:
        child.enter(ChildInput.START, now_s)
        child.incarnation += 1
        child.reason = ""
        child.due_s = now_s + child.spec.start_timeout_s
        return [Spawn(child.spec.name, child.incarnation)]

    def _ask_to_stop(self, child: ChildRecord, cause: Cause, now_s: float) -> list[Action]:
        child.stopping_for = cause
        if child.state is ChildState.STOPPING:
            return []
        child.enter(ChildInput.STOP, now_s)
        return [AskToStop(child.spec.name, child.spec.shutdown_s)]

    def _kill(self, child: ChildRecord, cause: Cause, now_s: float) -> list[Action]:
        child.stopping_for = cause
        child.enter(ChildInput.STOP, now_s)
        return [Kill(child.spec.name)]

    def _after_stop(self, child: ChildRecord, now_s: float) -> list[Action]:
        if child.stopping_for not in _STOP_CAUSES:
            return self._after_end(child, child.stopping_for, now_s)
        child.enter(ChildInput.FINISH, now_s)
        if child.stopping_for is Cause.RESTART and not self.is_stopping:
            return self._start(child, now_s)
        return []

    def _after_end(self, child: ChildRecord, cause: Cause, now_s: float) -> list[Action]:
        if self.is_stopping or not child.comes_back_after(cause):
            child.enter(ChildInput.FINISH, now_s)
            return []
        why_not = child.why_park_after(cause, now_s)
        if why_not:
            return self._park(child, why_not, now_s)
        delay_s = 0.0 if cause is Cause.KILLED else child.backoff.next_delay_s(now_s)
        actions: list[Action] = []
        for name in self._affected(self._order, child.spec.name):
            actions += self._restart_after(self.children[name], delay_s, now_s)
        return actions

    def _restart_after(self, child: ChildRecord, delay_s: float, now_s: float) -> list[Action]:
        child.enter(ChildInput.RETRY, now_s)
        if delay_s <= 0.0:
            return self._start(child, now_s)
        child.due_s = now_s + delay_s
        return []

    def _park(self, child: ChildRecord, why: str, now_s: float) -> list[Action]:
        child.enter(ChildInput.GIVE_UP, now_s)
        child.reason = f"{why}; last: {child.last_exit}; tried again each {self._flags.probe_s:g} s"
        child.due_s = now_s + self._flags.probe_s
        return [Record("child_parked", child.spec.name, reason=child.reason)]

    def _due(self, child: ChildRecord, now_s: float) -> list[Action]:
        if child.state is ChildState.STARTING:
            return self._kill(child, Cause.START_TIMEOUT, now_s)
        child.is_probe = child.is_probe or child.state is ChildState.PARKED
        return self._start(child, now_s)

    def _advance_start(self, now_s: float) -> list[Action]:
        """Start the next child of the first round when the one before needs no more waiting for."""
        actions: list[Action] = []
        while self._to_start:
            child = self.children[self._to_start[0]]
            if child.state is ChildState.PENDING:
                actions += self._start(child, now_s)
            if child.incarnation == 1 and child.state in ALIVE and child.state is not ChildState.READY:
                return actions
            self._to_start.popleft()
        if not self._has_started and not self.is_stopping:
            self._has_started = True
            actions.append(TreeStarted())
        return actions

    def _advance_stop(self, now_s: float) -> list[Action]:
        """Stop the last child that still runs; say when none is left."""
        if self._to_stop is None:
            return []
        while self._to_stop:
            child = self.children[self._to_stop[0]]
            if child.state in ALIVE:
                return self._ask_to_stop(child, Cause.STOP, now_s)
            self._to_stop.popleft()
        self._to_stop = deque()
        if self._stop_reported:
            return []
        self._stop_reported = True
        self._stop_by_s = None
        return [TreeStopped()]
