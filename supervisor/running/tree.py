"""The tree while it runs: carries out what the machine decides, in trio.

The machine is called synchronously, in the order in which things happened; whatever waits (a process, a link, a stop)
is a task of its own that reports back. So no decision ever waits for a slow child.
"""

import contextlib
import os
import random
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from actors.runtime.process.logs import Redaction, get_logger
from protocols.control.messages import Failed, FromChild, Heartbeat, Parked, Ready, Start, Unparked
from protocols.errors import ChannelError
from supervisor.control.server import serve_control
from supervisor.control.status import TreeStatus
from supervisor.machine.machine import Machine
from supervisor.machine.machine_types import (
    Action,
    AskToStop,
    ChildState,
    Kill,
    Record,
    Spawn,
    TreeStarted,
    TreeStopped,
)
from supervisor.processes.life import Life
from supervisor.processes.spawning import FreshInterpreter, Spawner
from supervisor.running.lifecycle import Lifecycle
from supervisor.running.run_dir import RunDir
from supervisor.running.status_report import describe_tree
from supervisor.specs.settings import Settings

if TYPE_CHECKING:
    import socket


class Tree:
    """A supervised tree. Use `run_tree`, which gives one to its starter."""

    def __init__(
        self,
        settings: Settings,
        run_dir: RunDir,
        *,
        lifecycle: Lifecycle,
        redaction: Redaction,
        spawner: Spawner,
        nursery: trio.Nursery,
    ) -> None:
        self.settings = settings
        self.run_dir = run_dir
        self.machine = Machine(settings.children, settings.flags, random.Random())  # noqa: S311 - jitter, not a secret
        self.lives: dict[str, Life] = {}
        self.started_s = trio.current_time()
        self.started = trio.Event()
        self.stopped = trio.Event()
        self._lifecycle = lifecycle
        self._redact = redaction.text
        self._spawner = spawner
        self._nursery = nursery
        self._listeners: dict[str, socket.socket] = {}
        self._changed = trio.Event()
        self._log: Any = get_logger(actor="supervisor", pid=os.getpid())

    # What others may ask for

    def start(self) -> None:
        """Start the first child; the others follow in order."""
        self.apply(self.machine.start(now_s=trio.current_time()))

    def stop(self) -> None:
        """Stop all children in reverse order; called again, kill what is left."""
        now_s = trio.current_time()
        if self.machine.is_stopping:
            self._log.warning("supervisor.hurry")
            self.apply(self.machine.hurry(now_s=now_s))
        else:
            self._log.info("supervisor.stop")
            self.apply(self.machine.stop(now_s=now_s))

    def ask_to_stop(self) -> None:
        """Stop the tree in order; one that is stopping already goes on as it does."""
        if not self.machine.is_stopping:
            self.stop()

    def status(self) -> TreeStatus:
        """Describe the tree as it stands now."""
        now_s = trio.current_time()
        return describe_tree(
            self.machine,
            self.lives,
            run_dir=self.run_dir.path,
            uptime_s=now_s - self.started_s,
            is_started=self.started.is_set(),
            now_s=now_s,
        )

    async def restart(self, name: str) -> str:
        """Restart one child and wait until it is ready again, or until it is clear that it is not.

        Returns:
            The state that it reached.

        Raises:
            UsageError: there is no such child, or the tree is stopping.
        """
        child = self.machine.children.get(name)
        before = 0 if child is None else child.incarnation
        self.apply(self.machine.restart(name, now_s=trio.current_time()))
        record = self.machine.children[name]
        while record.incarnation == before or record.state in {ChildState.STARTING, ChildState.STOPPING}:
            await self.wait_changed()
            if self.machine.is_stopping:
                break
        return record.state.value

    async def wait_changed(self) -> None:
        """Wait until anything in the status changed: a state, or a heartbeat's numbers."""
        await self._changed.wait()

    # Carrying out

    def apply(self, actions: list[Action]) -> None:
        """Carry out actions in order, and those that follow from them."""
        for action in actions:
            match action:
                case Spawn(name, incarnation):
                    self._spawn(name, incarnation)
                case AskToStop(name, limit_s):
                    self._nursery.start_soon(self.lives[name].stop, limit_s)
                case Kill(name, dump):
                    self._nursery.start_soon(partial(self.lives[name].kill, dump=dump))
                case Record():
                    self._record(action)
                case TreeStarted():
                    self._log.info("supervisor.started", children=len(self.machine.children))
                    self.started.set()
                case TreeStopped():
                    self.stopped.set()
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _spawn(self, name: str, incarnation: int) -> None:
        try:
            process = self._spawner.spawn(name)
        except OSError as error:
            self._log.error("child.spawn_failed", child=name, error=str(error))
            self.apply(self.machine.spawn_failed(name, self._redact(str(error)), now_s=trio.current_time()))
            return
        self.lives[name] = life = Life(process, started_s=trio.current_time())
        self._lifecycle.write("child_started", child=name, pid=process.pid, incarnation=incarnation)
        self._log.info("child.started", child=name, child_pid=process.pid, incarnation=incarnation)
        self._nursery.start_soon(self._live, name, life, incarnation)

    def _record(self, record: Record) -> None:
        life = self.lives.get(record.child)
        alive = life is not None and not life.is_ending
        fields: dict[str, object] = {}
        if record.cause is not None and record.exit is not None:
            fields = {"cause": record.cause, "code": record.exit.code, "signal": record.exit.signal}
            if record.exit.summary:
                fields["summary"] = record.exit.summary
        if record.event == "child_stopped" and life is not None:
            fields["rung"] = life.rung  # Which step of the ladder was needed.
        if record.reason is not None:
            fields["reason"] = record.reason
        # A parked child without a process keeps the number of its last one out of the history's last line.
        pid = life.pid if life is not None and (alive or record.exit is not None) else None
        self._lifecycle.write(record.event, child=record.child, pid=pid, **fields)
        write = self._log.info if record.event in {"child_ready", "child_stopped"} else self._log.warning
        write(record.event.replace("_", "."), child=record.child, child_pid=pid, **fields)

    # Tasks

    async def _live(self, name: str, life: Life, incarnation: int) -> None:
        """Follow one life from its `Start` message to its end."""
        start, listener = self._start_message(name, incarnation), self._listeners[name]
        told, link_broken = partial(self._told, name, life), partial(self._link_broken, name, life)
        try:
            ended = await life.run(start, listener, told=told, link_broken=link_broken)
        except BaseException:
            if life.ended is not None:
                self._record(Record("child_stopped", name, cause="cancelled", exit=life.ended))
            raise
        self.apply(self.machine.exited(name, ended, now_s=trio.current_time()))

    def _start_message(self, name: str, incarnation: int) -> Start:
        spec = self.machine.children[name].spec
        return Start(
            name=name,
            entry=spec.start,
            settings=msgspec.Raw(msgspec.msgpack.encode(spec.settings)),
            secrets=self.settings.secrets_of(spec),
            run_dir=os.fspath(self.run_dir.path),
            incarnation=incarnation,
            heartbeat_s=self.settings.flags.heartbeat_s,
            log_level=self.settings.flags.log_level,
        )

    def _told(self, name: str, life: Life, message: FromChild) -> None:
        match message:
            case Heartbeat():
                life.heartbeat, life.heartbeat_s = message, trio.current_time()
                self._note_change()
            case Ready():
                self.apply(self.machine.ready(name, now_s=trio.current_time()))
            case Parked(reason):
                self.apply(self.machine.waits(name, self._redact(reason)))
            case Unparked():
                self.apply(self.machine.works(name))
            case Failed(summary, traceback):
                life.last_words = self._redact(summary)
                self._log.error("child.failed", child=name, child_pid=life.pid, traceback=traceback)

    def _link_broken(self, name: str, life: Life, error: ChannelError) -> None:
        life.last_words = life.last_words or self._redact(str(error))
        self._log.error("child.link_broken", child=name, child_pid=life.pid, error=str(error))
        self.apply(self.machine.link_broken(name, now_s=trio.current_time()))

    async def run_clock(self) -> None:
        """Call the machine when something is due, until cancelled."""
        while True:
            changed, due_s = self._changed, self.machine.next_check_s()
            with trio.move_on_at(trio.current_time() + 3600 if due_s is None else due_s):
                await changed.wait()
                continue
            self.apply(self.machine.tick(now_s=trio.current_time()))

    # Sockets and clean-up

    @contextlib.contextmanager
    def open_listeners(self) -> Iterator[None]:
        """Hold one listening socket for each child: it outlives the child, so a dial during a restart waits."""
        try:
            for name in self.machine.children:
                self._listeners[name] = self.run_dir.listen(self.run_dir.child_socket(name))
            yield
        finally:
            for name, listener in self._listeners.items():
                listener.close()
                self.run_dir.child_socket(name).unlink(missing_ok=True)


