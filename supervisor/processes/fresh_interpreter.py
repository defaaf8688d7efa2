"""Starting each child in an interpreter of its own (`spawn`): nothing is inherited but what is handed over."""

import os

import multiprocess

from supervisor.processes.process import ChildProcess, ExitStatus
from supervisor.processes.spawning import check_main_thread, start_process
from supervisor.processes.tracker import collect_tracker, end_tracker, ensure_tracker, tracker_pid


class FreshInterpreter:
    """The `spawn` way: slower, and nothing can be wrong with what a child inherits.

    Args:
        preload: modules that each process imports at once, before it hears what to do; for spares.
    """

    def __init__(self, preload: tuple[str, ...] = ()) -> None:
        self._context = multiprocess.get_context("spawn")
        self._preload = preload
        ensure_tracker()

    def spawn(self, name: str) -> ChildProcess:
        """Start a process; see `Spawner`."""
        check_main_thread()
        ensure_tracker()
        return start_process(
            self._context,
            name,
            parent_pid=os.getpid(),
            preload=self._preload,
            status=lambda process: ExitStatus(process.exitcode),
            status_fd=lambda _process: None,
        )

    def refill(self, *, now_s: float) -> None:
        """Keep nothing ready; see `Spawner`."""

    def collect(self) -> None:
        """Collect a dead resource tracker; see `Spawner`."""
        collect_tracker()

    def known_pids(self) -> set[int]:
        """Return the resource tracker; see `Spawner`."""
        return tracker_pid()

    def close(self) -> None:
        """End the resource tracker."""
        end_tracker()
