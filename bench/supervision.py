"""How fast and how cheap supervision is: `python -m bench --only supervision`.

Every time is a difference of two readings of CLOCK_MONOTONIC: by this process when it does something to a tree, and by
the supervisor when it writes the lifecycle event, or by this process when the kernel says that a process is gone.
"""

import contextlib
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.figures import cpu_seconds
from bench.rows import Rounds, Row, Values
from bench.yardstick import measure as measure_machine
from tests.tree.exchange_process import simulated_exchange
from tests.tree.running_tree import REPOSITORY, RunningTree, running_tree

REFILL_S: Final = 2.0
"""A spare is made at most once a second, by the next heartbeat, and `spawn` takes some tenths of one for it."""

MANY: Final = 20
CPU_S: Final = 20.0
SETTLE_S: Final = 2.0
STALL_S: Final = 1.0
MS: Final = 1e6
MB: Final = 1e6


def measure(scale: float) -> list[Row]:
    """Measure everything, with progress on stderr; below 1, `scale` means fewer rounds."""
    rows: list[Row] = []
    with _compiled_modules():
        for part in (measure_machine, _deaths, _spares, _hangs, _orphans, _whole_stop, _memory, _cpu):
            for row in part(lambda rounds: max(2, round(rounds * scale))):
                rows.append(row)
                print("  ".join(cell for cell in row.cells() if cell), file=sys.stderr)
    return rows


