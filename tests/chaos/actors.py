"""Actors of the chaos run, given by import path: tracers, a puppet that does harm on command, and idle ones."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import trio

from actors.commands.event_lines import json_line

MIB = 1024 * 1024


class LockSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """lock: a file that only one life of this actor can hold; doubles: where it is written that two lived."""

    lock: str
    doubles: str


class TracerSettings(LockSettings, frozen=True, forbid_unknown_fields=True):
    """fifo: where everything goes that comes on `topics` of `server`."""

    fifo: str
    server: str
    topics: list[str]


class PuppetSettings(LockSettings, frozen=True, forbid_unknown_fields=True):
    """trouble: while this file exists, every start fails; tag: marks the processes that are left behind."""

    trouble: str
    tag: str


@contextlib.contextmanager
def sole(actor: Any, settings: LockSettings) -> Iterator[int]:
    """Hold this actor's lock; that it is held by another process is written down, which ends the run as a failure."""
    fd = os.open(settings.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with Path(settings.doubles).open("a") as out:
                out.write(f"{actor.name}: pid {os.getpid()} began while another process held its lock\n")
        yield fd
    finally:
        os.close(fd)


async def idle(actor: Any, settings: LockSettings) -> None:
    """Do nothing."""
    with sole(actor, settings):
        actor.ready()
        await trio.sleep_forever()


async def trace(actor: Any, settings: TracerSettings) -> None:
    """Write down everything that comes, as `upbitd watch --json` does, with the time at which it was seen."""
    out = os.open(settings.fifo, os.O_WRONLY | os.O_CLOEXEC)
    with sole(actor, settings):
        async with actor.dial(settings.server) as feed:
            # What a former life left unfinished ends here.
            write_all(out, b"\n" + json.dumps({"marker": "life", "pid": actor.pid}).encode() + b"\n")
            await feed.want_topics(*settings.topics)
            actor.ready()
            while True:
                items = await feed.receive()
                seen = f',"seen_ns":{time.monotonic_ns()}}}\n'
                write_all(out, "".join(json_line(item)[:-1] + seen for item in items).encode())


def write_all(fd: int, data: bytes) -> None:
    """Write to a pipe; a process that is stopped and goes on may find that only a part was written."""
    while data:
        data = data[os.write(fd, data) :]


class Puppet:
    """Takes what `public` has, like any consumer, until it is told to do harm."""

    def __init__(self, actor: Any, settings: PuppetSettings) -> None:
        self._actor = actor
        self._settings = settings
        self._scope = trio.CancelScope()
        self._order: tuple[str, float] | None = None

    async def run(self) -> None:
        """Consume; do what is ordered."""
        if Path(self._settings.trouble).exists():  # noqa: ASYNC240 - one look at the start
            raise RuntimeError("told to fail at every start")
        self._actor.on_request("do", self._take_order)
        with sole(self._actor, self._settings) as lock:
            async with self._actor.dial("public") as feed:
                await feed.want_topics("ticker/KRW-BTC", "ticker/KRW-ETH")
                self._actor.ready()
                while True:
                    with trio.CancelScope() as self._scope:
                        while self._order is None:
                            await feed.receive()
                    order, self._order = self._order, None
                    await trio.sleep(0.02)  # The answer goes out first.
                    if order is not None:
                        await self._obey(*order, lock)

    async def _take_order(self, request: Any) -> object:
        self._order = (request.arguments["act"], request.arguments["amount"])
        self._scope.cancel()
        return True

    async def _obey(self, act: str, amount: float, lock: int) -> None:
        match act:
            case "block":
                block_in_c()
            case "spin":
                while True:
                    pass
            case "deaf":
                await trio.sleep_forever()
            case "exit_code":
                sys.exit((0, 1, 3, 75)[int(amount * 4)])
            case "raise_group":
                raise ExceptionGroup("told to fail", [ValueError("one"), KeyError("two")])
            case "hog":
                hoard = b"x" * (180 * MIB)
                await trio.sleep_forever()
                del hoard
            case "exhaust":
                hoard = b"x" * (600 * MIB)
                del hoard
            case "orphan":
                leave_behind(self._settings.tag, lock, is_fork=amount < 0.5)
            case "flood":
                await self._flood()

    async def _flood(self) -> None:
        """Write some megabytes as log lines, by print, and past Python."""
        for number in range(40):
            for line in range(250):
                self._actor.log.info("chaos.flood", number=number, line=line, text="x" * 100)
            print("y" * 20_000)
            await trio.lowlevel.checkpoint()


def block_in_c() -> None:
    """Keep the interpreter's lock while C code sleeps; a signal ends one sleep, and the next one begins."""
    libc = ctypes.PyDLL(None)
    while True:
        libc.sleep(60)


def leave_behind(tag: str, lock: int, *, is_fork: bool) -> None:
    """Start a process that outlives this one: a fork that holds all of its descriptors, or a program of its own."""
    if not is_fork:
        subprocess.Popen([tag, "600"], executable="/bin/sleep", start_new_session=True)
        return
    if os.fork() == 0:
        os.close(lock)
        from setproctitle import setproctitle

        setproctitle(tag)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(600)


async def puppet(actor: Any, settings: PuppetSettings) -> None:
    """Run the puppet."""
    await Puppet(actor, settings).run()
