"""The ladder that ends a process: ask, SIGTERM, dump its stacks, SIGKILL. Each rung has a limit."""

import signal
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from supervisor.processes.black_box import MAX_DUMP_BYTES
from supervisor.processes.process import ChildProcess

ASK_SHARE: Final = 0.75
"""Part of the limit that belongs to the message; the rest is for SIGTERM, for a child that does not read its link."""

DUMP_S: Final = 0.1
"""A dump takes 0.3 ms also while C code holds the interpreter; the rest is for a machine under load."""

DUMP_STEP_S: Final = 0.002
"""faulthandler does not say when it is done: a dump is whole when it has not grown for so long."""


async def stop_by_ladder(
    process: ChildProcess,
    ask: Callable[[float], Awaitable[None]],
    *,
    limit_s: float,
    climbed: Callable[[str], None],
) -> None:
    """End a process within `limit_s` seconds and the time of a dump.

    Args:
        process: what to end; it is gone when this returns, but not reaped.
        ask: sends the stop message with its deadline.
        limit_s: 0 kills at once.
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
    await kill_with_dump(process)


async def kill_with_dump(process: ChildProcess) -> None:
    """Let the process write all its stacks into its black box, then kill it; return once it is gone."""
    await dump_stacks(process)
    process.send_signal(signal.SIGKILL)
    await process.gone.wait()


async def dump_stacks(process: ChildProcess) -> str:
    """Let the process dump the stacks of all its threads and return them; empty when it could not within `DUMP_S`.

    A stopped process (SIGSTOP) cannot, and one in its first milliseconds would be ended by the signal.
    """
    if not process.box.contents().pid:
        return ""
    if process.box.dump_size() > MAX_DUMP_BYTES:
        process.box.clear_dump()
    begin = seen = process.box.dump_size()
    process.send_signal(signal.SIGUSR1)
    with trio.move_on_after(DUMP_S):
        while not process.gone.is_set():
            await trio.sleep(DUMP_STEP_S)
            before, seen = seen, process.box.dump_size()
            if seen == before > begin:
                break
    return process.box.dump_text(begin)
