"""The tree while it runs: carries out what the machine decides, in trio.

The machine is called synchronously, in the order in which things happened; whatever waits (a process, a link, a stop)
is a task of its own that reports back. So no decision ever waits for a slow child.
"""

import os
import random
import time
from collections import deque
from functools import partial
from typing import Any, Final

import msgspec
import trio

from actors.runtime.process.logs import get_logger
from protocols.control.messages import Start
from protocols.errors import UsageError
from supervisor.control.status import TreeStatus
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
from supervisor.machine.states import ALIVE
from supervisor.processes.spawning import Spawner
from supervisor.processes.strangers import Strangers
from supervisor.records.records import Records
from supervisor.running.children import Children
from supervisor.running.events import write_event
from supervisor.running.listeners import Listeners
from supervisor.running.run_dir import RunDir
from supervisor.running.status_report import describe_tree
from supervisor.specs.layout import Layout
from supervisor.specs.plan import Plan
from supervisor.specs.settings import Settings
from supervisor.specs.spec import ChildSpec, GroupSpec

OVERDUE_S: Final = 30.0
"""Later than that, what is due is not late but forgotten."""


class Tree:
    """A supervised tree. Use `run_tree`, which gives one to its starter.

    Attributes:
        settings: what it is made from; `reload` replaces them.
        machine: decides.
        children: their processes.
        started: set when each child was ready, or has failed once.
        stopped: set when no process is left and none will be started.
        records: what is kept of what happened.
    """

    def __init__(
        self,
        settings: Settings,
        run_dir: RunDir,
        *,
        records: Records,
        spawner: Spawner,
        strangers: Strangers,
        listeners: Listeners,
        nursery: trio.Nursery,
    ) -> None:
        self.settings = settings
        self.run_dir = run_dir
        self.records = records
        self.machine = Machine(settings.tree, random.Random())  # noqa: S311 - jitter, not a secret
        self.children = Children(
            self.machine,
            apply=self.apply,
            begin=self.begin,
            carry_out=self.carry_out,
            record=self._record,
            records=records,
            spawner=spawner,
            strangers=strangers,
            listeners=listeners,
            nursery=nursery,
        )
        self.started_s = trio.current_time()
        self.started = trio.Event()
        self.stopped = trio.Event()
        self._to_do: deque[tuple[Action, int]] = deque()  # What, and when it was decided.
        self._is_applying = False
        self._changed = trio.Event()
        self.log: Any = get_logger(actor="supervisor", pid=os.getpid())

    # What others may ask for

    def start(self) -> None:
        """Start the first child; the others follow in order."""
        self.apply(self.machine.start(now_s=trio.current_time()))

    def stop(self) -> None:
        """Stop all children in reverse order; called again, kill what is left."""
        now_s = trio.current_time()
        if self.machine.is_stopping:
            self.log.warning("supervisor.hurry")
            self.apply(self.machine.hurry(now_s=now_s))
        else:
            self.log.info("supervisor.stop")
            self.apply(self.machine.stop(now_s=now_s))

    def ask_to_stop(self) -> None:
        """Stop the tree in order; one that is stopping already goes on as it does."""
        if not self.machine.is_stopping:
            self.stop()

    def status(self) -> TreeStatus:
        """Describe the tree as it stands now."""
        now_s = trio.current_time()
        status = describe_tree(
            self.machine,
            self.children.lives,
            run_dir=self.run_dir.path,
            uptime_s=now_s - self.started_s,
            is_started=self.started.is_set(),
            now_s=now_s,
        )
        return msgspec.structs.replace(
            status,
            log_lines_dropped=self.records.log.dropped,
            log_lines_cut=self.children.logs.lines_cut,
            crash_reports_lost=self.records.reports.lost,
            strangers_ended=self.children.strangers_ended,
        )

    def follow_plan(self, settings: Settings, plan: Plan) -> None:
        """Change what is different between the settings now and new ones; the rest goes on untouched.

        Args:
            settings: checked ones.
            plan: made from the settings now and these; the tree has nobody by the names that it adds.

        Raises:
            SettingsError: a new child cannot be given its socket; nothing was changed.
            UsageError: the tree is stopping; nothing was changed.
        """
        if self.machine.is_stopping:
            raise UsageError("nothing was changed: the tree is stopping")
        specs: dict[str, ChildSpec | GroupSpec] = {group.name: group for group in settings.groups}
        specs |= {child.name: child for child in settings.children}
        self.carry_out()  # What is still to be done is about those who were there before.
        # All that can fail comes first: half a plan would count as carried out, and no later reload would complete it.
        self.children.expect(*(name for name in plan.names("add") if isinstance(specs[name], ChildSpec)))
        # And then these: a child that is started by what follows gets the new secrets and flags.
        self.settings = settings
        for secret in settings.secrets.values():
            self.records.redaction.learn(secret)
        layout = Layout(settings.children, settings.groups)
        for change in plan.changes:
            now_s = trio.current_time()
            if change.kind == "remove":
                self.apply(self.machine.remove(change.name, now_s=now_s))
            elif change.kind == "add":
                spec = specs[change.name]
                self.apply(self.machine.add(spec, layout.members[spec.group], now_s=now_s))
            elif change.name == "supervisor":
                self.apply(self.machine.set_flags(settings.flags, now_s=now_s))
            elif change.kind in {"restart", "adjust"}:
                self.apply(self.machine.replace(specs[change.name], now_s=now_s, anew=change.kind == "restart"))

    def condemn(self, name: str, detail: str, *, is_memory: bool) -> None:
        """End a child that hangs, or that has more memory than it may."""
        life = self.children.lives[name]
        life.last_words = detail
        self.log.error(
            "child.over_memory" if is_memory else "child.stalled", child=name, child_pid=life.pid, why=detail
        )
        happened = self.machine.over_memory if is_memory else self.machine.stalled
        self.apply(happened(name, now_s=trio.current_time()))

    def faults(self, *, now_s: float) -> list[str]:
        """Return what must never be: a child that the machine thinks alive without a process, or work left undone."""
        found = [f"{name} has no process" for name in self._without_process()]
        due_s = self.machine.next_check_s()
        if due_s is not None and now_s - due_s > OVERDUE_S:
            found.append(f"something was due {now_s - due_s:.0f} s ago")
        return found

    def write_off(self) -> None:
        """Let a child without a process count as ended, so that a stop gets to its end whatever went wrong before."""
        for name in self._without_process():
            self.log.error("child.written_off", child=name)
            ended = Exit(code=None, signal=None, summary="it had no process")
            self.apply(self.machine.exited(name, ended, now_s=trio.current_time()))

    def _without_process(self) -> list[str]:
        alive = [name for name, child in self.machine.children.items() if child.state in ALIVE]
        return [name for name in alive if self.children.living(name) is None]

    @property
    def changed(self) -> trio.Event:
        """Set at the machine's next decision; a new one follows it."""
        return self._changed

    async def wait_changed(self) -> None:
        """Wait until the machine has decided anything."""
        await self._changed.wait()

    # Carrying out

    def apply(self, actions: list[Action]) -> None:
        """Carry out actions in order, and behind them those that follow from them."""
        self.begin(actions)
        self.carry_out()

    def begin(self, actions: list[Action]) -> bool:
        """Make the processes that are to be made; the rest is for `carry_out`.

        Processes come first: while one begins, there is time to write down why. Returns whether that can wait until
        they are ready: all could be made, and nothing is left but writing.
        """
        now_ns = time.monotonic_ns()
        spawns = [action for action in actions if isinstance(action, Spawn)]
        made = []
        for spawn in spawns:
            start = partial(self._start_message, spawn.child, spawn.incarnation)
            made.append(self.children.begin(spawn.child, spawn.incarnation, start))
        self._to_do.extend((action, now_ns) for action in actions)
        is_written = all(isinstance(action, Spawn | Record | Decision) for action in actions)
        return bool(made) and all(made) and is_written

    def carry_out(self) -> None:
        """Carry out in order what `begin` left to be done."""
        if self._is_applying:
            return  # Called for what follows from an action: its turn comes.
        self._is_applying = True
        try:
            while self._to_do:
                self._carry_out(*self._to_do.popleft())
        finally:
            self._is_applying = False
        self._note_change()

    def _carry_out(self, action: Action, at_ns: int) -> None:
        match action:
            case Spawn(name, incarnation):
                self.children.write_down(name, incarnation)
            case AskToStop(name, limit_s):
                self.children.ask_to_stop(name, limit_s)
            case Kill(name, dump, why):
                self.children.kill(name, dump=dump, why=why)
            case Record():
                self._record(action, at_ns)
            case Decision(name, text):
                self.children.epilogue(name).decision = text
                self.log.info("child.decision", child=name, decision=text)
            case Removed(name):
                self.children.forget(name)
            case TreeStarted():
                self.log.info("supervisor.started", children=len(self.machine.children))
                self.started.set()
            case TreeStopped():
                self.stopped.set()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _start_message(self, name: str, incarnation: int) -> Start:
        spec, flags = self.machine.children[name].spec, self.machine.flags
        return Start(
            name=name,
            entry=spec.start,
            settings=msgspec.Raw(msgspec.msgpack.encode(spec.settings)),
            secrets=self.settings.secrets_of(spec),
            run_dir=os.fspath(self.run_dir.path),
            incarnation=incarnation,
            heartbeat_s=flags.heartbeat_s,
            dead_man_s=flags.dead_man_s,
            log_level=flags.log_level,
        )

    def _record(self, record: Record, at_ns: int | None = None) -> None:
        write_event(record, self.children, self.records, self.log, at_ns=at_ns)
