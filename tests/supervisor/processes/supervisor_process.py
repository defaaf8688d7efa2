"""The small supervisor in a process of its own, from outside."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.supervisor.processes.stage import LIMIT_S
from tests.tree.running_tree import REPOSITORY, child_environment

PROGRAM = "tests.supervisor.processes.small_supervisor"


class SmallSupervisor:
    """What it said, and a pidfd for each process of which it told."""

    def __init__(self, way: str, situation: str, folder: Path) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, way, situation, str(folder)],
            cwd=REPOSITORY,
            env=child_environment({"TMPDIR": str(self.temporary)}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.pidfds: list[int] = []

    def said(self) -> list[Any]:
        """Wait for its next line."""
        out = self.process.stdout
        assert out is not None
        readable, _, _ = select.select([out], [], [], LIMIT_S)
        line = out.readline() if readable else b""
        assert line, f"nothing was said; exit code {self.process.poll()}"
        answer: list[Any] = json.loads(line)
        return answer

    def introduced(self) -> list[int]:
        """Wait until it says which processes it has; those that are gone already are left out."""
        children, helpers = self.said()
        for pid in (*children, *helpers):
            with contextlib.suppress(ProcessLookupError):
                self.pidfds.append(os.pidfd_open(pid))
        return [*children, *helpers]

    def close(self) -> None:
        for pidfd in self.pidfds:
            with contextlib.suppress(ProcessLookupError):  # A stopped one, and whatever a test that failed left.
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def small_supervisor(way: str, situation: str, folder: Path) -> Iterator[SmallSupervisor]:
    running = SmallSupervisor(way, situation, folder)
    try:
        yield running
    finally:
        running.close()