async def run_tree(
    settings: Settings,
    run_dir: RunDir,
    *,
    lifecycle: Lifecycle,
    redaction: Redaction,
    stop: trio.Event,
    spawner: Spawner | None = None,
    task_status: trio.TaskStatus[Tree] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run a tree until `stop` is set, or until it is stopped over its control socket; return when all is gone.

    Runs in the main thread. When cancelled it kills all children at once. Gives the `Tree` to its starter as soon as
    the first child has been started; `tree.started` is set when all were.

    Raises:
        SettingsError: a socket cannot be made in the run directory.
    """
    spawner = FreshInterpreter() if spawner is None else spawner
    with contextlib.closing(spawner), contextlib.ExitStack() as sockets:
        async with trio.open_nursery() as services:
            async with trio.open_nursery() as children:
                tree = Tree(
                    settings, run_dir, lifecycle=lifecycle, redaction=redaction, spawner=spawner, nursery=children
                )
                sockets.enter_context(tree.open_listeners())
                control = run_dir.listen(run_dir.control_socket)
                sockets.callback(run_dir.control_socket.unlink, missing_ok=True)
                services.start_soon(serve_control, control, tree)
                services.start_soon(tree.run_clock)
                services.start_soon(_stop_when_told, tree, stop)
                tree.start()
                task_status.started(tree)
                await tree.stopped.wait()
            services.cancel_scope.cancel()
    lifecycle.write("supervisor_stopped", child=None, pid=os.getpid())


async def _stop_when_told(tree: Tree, stop: trio.Event) -> None:
    await stop.wait()
    tree.ask_to_stop()
