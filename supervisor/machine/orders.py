"""What an operator may order: of one child, or of a group with all that belongs to it."""

from collections.abc import Sequence

import msgspec

from protocols.errors import UsageError
from supervisor.machine.actions import Action
from supervisor.machine.causes import Cause
from supervisor.machine.endings import Endings
from supervisor.machine.members import ChildRecord, GroupRecord, Member
from supervisor.machine.states import ALIVE, RUNS, WAITING, Input, State
from supervisor.specs.spec import ADJUSTABLE, ROOT, ChildSpec, GroupSpec, SupervisorFlags


class Orders(Endings):
    """The newest order wins: one that comes while another is carried out replaces it."""

    def restart(self, name: str, *, now_s: float) -> list[Action]:
        """Stop and start a member; its budgets and delays begin anew.

        Raises:
            UnknownChild: there is no such child or group.
            UsageError: the tree is stopping, or its group is stopped.
        """
        member = self._freed(name, "restarted")
        if self._parent(member).state in RUNS:
            self._again(member, now_s)
        return self._taken()

    def start_member(self, name: str, *, now_s: float) -> list[Action]:
        """Start a member that does not run; one that is being stopped is started again afterwards.

        Raises:
            UnknownChild: there is no such child or group.
            UsageError: the tree is stopping, or its group is stopped.
        """
        member = self._freed(name, "started")
        if self._parent(member).state in RUNS and member.state not in RUNS:
            self._again(member, now_s)
        return self._taken()

    def stop_member(self, name: str, *, now_s: float) -> list[Action]:
        """Stop a member until it is started again; no rule starts it meanwhile.

        Raises:
            UnknownChild: there is no such child or group.
        """
        member = self.member(name)
        member.is_held = True
        self._take_down(member, now_s)
        return self._taken()

    def add(self, spec: ChildSpec | GroupSpec, order: Sequence[str] = (), *, now_s: float) -> list[Action]:
        """Add a member to its group, and start it when that runs.

        Args:
            spec: of the new one.
            order: names of its group as they stand in the settings, itself among them; it comes at the end without.
            now_s: the monotonic time.

        Raises:
            UsageError: the name is taken, the group does not exist, or the tree is stopping.
        """
        self._refuse_while_stopping(spec.name, "added")
        if spec.name in self.children or spec.name in self.groups:
            raise UsageError(f"there is a child or group named {spec.name!r} already")
        self._check_group(spec)
        self.layout.add(spec, order)
        member: Member
        if isinstance(spec, GroupSpec):
            member = self.groups[spec.name] = GroupRecord(spec, self.layout.members[spec.name], self.flags, self._rng)
        else:
            member = self.children[spec.name] = ChildRecord(spec, self.flags, self._rng)
        if self._parent(member).state in RUNS:
            self._wish(member, now_s)
        return self._taken()

    def remove(self, name: str, *, now_s: float) -> list[Action]:
        """Stop a member and forget it, with all that belongs to it; `Removed` says when that is done.

        Raises:
            UnknownChild: there is no such child or group.
        """
        member = self.member(name)
        member.is_held = member.is_leaving = True
        self._take_down(member, now_s)
        return self._taken()

    def replace(self, spec: ChildSpec | GroupSpec, *, now_s: float, anew: bool = False) -> list[Action]:
        """Let a member follow another spec from now on; restart a child when it needs a new process for that.

        One that does not run because its operator or its group is stopped follows it when it is started next.

        Args:
            spec: of the same name; its group may be another one.
            now_s: the monotonic time.
            anew: a child needs a new process whatever its spec says: its secrets are others.

        Raises:
            UnknownChild: there is no such child or group.
            UsageError: the tree is stopping, or the spec does not fit into it; nothing was changed.
        """
        member = self.member(spec.name)
        self._refuse_while_stopping(spec.name, "changed")
        if member.is_leaving:  # One whose group is being removed may move to another one.
            raise UsageError(f"{spec.name} is not changed: it is being removed")
        self._check_fits(member, spec)
        before, member.spec = member.spec, spec
        if isinstance(member, GroupRecord) and isinstance(spec, GroupSpec):
            self._follow_policy(member, spec)
        if spec.group != self.layout.group_of[spec.name]:
            self._move(member, now_s)
        elif isinstance(spec, ChildSpec) and (anew or needs_new_process(before, spec)):
            self._renew(member, now_s)
        if isinstance(member, GroupRecord):
            self._advance(member, now_s)  # Another strategy may let somebody start.
        return self._taken()

    def _check_fits(self, member: Member, spec: ChildSpec | GroupSpec) -> None:
        if isinstance(member, GroupRecord) is not isinstance(spec, GroupSpec):
            raise UsageError(
                f"{spec.name} is not changed: a child cannot become a group, nor a group a child; remove it"
            )
        self._check_group(spec)
        inside = spec.group
        while inside != ROOT and inside in self.groups:  # One that is on its way to a removed group is going, too.
            if inside == spec.name:
                raise UsageError(f"{spec.name} is not changed: it would hold itself")
            inside = self.groups[inside].spec.group

    def _check_group(self, spec: ChildSpec | GroupSpec) -> None:
        """Refuse a group that does not exist, or soon does not."""
        group = self.groups.get(spec.group)
        if group is None:
            raise UsageError(f"{spec.name}: there is no group named {spec.group!r}")
        self._refuse_leaving(group, "extended")

    def _follow_policy(self, group: GroupRecord, policy: GroupSpec) -> None:
        """Let a group treat its members in another way; what failed under the old one does not count."""
        group.policy = policy
        group.renew_budget()
        for member in self._members(group):
            member.forget_failures()

    def _move(self, member: Member, now_s: float) -> None:
        """Put a member at the end of its new group, and let it be as that one is, running or stopped."""
        before, after = self._parent(member), self.groups[member.spec.group]
        if member.state in ALIVE and after.state not in RUNS:
            self._begin_stop(member, Cause.RESTART, now_s)
            return  # It moves once it is down, for nothing may live in a group that does not.
        self.layout.move(member.name, after.name)
        member.must_stop = None
        if after.state not in RUNS:
            self._begin_stop(member, Cause.STOP, now_s)
        elif isinstance(member, ChildRecord) or member.state not in RUNS:
            self._renew(member, now_s)
        self._advance(before, now_s)

    def _renew(self, member: Member, now_s: float) -> None:
        """Let a member that may run live anew."""
        member.forget_failures()
        if not member.is_held and self._parent(member).state in RUNS:
            self._again(member, now_s)

    def set_flags(self, flags: SupervisorFlags, *, now_s: float) -> list[Action]:
        """Let the whole tree follow other flags from now on."""
        self.flags = self._root.policy = flags
        for member in (*self.children.values(), *self.groups.values()):
            member.set_flags(flags)
        self._advance(self._root, now_s)
        return self._taken()

    def _freed(self, name: str, verb: str) -> Member:
        """Return a member that may run from now on: at once, or as soon as its group does."""
        self._refuse_while_stopping(name, verb)
        member = self.member(name)
        parent = self._parent(member)
        self._refuse_leaving(member, verb)
        if not self._will_run(parent):
            raise UsageError(f"{name} is not {verb}: its group {parent.name} is {parent.state}; start {parent.name}")
        member.is_held = False
        member.forget_failures()
        return member

    def _will_run(self, group: GroupRecord) -> bool:
        """Whether a group runs, or is on its way to it."""
        if group is self._root:
            return group.state in RUNS
        parent = self._parent(group)
        if parent.state not in RUNS:
            return not group.is_held and self._will_run(parent)
        return group.state in RUNS | WAITING or group.is_stopped_to_start

    def _refuse_while_stopping(self, name: str, verb: str) -> None:
        if self.is_stopping:
            raise UsageError(f"{name} is not {verb}: the tree is stopping")

    def _refuse_leaving(self, member: Member, verb: str) -> None:
        """Refuse to do anything with a member that is being removed, by itself or with a group around it."""
        if any(around.is_leaving for around in (member, *self._around(member))):
            raise UsageError(f"{member.name} is not {verb}: it is being removed")

    def _again(self, member: Member, now_s: float) -> None:
        """Stop a member that lives, and let it run when its turn comes."""
        if member.state in ALIVE:
            self._begin_stop(member, Cause.RESTART, now_s)
        else:
            self._wish(member, now_s)

    def _wish(self, member: Member, now_s: float) -> None:
        if member.state is not State.PENDING:
            member.enter(Input.WISH, now_s)
        self._advance(self._parent(member), now_s)

    def _take_down(self, member: Member, now_s: float) -> None:
        """Stop a member by order; while the whole tree stops, its turn comes by itself."""
        parent = self._parent(member)
        if not (self.is_stopping and member.state in ALIVE):
            self._begin_stop(member, Cause.STOP, now_s)
        self._advance(parent, now_s)


def needs_new_process(before: ChildSpec | GroupSpec, after: ChildSpec | GroupSpec) -> bool:
    """Whether a changed spec takes effect only in a new process."""
    old, new = msgspec.structs.asdict(before), msgspec.structs.asdict(after)
    return any(old[key] != new[key] for key in old if key not in ADJUSTABLE)
