"""A tree without processes: carries out the machine's actions in its own books, and checks each as it comes.

What may never happen is checked here, for every test that uses it: two processes of one child, a start after a stop,
an order for a process that does not exist, a wait without an end, more restarts than a budget allows.
"""

import random
import re
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from supervisor.machine.actions import (
    Action,
    AskToStop,
    Decision,
    Kill,
    Record,
    Removed,
    Spawn,
    TreeStarted,
    TreeStopped,
)
from supervisor.machine.causes import Exit
from supervisor.machine.machine import Machine
from supervisor.machine.members import GroupRecord
from supervisor.machine.states import ALIVE, WAITING, State
from supervisor.specs.spec import ChildSpec, GroupSpec, SupervisorFlags, TreeSpec

NORMAL = Exit(code=0, signal=None)
ERROR = Exit(code=1, signal=None)
BAD_SETTINGS = Exit(code=2, signal=None)
TOO_MUCH_MEMORY = Exit(code=71, signal=None)
REFUSED = Exit(code=75, signal=None)
SEGFAULT = Exit(code=None, signal=11)
KILLED = Exit(code=None, signal=9)
SERVER_LOST = Exit(code=None, signal=9, is_server_lost=True)
OUT_OF_MEMORY = Exit(code=None, signal=9, is_out_of_memory=True)

_SPENT = re.compile(r"cause (\w+), (\d+) of (\d+) within")
_MOST_STEPS = 2000
_ORDERS = {"restart", "start_member", "stop_member", "remove", "replace"}
"""Whoever is ordered to do something need not wait for its turn."""


def child(name: str, **fields: Any) -> ChildSpec:
    return ChildSpec(name=name, start="m:run", **fields)


def group(name: str, **fields: Any) -> GroupSpec:
    return GroupSpec(name=name, **fields)


@dataclass
class Process:
    """One life: whether it said that it is ready, and whether it owes its end."""

    is_ready: bool = False
    is_asked: bool = False
    is_killed: bool = False


