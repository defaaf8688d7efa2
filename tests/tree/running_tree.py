"""A real supervisor with real children, followed by its lifecycle events."""

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from supervisor.records.crash_reports import CrashReport, CrashReports

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT_S = 20.0
"""For one event; a machine under load needs about a second."""


class RunningTree:
    """Events come through a FIFO, so waiting for one is a read and never a sleep."""

    def __init__(
        self,
        folder: Path,
        settings: str,
        *,
        environment: dict[str, str] | None = None,
        run_dir: Path | None = None,
    ) -> None:
        self.run_dir = folder / "run" if run_dir is None else run_dir
        self.events: list[dict[str, Any]] = []
        self._pending = b""
        self._pidfds: dict[int, int] = {}
        config, fifo = folder / "upbitd.toml", folder / "events"
        config.write_text(settings)
        os.mkfifo(fifo)
        self._fifo = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.log_file = folder / "log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*UPBITD, "run", "-c", str(config), "--run-dir", str(self.run_dir), "--events", str(fifo)],
                cwd=REPOSITORY,
                env=child_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for(self, event: str, child: str | None = None, *, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """Return the next event of this kind; those before it are kept in `events`."""
        deadline_s = time.monotonic() + limit_s
        while True:
            found = self._next_event(deadline_s)
            if found["event"] == event and child in {None, found["child"]}:
                return found

    def _next_event(self, deadline_s: float) -> dict[str, Any]:
        while b"\n" not in self._pending:
            readable, _, _ = select.select([self._fifo], [], [], max(0.0, deadline_s - time.monotonic()))
            chunk = os.read(self._fifo, 65536) if readable else b""
            if not chunk and (self.process.poll() is not None or time.monotonic() >= deadline_s):
                raise AssertionError(f"no such event; seen {self.events}; log:\n{self.log}")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        self.events.append(event)
        if event["event"] == "child_started":
            with contextlib.suppress(ProcessLookupError):
                self._pidfds[event["pid"]] = os.pidfd_open(event["pid"])
        return event

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        return upbitd(*command, "--run-dir", str(self.run_dir))

    def status(self) -> dict[str, dict[str, Any]]:
        answer = json.loads(self.ask("status", "--json").stdout)
        return {child["name"]: child for child in answer["children"]}

    def reports(self, child: str) -> list[CrashReport]:
        """How the lives of a child ended, the newest first."""
        return CrashReports(self.run_dir / "crashes", keep=1).last(child, 100)

    def wait_gone(self, pid: int, *, limit_s: float) -> None:
        readable, _, _ = select.select([self._pidfds[pid]], [], [], limit_s)
        assert readable, f"process {pid} is still there after {limit_s} s"

    def finish(self, number: int = signal.SIGTERM, *, limit_s: float = LIMIT_S) -> int:
        """Signal the supervisor, collect the rest of the events, return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(limit_s)
        with contextlib.suppress(AssertionError):
            self.wait_for("nothing more", limit_s=0.0)
        return code

    def session(self) -> list[psutil.Process]:
        """Everything that the supervisor started, however it is related to it now."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(ProcessLookupError, psutil.Error):
                is_ours = os.getsid(process.pid) == self.process.pid and process.pid != self.process.pid
                # A zombie of a killed supervisor has ended; when PID 1 collects it is not ours to say.
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        deadline_s = time.monotonic() + 1.0
        while (alive := self.session()) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        for process in alive:
            process.kill()
        for fd in (self._fifo, *self._pidfds.values()):
            os.close(fd)
        assert not alive, f"left behind: {alive}"


STATE_HOME = tempfile.mkdtemp(prefix="upbitd-state-")
"""Where locks of accounts go, instead of the home of whoever runs the tests."""

atexit.register(shutil.rmtree, STATE_HOME, ignore_errors=True)

UPBITD = [sys.executable, "-m", "supervisor.main"]


def child_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UPBITD_")}
    return {**inherited, "PYTHONPATH": str(REPOSITORY), "XDG_STATE_HOME": STATE_HOME, **(extra or {})}


def upbitd(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*UPBITD, *arguments],
        cwd=REPOSITORY,
        env=child_environment(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def running_tree(
    folder: Path, settings: str, *, environment: dict[str, str] | None = None, run_dir: Path | None = None
) -> Iterator[RunningTree]:
    """Run a tree, and see at the end that no process of it is left; `run_dir` is in the folder by default."""
    tree = RunningTree(folder, settings, environment=environment, run_dir=run_dir)
    try:
        yield tree
    finally:
        tree.close()


def children(*entries: str, flags: str = "", child: str = "") -> str:
    """Return settings with children `a`, `b`, ... of the sample actors; `child` lines go into each."""
    lines = [f"[supervisor]\n{flags}"]
    for name, entry in zip("abcdefgh", entries, strict=False):
        lines.append(f'[[child]]\nname = "{name}"\nstart = "tests.tree.sample_actors:{entry}"\n{child}')
    return "\n".join(lines)
