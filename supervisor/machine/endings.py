"""What follows from an end that nobody ordered: restart, parking, or the end of the group."""

from collections.abc import Iterator

from supervisor.machine.actions import Decision, Record
from supervisor.machine.causes import FROM_OUTSIDE, Cause
from supervisor.machine.core import Core, End
from supervisor.machine.members import GroupRecord, Member
from supervisor.machine.states import ALIVE, RUNS, WAITING, Input, State


class Endings(Core):
    """The rules of failure, for children and groups alike."""

    def _after_end(self, member: Member, cause: Cause, now_s: float) -> None:
        parent = self._parent(member)
        around = list(self._around(member))  # Some of them may be forgotten below.
        goes_along, member.must_stop = member.must_stop is Cause.SIBLING, None
        member.reason = ""
        if self.is_stopping or parent.state not in RUNS or member.is_held:
            what = "it" if member.is_held else "the tree" if self.is_stopping else _named(parent)
            self._decide(member, f"not restarted: {what} is being stopped")
            member.enter(Input.FINISH, now_s)
            self._drop_if_leaving(member)
        elif goes_along:
            self._go_along(member, now_s)
        elif not member.comes_back_after(cause):
            self._finish(parent, member, cause, now_s)
        elif parent.policy.when_exhausted == "park":
            self._restart_or_park(parent, member, cause, now_s)
        elif cause is not Cause.SETTINGS and parent.budget_for(cause).admit(now_s):
            self._restart(parent, member, cause, now_s, parent.budget_for(cause).usage(now_s))
        else:
            self._give_up(parent, member, cause, now_s)
        for group in around:  # Also those outside may have waited for nothing but this first attempt.
            self._advance(group, now_s)

    def _go_along(self, member: Member, now_s: float) -> None:
        """Take the end of one that was still to be stopped for a sibling for that stop, as OTP does.

        It costs no budget and no delay: what brings down a whole group is one failure of it.
        """
        member.enter(Input.RETRY, now_s)
        if member.spec.restart == "temporary":
            member.enter(Input.FINISH, now_s)
            self._decide(member, "not restarted: temporary")
        else:
            member.enter(Input.WISH, now_s)
            self._decide(member, "starts again with the sibling that failed before it")

    def _finish(self, parent: GroupRecord, member: Member, cause: Cause, now_s: float) -> None:
        """Leave a member ended; its group may end with it."""
        why = "has done its work" if member.spec.restart == "transient" else "temporary"
        member.enter(Input.FINISH, now_s)
        member.was_tried = True
        if member.is_significant_end(cause) and self._ends_with(parent):
            why += f"; {_named(parent)} ends with it (auto_shutdown {parent.policy.auto_shutdown})"
            self._decide(member, f"not restarted: {why}")
            self._end_group(parent, Cause.AUTO_SHUTDOWN, "auto_shutdown", now_s)
        else:
            self._decide(member, f"not restarted: {why}")
        member.reason = f"ended (cause {cause}): {why}"

    def _ends_with(self, group: GroupRecord) -> bool:
        """Whether the end of a significant member that just ended by itself ends its group."""
        if group.policy.auto_shutdown == "all_significant":
            remaining = [other for other in self._members(group) if other.spec.significant]
            return not any(other.state in ALIVE | WAITING for other in remaining)
        return group.policy.auto_shutdown == "any_significant"

    def _restart_or_park(self, parent: GroupRecord, member: Member, cause: Cause, now_s: float) -> None:
        if cause is Cause.SETTINGS:
            self._park(parent, member, "its settings cannot be used", now_s)
        elif member.is_probe and cause not in FROM_OUTSIDE:
            self._park(parent, member, "it failed again when it was tried", now_s)
        elif member.admit(cause, parent.policy, now_s):
            self._restart(parent, member, cause, now_s, member.usage(cause, now_s))
        else:
            window = parent.policy.period_s
            self._park(parent, member, f"its restarts within {window:g} s are spent (cause {cause})", now_s)

    def _restart(self, parent: GroupRecord, member: Member, cause: Cause, now_s: float, usage: str) -> None:
        # A SIGKILL from outside is an operator at work, and he wants it back.
        delay_s = 0.0 if cause in FROM_OUTSIDE else member.backoff.next_delay_s(now_s)
        self._note_failed(member)
        member.enter(Input.RETRY, now_s)
        if delay_s > 0.0:
            member.due_s = now_s + delay_s
        else:
            member.enter(Input.WISH, now_s)
        siblings = self._involve_siblings(parent, member, now_s)
        when = f"restart in {delay_s:.2f} s" if delay_s > 0.0 else "restarted at once"
        with_whom = f", with {', '.join(siblings)} ({parent.policy.strategy})" if siblings else ""
        self._decide(member, f"{when}{with_whom} (cause {cause}, {usage})")

    def _park(self, parent: GroupRecord, member: Member, why: str, now_s: float) -> None:
        self._note_failed(member)
        member.enter(Input.GIVE_UP, now_s)
        member.due_s = now_s + self.flags.probe_s
        last = f"; last: {member.last_exit}" if member.last_exit is not None else ""
        member.reason = f"{why}{last}; tried again each {self.flags.probe_s:g} s"
        siblings = self._involve_siblings(parent, member, now_s)
        waiting = f"; {', '.join(siblings)} wait for it" if siblings else ""
        self._decide(member, f"parked: {why}{waiting}")
        self._out.append(Record("child_parked", member.name, reason=member.reason))

    def _involve_siblings(self, parent: GroupRecord, member: Member, now_s: float) -> list[str]:
        """Let the siblings that the strategy names stop and start again with a failed member; return their names.

        A temporary one is stopped and not started again; a transient one that had finished is.
        """
        involved = []
        for name in parent.affected_by(member.name):
            other = self._any(name)
            if other.is_held:
                continue
            if other.state is State.STOPPED and other.spec.restart != "temporary":
                other.enter(Input.WISH, now_s)
            elif other.state in {State.STARTING, State.READY}:
                other.must_stop = Cause.SIBLING
            else:
                continue
            involved.append(name)
        return involved

    def _give_up(self, parent: GroupRecord, member: Member, cause: Cause, now_s: float) -> None:
        """End the group, or the whole tree, of a member that failed too often."""
        self._note_failed(member)
        stops_all = parent is self._root or parent.policy.when_exhausted == "stop_all"
        what = "the whole tree stops" if stops_all else f"{_named(parent)} ends"
        spent = f"the restarts within {parent.policy.period_s:g} s are spent (cause {cause})"
        self._decide(member, f"{what}: {'its settings cannot be used' if cause is Cause.SETTINGS else spent}")
        member.enter(Input.FINISH, now_s)
        self._end_group(self._root if stops_all else parent, Cause.ESCALATION, "exhausted", now_s)

    def _end_group(self, group: GroupRecord, cause: Cause, end: End, now_s: float) -> None:
        """End a group from within; the outermost one takes the tree along."""
        if group is self._root:
            self._stop_tree(end, now_s)
        else:
            self._out.append(Record("group_ends", group.name, cause=cause))
            self._begin_stop(group, cause, now_s)

    def _stop_tree(self, end: End, now_s: float) -> None:
        """Stop everything in reverse order; members that have no process are stopped at once."""
        if self.end:
            return
        self.end = end
        self._stop_by_s = now_s + self.flags.shutdown_s
        for member in (*self.children.values(), *self.groups.values()):
            if member.state in WAITING:
                self._begin_stop(member, Cause.STOP, now_s)  # Also one whose group's turn is late.
        if self._root.state in ALIVE:
            self._begin_stop(self._root, Cause.STOP, now_s)
        else:
            self._tell_stop()

    def _note_failed(self, member: Member) -> None:
        """Let nobody wait for the first start of a member that failed, nor for that of a group that is held up."""
        member.was_tried = True
        for group in self._around(member):
            if group.policy.strategy == "one_for_one":
                return  # Its other members are started all the same, and then it is ready.
            group.was_tried = True

    def _around(self, member: Member) -> Iterator[GroupRecord]:
        """Yield the groups that a member is in, the innermost first."""
        while member is not self._root:
            group = member = self._parent(member)
            yield group

    def _decide(self, member: Member, text: str) -> None:
        self._out.append(Decision(member.name, text))


def _named(group: GroupRecord) -> str:
    return f"group {group.name}" if group.name else "the tree"
