"""Where the programs of the course run: a simulated exchange that keeps a journal, and a tree before it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.tree.exchange_process import ExchangeProcess, simulated_exchange
from tests.tree.running_tree import REPOSITORY, RunningTree, child_environment, running_tree

LIMIT_S = 60.0

Topics = dict[str, frozenset[str]]

SETTINGS = """
[supervisor]
log_level = "warning"
[exchange]
websocket_url = "{url}"
audit_interval_s = 0
[[child]]
name = "public"
start = "actors.connections.public:run"
[[child]]
name = "private"
start = "actors.connections.private:run"
secrets = ["UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"]
"""
KEYS = {"UPBITD_ACCESS_KEY": "AK", "UPBITD_SECRET_KEY": "SK"}


class Ended(NamedTuple):
    """A program that has ended; times are of the monotonic clock."""

    code: int
    lines: list[str]
    complaints: str
    began_ns: int
    ended_ns: int


class Request(NamedTuple):
    """What a connection was asked for: types with their markets, and those without a new snapshot."""

    t_ns: int
    connection: int
    topics: Topics
    realtime_only: Topics


class Sent(NamedTuple):
    """One message of the exchange."""

    t_ns: int
    connection: int
    body: dict[str, Any]

    @property
    def is_snapshot(self) -> bool:
        return bool(self.body["st"] == "SNAPSHOT")


class Stage:
    """An exchange, a tree, and what the journal says of them."""

    def __init__(self, folder: Path, exchange: ExchangeProcess, tree: RunningTree, journal: Path) -> None:
        self.folder = folder
        self.exchange = exchange
        self.tree = tree
        self._journal = journal

    @property
    def environment(self) -> dict[str, str]:
        return child_environment({"UPBITD_RUN_DIR": str(self.tree.run_dir), "UPBITD_AUTOSTART": "0"})

    def start(self, source: str) -> "subprocess.Popen[str]":
        file = self.folder / f"program-{time.monotonic_ns()}.py"
        file.write_text(source)
        return subprocess.Popen(
            [sys.executable, "-W", "error", str(file)],
            cwd=REPOSITORY, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, source: str, *, interrupt_after_line: str = "") -> Ended:
        """Run a program to its end, or press ^C once it has printed a line that begins like this."""
        began_ns = time.monotonic_ns()
        process = self.start(source)
        assert process.stdout is not None
        lines: list[str] = []
        if interrupt_after_line:
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith(interrupt_after_line):
                    os.kill(process.pid, signal.SIGINT)
                    break
        out, complaints = process.communicate(timeout=LIMIT_S)
        ended_ns = time.monotonic_ns()
        # After each program the tree wants nothing any more; when the journal says so, all before it is written, too.
        until(lambda: bool(self.requests(began_ns)))
        self.wait_until_nothing_is_wanted()
        return Ended(process.returncode, lines + out.splitlines(), complaints, began_ns, ended_ns)

    def lines(self, event: str, since_ns: int) -> list[dict[str, Any]]:
        with self._journal.open() as journal:
            wanted = [line for line in journal if line.startswith(f'{{"event":"{event}"') and line.endswith("\n")]
        found: list[dict[str, Any]] = [json.loads(line) for line in wanted]
        return [line for line in found if line["t_ns"] >= since_ns]

    def requests(self, since_ns: int) -> list[Request]:
        """What the public connection was asked for, one request after the other."""
        public = {line["connection"] for line in self.connections("public")}
        requests = []
        for line in self.lines("request", since_ns):
            if line["connection"] not in public:
                continue
            parts = json.loads(line["text"]) if line["text"].startswith("[") else []
            types = [part for part in parts if "type" in part]
            if types:
                quiet = [part for part in types if part.get("is_only_realtime")]
                requests.append(Request(line["t_ns"], line["connection"], _topics(types), _topics(quiet)))
        return requests

    def sent(self, kind: str, since_ns: int, *, code: str = "") -> list[Sent]:
        """Messages of one type, in the order in which they were sent."""
        return [
            Sent(line["t_ns"], line["connection"], json.loads(line["text"]))
            for line in self.lines("frame", since_ns)
            if line.get("type") == kind and code in {"", line.get("code")}
        ]

    def connections(self, kind: str, since_ns: int = 0) -> list[dict[str, Any]]:
        return [line for line in self.lines("connection_opened", since_ns) if line["kind"] == kind]

    def wait_until_nothing_is_wanted(self) -> None:
        """The exchange sends no market data any more: the sockets that it sent them on are closed."""

        def is_silent() -> bool:
            asked = {request.connection for request in self.requests(0)}
            return asked <= {line["connection"] for line in self.lines("connection_closed", 0)}

        until(is_silent)


def until(condition: Callable[[], bool], *, limit_s: float = 10.0) -> None:
    """Wait for what the journal, which is written ten times a second, says in the end."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline_s, "not within the limit"
        time.sleep(0.05)


def _topics(parts: list[dict[str, Any]]) -> Topics:
    topics: Topics = {}
    for part in parts:
        topics[part["type"]] = topics.get(part["type"], frozenset()) | frozenset(part.get("codes", ()))
    return topics


@contextlib.contextmanager
def stage(folder: Path, *options: str) -> Iterator[Stage]:
    journal = folder / "journal.jsonl"
    keys = ("--access-key", "AK", "--secret-key", "SK")
    with (
        simulated_exchange("--journal", str(journal), *keys, *options) as exchange,
        running_tree(folder, SETTINGS.format(url=exchange.ws), environment=KEYS) as tree,
    ):
        tree.wait_for("child_ready", "private")
        yield Stage(folder, exchange, tree, journal)
        assert tree.finish() == 0
