"""Runs one client against one replay server and returns what it measured."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.figures import Figures, read

LIMIT_S: Final = 120.0
POLL_S: Final = 0.02
UPBITD: Final = Path(sys.executable).parent / "upbitd"

SETTINGS: Final = """
[supervisor]
heartbeat_s = 1.0
log_level = "warning"

[[child]]
name = "public"
start = "actors.connections.public:run"

[[child]]
name = "consumer"
start = "bench.consumer:run"
restart = "temporary"

[child.settings]
kind = "{kind}"
count = {count}
out = "{out}"
"""


def run_handwritten(kind: str, count: int, rate: float) -> Figures:
    """One run of the script in one process."""
    with replay_server(kind, count, rate) as url, scratch() as folder:
        out = folder / "figures.json"
        command = [sys.executable, "-m", "bench.handwritten", url, kind, str(count), str(out)]
        return wait_for(subprocess.Popen(command), out)


def run_upbitd(kind: str, count: int, rate: float) -> Figures:
    """One run of a supervised tree: a connection actor and a consumer, each in its process."""
    with replay_server(kind, count, rate) as url, scratch() as folder:
        out = folder / "figures.json"
        settings = folder / "bench.toml"
        settings.write_text(SETTINGS.format(kind=kind, count=count, out=out))
        environment = {
            **os.environ,
            "UPBITD_EXCHANGE__WEBSOCKET_URL": url,
            "UPBITD_EXCHANGE__AUDIT_INTERVAL_S": "0",
        }
        command = [str(UPBITD), "run", "-c", str(settings), "--run-dir", str(folder / "run")]
        return wait_for(subprocess.Popen(command, env=environment), out)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder with a short path, for sockets and figures."""
    with tempfile.TemporaryDirectory(prefix="upbitd-bench-") as folder:
        yield Path(folder)


@contextmanager
def replay_server(kind: str, count: int, rate: float) -> Iterator[str]:
    """A replay server in a process of its own; yields its URL."""
    command = [sys.executable, "-m", "bench.replay_server", kind, str(count), str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - asked for above
            yield f"ws://127.0.0.1:{int(server.stdout.readline())}/websocket/v1"
        finally:
            server.terminate()


def wait_for(client: subprocess.Popen[bytes], out: Path) -> Figures:
    """Wait for the figures of a client, then end it.

    Raises:
        RuntimeError: the client ended without figures, or took longer than `LIMIT_S`.
    """
    deadline_s = time.monotonic() + LIMIT_S
    try:
        while not out.exists():
            if client.poll() is not None and not out.exists():
                raise RuntimeError(f"{client.args!r} ended with {client.returncode} and without figures")
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{client.args!r} gave no figures within {LIMIT_S} s")
            time.sleep(POLL_S)
        return read(out)
    finally:
        client.terminate()
        client.wait(timeout=10)


def machine() -> str:
    """What the figures were measured on, without naming the machine."""
    cores = os.cpu_count()
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown processor",
    )
    return f"{cores} cores, {model}, CPython {sys.version.split()[0]}"
