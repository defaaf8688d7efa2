"""The children's processes: begun, listened to, ended, and written down when they are gone."""

import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import trio

from actors.runtime.process.logs import get_logger
from protocols.control.messages import Failed, FromChild, Parked, Ready, Start, Unparked
from protocols.errors import ChannelError, SettingsError
from supervisor.machine.actions import Action, Record
from supervisor.machine.causes import Exit
from supervisor.machine.machine import Machine
from supervisor.processes.control_stream import pack_start
from supervisor.processes.life import Life
from supervisor.processes.limits import apply_limits
from supervisor.processes.process import ChildProcess
from supervisor.processes.side_processes import SIDE_PROCESSES
from supervisor.processes.spawning import Spawner
from supervisor.processes.strangers import Strangers
from supervisor.processes.watching import Coroner
from supervisor.records.log_collector import LogCollector
from supervisor.records.records import Records
from supervisor.running.autopsy import Epilogue, examine, is_worth_a_report
from supervisor.running.listeners import Listeners

REPORT_LINES: Final = 40
"""Of a child's output, in the report of its end."""

NEXT_LIFE_S: Final = 0.003
"""How long all that is to be written about an end waits for the next life. Where idle processors sleep, as in virtual
machines, the kernel lets a process that is sent a message wait on the sender's processor, until the sender pauses."""

AFTERMATH_S: Final = 0.02
"""How long the report of an end waits for the next life: that one is ready within 5 ms when a spare becomes it."""


