"""The supervisor's decisions: events in, actions out. No process, no clock, no log.

Every method takes the monotonic time `now_s` where it matters and returns the actions to carry out, in order.
`next_check_s` says when `tick` has something to do. Whoever carries out a `Spawn` reports `spawn_failed`, or `ready`
and `exited` later on.
"""

from supervisor.machine.actions import Action, Kill, Record
from supervisor.machine.causes import Cause, Exit
from supervisor.machine.members import ChildRecord, Member
from supervisor.machine.orders import Orders
from supervisor.machine.states import ALIVE, Input, State

_CAN_FAIL = frozenset({State.STARTING, State.READY})


class Machine(Orders):
    """Decides for one tree of children and groups."""

    def next_check_s(self) -> float | None:
        """Return when `tick` has something to do, None when only an event can change anything."""
        members: tuple[Member, ...] = (*self.children.values(), *self.groups.values())
        times = [member.due_s for member in members if member.due_s is not None]
        if self._stop_by_s is not None:
            times.append(self._stop_by_s)
        return min(times, default=None)

    # Events

    def start(self, *, now_s: float) -> list[Action]:
        """Start the tree: the first child now, the others when their turn comes."""
        if self.is_stopping:
            return []  # It was stopped before it began.
        self._root.enter(Input.WISH, now_s)
        self._start(self._root, now_s)
        return self._taken()

    def ready(self, name: str, *, now_s: float) -> list[Action]:
        """Note that a child does its work."""
        child = self.children[name]
        if child.state is not State.STARTING:
            return []  # It became ready while it was being stopped.
        child.enter(Input.READY, now_s)
        child.was_tried = True
        child.backoff.succeeded(now_s)
        self._out.append(Record("child_ready", name))
        self._advance(self._parent(child), now_s)
        return self._taken()

    def waits(self, name: str, reason: str) -> list[Action]:
        """Note that a living child waits for its owner."""
        child = self.children[name]
        if child.state is not State.READY:
            return []  # Said while it was being stopped; who parks is ready first.
        child.reason = reason
        return [Record("child_parked", name, reason=reason)]

    def works(self, name: str) -> list[Action]:
        """Note that a living child no longer waits for its owner."""
        child = self.children[name]
        if child.state is State.READY:
            child.reason = ""
        return []

    def link_broken(self, name: str, *, now_s: float) -> list[Action]:
        """Note that a child sent what the control link does not allow: it cannot be led any more."""
        return self._condemn(name, Cause.LINK_BROKEN, now_s)

    def stalled(self, name: str, *, now_s: float) -> list[Action]:
        """Note that a child lives and does not work: its stacks are dumped and it is killed."""
        return self._condemn(name, Cause.HANG, now_s)

    def over_memory(self, name: str, *, now_s: float) -> list[Action]:
        """Note that a child has more memory than it may; it is killed."""
        return self._condemn(name, Cause.MEMORY, now_s, dump=False)

    def _condemn(self, name: str, cause: Cause, now_s: float, *, dump: bool = True) -> list[Action]:
        child = self.children[name]
        if child.state in _CAN_FAIL:  # Else it is being stopped already.
            self._kill(child, cause, now_s, dump=dump)
        return self._taken()

    def exited(self, name: str, ended: Exit, *, now_s: float) -> list[Action]:
        """Note that a child's process is gone, and decide what follows."""
        child = self.children[name]
        child.note_recovery(now_s)
        child.last_exit = ended
        if child.state is State.STOPPING:
            self._out.append(Record("child_stopped", name, cause=child.stopping_for, exit=ended))
            child.reason = ""
            self._down(child, now_s)
        else:
            how = "exit" if ended.signal is None else "signal"
            self._out.append(Record("child_exited", name, cause=how, exit=ended))
            self._after_end(child, ended.cause, now_s)
        return self._taken()

    def spawn_failed(self, name: str, reason: str, *, now_s: float) -> list[Action]:
        """Note that no process could be made for a child."""
        child = self.children[name]
        child.last_exit = Exit(code=None, signal=None, summary=reason)
        if child.state is State.STOPPING:
            self._down(child, now_s)
        else:
            self._after_end(child, Cause.SPAWN_FAILED, now_s)
        return self._taken()

    def tick(self, *, now_s: float) -> list[Action]:
        """Act on what is due: ends of backoff, limits of starting, probes, the limit of the whole stop."""
        for member in (*self.children.values(), *self.groups.values()):
            if member.due_s is not None and member.due_s <= now_s:
                self._due(member, now_s)
        if self._stop_by_s is not None and self._stop_by_s <= now_s:
            self._kill_all(now_s, is_late=True)
        return self._taken()

    def _due(self, member: Member, now_s: float) -> None:
        if member.state is State.STARTING and isinstance(member, ChildRecord):
            why = f"it did not say that it is ready within {member.spec.start_timeout_s:g} s (start_timeout_s)"
            self._kill(member, Cause.START_TIMEOUT, now_s, why=why)
            return
        member.is_probe = member.is_probe or member.state is State.PARKED
        member.enter(Input.WISH, now_s)
        self._advance(self._parent(member), now_s)

    def stop(self, *, now_s: float) -> list[Action]:
        """Stop the tree in reverse order; children that have no process are stopped at once."""
        self._stop_tree("asked", now_s)
        return self._taken()

    def hurry(self, *, now_s: float) -> list[Action]:
        """Stop the tree, if it is not stopping yet, and kill what is left: its operator wants no more waiting."""
        self._stop_tree("asked", now_s)
        self._kill_all(now_s, is_late=False)
        return self._taken()

    def _kill_all(self, now_s: float, *, is_late: bool) -> None:
        """Kill what is left; those that were asked to stop and are late show their stacks before."""
        self._stop_by_s = None
        for name in reversed(list(self.layout.children())):
            child = self.children[name]
            if child.state in ALIVE:
                self._out.append(Kill(name, dump=is_late and child.state is State.STOPPING))
                if child.state is not State.STOPPING:
                    child.enter(Input.STOP, now_s)
                child.stopping_for = Cause.STOP