@dataclass
class World:
    """The machine, the time, and what would exist if its actions were carried out.

    Attributes:
        processes: by child; those that exist.
        told: all actions so far, in order.
        unmakeable: children whose processes cannot be made.
        is_sound: no check has failed.
    """

    machine: Machine
    now_s: float = 0.0
    processes: dict[str, Process] = field(default_factory=dict)
    told: list[Action] = field(default_factory=list)
    unmakeable: set[str] = field(default_factory=set)
    is_sound: bool = True
    _early: set[str] = field(default_factory=set)
    _lives: dict[str, int] = field(default_factory=dict)
    _restarts: defaultdict[tuple[object, ...], list[float]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, *members: ChildSpec | GroupSpec, seed: int = 1, **flags: Any) -> "World":
        """Make one of specs in start order; keyword arguments are flags of the tree."""
        children = tuple(member for member in members if isinstance(member, ChildSpec))
        groups = tuple(member for member in members if isinstance(member, GroupSpec))
        spec = TreeSpec(flags=SupervisorFlags(**flags), children=children, groups=groups)
        return cls(Machine(spec, random.Random(seed)))

    @classmethod
    def running(cls, *members: ChildSpec | GroupSpec, **flags: Any) -> "World":
        """Make one and let every child become ready."""
        world = cls.of(*members, **flags)
        world.call("start")
        world.settle()
        return world

    # What happens

    def call(self, event: str, *args: object) -> list[Action]:
        """Report an event or give an order; return the actions that followed, carried out."""
        self.is_sound, was_stopping = False, self.machine.is_stopping
        if not was_stopping:
            self._early = {group.name for group in self.machine.groups.values() if group.state is State.STOPPING}
        self._forget_the_recovered()
        ordered = getattr(args[0], "name", args[0]) if args else None
        if event in {"restart", "start_member"}:
            self._forget(str(ordered))
        elif event in {"replace", "set_flags"}:
            self._restarts.clear()
        actions = getattr(self.machine, event)(*args, now_s=self.now_s)
        assert not (was_stopping and any(isinstance(action, Spawn) for action in actions)), actions
        for action in actions:
            if event not in _ORDERS or getattr(action, "child", None) != ordered:
                self._check_order(action)
        carried = self._carry_out(actions)
        self.is_sound = True
        return carried

    def ready(self, *names: str) -> list[Action]:
        """Let living children become ready."""
        out = []
        for name in names:
            self.processes[name].is_ready = True
            out += self.call("ready", name)
        return out

    def exit(self, name: str, ended: Exit = ERROR) -> list[Action]:
        """End a process, ordered or not."""
        del self.processes[name]
        return self.call("exited", name, ended)

    def answer(self, name: str) -> list[Action]:
        """Let a process do what it owes: end when it was asked to, become ready when it was started."""
        process = self.processes[name]
        if process.is_asked:
            return self.exit(name, KILLED if process.is_killed else NORMAL)
        return self.ready(name)

    def wait(self, seconds: float) -> list[Action]:
        """Let time pass; what falls due is done at its time."""
        until_s, out = self.now_s + seconds, []
        while (due_s := self.machine.next_check_s()) is not None and due_s <= until_s:
            out += self.wait_due()
        self.now_s = until_s
        return out

    def wait_due(self) -> list[Action]:
        """Let time pass until the next thing falls due."""
        due_s = self.machine.next_check_s()
        assert due_s is not None, "nothing is waited for"
        self.now_s = max(self.now_s, due_s)
        out = self.call("tick")
        after_s = self.machine.next_check_s()
        assert after_s is None or after_s > self.now_s, "a tick that leaves something due would be called for ever"
        return out

    def answer_all(self) -> list[str]:
        """Let processes do what they owe, those that have owed it longest first; return their names."""
        answered: list[str] = []
        while owed := [name for name, process in self.processes.items() if process.is_asked or not process.is_ready]:
            self.answer(owed[0])
            answered.append(owed[0])
            assert len(answered) < _MOST_STEPS, "what is answered leads to ever more to answer"
        return answered

    def settle(self) -> None:
        """Answer all that is outstanding and let time pass until nothing is waited for any more."""
        for _ in range(_MOST_STEPS):
            self.answer_all()
            if self.machine.next_check_s() is not None:
                self.wait_due()
            else:
                return
        raise AssertionError(f"the tree never settles: {self.states()}")

    # What is seen

    def states(self) -> dict[str, str]:
        """The state of each child and group but the outermost, in start order."""
        return {name: self.state(name) for name in self.machine.layout.descendants()}

    def state(self, name: str) -> str:
        return self.machine.member(name).state.value

    def restarts(self) -> dict[str, int]:
        return {name: record.restarts for name, record in self.machine.children.items()}

    def decision(self, name: str) -> str:
        """What was decided last about a member."""
        return [a.text for a in self.told if isinstance(a, Decision) and a.child == name][-1]

    def count(self, kind: type) -> int:
        return sum(isinstance(action, kind) for action in self.told)

    # Carrying out

    def _carry_out(self, actions: list[Action]) -> list[Action]:
        queue, carried, unmade = deque(actions), [], set[str]()
        while queue:
            action = queue.popleft()
            carried.append(action)
            match action:
                case Spawn(name, incarnation):
                    assert name not in self.processes, f"a second process of {name}"
                    assert incarnation > self._lives.get(name, 0), f"{name} has had life {incarnation} before"
                    self._lives[name] = incarnation
                    if name in self.unmakeable:
                        unmade.add(name)
                        # Others that were ordered before come first, so a failure waits for its turn.
                        queue.extend(self.machine.spawn_failed(name, "no more processes", now_s=self.now_s))
                    else:
                        self.processes[name] = Process()
                case AskToStop(name, _) | Kill(name, _, _):
                    # An order may cross with the news that there is no process to obey it.
                    assert name in self.processes or name in unmade, f"no process of {name} could obey {action}"
                    if name in self.processes:
                        self.processes[name].is_asked = True
                        self.processes[name].is_killed |= isinstance(action, Kill)
                case Record("group_started", name):
                    self._forget(name, *self.machine.groups[name].members)
                    self._forget_group(name)
                case Decision(name, text):
                    self._check_budget(name, text)
                case Removed(name):
                    assert name not in self.processes
                    assert not self.machine.knows(name)
                    self._lives.pop(name, None)
                    self._forget(name)
                    self._forget_group(name)
        self.told += carried
        self.check()
        return carried

    # What must hold

    def _parent(self, name: str) -> GroupRecord:
        return self.machine.groups[self.machine.layout.group_of[name]]

    def check(self) -> None:
        """Compare the machine's view with what exists, and look for waits without an end."""
        machine = self.machine
        living = {name for name, record in machine.children.items() if record.state in ALIVE}
        assert living == set(self.processes)
        for name, process in self.processes.items():
            assert process.is_ready or process.is_asked or machine.children[name].due_s is not None, name
            assert process.is_asked == (machine.children[name].state is State.STOPPING), name
        for name in machine.layout.descendants():
            self._check_member(name)
        assert self.count(TreeStopped) <= 1
        assert self.count(TreeStarted) <= 1
        if self.count(TreeStopped):
            assert not self.processes
        self._check_waits_end()

    def _check_member(self, name: str) -> None:
        member = self.machine.member(name)
        parent = self._parent(name)
        if member.is_held and not self.machine.is_stopping:
            assert member.state in {State.STOPPING, State.STOPPED}, f"{name} was stopped by its operator"
        if member.state in {State.BACKOFF, State.PARKED}:
            assert member.due_s is not None, f"{name} waits for ever"
        if member.state in WAITING:
            assert not self.machine.is_stopping, f"{name} waits although the tree stops"
        if member.state is not State.STOPPED:
            assert parent.state in ALIVE, f"{name} is {member.state} in a group that is {parent.state}"

    def _check_waits_end(self) -> None:
        """Whoever is on his way waits for a process that owes something, or for a time."""
        machine = self.machine
        members = [machine.member(name) for name in machine.layout.descendants()]
        waits = any(m.state in WAITING or m.state in {State.STARTING, State.STOPPING} for m in members)
        owed = any(process.is_asked or not process.is_ready for process in self.processes.values())
        assert not waits or owed or machine.next_check_s() is not None, f"nobody moves: {self.states()}"

    def _check_order(self, action: Action) -> None:
        match action:
            case Spawn(name, _) | Record("group_started", name):
                self._check_start_order(name)
            case AskToStop(name, _):
                self._check_stop_order(name)

    def _check_start_order(self, name: str) -> None:
        """Those before it are ready or done where the strategy makes it depend on them."""
        parent = self._parent(name)
        before = [self.machine.member(other) for other in parent.members[: parent.members.index(name)]]
        if parent.policy.strategy != "one_for_one":
            bad = [other.name for other in before if other.state not in {State.READY, State.STOPPED}]
            assert not bad, f"{name} is started before {bad}"
        first = [o.name for o in before if o.state is State.STARTING and o.incarnation == 1 and not o.was_tried]
        assert not first, f"{name} is started while {first} start for the first time"

    def _check_stop_order(self, name: str) -> None:
        """Nobody who was started later, and must stop too, still lives."""
        record = self.machine.children[name]
        parent = self._parent(name)
        after = [self.machine.member(other) for other in parent.members[parent.members.index(name) + 1 :]]
        if record.must_stop is not None:
            late = [other.name for other in after if other.must_stop is not None and other.state in ALIVE]
            assert not late, f"{name} is stopped before {late}"
        if self.machine.is_stopping and not self._was_stopping(parent):
            names = list(self.machine.layout.children())
            late = [n for n in names[names.index(name) + 1 :] if self.machine.children[n].state in ALIVE]
            assert not late, f"the tree stops {name} before {late}"

    def _was_stopping(self, around: GroupRecord) -> bool:
        """Whether a group, or one around it, was being stopped already when the stop of the tree began."""
        while around.name:
            if around.name in self._early:
                return True
            around = self._parent(around.name)
        return False

    def _check_budget(self, name: str, text: str) -> None:
        """Count the restarts within the period once more, in another way."""
        found = _SPENT.search(text)
        if found is None or not text.startswith("restart"):
            return
        cause, used, limit = found[1], int(found[2]), int(found[3])
        parent = self._parent(name)
        policy = parent.policy
        key = (name, cause) if policy.when_exhausted == "park" else ("group", parent.name, cause == "fork_server_lost")
        times = self._restarts[key]
        times.append(self.now_s)
        assert used <= limit
        assert sum(self.now_s - at_s <= policy.period_s for at_s in times) <= limit, f"{key}: {times}"

    def _forget(self, *names: str) -> None:
        for key in [key for key in self._restarts if key[0] in names]:
            del self._restarts[key]

    def _forget_group(self, name: str) -> None:
        for is_lost in (True, False):
            self._restarts.pop(("group", name, is_lost), None)

    def _forget_the_recovered(self) -> None:
        for name in self.machine.layout.descendants():
            member = self.machine.member(name)
            if member.state is State.READY and self.now_s - member.state_since_s >= self.machine.flags.stable_s:
                self._forget(name)
