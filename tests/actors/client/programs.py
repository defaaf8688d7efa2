"""Small programs of an owner's, each in a process of its own, that start trees of their own; and what they leave."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from tests.tree.running_tree import child_environment

LIMIT_S: Final = 60.0

HISTORY: Final = {"lifecycle.jsonl", "crashes", "lock", "started-by-a-program", "logs"}
"""What stays in a run directory: what happened there, and the files that say whose it was."""

PROGRAM: Final = """
import json, os, sys, threading
from actors.client import WebSocketClient
from actors.client.hosts import current_host

said = threading.Lock()

def say(event, **more):
    with said:
        print(json.dumps({"event": event, **more}), flush=True)

async def started(name="program"):
    client = WebSocketClient(name)
    client.on_state(lambda report: say("state", state=report.state))
    client.on_gap(lambda report: say("gap", missed=report.missed))
    sub = await client.subscribe_ticker(["KRW-BTC"], lambda event: ticks.append(event))
    await sub.first_event(30)
    say("ready")
    return client

ticks = []
"""

RUN: Final = {
    "asyncio": "\nimport asyncio\nasyncio.run(main())\n",
    "trio": "\nimport trio\ntrio.run(main)\n",
}


class Program:
    """One running program; what it says comes as lines of JSON."""

    def __init__(self, place: "Place", text: str, library: str) -> None:
        file = place.folder / f"program-{len(place.programs)}.py"
        file.write_text(PROGRAM + text + RUN[library])
        self.said: list[dict[str, Any]] = []
        self._lines = threading.Condition()
        self.error_file = file.with_suffix(".err")
        with self.error_file.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(file)],
                cwd=place.folder,
                env=place.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_said(self, event: str, *, limit_s: float = LIMIT_S, **more: object) -> dict[str, Any]:
        """Wait until the program said this, now or before."""
        found = self._wait(
            lambda: [one for one in self.said if {"event": event, **more}.items() <= one.items()], limit_s
        )
        assert found, f"not said: {event} {more}; said {self.said}; {self.errors}"
        said: dict[str, Any] = found[0]
        return said

    def forget_said(self) -> None:
        """What counts is said from here on."""
        with self._lines:
            self.said.clear()

    @property
    def errors(self) -> str:
        """What it wrote to stderr."""
        return self.error_file.read_text()

    def wait(self, *, limit_s: float = LIMIT_S) -> int:
        """Wait until it ended; return its exit code."""
        code = self.process.wait(limit_s)
        self._reader.join(limit_s)
        return code

    def trees(self) -> list[psutil.Process]:
        """Supervisors that it started and that live."""
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(self.process.pid).children()
            return [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        return []

    def close(self) -> None:
        """Kill it, if it still lives."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._lines:
                self.said.append(json.loads(line))
                self._lines.notify_all()
        with self._lines:
            self._lines.notify_all()

    def _wait(self, find: Callable[[], list[Any]], limit_s: float) -> list[Any]:
        until_s = time.monotonic() + limit_s
        with self._lines:
            while not (found := find()) and self._reader.is_alive() and time.monotonic() < until_s:
                self._lines.wait(0.5)
            return found


class Place:
    """A run directory of nobody's yet, with the programs that use it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.programs: list[Program] = []
        self.environment = child_environment(
            {
                "UPBITD_RUN_DIR": str(self.run_dir),
                "UPBITD_EXCHANGE__WEBSOCKET_URL": url,
                "XDG_STATE_HOME": str(folder / "state"),
                "TMPDIR": str(self.temporary),
            }
        )
        self._seen: dict[int, psutil.Process] = {}

    def program(self, text: str, library: str = "asyncio") -> Program:
        """Start a program."""
        program = Program(self, text, library)
        self.programs.append(program)
        return program

    def note_processes(self) -> int:
        """Look at what the programs have started so far; return how many processes that is."""
        for program in self.programs:
            for tree in program.trees():
                for process in (tree, *tree.children(recursive=True), *_session_of(tree.pid)):
                    self._seen[process.pid] = process
        return len(self._seen)

    def check_nothing_left(self) -> None:
        """Wait until all processes that were noted are gone; then see which files stay."""
        _, alive = psutil.wait_procs(list(self._seen.values()), timeout=20)
        alive = [process for process in alive if _is_alive(process)]
        assert not alive, f"left behind: {alive}"
        names = {path.name for path in self.run_dir.iterdir()} if self.run_dir.exists() else set()
        assert names <= HISTORY, names - HISTORY
        assert list(self.temporary.iterdir()) == []

    def close(self) -> None:
        """End every program, and what it left."""
        self.note_processes()
        for program in self.programs:
            program.close()
        _, alive = psutil.wait_procs(list(self._seen.values()), timeout=20)
        for process in filter(_is_alive, alive):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@contextlib.contextmanager
def place(url: str) -> Iterator[Place]:
    """A fresh run directory; its path is short, as it has to hold sockets."""
    with tempfile.TemporaryDirectory(prefix="upbitd-") as folder:
        found = Place(Path(folder), url)
        try:
            yield found
        finally:
            found.close()


def _session_of(pid: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) == pid:
                members.append(process)
    return members


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def ends_by(program: Program, way: str) -> None:
    """Signal a program, where its way to end is a signal."""
    if way.startswith("SIG"):
        program.process.send_signal(getattr(signal, way))
