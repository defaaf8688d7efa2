"""Actors that end, hang and misbehave in every way that a process can, given by import path."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import multiprocess
import trio

FOREVER_S = 600
"""Longer than any test; what sleeps so long ends with its supervisor."""

SLEEPER = [sys.executable, "-c", f"import time; time.sleep({FOREVER_S})"]


def write_down(actor: Any, name: str, data: bytes) -> None:
    Path(actor.run_dir, name).write_bytes(data)


class Given(msgspec.Struct, frozen=True):
    code: int = 0
    mib: int = 0
    text: str = ""


async def idle(actor: Any) -> None:
    actor.ready()
    await trio.sleep_forever()


async def ends(actor: Any, given: Given) -> None:
    sys.exit(given.code)


async def fails(actor: Any) -> None:
    raise ValueError("deliberate")


async def never_ready(actor: Any) -> None:
    await trio.sleep_forever()


async def stubborn(actor: Any) -> None:
    """Do not end when asked, but turn the loop."""
    actor.ready()
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def shows_no_stacks(actor: Any) -> None:
    """Do not hear the question for them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    actor.ready()
    await trio.sleep_forever()


async def blocked_in_c(actor: Any) -> None:
    """Hold the interpreter in C, so that no Python code of this process runs any more."""
    actor.ready()
    with trio.CancelScope(shield=True):  # Until the supervisor was told, however early somebody asks it to stop.
        from trio.testing import wait_all_tasks_blocked  # It imports pytest, which no other target should wait for.

        await wait_all_tasks_blocked()
    libc, signals = ctypes.PyDLL(None), ctypes.create_string_buffer(128)
    libc.sigaddset(signals, signal.SIGUSR2)
    write_down(actor, "blocked", b"")
    libc.sigwait(signals, ctypes.byref(ctypes.c_int()))  # Of all that waits this goes on after any other signal.


async def busy_thread(actor: Any) -> None:
    """Have a second thread, which must be in the dump too."""
    threading.Thread(target=a_thread_that_waits, daemon=True).start()
    actor.ready()
    await trio.sleep_forever()


def a_thread_that_waits() -> None:
    threading.Event().wait()


async def touches_nothing(actor: Any) -> None:
    """Read address 0."""
    actor.ready()
    ctypes.string_at(0)


async def takes_memory(actor: Any, given: Given) -> None:
    actor.ready()
    await trio.to_thread.run_sync(sys.stdin.read)  # A round of the loop; the message is out.
    bytearray(given.mib * 1024 * 1024)


async def forks(actor: Any) -> None:
    """Leave a process behind that holds all of this one's descriptors."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    write_down(actor, "grandchild", b"%d" % pid)
    actor.ready()
    await trio.sleep_forever()


async def popens(actor: Any) -> None:
    """Leave a program behind that holds what can be inherited, and has one of its own."""
    program = f"import subprocess; p = subprocess.Popen({SLEEPER!r}); print(flush=True); p.wait()"
    left = subprocess.Popen([sys.executable, "-c", program], close_fds=False, stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert left.stdout is not None
    left.stdout.readline()  # Now it has.
    write_down(actor, "grandchild", b"%d" % left.pid)
    actor.ready()
    await trio.sleep_forever()


async def tells_about_itself(actor: Any) -> None:
    """Write down what a process can only say itself."""
    told = {
        "environment": dict(os.environ),
        "modules": sorted(sys.modules),
        "daemon": multiprocess.current_process().daemon,
        "blocked": sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    }
    write_down(actor, "told.json", msgspec.json.encode(told))
    actor.ready()
    await trio.sleep_forever()


async def prints_much(actor: Any, given: Given) -> None:
    """Print more than a pipe takes, without a reader."""
    for _ in range(given.mib):
        print("x" * 1024 * 1024)
    actor.counters.set("printed", 1)
    actor.ready()
    await trio.sleep_forever()
