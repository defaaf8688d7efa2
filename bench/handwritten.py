"""The script that an owner would write by hand: asyncio, `websockets`, `json`, a callback; one process.

`python -m bench.handwritten URL KIND COUNT OUT` writes its figures to OUT after COUNT events.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import websockets

from bench.figures import STAMP_BASE, Figures, cpu_seconds, rss_bytes, write
from bench.frames import MARKETS


class Callback:
    """Counts, and remembers the latencies of stamped events."""

    def __init__(self) -> None:
        self.events = 0
        self.latencies_us: list[float] = []
        self.last_price = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one event."""
        self.events += 1
        self.last_price = event.get("trade_price", 0.0)
        stamp = event["timestamp"]
        if stamp > STAMP_BASE + 1:
            self.latencies_us.append((time.monotonic_ns() - (stamp - STAMP_BASE)) / 1000)


async def run(url: str, kind: str, count: int, out: Path) -> None:
    """Receive `count` events and write the figures."""
    callback = Callback()
    pid = os.getpid()
    async with websockets.connect(url, max_size=None) as socket:
        await socket.send(json.dumps([{"ticket": "bench"}, {"type": kind, "codes": list(MARKETS)}]))
        callback(json.loads(await socket.recv()))
        began_s, cpu_s = time.perf_counter(), cpu_seconds(pid)
        while callback.events < count:
            callback(json.loads(await socket.recv()))
        seconds = time.perf_counter() - began_s
        cpu = {"script": cpu_seconds(pid) - cpu_s}
        write(out, Figures(callback.events, seconds, cpu, {"script": rss_bytes(pid)}, callback.latencies_us))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
