"""The owner's callback as a supervised consumer: the far end of the path that is measured."""

import json
import os
import time
from pathlib import Path

from msgspec import Struct

from actors.runtime.actor import Actor
from bench.figures import STAMP_BASE, Figures, cpu_seconds, rss_bytes, write
from bench.frames import MARKETS
from protocols.channel.messages import Event


class ConsumerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What to want, how many events to wait for, and where the figures go."""

    kind: str
    count: int
    out: str


class Callback:
    """Counts, and remembers the latencies of stamped events; the same work as in the hand-written script."""

    def __init__(self) -> None:
        self.events = 0
        self.latencies_us: list[float] = []
        self.last_price = 0.0

    def __call__(self, body: object) -> None:
        """Take one event."""
        self.events += 1
        self.last_price = getattr(body, "trade_price", 0.0)
        stamp: int = body.timestamp  # type: ignore[attr-defined]  # both kinds have it
        if stamp > STAMP_BASE + 1:
            self.latencies_us.append((time.monotonic_ns() - (stamp - STAMP_BASE)) / 1000)


async def run(actor: Actor, settings: ConsumerSettings) -> None:
    """Call back for each event; write the figures after `count` of them, or at the first gap."""
    callback = Callback()
    pids = {"connection": _pid_of("public", actor.run_dir), "consumer": os.getpid()}
    began_s, cpu_s = 0.0, dict.fromkeys(pids, 0.0)
    async with actor.dial("public") as feed:
        await feed.want_topics(*(f"{settings.kind}/{market}" for market in MARKETS))
        actor.ready()
        while callback.events + feed.continuity.missed < settings.count:
            for item in await feed.receive():
                if isinstance(item, Event):
                    callback(item.body)
            if not began_s and callback.events:
                began_s = time.perf_counter()
                cpu_s = {role: cpu_seconds(pid) for role, pid in pids.items()}
        seconds = time.perf_counter() - began_s
        cpu = {role: cpu_seconds(pid) - cpu_s[role] for role, pid in pids.items()}
        lost = feed.continuity.missed + feed.continuity.merged + feed.continuity.unannounced
    rss = {role: rss_bytes(pid) for role, pid in pids.items()}
    write(Path(settings.out), Figures(callback.events, seconds, cpu, rss, callback.latencies_us, lost))


def _pid_of(child: str, run_dir: Path) -> int:
    """The process of another child of the tree, from the supervisor's own record."""
    pid = 0
    for line in (run_dir / "lifecycle.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "child_ready" and event["child"] == child:
            pid = event["pid"]
    return pid
