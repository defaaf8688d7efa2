"""The tree while it runs: carries out what the machine decides, in trio.

The machine is called synchronously, in the order in which things happened; whatever waits (a process, a link, a stop)
is a task of its own that reports back. So no decision ever waits for a slow child.
"""

import os
import random
from collections import deque
from functools import partial
from typing import Any, Final

import msgspec
import trio

from actors.runtime.process.logs import get_logger
from protocols.control.messages import Failed, FromChild, Parked, Ready, Start, Unparked
from protocols.errors import ChannelError
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
from supervisor.machine.machine import Machine
from supervisor.machine.states import ALIVE
from supervisor.processes.life import Life
from supervisor.processes.limits import apply_limits
from supervisor.processes.process import ChildProcess
from supervisor.processes.spawning import Spawner
from supervisor.processes.strangers import Strangers
from supervisor.processes.watching import Coroner
from supervisor.records.log_collector import LogCollector
from supervisor.records.records import Records
from supervisor.running.autopsy import Epilogue, examine, is_worth_a_report
from supervisor.running.listeners import Listeners
from supervisor.running.run_dir import RunDir
from supervisor.running.status_report import describe_tree
from supervisor.specs.plan import Plan
from supervisor.specs.settings import Settings
from supervisor.specs.spec import ChildSpec, GroupSpec

OVERDUE_S: Final = 30.0
"""Later than that, what is due is not late but forgotten."""

REPORT_LINES: Final = 40
"""Of a child's output, in the report of its end."""

_QUIET_EVENTS: Final = frozenset({"child_ready", "child_stopped", "group_started", "group_ready", "group_stopped"})


