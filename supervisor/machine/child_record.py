"""What the machine knows about one child, and the rules that concern this child alone."""

import random

from protocols.backoff import Backoff
from protocols.restart_budget import RestartBudget
from supervisor.machine.machine_types import Cause, ChildInput, ChildState, Exit, next_state
from supervisor.specs.spec import ChildSpec, SupervisorFlags


class ChildRecord:
    """One child's state and history.

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

    def note_recovery(self, now_s: float) -> None:
        """See, when a life ends, whether it was long enough to count as healed."""
        if self.state is ChildState.READY and now_s - self.state_since_s >= self._flags.stable_s:
            self.is_probe = False

    def comes_back_after(self, cause: Cause) -> bool:
        """Apply the restart type to an end for this cause."""
        if self.spec.restart == "temporary":
            return False
        is_normal = cause is Cause.EXIT and self.last_exit is not None and self.last_exit.is_normal
        return self.spec.restart == "permanent" or not is_normal

    def why_park_after(self, cause: Cause, now_s: float) -> str:
        """Return why an end for this cause is one too many; empty when the child may be restarted."""
        if cause is Cause.SETTINGS:
            return "its settings cannot be used"
        if self.is_probe and cause is not Cause.KILLED:
            return "it failed again when it was tried"
        if not self.budget(cause).admit(now_s):
            return f"its restarts within {self._flags.period_s:g} s are spent (cause {cause})"
        return ""
