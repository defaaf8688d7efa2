"""What the machine knows about each member of the tree, a child or a group, and the rules that concern it alone."""

import random
from typing import Final

from protocols.backoff import Backoff
from protocols.restart_budget import RestartBudget
from supervisor.machine.causes import FROM_OUTSIDE, Cause, Exit
from supervisor.machine.states import Input, State, next_state
from supervisor.specs.spec import ROOT, ChildSpec, GroupPolicy, GroupSpec, SupervisorFlags


class Member:
    """One member's state and history.

    Attributes:
        spec: as the owner wrote it.
        state: where it is in its life.
        incarnation: how many lives it had, this one included.
        state_since_s: when the state was entered (monotonic).
        due_s: when `tick` acts on it: end of the backoff, of the start limit, of the wait for the next probe.
        last_exit: how it ended last; None before its first end.
        reason: why it is parked, waits, or has ended by itself; empty otherwise.
        is_held: its operator stopped it, so no rule starts it.
        is_probe: this life tests whether a parked member runs again.
        was_tried: it was ready or failed once since its group began, so nobody waits for its first start any more.
        stopping_for: why it is being stopped; meaningful in STOPPING only.
        must_stop: the cause for which it is to stop when its turn in its group's round comes; None: it need not.
        is_leaving: it is forgotten as soon as it is down.
    """

    def __init__(self, spec: ChildSpec | GroupSpec, flags: SupervisorFlags, rng: random.Random) -> None:
        self.spec = spec
        self._flags = flags
        self._rng = rng
        self.state = State.STOPPED
        self.incarnation = 0
        self.state_since_s = 0.0
        self.due_s: float | None = None
        self.last_exit: Exit | None = None
        self.reason = ""
        self.is_held = False
        self.was_tried = False
        self.stopping_for = Cause.STOP
        self.must_stop: Cause | None = None
        self.is_leaving = False
        self.forget_failures()

    @property
    def name(self) -> str:
        """Its name everywhere."""
        return self.spec.name

    @property
    def restarts(self) -> int:
        """How many times it was started again."""
        return max(0, self.incarnation - 1)

    @property
    def is_stopped_to_start(self) -> bool:
        """Whether it is being stopped in order to be started again."""
        if self.is_held or self.state is not State.STOPPING:
            return False
        comes_back = self.stopping_for is Cause.SIBLING and self.spec.restart != "temporary"
        return comes_back or self.stopping_for is Cause.RESTART

    def forget_failures(self) -> None:
        """Begin anew with full budgets and no delay, as after an operator's restart."""
        flags = self._flags
        self.is_probe = False
        self.backoff = Backoff(
            first_s=flags.backoff_first_s, cap_s=flags.backoff_cap_s, rng=self._rng, reset_after_s=flags.stable_s
        )
        self._budgets: dict[Cause, RestartBudget] = {}

    def set_flags(self, flags: SupervisorFlags) -> None:
        """Follow other flags of the tree from now on; what failed under the old ones does not count."""
        self._flags = flags
        self.forget_failures()

    def enter(self, happened: Input, now_s: float) -> None:
        """Move on by the table of states."""
        self.state = next_state(self.state, happened)
        self.state_since_s = now_s
        self.due_s = None

    def note_recovery(self, now_s: float) -> None:
        """See, when a life ends, whether it was long enough to count as healed."""
        if self.state is State.READY and now_s - self.state_since_s >= self._flags.stable_s:
            self.forget_failures()

    def ended_normally(self, cause: Cause) -> bool:
        """Whether this was an end of one that has done its work, in OTP's sense."""
        if cause in {Cause.AUTO_SHUTDOWN, Cause.ESCALATION}:
            return True  # A supervisor that gives up ends with `shutdown`, which is a normal reason in OTP.
        return cause is Cause.EXIT and self.last_exit is not None and self.last_exit.is_normal

    def comes_back_after(self, cause: Cause) -> bool:
        """Apply the restart type to an end for this cause."""
        if self.spec.restart == "temporary":
            return False
        return self.spec.restart == "permanent" or not self.ended_normally(cause)

    def is_significant_end(self, cause: Cause) -> bool:
        """Whether its own end, for this cause, counts for its group's `auto_shutdown`."""
        return self.spec.significant and (self.spec.restart == "temporary" or self.ended_normally(cause))

    def admit(self, cause: Cause, policy: GroupPolicy, now_s: float) -> bool:
        """Spend one restart of the budget for this cause; say whether there was one left."""
        limit = self._flags.killed_intensity if cause in FROM_OUTSIDE else policy.intensity
        budget = self._budgets.setdefault(cause, RestartBudget(max_restarts=limit, period_s=policy.period_s))
        return budget.admit(now_s)

    def usage(self, cause: Cause, now_s: float) -> str:
        """Say how much of the budget for this cause is spent."""
        return self._budgets[cause].usage(now_s)


class ChildRecord(Member):
    """A member with a process."""

    spec: ChildSpec


class GroupRecord(Member):
    """A member that consists of members.

    Attributes:
        policy: how it treats them.
        members: their names in start order.
    """

    spec: GroupSpec

    def __init__(self, spec: GroupSpec, members: list[str], flags: SupervisorFlags, rng: random.Random) -> None:
        super().__init__(spec, flags, rng)
        self.policy: GroupPolicy = flags if spec.name == ROOT else spec
        self.members: Final = members
        self.renew_budget()

    def set_flags(self, flags: SupervisorFlags) -> None:
        """Follow other flags, with full budgets; see `Member`."""
        super().set_flags(flags)
        self.renew_budget()

    def renew_budget(self) -> None:
        """Begin with a full budget for all members together, as a new life of the group does."""
        intensity, lost, period_s = self.policy.intensity, self._flags.killed_intensity, self.policy.period_s
        self._budget = RestartBudget(max_restarts=intensity, period_s=period_s)
        self._lost_budget = RestartBudget(max_restarts=lost, period_s=period_s)

    def budget_for(self, cause: Cause) -> RestartBudget:
        """Return the budget that all members share, for this cause.

        A fork server takes all of them along at once. That is one event, and none that OTP knows, so it does not count.
        """
        return self._lost_budget if cause is Cause.FORK_SERVER_LOST else self._budget

    def affected_by(self, name: str) -> list[str]:
        """Return the siblings that are restarted with a member, in start order."""
        match self.policy.strategy:
            case "one_for_all":
                return [other for other in self.members if other != name]
            case "rest_for_one":
                return self.members[self.members.index(name) + 1 :]
            case _:
                return []
