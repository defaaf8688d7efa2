"""How much the simulated exchange can say: `python -m bench.exchange`.

855 markets, three clients that each ask for every ticker, trade and order book, journal off. What is counted are whole
frames as they arrive, the age of tickers by their own `timestamp`, and the processor time of the exchange.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from typing import Any, Final

import psutil
import trio
import wsproto
from wsproto import events

from protocols.websocket_frames import FrameReader

TYPES: Final = ("ticker", "trade", "orderbook")
WARM_UP_S: Final = 5.0
READ_BYTES: Final = 1 << 20
SAMPLE_ONE_IN: Final = 500

_TIMESTAMP: Final = re.compile(rb'"timestamp":(\d+)')


class Client:
    """One WebSocket that takes everything and reads only as much of it as counting needs."""

    def __init__(self) -> None:
        self.frames = 0
        self.bytes = 0
        self.ages_ms: list[float] = []

    async def run(self, host: str, port: int, request: str) -> None:
        """Take frames until cancelled."""
        stream = await trio.open_tcp_stream(host, port)
        websocket = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        await stream.send_all(websocket.send(events.Request(host=f"{host}:{port}", target="/websocket/v1")))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await stream.receive_some(READ_BYTES)
        head, _, rest = answer.partition(b"\r\n\r\n")
        websocket.receive_data(head + b"\r\n\r\n")
        await stream.send_all(websocket.send(events.TextMessage(data=request)))
        reader, chunk = FrameReader(), rest
        while True:
            self._count(reader.feed(bytes(chunk))[0])
            chunk = await stream.receive_some(READ_BYTES)
            if not chunk:
                raise SystemExit("the exchange has closed the connection: the client was too slow")

    def _count(self, frames: list[bytes]) -> None:
        if not frames:
            return
        if (self.frames + len(frames)) // SAMPLE_ONE_IN > self.frames // SAMPLE_ONE_IN:
            # Of a ticker, whose own time is that of its sending; a book's is that of its last change.
            newest = next((frame for frame in reversed(frames) if frame.startswith(b'{"type":"ticker"')), b"")
            match = _TIMESTAMP.search(newest)
            if match:
                self.ages_ms.append(time.time() * 1000 - int(match[1]))
        self.frames += len(frames)
        self.bytes += sum(map(len, frames))


async def measure(host: str, port: int, request: str, process: psutil.Process, seconds: float) -> str:
    """Let three clients take everything for a while and say what they got."""
    clients = [Client() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(client.run, host, port, request)
        await trio.sleep(WARM_UP_S)
        for client in clients:
            client.frames = client.bytes = 0
            client.ages_ms.clear()
        began_s, before = time.monotonic(), process.cpu_times()
        await trio.sleep(seconds)
        passed_s, after = time.monotonic() - began_s, process.cpu_times()
        nursery.cancel_scope.cancel()
    core = (after.user + after.system - before.user - before.system) / passed_s
    rates = ", ".join(f"{client.frames / passed_s:,.0f}" for client in clients)
    megabytes = sum(client.bytes for client in clients) / passed_s / 1e6
    ages_ms = [age for client in clients for age in client.ages_ms]
    age = f"{statistics.median(ages_ms):.0f} ms" if ages_ms else "unknown"
    return (
        f"frames a second to each client: {rates}; {megabytes:.0f} MB/s in all; "
        f"{core:.0%} of one core; age of a ticker when it arrives: {age} (median); "
        f"memory {process.memory_info().rss / 1e6:.0f} MB"
    )


def main() -> None:
    """Start the exchange, measure, end it."""
    options = argparse.ArgumentParser(prog="bench.exchange", description=__doc__)
    options.add_argument("--rate", type=int, default=3000, help="market events a second")
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--quirk", action="append", default=[], help="passed on to the exchange")
    chosen = options.parse_args()
    quirks = [word for quirk in chosen.quirk for word in ("--quirk", quirk)]
    command = [sys.executable, "-m", "supervisor.main", "simulate", "--markets", "855", "--no-limits"]
    with subprocess.Popen(
        [*command, "--rate", str(chosen.rate), *quirks], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            http: str = json.loads(process.stdout.readline())["http"]
            with urllib.request.urlopen(f"{http}/v1/market/all", timeout=30) as answer:  # noqa: S310 - loopback
                codes = [market["market"] for market in json.load(answer)]
            wishes: list[dict[str, Any]] = [{"ticket": "bench"}, *({"type": kind, "codes": codes} for kind in TYPES)]
            host, _, port = http.removeprefix("http://").partition(":")
            watched = psutil.Process(process.pid)
            print(trio.run(measure, host, int(port), json.dumps(wishes), watched, chosen.seconds))
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    main()
