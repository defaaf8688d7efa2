"""Actors that end in every way, and that print and log, given by import path."""

import ctypes
import gc
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import trio

from protocols.errors import ExchangeRefused, HandshakeRefused, SettingsError

COLLECTED_WHILE_IMPORTED = gc.isenabled()


class Given(msgspec.Struct, frozen=True):
    number: int = 0


async def idle(actor: Any) -> None:
    actor.ready()
    await trio.sleep_forever()


async def tells_of_the_collector(actor: Any) -> None:
    actor.counters.set("while imported", int(COLLECTED_WHILE_IMPORTED))
    actor.counters.set("while running", int(gc.isenabled()))
    actor.ready()
    await trio.sleep_forever()


async def slow_to_stop(actor: Any) -> None:
    """Take as long to stop as somebody needs who looks."""
    seen = Path(actor.run_dir, "seen")
    actor.ready()
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            while not seen.exists():  # noqa: ASYNC110, ASYNC240 - a file tells nobody
                await trio.sleep(0.002)


async def counts_and_fails(actor: Any) -> None:
    """Fail in the very moment in which a counter was raised."""
    actor.ready()
    await trio.lowlevel.checkpoint()
    actor.counters.set("orders", 3)
    actor.note("trade/KRW-BTC", 5, 6, 7)
    raise ValueError(f"the key was {actor.secrets['KEY']}")


async def fails_in_a_group(actor: Any) -> None:
    raise ExceptionGroup("two", [ValueError("first"), KeyError("second")])


async def exits(actor: Any, given: Given) -> None:
    sys.exit(given.number)


async def exits_with_a_text(actor: Any) -> None:
    sys.exit("there is nothing to do")


async def quits_oddly(actor: Any) -> None:
    class Quit(BaseException):
        pass

    raise Quit("enough")


async def is_refused(actor: Any, given: Given) -> None:
    refusals = [
        ExchangeRefused("busy", "try later", status=503),
        HandshakeRefused(403),
    ]
    raise refusals[given.number]


async def has_wrong_settings(actor: Any) -> None:
    raise SettingsError("a: nonsense")


async def runs_out_of_memory(actor: Any) -> None:
    use_all_memory()


async def runs_out_of_memory_in_a_task(actor: Any) -> None:
    async def use() -> None:
        use_all_memory()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(use)


def use_all_memory() -> None:
    """Take memory in pieces down to the smallest."""
    allow_memory(50_000_000)
    kept: list[Any] = []
    size = 16_000_000
    while True:
        try:
            kept.append(bytearray(size))
        except MemoryError:
            if size == 1:
                raise
            size //= 2


def allow_memory(more: int) -> None:
    """Let the kernel refuse memory beyond what is used now and so much more."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.RLIM_INFINITY))


async def stands_still_in_c(actor: Any) -> None:
    """Hold the interpreter in C for ever."""
    actor.ready()
    await trio.sleep(0.1)  # A schedule: some beats arm the timer.
    hold_the_interpreter()


def hold_the_interpreter() -> None:
    """Wait for a signal that never comes, in C, as a library does that does not let Python go on."""
    libc, signals = ctypes.PyDLL(None), ctypes.create_string_buffer(128)
    libc.sigaddset(signals, signal.SIGUSR2)
    libc.sigwait(signals, ctypes.byref(ctypes.c_int()))


async def stands_still_from_the_first(actor: Any) -> None:
    """Be ready, and never let the loop turn."""
    actor.ready()
    hold_the_interpreter()


async def reads_nothing(actor: Any) -> None:
    """Have input that waits, and leave it; come back to it once a file says so."""
    seen = Path(actor.run_dir, "seen")
    actor.ready()
    with actor.watch_input(lambda: True):
        while not seen.exists():  # noqa: ASYNC110, ASYNC240 - a file tells nobody
            await trio.sleep(0.002)
        actor.progressed(5)
        await trio.sleep_forever()


async def starts_a_program(actor: Any) -> None:
    """Let a program write down what it has inherited, before anything else of this process has run."""
    with Path(actor.run_dir, "status").open("w") as status:  # noqa: ASYNC230
        subprocess.run(["cat", "/proc/self/status"], check=True, stdout=status)  # noqa: ASYNC221


async def talks(actor: Any) -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)
    actor.log.warning("spoken", key=actor.secrets["KEY"])
    subprocess.run(["echo", "by a program"], check=True)  # noqa: ASYNC221
    subprocess.run(["echo", "by another"], check=True, stdout=sys.stdout)  # noqa: ASYNC221


async def has_a_library_that_logs_badly(actor: Any) -> None:
    """Log by what cannot be written as it was meant, and go on to its end."""
    logging.getLogger("lib").warning("%d items", "many")
    logging.getLogger("lib").log(35, "notice")
    itself: list[Any] = []
    itself.append(itself)
    actor.log.warning("odd", itself=itself)


async def errs_elsewhere(actor: Any) -> None:
    """Have errors in a thread and where Python cannot raise them."""
    thread = threading.Thread(target=fails_in_a_thread, args=(actor.secrets["KEY"],), name="helper")
    thread.start()
    thread.join()
    Unfinished()


def fails_in_a_thread(key: str) -> None:
    raise ValueError(f"deliberate {key}")


class Unfinished:
    def __del__(self) -> None:
        raise KeyError("in __del__")


async def tells_modules(actor: Any) -> None:
    print(*sys.modules)
    print(os.getpid(), signal.getsignal(signal.SIGINT), file=sys.stderr)
