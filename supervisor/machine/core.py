"""Rounds of stopping and starting within groups: the part of the machine that events and orders share.

A group's work is always the same two steps, taken anew after each event: first stop who must stop, in reverse order
and one at a time; when nobody is left to stop, start whose turn it is, in order. Strategies differ only in who must
stop after a failure and whom a member waits for.
"""

import abc
import random
from typing import Final, Literal

from protocols.errors import UsageError
from supervisor.machine.actions import (
    Action,
    AskToStop,
    Kill,
    Record,
    Removed,
    Spawn,
    TreeStarted,
    TreeStopped,
)
from supervisor.machine.causes import ORDERED, Cause
from supervisor.machine.members import ChildRecord, GroupRecord, Member
from supervisor.machine.states import ALIVE, RUNS, WAITING, Input, State
from supervisor.specs.layout import Layout
from supervisor.specs.spec import ROOT, GroupSpec, TreeSpec

_DOWN: Final = frozenset({State.BACKOFF, State.PARKED})
_SETTLED: Final = frozenset({State.READY, State.STOPPED})

End = Literal["", "asked", "exhausted", "auto_shutdown"]


class UnknownChild(UsageError):
    """The tree has no child or group of this name."""


class Core(abc.ABC):
    """The members of one tree, and what moves them.

    Attributes:
        flags: of the whole tree.
        layout: who belongs to whom.
        children: records by name, in the order in which they were added.
        groups: the same; the outermost one is `ROOT`.
        end: why the whole tree stops; empty while it does not.
    """

    def __init__(self, spec: TreeSpec, rng: random.Random) -> None:
        self.flags = spec.flags
        self.layout: Final = Layout(spec.children, spec.groups)
        self.children: Final = {child.name: ChildRecord(child, spec.flags, rng) for child in spec.children}
        groups = (GroupSpec(name=ROOT), *spec.groups)
        self.groups: Final = {g.name: GroupRecord(g, self.layout.members[g.name], spec.flags, rng) for g in groups}
        self.end: End = ""
        self._rng: Final = rng
        self._root: Final = self.groups[ROOT]
        self._stop_by_s: float | None = None
        self._is_started = False
        self._is_stop_told = False
        self._out: list[Action] = []

    @property
    def is_stopping(self) -> bool:
        """Whether the tree was told to stop; nothing is started from then on."""
        return bool(self.end)

    def member(self, name: str) -> Member:
        """Return the record of a child or group.

        Raises:
            UnknownChild: there is none.
        """
        found = self.children.get(name) or (self.groups.get(name) if name != ROOT else None)
        if found is None:
            known = ", ".join(self.layout.descendants())
            raise UnknownChild(f"no child or group named {name!r}; there are {known}")
        return found

    def knows(self, name: str) -> bool:
        """Whether there is a child or group of this name."""
        return name in self.children or (name in self.groups and name != ROOT)

    def has(self, member: Member) -> bool:
        """Whether this very member is still there: one that was added after it, by the same name, is another."""
        return member in (self.children.get(member.name), self.groups.get(member.name))

    def _members(self, group: GroupRecord) -> list[Member]:
        return [self._any(name) for name in group.members]

    def _any(self, name: str) -> Member:
        return self.children.get(name) or self.groups[name]

    def _parent(self, member: Member) -> GroupRecord:
        return self.groups[self.layout.group_of[member.name]]

    def _taken(self) -> list[Action]:
        """Hand out the actions that have come together."""
        out, self._out = self._out, []
        return out

    # Rounds

    def _advance(self, group: GroupRecord, now_s: float) -> None:
        """Let a group take its next step, if nothing that it waits for is outstanding."""
        if group.state not in ALIVE:
            return
        if self.is_stopping and group.state is not State.STOPPING:
            return  # Its turn in the stop of the tree has not come; until then nothing of it moves.
        if self._stops_somebody(group, now_s):
            return
        if group.state is State.STOPPING:
            if not any(member.state in ALIVE for member in self._members(group)):
                self._down(group, now_s)
            return
        for member in self._members(group):
            if member.state is State.PENDING:
                blocker = self._blocker(group, member)
                if blocker is None:
                    self._start(member, now_s)
                else:
                    member.reason = f"waits for {blocker.name}"
        self._note_started(group, now_s)

    def _stops_somebody(self, group: GroupRecord, now_s: float) -> bool:
        """See to the last member that must still stop; say whether there was one."""
        for member in reversed(self._members(group)):
            if member.must_stop is None:
                continue
            if member.state in ALIVE:
                if member.state is not State.STOPPING:
                    self._begin_stop(member, member.must_stop, now_s)
                return True
            member.must_stop = None
        return False

    def _blocker(self, group: GroupRecord, member: Member) -> Member | None:
        """Return whom a member waits for before it may start; None when its turn has come."""
        members = self._members(group)
        before = members[: members.index(member)]
        if group.policy.strategy == "one_for_one":
            return next((other for other in before if _is_awaited(other)), None)
        unsettled = [other for other in before if other.state not in _SETTLED]
        if group.policy.strategy == "one_for_all":
            unsettled += [other for other in members if other.state in _DOWN | {State.STOPPING}]
        # Who is down is the reason that helps, not who waits for him as well.
        return next((other for other in unsettled if other.state in _DOWN), next(iter(unsettled), None))

    def _note_started(self, group: GroupRecord, now_s: float) -> None:
        """See whether the first round of a group is through: each member was ready, or has failed once."""
        members = self._members(group)
        if any(member.state is State.STARTING and not member.was_tried for member in members):
            return
        is_settled = group.policy.strategy == "one_for_one" or all(member.state in _SETTLED for member in members)
        if group.state is State.STARTING and is_settled:
            group.enter(Input.READY, now_s)
            group.backoff.succeeded(now_s)
            group.was_tried = True
            if group is not self._root:
                self._out.append(Record("group_ready", group.name))
                self._advance(self._parent(group), now_s)
        if group is self._root and not self._is_started and not self.is_stopping:
            self._is_started = True
            self._out.append(TreeStarted())

    # Starting

    def _start(self, member: Member, now_s: float) -> None:
        member.enter(Input.START, now_s)
        member.incarnation += 1
        member.reason = ""
        if isinstance(member, GroupRecord):
            self._start_group(member, now_s)
        elif isinstance(member, ChildRecord):
            member.due_s = now_s + member.spec.start_timeout_s
            self._out.append(Spawn(member.name, member.incarnation))

    def _start_group(self, group: GroupRecord, now_s: float) -> None:
        group.renew_budget()
        if group is not self._root:
            self._out.append(Record("group_started", group.name))
        for member in self._members(group):
            member.forget_failures()
            member.was_tried = False
            if not member.is_held:
                member.enter(Input.WISH, now_s)
        self._advance(group, now_s)

    # Stopping

    def _begin_stop(self, member: Member, cause: Cause, now_s: float) -> None:
        """Stop a member, whatever it is doing; one that is being stopped already is now stopped for this cause."""
        if member.state in WAITING:
            member.enter(Input.FINISH, now_s)
            member.reason = ""
            self._drop_if_leaving(member)
            return
        if member.state is State.STOPPED:
            self._drop_if_leaving(member)
            return
        was_stopping = member.state is State.STOPPING
        member.stopping_for = cause
        if was_stopping:
            return
        member.note_recovery(now_s)
        member.enter(Input.STOP, now_s)
        if isinstance(member, GroupRecord):
            self._stop_members(member, now_s)
        elif isinstance(member, ChildRecord):
            self._out.append(AskToStop(member.name, member.spec.shutdown_s))

    def _stop_members(self, group: GroupRecord, now_s: float) -> None:
        for member in self._members(group):
            if member.state in WAITING:
                self._begin_stop(member, Cause.STOP, now_s)
            elif member.state in ALIVE:
                member.must_stop = Cause.STOP
        self._advance(group, now_s)

    def _kill(self, child: ChildRecord, cause: Cause, now_s: float, *, dump: bool = True, why: str = "") -> None:
        child.note_recovery(now_s)
        child.stopping_for = cause
        child.enter(Input.STOP, now_s)
        self._out.append(Kill(child.name, dump=dump, why=why))

    def _down(self, member: Member, now_s: float) -> None:
        """Go on with a member that was being stopped and is gone."""
        member.must_stop = None
        if member is self._root:
            self._root.enter(Input.FINISH, now_s)
            self._tell_stop()
            return
        if isinstance(member, GroupRecord):
            self._out.append(Record("group_stopped", member.name, cause=member.stopping_for))
        if member.stopping_for not in ORDERED:
            self._after_end(member, member.stopping_for, now_s)
            return
        before = self._parent(member)
        self._move_if_due(member)
        parent = self._parent(member)
        if member.is_stopped_to_start and parent.state in RUNS and not self.is_stopping:
            member.enter(Input.WISH, now_s)
        else:
            member.enter(Input.FINISH, now_s)
            self._drop_if_leaving(member)
        self._advance(before, now_s)
        self._advance(parent, now_s)

    def _move_if_due(self, member: Member) -> None:
        """Put a member that is down at the end of the group that its spec names, if it is not in that yet."""
        group = member.spec.group
        if group == self.layout.group_of[member.name]:
            return
        if group in self.groups:
            self.layout.move(member.name, group)
        else:
            member.is_held = member.is_leaving = True  # Its new group was removed meanwhile, and it with it.

    def _tell_stop(self) -> None:
        self._stop_by_s = None
        if not self._is_stop_told:
            self._is_stop_told = True
            self._out.append(TreeStopped())

    def _drop_if_leaving(self, member: Member) -> None:
        """Forget a member that is down for good, and before it all that belongs to it."""
        if not member.is_leaving:
            return
        if isinstance(member, GroupRecord):
            for inner in self._members(member):
                inner.is_leaving = True
                self._drop_if_leaving(inner)
            del self.groups[member.name]
        else:
            del self.children[member.name]
        self.layout.remove(member.name)
        self._out.append(Removed(member.name))

    @abc.abstractmethod
    def _after_end(self, member: Member, cause: Cause, now_s: float) -> None:
        """Decide what follows from an end that nobody ordered."""


def _is_awaited(member: Member) -> bool:
    """Whether those after this one wait for its first start."""
    return not member.was_tried and not member.is_held and member.state in {State.PENDING, State.STARTING}
