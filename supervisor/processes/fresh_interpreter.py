"""Starting each child in an interpreter of its own (`spawn`): nothing is inherited but what is handed over."""

import os

import multiprocess

from actors.runtime.process.child import enter
from supervisor.processes.process import ChildProcess
from supervisor.processes.spawning import (
    Endowment,
    blocked_signals,
    check_descriptors,
    check_main_thread,
    hidden_main_module,
    take_over,
)
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
        given = Endowment(name)
        arguments = given.arguments(name, os.getpid(), self._preload)
        process = self._context.Process(target=enter, kwargs=arguments, name=name, daemon=False)
        try:
            check_descriptors()
            with blocked_signals(), hidden_main_module():
                process.start()
                made = ChildProcess(
                    process.pid,
                    control=given.control,
                    box=given.box,
                    output=given.output,
                    status=lambda: process.exitcode,
                    release=process.close,
                )
                take_over(process)
                return made
        except BaseException:
            given.close_ours()
            raise
        finally:
            given.close_theirs()

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
