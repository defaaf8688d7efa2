"""What the run plays on: an exchange, a supervised tree, tracers that are listened to, and an operator's hand."""

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from actors.runtime.channel.asking import ask as ask_actor
from protocols.errors import UpbitdError
from protocols.unreadable import UNREADABLE
from supervisor.control.client import ask as ask_supervisor
from supervisor.control.messages import Answer, Command
from supervisor.control.status import ChildStatus, TreeStatus
from supervisor.processes.spares import REFILL_EVERY_S
from tests.chaos.history import History, LifecycleEvent
from tests.chaos.kinds import PUPPET, TRACERS
from tests.chaos.patrol import children_of
from tests.chaos.settings import ACCESS_KEY, SECRET_KEY, Places, Wishes, settings_text
from tests.chaos.tracing import TraceFold
from tests.tree.exchange_process import ExchangeProcess
from tests.tree.running_tree import REPOSITORY, UPBITD, child_environment

ANSWER_S: Final = 20.0
"""For one order: a restart of a group with its limits for stopping."""

GONE_S: Final = 1.0
"""How long processes may outlive a supervisor that was killed."""

PIPE_BYTES: Final = 1024 * 1024
READ_BYTES: Final = 1 << 18

_decode_event = msgspec.json.Decoder(LifecycleEvent).decode


class Unexpected(Exception):
    """Something did not go as it must."""


class Change:
    """Lets tasks wait until anything has happened."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def tell(self) -> None:
        """Wake all that wait."""
        self._event.set()
        self._event = trio.Event()

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds; asked after each change."""
        while not holds():
            await self._event.wait()