class Tree:
    """A supervised tree. Use `run_tree`, which gives one to its starter.

    Attributes:
        settings: what it is made from; `reload` replaces them.
        machine: decides.
        lives: the newest life of each child, also when it has ended.
        started: set when each child was ready, or has failed once.
        stopped: set when no process is left and none will be started.
        logs: what the children write.
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
        self.lives: dict[str, Life] = {}
        self.logs = LogCollector(nursery, redaction=records.redaction, write=records.log.write)
        self.listeners = listeners
        self.started_s = trio.current_time()
        self.started = trio.Event()
        self.stopped = trio.Event()
        self.is_checking = False
        self._redact = records.redaction.text
        self._spawner = spawner
        self._strangers = strangers
        self._coroner = Coroner()
        self._nursery = nursery
        self._epilogues: dict[str, Epilogue] = {}
        self._to_do: deque[Action] = deque()
        self._begun: dict[str, tuple[Life, ChildProcess] | OSError] = {}
        self._is_applying = False
        self._changed = trio.Event()
        self.log: Any = get_logger(actor="supervisor", pid=os.getpid())
        for name in self.machine.children:
            listeners.open(name)

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
            self.lives,
            run_dir=self.run_dir.path,
            uptime_s=now_s - self.started_s,
            is_started=self.started.is_set(),
            now_s=now_s,
        )
        return msgspec.structs.replace(
            status,
            log_lines_dropped=self.records.log.dropped,
            crash_reports_lost=self.records.reports.lost,
            strangers_ended=self._strangers.ended,
        )

    def add(self, spec: ChildSpec | GroupSpec) -> None:
        """Add a child or group; what is wrong with it was found before."""
        if isinstance(spec, ChildSpec):
            self.listeners.open(spec.name)
        self.apply(self.machine.add(spec, now_s=trio.current_time()))

    def follow_plan(self, settings: Settings, plan: Plan) -> None:
        """Change what is different between the settings now and new ones; the rest goes on untouched."""
        specs: dict[str, ChildSpec | GroupSpec] = {group.name: group for group in settings.groups}
        specs |= {child.name: child for child in settings.children}
        # First of all: a child that is started by what follows gets the new secrets and flags.
        self.settings = settings
        for change in plan.changes:
            now_s = trio.current_time()
            if change.kind == "remove":
                self.apply(self.machine.remove(change.name, now_s=now_s))
            elif change.kind == "add":
                self.add(specs[change.name])
            elif change.name == "supervisor":
                self.apply(self.machine.set_flags(settings.flags, now_s=now_s))
            elif change.kind in {"restart", "adjust"}:
                self.apply(self.machine.replace(specs[change.name], now_s=now_s, anew=change.kind == "restart"))

    def condemn(self, name: str, detail: str, *, is_memory: bool) -> None:
        """End a child that hangs, or that has more memory than it may."""
        life = self.lives[name]
        life.last_words = detail
        self.log.error(
            "child.over_memory" if is_memory else "child.stalled", child=name, child_pid=life.pid, why=detail
        )
        happened = self.machine.over_memory if is_memory else self.machine.stalled
        self.apply(happened(name, now_s=trio.current_time()))

    def sweep(self) -> None:
        """End what dead children left behind, and collect dead strangers when this is PID 1."""
        if self.is_checking:
            return  # The check process is a child of ours that is no actor; the next sweep finds the rest.
        known = {life.pid for life in self.lives.values() if life.ended is None} | self._spawner.known_pids()
        for pid in self._strangers.sweep(known):
            self.log.warning("stranger.ended", child_pid=pid)

    def faults(self, *, now_s: float) -> list[str]:
        """Return what must never be: a child that the machine thinks alive without a process, or work left undone."""
        alive = [name for name, child in self.machine.children.items() if child.state in ALIVE]
        found = [f"{name} has no process" for name in alive if self._living(name) is None]
        due_s = self.machine.next_check_s()
        if due_s is not None and now_s - due_s > OVERDUE_S:
            found.append(f"something was due {now_s - due_s:.0f} s ago")
        return found

    def tend(self) -> None:
        """Let the spawner make what it keeps ready."""
        self._coroner.look()
        if self.machine.is_stopping:
            return
        try:
            self._spawner.refill(now_s=trio.current_time())
        except OSError as error:
            self.log.warning("spare.failed", error=str(error))

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
        # Processes come first: while one begins, there is time to write down why.
        for action in actions:
            if isinstance(action, Spawn):
                self._begun[action.child] = self._begin(action.child, action.incarnation)
        self._to_do.extend(actions)
        if self._is_applying:
            return  # Called for what follows from an action: its turn comes.
        self._is_applying = True
        try:
            while self._to_do:
                self._carry_out(self._to_do.popleft())
        finally:
            self._is_applying = False
        self._note_change()

    def _carry_out(self, action: Action) -> None:
        match action:
            case Spawn(name, incarnation):
                self._spawn(name, incarnation)
            case AskToStop(name, limit_s):
                if (life := self._living(name)) is not None:
                    self._nursery.start_soon(life.stop, limit_s)
            case Kill(name, dump):
                if (life := self._living(name)) is not None:
                    self._nursery.start_soon(partial(life.kill, dump=dump))
            case Record():
                self._record(action)
            case Decision(name, text):
                self._epilogue(name).decision = text
                self.log.info("child.decision", child=name, decision=text)
            case Removed(name):
                self._forget(name)
            case TreeStarted():
                self.log.info("supervisor.started", children=len(self.machine.children))
                self.started.set()
            case TreeStopped():
                self.stopped.set()

    def _living(self, name: str) -> Life | None:
        """Return the life of a child's process; None when no process was made, or it is collected: its end is told."""
        life = self.lives.get(name)
        return life if life is not None and life.ended is None else None

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _forget(self, name: str) -> None:
        self.lives.pop(name, None)
        self._epilogues.pop(name, None)
        self.listeners.close(name)
        self.logs.forget(name)

    def _epilogue(self, name: str) -> Epilogue:
        return self._epilogues.setdefault(name, Epilogue())

    def _begin(self, name: str, incarnation: int) -> tuple[Life, ChildProcess] | OSError:
        """Make a child's process and tell it what to do; return why that is not possible when it is not."""
        try:
            process = self._spawner.spawn(name)
        except OSError as error:
            return error
        life = Life(process, self._coroner, started_s=trio.current_time())
        life.begin(self._start_message(name, incarnation), self.listeners[name])
        return life, process

    def _spawn(self, name: str, incarnation: int) -> None:
        """Follow a process that was made."""
        begun = self._begun.pop(name)
        if isinstance(begun, OSError):
            self.log.warning("child.spawn_failed", child=name, error=str(begun))
            self.apply(self.machine.spawn_failed(name, self._redact(str(begun)), now_s=trio.current_time()))
            return
        life, process = begun
        self.lives[name] = life
        self.records.lifecycle.write("child_started", child=name, pid=process.pid, incarnation=incarnation)
        apply_limits(process.pid, self.machine.children[name].spec)
        self.logs.attach(name, process.pid, process.output)
        self.log.info("child.started", child=name, child_pid=process.pid, incarnation=incarnation)
        self._nursery.start_soon(self._live, name, life, incarnation)

    def _record(self, record: Record) -> None:
        life = self.lives.get(record.child)
        alive = life is not None and not life.is_ending
        fields: dict[str, object] = {}
        if record.cause is not None and record.exit is not None:
            fields = {"cause": record.cause, "code": record.exit.code, "signal": record.exit.signal}
            if record.exit.summary:
                fields["summary"] = record.exit.summary
            self._epilogue(record.child).cause = record.cause
        if record.event == "child_stopped" and life is not None:
            fields["rung"] = life.rung  # Which step of the ladder was needed.
        if record.reason is not None:
            fields["reason"] = record.reason
        # A parked child without a process keeps the number of its last one out of the history's last line.
        pid = life.pid if life is not None and (alive or record.exit is not None) else None
        self.records.lifecycle.write(record.event, child=record.child, pid=pid, **fields)
        write = self.log.info if record.event in _QUIET_EVENTS else self.log.warning
        write(record.event.replace("_", "."), child=record.child, child_pid=pid, **fields)

    # Tasks

    async def _live(self, name: str, life: Life, incarnation: int) -> None:
        """Follow one life to its end, and write down how it ended."""
        told, link_broken = partial(self._told, name, life), partial(self._link_broken, name, life)
        try:
            ended = await life.run(told=told, link_broken=link_broken)
        except BaseException:
            if life.ended is not None:
                self._record(Record("child_stopped", name, cause="cancelled", exit=life.ended))
            life.close()
            raise
        self.apply(self.machine.exited(name, ended, now_s=trio.current_time()))
        epilogue = self._epilogues.pop(name, Epilogue())
        await trio.lowlevel.checkpoint()  # A new life, if there is one, begins before the old one is cleared away.
        self.sweep()
        await self.logs.drain(life.pid)
        if is_worth_a_report(epilogue, life, is_stopping=self.machine.is_stopping):
            log = self.logs.tail(name, REPORT_LINES, pid=life.pid)
            self.records.reports.add(examine(name, life, epilogue, incarnation=incarnation, log=log))
        life.close()

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

    def _told(self, name: str, life: Life, message: FromChild) -> None:
        match message:
            case Ready():
                self.apply(self.machine.ready(name, now_s=trio.current_time()))
            case Parked(reason):
                self.apply(self.machine.waits(name, self._redact(reason)))
            case Unparked():
                self.apply(self.machine.works(name))
            case Failed(summary, traceback):
                life.last_words, life.traceback = self._redact(summary), self._redact(traceback)
                self.log.error("child.failed", child=name, child_pid=life.pid, traceback=life.traceback)

    def _link_broken(self, name: str, life: Life, error: ChannelError) -> None:
        life.last_words = life.last_words or self._redact(str(error))
        self.log.error("child.link_broken", child=name, child_pid=life.pid, error=str(error))
        self.apply(self.machine.link_broken(name, now_s=trio.current_time()))