class Children:
    """The children's processes; the machine hears what happens to them.

    Args:
        machine: decides what follows.
        apply: carries out what it decided.
        begin: of that, makes the processes; returns whether the rest can wait for them.
        carry_out: does what else is left to do.
        record: writes down an event.
        records: what is kept of what happened.
        spawner: makes processes.
        strangers: finds what dead children left behind.
        listeners: the children's sockets.
        nursery: where each life is followed.

    Attributes:
        lives: the newest life of each child, also when it has ended.
        logs: what the children write.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        apply: Callable[[list[Action]], None],
        begin: Callable[[list[Action]], bool],
        carry_out: Callable[[], None],
        record: Callable[[Record], None],
        records: Records,
        spawner: Spawner,
        strangers: Strangers,
        listeners: Listeners,
        nursery: trio.Nursery,
    ) -> None:
        self.lives: dict[str, Life] = {}
        self.logs = LogCollector(nursery, redaction=records.redaction, write=records.log.write)
        self._machine = machine
        self._apply = apply
        self._begin = begin
        self._carry_out = carry_out
        self._record = record
        self._records = records
        self._spawner = spawner
        self._strangers = strangers
        self._listeners = listeners
        self._nursery = nursery
        self._redact = records.redaction.text
        self._coroner = Coroner()
        self._epilogues: dict[str, Epilogue] = {}  # Of an end, while what follows from it is carried out.
        self._begun: dict[str, tuple[Life, ChildProcess] | Exception] = {}
        self._log: Any = get_logger(actor="supervisor")
        listeners.open(*machine.children)

    def living(self, name: str) -> Life | None:
        """Return the life of a child's process; None when no process was made, or it is collected: its end is told."""
        life = self.lives.get(name)
        return life if life is not None and life.ended is None else None

    def epilogue(self, name: str) -> Epilogue:
        """Return where to note what follows from the end of a child's process.

        What is about a group, or about a process that could not be made, is in no report: it is noted in vain.
        """
        return self._epilogues.get(name, Epilogue())

    # Carrying out

    def expect(self, *names: str) -> None:
        """Listen for children that are new: for all of them, or for none.

        Raises:
            SettingsError: a socket cannot be made in the run directory.
        """
        self._listeners.open(*names)

    def begin(self, name: str, incarnation: int, start: Callable[[], Start]) -> bool:
        """Make a child's process, tell it what to do, and follow it to its end; `write_down` comes next.

        Returns whether it was made.

        Whatever goes wrong, it is this child's start that failed: the machine counts on a process, or on its end.
        """
        try:
            message = pack_start(start())
            process = self._spawner.spawn(name)
        except Exception as error:  # noqa: BLE001 - as above
            self._begun[name] = error
            return False
        life = Life(process, self._coroner, started_s=trio.current_time())
        try:
            self._listeners.renew(name)
        except SettingsError as error:
            self._log.warning("run_dir.socket_gone", child=name, error=str(error))
        try:
            life.begin(message, self._listeners[name])
        except OSError as error:
            self._log.warning("child.start_not_sent", child=name, child_pid=process.pid, error=str(error))
            process.send_signal(signal.SIGKILL)  # It would wait for ever; its end is followed as any other.
        self.lives[name] = life
        self._begun[name] = life, process
        self._nursery.start_soon(self._live, name, life, incarnation)
        return True

    def write_down(self, name: str, incarnation: int) -> None:
        """Write down that a process was made, or why not; keep what it prints, and limit what it uses."""
        begun = self._begun.pop(name)
        if isinstance(begun, Exception):
            # What follows is not about the last process, whose end may be told just now.
            self.lives.pop(name, None)
            self._epilogues.pop(name, None)
            is_expected = isinstance(begun, OSError)
            reason = self._redact(str(begun) if is_expected else f"{type(begun).__name__}: {begun}")
            self._log.warning("child.spawn_failed", child=name, error=reason, exc_info=None if is_expected else begun)
            self._records.lifecycle.write("spawn_failed", child=name, pid=None, reason=reason)
            self._apply(self._machine.spawn_failed(name, reason, now_s=trio.current_time()))
            return
        life, process = begun
        self._records.lifecycle.write(
            "child_started", child=name, pid=process.pid, at_ns=life.started_ns, incarnation=incarnation
        )
        self.logs.attach(name, process.pid, process.output)
        self._log.info("child.started", child=name, child_pid=process.pid, incarnation=incarnation)
        try:
            apply_limits(process.pid, self._machine.children[name].spec)
        except OSError as error:
            self._log.warning("child.without_limits", child=name, child_pid=process.pid, error=str(error))

    def ask_to_stop(self, name: str, limit_s: float) -> None:
        """Begin to stop a child's process; one that is gone already is no error."""
        if (life := self.living(name)) is not None:
            self._nursery.start_soon(life.stop, limit_s)

    def kill(self, name: str, *, dump: bool, why: str = "") -> None:
        """End a child's process now; one that is gone already is no error. `why` becomes its last words if need be."""
        if (life := self.living(name)) is not None:
            life.last_words = life.last_words or why
            self._nursery.start_soon(partial(life.kill, dump=dump))

    def forget(self, name: str) -> None:
        """Keep nothing of a child that was removed."""
        self.lives.pop(name, None)
        self._listeners.close(name)
        self.logs.forget(name)

    # Looking after

    def sweep(self) -> None:
        """End what dead children left behind, and collect dead strangers when this is PID 1."""
        self._spawner.collect()
        with SIDE_PROCESSES.known_nowait() as beside:
            if beside is None:
                return  # One is being made now. The next sweep finds the rest.
            living = {life.pid for life in self.lives.values() if life.ended is None}
            ended = self._strangers.sweep(living | self._spawner.known_pids() | beside)
        for pid in ended:
            self._log.warning("stranger.ended", child_pid=pid)

    @property
    def strangers_ended(self) -> int:
        """How many processes of dead children had to be ended."""
        return self._strangers.ended

    def tend(self) -> None:
        """Let the spawner make what it keeps ready, and see to what was left behind; called once a heartbeat."""
        self._coroner.look()
        self.sweep()
        if self._machine.is_stopping:
            return
        try:
            self._spawner.refill(now_s=trio.current_time())
        except OSError as error:
            self._log.warning("spare.failed", error=str(error))

    # One life

    async def _live(self, name: str, life: Life, incarnation: int) -> None:
        """Follow one life to its end, and write down how it ended."""
        told, link_broken = partial(self._told, name, life), partial(self._link_broken, name, life)
        epilogue = Epilogue(life)
        ended = partial(self._follow_up, name, epilogue)
        try:
            try:
                await life.run(told=told, link_broken=link_broken, ended=ended)
            except BaseException:
                if life.ended is not None and not epilogue.cause:
                    self._record(Record("child_stopped", name, cause="cancelled", exit=life.ended))
                raise
            self.sweep()
            log = await self.logs.drain(life.pid, REPORT_LINES)
            if is_worth_a_report(epilogue, life, is_stopping=self._machine.is_stopping):
                self._records.reports.add(examine(name, life, epilogue, incarnation=incarnation, log=log))
        finally:
            life.close()

    async def _follow_up(self, name: str, epilogue: Epilogue, ended: Exit) -> None:
        """Do what follows from an end: first the next life, and when that is ready, or late, all the rest."""
        self._carry_out()  # What is still to be done is about others, or about an earlier life of this child.
        self._epilogues[name] = epilogue
        try:
            if self._begin(self._machine.exited(name, ended, now_s=trio.current_time())):
                await trio.sleep(NEXT_LIFE_S)
        finally:
            self._carry_out()
            if self._epilogues.get(name) is epilogue:
                del self._epilogues[name]
        if not self._machine.is_stopping:
            await trio.sleep(AFTERMATH_S)

    def _told(self, name: str, life: Life, message: FromChild) -> None:
        if life.ended is not None:
            return  # A process that it left behind has its link still.
        match message:
            case Ready():
                life.ready_ns = time.monotonic_ns()
                self._apply(self._machine.ready(name, now_s=trio.current_time()))
            case Parked(reason):
                self._apply(self._machine.waits(name, self._redact(reason)))
            case Unparked():
                self._apply(self._machine.works(name))
            case Failed(summary, traceback):
                life.last_words, life.traceback = self._redact(summary), self._redact(traceback)
                self._log.error("child.failed", child=name, child_pid=life.pid, traceback=life.traceback)

    def _link_broken(self, name: str, life: Life, error: ChannelError) -> None:
        if life.ended is not None:
            return
        life.last_words = life.last_words or self._redact(str(error))
        self._log.error("child.link_broken", child=name, child_pid=life.pid, error=str(error))
        self._apply(self._machine.link_broken(name, now_s=trio.current_time()))
