"""Knowing that a process is gone, and how it ended."""

import trio

from supervisor.machine.machine_types import Exit
from supervisor.processes.spawning import ChildProcess


async def watch(process: ChildProcess) -> None:
    """Wait until the process is gone and tell everybody; one task for each process.

    Right also when a grandchild still holds the pipes and sockets of the process.
    """
    await trio.lowlevel.wait_readable(process.pidfd)
    process.gone.set()


def classify(status: int, summary: str = "") -> Exit:
    """Turn an exit status (negative: a signal's number) and last words into how the process ended."""
    if status < 0:
        return Exit(code=None, signal=-status, summary=summary)
    return Exit(code=status, signal=None, summary=summary)
