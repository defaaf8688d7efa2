"""Real processes of one spawner, each followed as the running tree follows it."""

import contextlib
import itertools
import os
import select
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from protocols.control.messages import Failed, FromChild, Ready, Start
from protocols.errors import ChannelError
from supervisor.machine.causes import Exit
from supervisor.processes.control_stream import pack_start
from supervisor.processes.fork_server import ForkServer
from supervisor.processes.fresh_interpreter import FreshInterpreter
from supervisor.processes.life import Life
from supervisor.processes.spares import WithSpares
from supervisor.processes.spawning import Spawner
from supervisor.processes.watching import Coroner

LIMIT_S = 20.0
"""For one event; a machine under load needs about a second."""

PRELOAD = ("actors.runtime.process.process", "actors.runtime.channel.dialling")

_later_s = itertools.count(0, 1000)


def _spares() -> Spawner:
    server = ForkServer(PRELOAD)
    assert server.warm() == []
    return WithSpares(server, server, 1)


def _fork_server() -> Spawner:
    server = ForkServer(PRELOAD)
    assert server.warm() == []
    return server


WAYS: dict[str, Callable[[], Spawner]] = {"spawn": FreshInterpreter, "forkserver": _fork_server, "spares": _spares}


class Running:
    """One life: what it said, and how it ended."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.told: list[FromChild] = []
        self.is_ready = trio.Event()
        self.has_ended = trio.Event()
        self.exit: Exit | None = None

    def hear(self, message: FromChild) -> None:
        self.told.append(message)
        if isinstance(message, Ready):
            self.is_ready.set()
        if isinstance(message, Failed):
            self.life.last_words = message.summary

    def kill(self, number: int) -> None:
        os.kill(self.life.pid, number)

    async def note_end(self, ended: Exit) -> None:
        self.exit = ended

    async def ready(self) -> "Running":
        with trio.fail_after(LIMIT_S):
            await self.is_ready.wait()
        return self

    async def ended(self) -> Exit:
        with trio.fail_after(LIMIT_S):
            await self.has_ended.wait()
        assert self.exit is not None
        return self.exit

    async def beat(self) -> None:
        """Wait until its loop has turned."""
        await until(lambda: self.life.box.contents().beats > 0)


async def until(holds: Callable[[], Any]) -> None:
    """Look often, for what another process does without telling; with a limit."""
    with trio.fail_after(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - memory of another process tells nobody
            await trio.sleep(0.002)


class Stage:
    """Makes lives; all of them are ended with it."""

    def __init__(self, spawner: Spawner, folder: Path, nursery: trio.Nursery) -> None:
        self.spawner = spawner
        self.folder = folder
        self._nursery = nursery
        self._coroner = Coroner()
        self._opened = contextlib.ExitStack()
        self.outputs: list[tuple[int, int]] = []

    def start(self, target: str, name: str = "a", **settings: object) -> Running:
        """Start one of the sample targets, or a `module:function`."""
        process = self.spawner.spawn(name)
        self.outputs.append(process.output)
        for fd in process.output:
            self._opened.callback(os.close, fd)
        running = Running(Life(process, self._coroner, started_s=trio.current_time()))
        self._opened.callback(running.life.close)
        self._nursery.start_soon(self._follow, running, name, target, settings)
        return running

    async def blocked(self, name: str = "a") -> Running:
        """Start a child and wait until it holds its interpreter in C."""
        child = await self.start("blocked_in_c", name).ready()
        await until((self.folder / "blocked").exists)
        return child

    async def _follow(self, running: Running, name: str, target: str, settings: dict[str, object]) -> None:
        def broken(error: ChannelError) -> None:
            raise error

        entry = target if ":" in target else f"tests.supervisor.processes.sample_targets:{target}"
        start = Start(
            name=name,
            entry=entry,
            settings=msgspec.Raw(msgspec.msgpack.encode(settings)),
            secrets={"SECRET": "hush"},
            run_dir=os.fspath(self.folder),
            incarnation=1,
            heartbeat_s=0.02,
            log_level="warning",
        )
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("")  # An address without a file.
            listener.listen()
            running.life.begin(pack_start(start), listener)
            await running.life.run(told=running.hear, link_broken=broken, ended=running.note_end)
        running.has_ended.set()

    def close(self) -> None:
        self._opened.close()


@asynccontextmanager
async def stage(spawner: Spawner, folder: Path) -> AsyncIterator[Stage]:
    try:
        async with trio.open_nursery() as nursery:
            made = Stage(spawner, folder, nursery)
            yield made
            nursery.cancel_scope.cancel()
    finally:
        made.close()


def refilled(spawner: Spawner) -> None:
    """Let the spawner have ready what it keeps ready."""
    spawner.refill(now_s=next(_later_s))


@contextlib.contextmanager
def nothing_left(spawner: Spawner) -> Iterator[None]:
    """See that what is done within leaves no process, zombie or descriptor behind."""
    from supervisor.processes.strangers import own_children

    refilled(spawner)
    children, descriptors = own_children() - spawner.known_pids(), open_descriptors()
    yield
    refilled(spawner)
    assert own_children() - spawner.known_pids() == children
    now = open_descriptors()
    assert len(now) == len(descriptors), f"before {descriptors}, now {now}"


def title_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]


def open_descriptors() -> dict[str, str]:
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # The one of this very look.
            found[link.name] = str(link.readlink())
    return found


def wait_gone(pidfds: list[int], *, limit_s: float) -> None:
    """See that all are gone within a time; a pidfd is readable then, also when nobody has collected the process."""
    deadline_s = time.monotonic() + limit_s
    for pidfd in pidfds:
        readable, _, _ = select.select([pidfd], [], [], max(0.0, deadline_s - time.monotonic()))
        assert readable, "a process is still there"
