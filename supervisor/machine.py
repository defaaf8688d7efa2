"""The supervisor's decisions: events in, actions out. No process, no clock, no log.

Every method takes the monotonic time `now_s` and returns the actions to carry out, in order. `next_check_s` says when
`tick` has something to do. Whoever carries out a `Spawn` reports `spawn_failed`, or `ready` and `exited` later on.
"""

import random
from collections import deque
from collections.abc import Sequence
from typing import Final

from protocols.backoff import Backoff
from protocols.errors import UsageError
from protocols.restart_budget import RestartBudget
from supervisor.machine_types import (
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
    next_state,
)
from supervisor.spec import ChildSpec, SupervisorFlags
from supervisor.strategies import STRATEGIES

_STOP_CAUSES: Final = frozenset({Cause.STOP, Cause.RESTART})


class ChildRecord:
    """What the machine knows about one child.

    Attributes:
        state: where it is in its life.
        incarnation: how many lives it had, this one included.
        state_since_s: when the state was entered (monotonic).
        due_s: when `tick` acts on it: end of the backoff, of the start limit, of the wait for the next probe.
        last_exit: how the process ended last; None before its first end.
        reason: why it is parked, or what it waits for from its owner; empty otherwise.
        is_probe: this life tests whether a parked child runs again.
        stopping_for: why it is being stopped; meaningful in STOPPING only.
    """

    def __init__(self, spec: ChildSpec, flags: SupervisorFlags, rng: random.Random) -> None:
        self.spec = spec
        self._flags = flags
        self._rng = rng
        self.state = ChildState.PENDING
        self.incarnation = 0
        self.state_since_s = 0.0
        self.due_s: float | None = None
        self.last_exit: Exit | None = None
        self.reason = ""
        self.is_probe = False
        self.stopping_for = Cause.STOP
        self.forget_failures()

    def forget_failures(self) -> None:
        """Begin anew with full budgets and no delay, as after an operator's restart."""
        flags = self._flags
        self.is_probe = False
        self.backoff = Backoff(
            first_s=flags.backoff_first_s, cap_s=flags.backoff_cap_s, rng=self._rng, reset_after_s=flags.stable_s
        )
        self._budgets: dict[Cause, RestartBudget] = {}

    def budget(self, cause: Cause) -> RestartBudget:
        """Return this child's budget for one cause."""
        limit = self._flags.killed_intensity if cause is Cause.KILLED else self._flags.intensity
        return self._budgets.setdefault(cause, RestartBudget(max_restarts=limit, period_s=self._flags.period_s))

    @property
    def restarts(self) -> int:
        """How many times it was started again."""
        return max(0, self.incarnation - 1)

    def enter(self, happened: ChildInput, now_s: float) -> None:
        """Move on by the table of states."""
        self.state = next_state(self.state, happened)
        self.state_since_s = now_s
        self.due_s = None


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
            return []  # Said while it was being stopped.
        child.reason = reason
        return [Record("child_parked", name, reason=reason)]

    def works(self, name: str) -> list[Action]:
        """Note that a living child no longer waits for its owner."""
        child = self.children[name]
        if child.state is ChildState.READY:
            child.reason = ""
        return []

    def exited(self, name: str, ended: Exit, *, now_s: float) -> list[Action]:
        """Note that a child's process is gone, and decide what follows."""
        child = self.children[name]
        was_ready_s = now_s - child.state_since_s if child.state is ChildState.READY else 0.0
        child.last_exit = ended
        child.reason = ""
        if was_ready_s >= self._flags.stable_s:
            child.is_probe = False
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
            actions += self.hurry(now_s=now_s)
        return actions

    def restart(self, name: str, *, now_s: float) -> list[Action]:
        """Stop and start a child because its operator says so; its budgets and delays begin anew.

        Raises:
            UsageError: there is no such child, or the tree is stopping.
        """
        if name not in self.children:
            raise UsageError(f"no child named {name!r}; there are {', '.join(self._order)}")
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
        """Kill what is left of a tree that is stopping."""
        self._stop_by_s = None
        alive = [child for child in reversed(self.children.values()) if child.state in ALIVE]
        for child in alive:
            if child.state is not ChildState.STOPPING:
                child.enter(ChildInput.STOP, now_s)
            child.stopping_for = Cause.STOP
        return [Kill(child.spec.name) for child in alive]

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

    def _after_stop(self, child: ChildRecord, now_s: float) -> list[Action]:
        if child.stopping_for not in _STOP_CAUSES:
            return self._after_end(child, child.stopping_for, now_s)
        child.enter(ChildInput.FINISH, now_s)
        if child.stopping_for is Cause.RESTART and not self.is_stopping:
            return self._start(child, now_s)
        return []

    def _after_end(self, child: ChildRecord, cause: Cause, now_s: float) -> list[Action]:
        if self.is_stopping or not _comes_back(child, cause):
            child.enter(ChildInput.FINISH, now_s)
            return []
        why_not = self._why_park(child, cause, now_s)
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

    def _why_park(self, child: ChildRecord, cause: Cause, now_s: float) -> str:
        """Return why this end is one too many; empty when the child may be restarted."""
        if cause is Cause.SETTINGS:
            return "its settings cannot be used"
        if child.is_probe and cause is not Cause.KILLED:
            return "it failed again when it was tried"
        if not child.budget(cause).admit(now_s):
            return f"its restarts within {self._flags.period_s:g} s are spent (cause {cause})"
        return ""

    def _park(self, child: ChildRecord, why: str, now_s: float) -> list[Action]:
        child.enter(ChildInput.GIVE_UP, now_s)
        child.reason = f"{why}; last: {child.last_exit}; tried again each {self._flags.probe_s:g} s"
        child.due_s = now_s + self._flags.probe_s
        return [Record("child_parked", child.spec.name, reason=child.reason)]

    def _due(self, child: ChildRecord, now_s: float) -> list[Action]:
        if child.state is ChildState.STARTING:
            child.stopping_for = Cause.START_TIMEOUT
            child.enter(ChildInput.STOP, now_s)
            return [Kill(child.spec.name)]
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


def _comes_back(child: ChildRecord, cause: Cause) -> bool:
    """Apply the restart type."""
    if child.spec.restart == "temporary":
        return False
    is_normal = cause is Cause.EXIT and child.last_exit is not None and child.last_exit.is_normal
    return child.spec.restart == "permanent" or not is_normal