@contextlib.contextmanager
def _compiled_modules() -> Iterator[None]:
    """Let modules be compiled once and not at each start, as everywhere where that is not forbidden by a variable."""
    before = {name: os.environ.pop(name, None) for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    try:
        with _folder() as folder:
            os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
            for method in ("forkserver", "spawn"):
                with _tree(f'start_method = "{method}"', "idle"):
                    pass
            yield
    finally:
        os.environ.pop("PYTHONPYCACHEPREFIX", None)
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _deaths(rounds: Rounds) -> Iterator[Row]:
    noticed: Values = []
    ready: dict[str, Values] = {}
    for method, count in (("forkserver", 40), ("spawn", 20)):
        with _tree(f'start_method = "{method}"', "idle") as tree:
            noticed_here, ready[method] = _kill_again_and_again(tree, rounds(count), pause_s=0.05)
            noticed += noticed_here
    yield Row("death noticed: SIGKILL to the supervisor's event", "ms", 5, noticed)
    yield Row("killed actor ready again, forkserver", "ms", 30, ready["forkserver"])
    yield Row("killed actor ready again, spawn", "ms", 200, ready["spawn"])


def _spares(rounds: Rounds) -> Iterator[Row]:
    """One spare, and between two kills the time that the next one needs.

    So the kills are far apart. A machine that is shared with others may be a third slower for some seconds, and kills
    that come close together would show the one or the other.
    """
    for method in ("forkserver", "spawn"):
        with _tree(f'start_method = "{method}"\nspares = 1\npreload = ["bench.idle"]', "idle") as tree:
            _noticed, ready = _kill_again_and_again(tree, rounds(16), pause_s=REFILL_S)
        yield Row(f"killed actor ready again, a spare of {method}", "ms", 5, ready)


def _kill_again_and_again(tree: RunningTree, rounds: int, *, pause_s: float) -> tuple[Values, Values]:
    """Kill the one child; return how long each death took to be noticed and to be made good, in ms."""
    noticed, ready = [], []
    pid = int(tree.events[-1]["pid"])
    for _ in range(rounds):
        time.sleep(pause_s)
        killed_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        noticed.append((tree.wait_for("child_exited")["t_ns"] - killed_ns) / MS)
        event = tree.wait_for("child_ready")
        ready.append((event["t_ns"] - killed_ns) / MS)
        pid = int(event["pid"])
    return noticed, ready


def _hangs(rounds: Rounds) -> Iterator[Row]:
    """Stop a child's process: its loop stands still, and it cannot even dump its stacks."""
    took = []
    # No hang may be the one that spends the budget, or has to wait.
    flags = "heartbeat_s = 0.1\nintensity = 1000\nstable_s = 0.1"
    with _tree(flags, "idle", child=f"stall_timeout_s = {STALL_S}") as tree:
        for _ in range(rounds(6)):
            time.sleep(0.3)
            stopped_ns = time.monotonic_ns()
            os.kill(int(tree.events[-1]["pid"]), signal.SIGSTOP)
            tree.wait_for("child_stopped")
            took.append((tree.wait_for("child_ready")["t_ns"] - stopped_ns) / MS)
    yield Row(f"hang to ready again, limit {STALL_S:g} s, heartbeat 0.1 s", "ms", None, took)


def _orphans(rounds: Rounds) -> Iterator[Row]:
    for entry, limit in (("idle", 10), ("blocked", 1000)):
        values = [_orphans_gone_ms(entry) for _ in range(rounds(8))]
        yield Row(f"orphans gone after SIGKILL of the supervisor, {entry}", "ms", limit, values)


def _orphans_gone_ms(entry: str) -> float:
    with _tree("", "idle", entry, "idle") as tree:
        time.sleep(0.2)  # By then a child that is to be blocked is.
        pids = [event["pid"] for event in tree.events if event["event"] == "child_ready"]
        pidfds = [os.pidfd_open(pid) for pid in pids]
        killed_ns = time.monotonic_ns()
        tree.process.kill()
        for pidfd in pidfds:
            select.select([pidfd], [], [], 10)
        gone_ns = time.monotonic_ns()
        for pidfd in pidfds:
            os.close(pidfd)
        return (gone_ns - killed_ns) / MS


def _whole_stop(rounds: Rounds) -> Iterator[Row]:
    """Stop the default tree, connected to a simulated exchange, as a service manager does."""
    settings = (REPOSITORY / "deploy" / "upbitd.toml").read_text("utf-8")
    took = []
    with simulated_exchange("--rate", "200", "--access-key", "AK", "--secret-key", "SK") as exchange:
        for _ in range(rounds(5)):
            with _folder() as folder:
                environment = {
                    "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
                    "UPBITD_PRIVATE__LOCKS_FOLDER": str(folder / "locks"),
                    "UPBITD_ACCESS_KEY": "AK",
                    "UPBITD_SECRET_KEY": "SK",
                }
                with running_tree(folder, settings, environment=environment) as tree:
                    tree.wait_for("child_ready", "market_scanner")
                    time.sleep(0.3)
                    began_ns = time.monotonic_ns()
                    tree.finish(signal.SIGTERM)
                    took.append((time.monotonic_ns() - began_ns) / MS / 1000)
    yield Row("whole default tree stopped, SIGTERM to the end of the supervisor", "s", 2, took)


def _memory(_rounds: Rounds) -> Iterator[Row]:
    for method in ("forkserver", "spawn"):
        with _tree(f'start_method = "{method}"', *["idle"] * MANY) as tree:
            time.sleep(SETTLE_S)
            pids = [event["pid"] for event in tree.events if event["event"] == "child_ready"]
            sizes = [pss_bytes(pid) / MB for pid in pids]
        limit = 12 if method == "forkserver" else None
        yield Row(f"memory of an idle actor (PSS), {MANY} of them, {method}", "MB", limit, sizes)


def _cpu(rounds: Rounds) -> Iterator[Row]:
    with _tree("", *["idle"] * MANY) as tree:
        time.sleep(SETTLE_S)
        shares = []
        for _ in range(min(rounds(2), 2)):
            before_s, began_s = cpu_seconds(tree.process.pid), time.monotonic()
            time.sleep(CPU_S / 2)
            passed_s = time.monotonic() - began_s
            shares.append((cpu_seconds(tree.process.pid) - before_s) / passed_s * 100)
    yield Row(f"the supervisor's own CPU with {MANY} idle children, of one core", "%", 0.5, shares)


def pss_bytes(pid: int) -> int:
    """Return a process's proportional share of memory: what it has alone, and its part of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"no Pss in smaps_rollup of {pid}")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder with a short path, for sockets."""
    with tempfile.TemporaryDirectory(prefix="upbitd-bench-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _tree(flags: str, *entries: str, child: str = "") -> Iterator[RunningTree]:
    """Run a tree of actors of `bench.idle`, all ready."""
    lines = [f'[supervisor]\nlog_level = "warning"\n{flags}']
    for number, entry in enumerate(entries):
        lines.append(f'[[child]]\nname = "a{number}"\nstart = "bench.idle:{entry}"\n{child}')
    with _folder() as folder, running_tree(folder, "\n".join(lines)) as tree:
        tree.wait_for("child_ready", f"a{len(entries) - 1}")
        yield tree
