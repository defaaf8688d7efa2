"""What a program with a `WebSocketClient` has to wait for: `python -m bench --only client`.

On asyncio and on trio, against a tree and a simulated exchange on this machine.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import trio

from actors.client import WebSocketClient
from bench.rows import Rounds, Row, Values
from tests.course.stage import Stage, stage

MS: Final = 1e3
RATE: Final = 2000
LAG_S: Final = 3.0

Sleep = Callable[[float], Awaitable[None]]


def measure(scale: float) -> list[Row]:
    """Measure everything, with progress on stderr; below 1, `scale` means fewer rounds."""

    def rounds(count: int) -> int:
        return max(3, round(count * scale))

    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, stage(Path(folder), "--rate", str(RATE)) as course:
        for part in (_imports(rounds), *(_on(library, course, rounds) for library in ("asyncio", "trio"))):
            for row in part:
                rows.append(row)
                print("  ".join(cell for cell in row.cells() if cell), file=sys.stderr)
    return rows


def _imports(rounds: Rounds) -> Iterator[Row]:
    program = "import time; t = time.perf_counter(); import actors.client; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout) * MS
        for _ in range(rounds(10))
    ]
    yield Row("`import actors.client` in a new process", "ms", 250, times)


def _on(library: str, course: Stage, rounds: Rounds) -> Iterator[Row]:
    if library == "asyncio":
        measured = asyncio.run(_measure(course, asyncio.sleep, rounds))
    else:
        measured = trio.run(_measure, course, trio.sleep, rounds)
    for name, limit, values in measured:
        yield Row(f"{name}, {library}", "ms", limit, values)


async def _measure(course: Stage, sleep: Sleep, rounds: Rounds) -> list[tuple[str, float | None, Values]]:
    first, replaced, cleaned = await _calls(course, rounds(100))
    lags = await _lags(course, sleep)
    worst = statistics.quantiles(lags, n=100)[98]
    return [
        ("first subscription of a client", None, first),
        ("a subscription that replaces another", None, replaced),
        ("`cleanup()`", 5, cleaned),
        (f"event at the connection actor to callback, {len(lags)} events: p50", None, [statistics.median(lags)]),
        ("the same: p99", None, [worst]),
    ]


async def _calls(course: Stage, count: int) -> tuple[Values, Values, Values]:
    first: Values = []
    replaced: Values = []
    cleaned: Values = []
    async with WebSocketClient("stays", run_dir=course.tree.run_dir) as stays:
        await stays.subscribe_ticker(["KRW-BTC", "KRW-ETH"], _ignore)
        for _ in range(count):
            client = WebSocketClient("comes and goes", run_dir=course.tree.run_dir)
            for times, markets in ((first, ["KRW-BTC"]), (replaced, ["KRW-ETH"])):
                began_s = time.perf_counter()
                await client.subscribe_ticker(markets, _ignore)
                times.append((time.perf_counter() - began_s) * MS)
            began_s = time.perf_counter()
            await client.cleanup()
            cleaned.append((time.perf_counter() - began_s) * MS)
    return first, replaced, cleaned


async def _lags(course: Stage, sleep: Sleep) -> Values:
    lags: Values = []
    async with WebSocketClient("lags", run_dir=course.tree.run_dir) as client:
        handle: list[Any] = []

        def note(_trade: Any) -> None:  # noqa: ANN401 - one of the exchange's messages
            if handle and handle[0].envelope is not None and handle[0].envelope.origin == 0:
                lags.append((time.monotonic_ns() - handle[0].envelope.received_ns) / 1e6)

        handle.append(await client.subscribe_trade([f"KRW-{base}" for base in ("BTC", "ETH", "XRP", "SOL")], note))
        await sleep(LAG_S)
    return lags


def _ignore(_event: object) -> None:
    """Take an event."""
