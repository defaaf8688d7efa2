"""Warm spares: processes that have imported everything and wait to become the next child."""

import select
import signal
from collections import deque
from typing import Final

from actors.runtime.process.child import SPARE
from supervisor.processes.process import ChildProcess
from supervisor.processes.spawning import Spawner, check_main_thread

REFILL_EVERY_S: Final = 1.0
"""At most one spare is made in this time, so that one that dies at once costs little."""

END_S: Final = 1.0
"""The kernel takes a few milliseconds for a process that was killed."""


class WithSpares:
    """Hands out a waiting process where one lives, and makes one as usual where none does.

    Args:
        spawner: makes processes as usual.
        spare_spawner: makes spares; its processes import everything before they hear what to do.
        count: how many wait.
    """

    def __init__(self, spawner: Spawner, spare_spawner: Spawner, count: int) -> None:
        self._spawner = spawner
        self._spare_spawner = spare_spawner
        self._count = count
        self._spares: deque[ChildProcess] = deque()
        self._refilled_s = float("-inf")

    def spawn(self, name: str) -> ChildProcess:
        """Return a process for a child; see `Spawner`."""
        check_main_thread()
        while self._spares:
            spare = self._spares.popleft()
            if not _is_readable(spare.pidfd):
                return spare
            _discard(spare)
        return self._spawner.spawn(name)

    def refill(self, *, now_s: float) -> None:
        """Make one spare if one is missing and none was made in the last second.

        Raises:
            OSError: no process can be made.
        """
        for spare in [spare for spare in self._spares if _is_readable(spare.pidfd)]:
            self._spares.remove(spare)
            _discard(spare)
        if len(self._spares) < self._count and now_s - self._refilled_s >= REFILL_EVERY_S:
            self._refilled_s = now_s
            self._spares.append(self._spare_spawner.spawn(SPARE))

    def collect(self) -> None:
        """Let both spawners collect; see `Spawner`. Dead spares are found by `refill` and `spawn`."""
        self._spare_spawner.collect()
        self._spawner.collect()

    def known_pids(self) -> set[int]:
        """Return the spares and what the spawners know; see `Spawner`."""
        spares = {spare.pid for spare in self._spares}
        return spares | self._spawner.known_pids() | self._spare_spawner.known_pids()

    def close(self) -> None:
        """End the spares by a kill: none has begun anything, and one that is stopped or stuck would not hear more."""
        while self._spares:
            spare = self._spares.popleft()
            spare.send_signal(signal.SIGKILL)
            _is_readable(spare.pidfd, limit_s=END_S)
            status_fd = spare.status_fd()
            if status_fd is not None:  # Else it would stay behind when its fork server ends next.
                _is_readable(status_fd, limit_s=END_S)
            _discard(spare)
        self._spare_spawner.close()
        self._spawner.close()


def _is_readable(fd: int, *, limit_s: float = 0.0) -> bool:
    poll = select.poll()  # Unlike `select`, it takes descriptors of any size.
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(limit_s * 1000))


def _discard(process: ChildProcess) -> None:
    """Collect a spare that is gone."""
    process.gone.set()
    process.reap()
    process.close()
    process.close_records()