class Stage:
    """Everything that runs.

    Attributes:
        supervisor: the newest one.
        sessions: of all supervisors.
        history: what they said.
        folds: what each tracer got.
        change: told of each line that came.
        refused: orders that were not carried out or not answered.
    """

    def __init__(self, places: Places, wishes: Wishes, exchange: ExchangeProcess) -> None:
        self.places = places
        self.wishes = wishes
        self.exchange = exchange
        self.history = History()
        self.folds = {name: TraceFold(name) for name in TRACERS}
        self.change = Change()
        self.sessions: list[int] = []
        self.refused: list[str] = []
        self.supervisor: subprocess.Popen[bytes] = None  # type: ignore[assignment]  # started before anything else
        places.temporary.mkdir()
        self._events = _open_fifo(places.folder / "events")
        self._fifos = {name: _open_fifo(places.fifo(name)) for name in TRACERS}
        self._traces = {name: places.trace(name).open("wb") for name in TRACERS}

    # The supervisor

    def start_supervisor(self) -> None:
        """Start a supervisor in the same directory."""
        self.write_settings()
        keys = {"UPBITD_ACCESS_KEY": ACCESS_KEY, "UPBITD_SECRET_KEY": SECRET_KEY}
        places = self.places
        command = [*UPBITD, "run", "-c", str(places.config), "--run-dir", str(places.run_dir)]
        with (places.folder / "log").open("ab") as log:
            self.supervisor = subprocess.Popen(
                [*command, "--events", str(places.folder / "events")],
                cwd=REPOSITORY,
                env=child_environment({**keys, "TMPDIR": str(places.temporary)}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.sessions.append(self.supervisor.pid)

    def write_settings(self) -> None:
        """Write the settings file as it is wished for now."""
        self.places.config.write_text(settings_text(self.places, self.wishes))

    async def kill_supervisor(self) -> None:
        """Kill it, and see that everything below it is gone within a second.

        Raises:
            Unexpected: something is not.
        """
        pids = [pid for pid, _words in _descendants(self.supervisor.pid)]
        watched = []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                watched.append((pid, os.pidfd_open(pid)))
        try:
            self.supervisor.kill()
            self.supervisor.wait()
            self.history.forget()
            deadline_s = trio.current_time() + GONE_S
            for pid, pidfd in watched:
                with trio.move_on_at(deadline_s) as waiting:
                    await trio.lowlevel.wait_readable(pidfd)
                if waiting.cancelled_caught:
                    raise Unexpected(f"pid {pid} outlived its supervisor by more than {GONE_S:g} s")
        finally:
            for _pid, pidfd in watched:
                os.close(pidfd)

    async def descriptors(self) -> int:
        """Return how many descriptors the supervisor has open, once that has not changed for a while.

        While spares are made, one comes each second.
        """
        looks = 10 + round(REFILL_EVERY_S / 0.05) * bool(self.wishes.spares)
        folder, seen, same = Path(f"/proc/{self.supervisor.pid}/fd"), -1, 0
        with trio.move_on_after(10):
            while same < looks:
                now = len(list(folder.iterdir()))  # noqa: ASYNC240 - no disk behind it
                same = same + 1 if now == seen else 0
                seen = now
                await trio.sleep(0.05)
        return seen

    def helper(self, word: str) -> int:
        """Return the pid of a process of the supervisor's own, by a word of its command line.

        Raises:
            Unexpected: there is none.
        """
        for pid, words in children_of(self.supervisor.pid):
            if word in words:
                return pid
        raise Unexpected(f"the supervisor has no process {word}")

    # Orders

    async def order(self, verb: str, name: str = "", **fields: Any) -> Answer:
        """Ask the supervisor; what is refused or not answered is noted.

        Raises:
            Unexpected: it is.
        """
        command = Command(verb, name, **fields)
        control = self.places.run_dir / "control.sock"
        try:
            return await trio.to_thread.run_sync(
                lambda: ask_supervisor(control, command, limit_s=ANSWER_S), abandon_on_cancel=True
            )
        except UpbitdError as error:
            self.refused.append(f"{verb} {name}: {error}")
            raise Unexpected(f"{verb} {name}: {error}") from error

    async def status(self) -> TreeStatus:
        """Ask how the tree is.

        Raises:
            Unexpected: no answer.
        """
        status = (await self.order("status")).status
        if status is None:
            raise Unexpected("status: an empty answer")
        return status

    async def child(self, name: str) -> ChildStatus:
        """Ask how one child is."""
        return next(child for child in (await self.status()).children if child.name == name)

    def pid_of(self, name: str) -> int:
        """Return the process of a child's newest life.

        Raises:
            Unexpected: it has none.
        """
        standing = self.history.standing(name)
        if standing.state not in {"starting", "ready"}:
            raise Unexpected(f"{name} has no process to hit; it is {standing.state}")
        return standing.pid

    def signal_child(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a child's newest life; one that is gone by now was hit by another fault."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid_of(name), number)

    async def tell_puppet(self, act: str, amount: float) -> None:
        """Order the puppet to do something; it may end before it has answered."""
        socket = self.places.run_dir / f"{PUPPET}.sock"
        with contextlib.suppress(UpbitdError):
            await ask_actor(socket, "chaos", "do", {"act": act, "amount": amount}, timeout_s=2.0)

    async def fault(self, kind: str, target: str, **parameters: object) -> None:
        """Let the exchange do something."""
        await trio.to_thread.run_sync(lambda: self.exchange.fault(kind, target, **parameters), abandon_on_cancel=True)

    # Listening

    async def listen(self) -> None:
        """Take what the supervisor and the tracers write, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, self._events, self._take_event)
            for name, fifo in self._fifos.items():
                nursery.start_soon(self._listen, fifo, lambda line, name=name: self._take_trace(name, line))

    async def _listen(self, fifo: int, take: Callable[[bytes], None]) -> None:
        rest = b""
        while True:
            await trio.lowlevel.wait_readable(fifo)
            *lines, rest = (rest + os.read(fifo, READ_BYTES)).split(b"\n")
            for line in lines:
                take(line)
            self.change.tell()

    def _take_event(self, line: bytes) -> None:
        with contextlib.suppress(*UNREADABLE):  # A supervisor that was killed may leave half a line.
            self.history.feed(_decode_event(line))

    def _take_trace(self, name: str, line: bytes) -> None:
        for kept in self.folds[name].feed(line):
            self._traces[name].write(kept + b"\n")

    def close(self) -> None:
        """Close what this process has open, and kill a supervisor that still runs."""
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.kill()
            self.supervisor.wait()
        for fifo in (self._events, *self._fifos.values()):
            os.close(fifo)
        for file in self._traces.values():
            file.close()


def _descendants(pid: int) -> list[tuple[int, str]]:
    found = []
    for child, words in children_of(pid):
        found += [(child, words), *_descendants(child)]
    return found


def _open_fifo(path: os.PathLike[str]) -> int:
    """Open for reading and writing, so that the end of a writer is no end of the pipe."""
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return fd
