"""When there are too few descriptors for a process and all that it is given."""

import contextlib
import os
import resource
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import multiprocess
import pytest

from supervisor.processes.spawning import Spawner
from tests.supervisor.processes.stage import stage, until


@contextlib.contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Let this process open so many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.dup(0)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe + count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("spawner_of_module", ["spawn", "forkserver"], indirect=True)
async def test_without_descriptors_no_process_is_made_and_nothing_is_left(spawner: Spawner, tmp_path: Path) -> None:
    made = 0
    async with stage(spawner, tmp_path) as lives:
        for count in range(40):  # Each step needs a few; the last one is the pidfd of a process that runs already.
            with descriptors_left(count), contextlib.suppress(OSError):
                process = spawner.spawn("a")
                made += 1
                process.send_signal(signal.SIGKILL)
                await until(lambda process=process: gone(process.pidfd))
                process.gone.set()
                process.reap()
                process.close()
                process.close_records()
        assert 0 < made < 40
        await lives.start("idle").ready()
        await until(lambda: not multiprocess.active_children())  # Those that were made without a descriptor left.


def gone(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 0)[0])
