"""A consumer that writes down everything it receives: what tests compare with what the exchange sent."""

import time
from pathlib import Path

import msgspec
from msgspec import Struct

from actors.runtime.actor import Actor
from protocols.channel.messages import Event, Want


class TraceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What to want from whom, and where to write it: one JSON object a line."""

    out: str
    topics: list[str]
    server: str = "public"
    delivery: str = "every"


async def run(actor: Actor, settings: TraceSettings) -> None:
    """Write each item with the time it was seen (monotonic ns)."""
    encode = msgspec.json.Encoder(decimal_format="number").encode
    with Path(settings.out).open("ab", buffering=0) as out:  # noqa: ASYNC230 - a pipe or a file of a test
        async with actor.dial(settings.server) as feed:
            await feed.want([Want(topic, settings.delivery) for topic in settings.topics])  # type: ignore[arg-type]
            actor.ready()
            while True:
                items = await feed.receive()
                seen_ns = time.monotonic_ns()
                lines = []
                for item in items:
                    record = {"kind": type(item).__name__, "seen_ns": seen_ns, **msgspec.structs.asdict(item)}
                    if isinstance(item, Event):
                        record["body"] = msgspec.structs.asdict(item.body)
                    lines.append(encode(record) + b"\n")
                out.write(b"".join(lines))
