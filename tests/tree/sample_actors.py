"""Tiny actors for tests of the tree, given by import path."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import trio

from protocols.channel.framing import pack_frame


class SampleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: int = 0
    after_s: float = 0.0
    text: str = ""
    file: str = ""


async def idle(actor: Any) -> None:
    actor.ready()
    await trio.sleep_forever()


async def configured(actor: Any, settings: SampleSettings) -> None:
    actor.counters.set("code", settings.code)
    actor.ready()
    await trio.sleep_forever()


async def shows_its_environment(actor: Any, settings: SampleSettings) -> None:
    """Print what it inherited, and how much it was told besides."""
    print(f"environment of a: {os.environ['OF_THE_OWNER']}, {len(actor.secrets['UPBITD_ACCESS_KEY'])} characters")
    actor.ready()
    await trio.sleep_forever()


async def until_told() -> None:
    """Wait until the supervisor was told what was said before."""
    from trio.testing import wait_all_tasks_blocked  # It imports pytest, which no other actor here should wait for.

    await wait_all_tasks_blocked()


async def blocked_in_c(actor: Any) -> None:
    actor.ready()
    with trio.CancelScope(shield=True):  # A stop that comes early must not get through.
        await until_told()
    time.sleep(30)  # noqa: ASYNC251 - the point of this actor


async def busy_loop(actor: Any) -> None:
    actor.ready()
    with trio.CancelScope(shield=True):  # A stop that comes early must not get through.
        await until_told()
    while True:
        pass


async def never_turns(actor: Any) -> None:
    """Block before anything else of this process has had a turn."""
    actor.ready()
    time.sleep(30)  # noqa: ASYNC251 - the point of this actor


async def never_ready(actor: Any) -> None:
    await trio.sleep_forever()


async def blocked_before_it_is_ready(actor: Any) -> None:
    time.sleep(30)  # noqa: ASYNC251 - the point of this actor


async def ends(actor: Any, settings: SampleSettings) -> None:
    actor.ready()
    await trio.sleep(settings.after_s)
    sys.exit(settings.code)


async def fails(actor: Any, settings: SampleSettings) -> None:
    actor.log.info("about.to.fail", secret=dict(actor.secrets), text=settings.text)
    raise ValueError(f"deliberate {settings.text} {' '.join(actor.secrets.values())}")


async def fails_while_there_is(actor: Any, settings: SampleSettings) -> None:
    """Fail as long as a file is there."""
    if os.path.exists(settings.file):  # noqa: ASYNC240, PTH110 - once, at the start
        raise ValueError("there is trouble")
    actor.ready()
    await trio.sleep_forever()


async def leaves_its_input(actor: Any) -> None:
    """Work on one input, and never on the next one; its loop goes on turning."""
    actor.ready()
    actor.progress.consumed += 1
    with actor.progress.watch(lambda: True):
        await trio.sleep_forever()


async def eats_memory(actor: Any) -> None:
    actor.ready()
    await until_told()
    eaten = []
    while True:
        eaten.append(bytearray(b"x" * 4_000_000))
        await trio.sleep(0.005)


async def eats_memory_before_it_is_ready(actor: Any) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(b"x" * 4_000_000))
        await trio.sleep(0.005)


async def starts_a_program(actor: Any) -> None:
    program = subprocess.Popen(["sleep", "600"])  # noqa: ASYNC220 - once, at the start
    actor.counters.set("program", program.pid)
    await idle(actor)


async def prints_secrets(actor: Any) -> None:
    actor.ready()
    print("I know", *actor.secrets.values(), flush=True)
    await trio.sleep_forever()


async def kills_itself(actor: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def crashes_hard(actor: Any) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


async def parks(actor: Any) -> None:
    actor.park("no keys; write them to the keys file")
    await trio.sleep_forever()


async def parks_with_secrets(actor: Any, settings: SampleSettings) -> None:
    actor.keep_secret(settings.text)
    actor.park(f"refused {settings.text} and {actor.secrets['UPBITD_ACCESS_KEY']}")
    await trio.sleep_forever()


async def speaks_garbage(actor: Any) -> None:
    """Send a reason that is not UTF-8 by the control link, as no `Actor` would."""
    actor.ready()
    for fd in range(3, 64):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as link:
            if link.family == socket.AF_UNIX and not link.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                link.send(pack_frame(b"\x92\xa6parked\xa1\xff"))
    await trio.sleep_forever()


async def ignores_stop(actor: Any) -> None:
    actor.ready()
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def prints_and_ignores_stop(actor: Any) -> None:
    print("printed", flush=True)
    await ignores_stop(actor)


async def leaves_one_that_writes_into_its_links(actor: Any) -> None:
    """In its first life, leave a process behind that has its sockets and writes what no protocol allows."""
    parent = os.getpid()
    if actor.incarnation == 1 and os.fork() == 0:
        _write_into_links_when_orphaned(parent)
    await idle(actor)


def _write_into_links_when_orphaned(parent: int) -> None:
    end_s = time.monotonic() + 5
    while os.getppid() == parent and time.monotonic() < end_s:
        time.sleep(0.0005)
    time.sleep(0.004)
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if fd.is_socket():
                os.write(int(fd.name), pack_frame(b"\xc1\xff"))
    time.sleep(1)
    os._exit(0)


async def finishes(actor: Any) -> None:
    actor.ready()


def not_async(actor: Any) -> None:
    """Not an actor."""


class SharedTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str


class WithSharedTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchange: SharedTable


async def with_shared_table(actor: Any, settings: WithSharedTable) -> None:
    actor.ready()
    await trio.sleep_forever()
