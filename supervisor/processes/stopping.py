"""The ladder that ends a process: ask, SIGTERM, dump its stacks, SIGKILL. Each rung has a limit."""

import signal
import time
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from supervisor.processes.black_box import MAX_DUMP_BYTES
from supervisor.processes.process import ChildProcess

ASK_SHARE: Final = 0.75
"""Part of the limit that belongs to the message; the rest is for SIGTERM, for a child that does not read its link."""

DUMP_S: Final = 0.5
"""A dump of the threads takes 0.3 ms also while C code holds the interpreter; the rest is for a machine under load."""

TASKS_S: Final = 0.5
"""Where its tasks wait is told by its loop, which may be busy."""

LATE_S: Final = 0.05
"""For the last moment: a child that is asked until then may be writing."""

DUMP_STEP_S: Final = 0.002
"""faulthandler does not say when it is done: a dump is whole when it has not grown for so long."""


async def stop_by_ladder(
    process: ChildProcess,
    ask: Callable[[float], Awaitable[None]],
    *,
    limit_s: float,
    dump: Callable[[], Awaitable[object]],
    climbed: Callable[[str], None],
) -> None:
    """End a process within `limit_s` seconds and the time of a dump.

    Args:
        process: what to end; it is gone when this returns, but not reaped.
        ask: sends the stop message with its deadline.
        limit_s: 0 kills at once.
        dump: lets it dump its stacks, before it is killed.
        climbed: told of each rung before it is used: `asked`, `sigterm`, `sigkill`.
    """
    if limit_s > 0:
        climbed("asked")
        with trio.move_on_after(limit_s * ASK_SHARE):
            await ask(limit_s)
            await process.gone.wait()
            return
        climbed("sigterm")
        process.send_signal(signal.SIGTERM)
        with trio.move_on_after(limit_s * (1 - ASK_SHARE)):
            await process.gone.wait()
            return
    climbed("sigkill")
    await dump()
    await kill(process)


async def kill(process: ChildProcess) -> None:
    """End the process now; it is gone when this returns."""
    process.send_signal(signal.SIGKILL)
    await process.gone.wait()


async def dump_stacks(process: ChildProcess, ask_for_tasks: Callable[[int], bool], *, is_turning: bool) -> str:
    """Let the process dump its stacks and return them; empty when it could not within `DUMP_S`.

    A stopped process (SIGSTOP) cannot, and one in its first milliseconds would be ended by the signal.

    Args:
        process: it goes on as if nothing had happened.
        ask_for_tasks: asks it to add where its tasks wait, until a moment (monotonic); returns whether it was asked.
        is_turning: its loop turns, so it can be asked; the stacks of its threads need no loop.
    """
    if not process.box.contents().pid or process.is_stopped():
        return ""
    if process.box.dump_size() > MAX_DUMP_BYTES:
        process.box.clear_dump()
    begin = process.box.dump_size()
    process.send_signal(signal.SIGUSR1)
    if await _grown(process, begin, DUMP_S) and is_turning:
        of_threads = process.box.dump_size()
        if ask_for_tasks(time.monotonic_ns() + int(TASKS_S * 1e9)):
            await _grown(process, of_threads, TASKS_S + LATE_S)
    return process.box.dump_text(begin)


async def _grown(process: ChildProcess, begin: int, limit_s: float) -> bool:
    """Wait until what it dumps is more than before, and whole; return whether it was within the limit."""
    seen = begin
    with trio.move_on_after(limit_s):
        while not process.gone.is_set():
            await trio.sleep(DUMP_STEP_S)
            before, seen = seen, process.box.dump_size()
            if seen == before > begin:
                return True
    return False
