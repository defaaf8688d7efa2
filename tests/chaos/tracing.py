"""What a tracer received, checked as it comes. Pure: lines in; what is to be kept, and what was missing, out."""

from typing import Final

import msgspec
from msgspec import Struct

from protocols.unreadable import UNREADABLE

LIVE: Final = "live"

_DOWN: Final = b'{"marker":"down","reason":"a new life of the tracer"}'


class Line(Struct, frozen=True):
    """One line of a tracer, as far as it matters here.

    Attributes:
        marker: `life` begins a life of the tracer; others are a stream's own.
    """

    marker: str = ""
    topic: str = ""
    epoch: int = 0
    sequence: int = 0
    origin: str = ""
    first: int = 0
    last: int = 0
    pid: int = 0
    seen_ns: int = 0


_decode = msgspec.json.Decoder(Line).decode


class TraceFold:
    """Follows one tracer over all its lives.

    Within a life and an epoch the live events of a topic are numbered without a hole, or a `gap` has told which are
    missing; and a new epoch is announced by `up`.

    Attributes:
        events: how many came.
        is_up: whether the stream is there, as the tracer was told.
        up_ns: when it last came up, as the tracer saw it.
        first_event_ns: when the first live event after that came.
        event_ns: when the last one came.
        holes: what was missing without a word.
        torn: lines that were cut by the end of a life.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.events = 0
        self.is_up = False
        self.up_ns = 0
        self.first_event_ns = 0
        self.event_ns = 0
        self.holes: list[str] = []
        self.torn = 0
        self._is_first_after_up = False
        self._lives = 0
        self._pid = 0
        self._epoch = 0
        self._positions: dict[str, tuple[int, int]] = {}
        self._told: dict[str, int] = {}

    def feed(self, data: bytes) -> list[bytes]:
        """Take one line; return the lines to keep for the comparison with the exchange's journal."""
        try:
            line = _decode(data)
        except UNREADABLE:
            self.torn += bool(data.strip())
            return []
        if line.marker == "life":
            return self._begin(line)
        if line.marker == "up":
            self._epoch, self.up_ns, self.is_up = line.epoch, line.seen_ns, True
            self._is_first_after_up = True
        elif line.marker == "down":
            self.is_up = False
        elif line.marker == "gap":
            self._told[line.topic] = max(self._told.get(line.topic, 0), line.last)
        elif not line.marker and line.origin == LIVE:
            self._take_event(line)
        return [data]

    def _begin(self, line: Line) -> list[bytes]:
        """What the tracer missed between two lives nobody could have given it."""
        self._lives += 1
        self._pid, self._epoch, self.is_up = line.pid, 0, False
        self._positions.clear()
        self._told.clear()
        return [_DOWN] if self._lives > 1 else []

    def _take_event(self, line: Line) -> None:
        self.events += 1
        if self._is_first_after_up:
            self._is_first_after_up = False
            self.first_event_ns = line.seen_ns
        self.event_ns = line.seen_ns
        epoch, newest = self._positions.get(line.topic, (line.epoch, line.sequence - 1))
        self._positions[line.topic] = (line.epoch, line.sequence)
        if line.epoch != self._epoch:
            self.holes.append(f"{self._describe(line)}: its epoch was not announced, the last one was {self._epoch}")
        elif epoch == line.epoch and line.sequence != newest + 1:
            told = self._told.get(line.topic, 0)
            if line.sequence <= newest or told < line.sequence - 1:
                self.holes.append(f"{self._describe(line)}: follows {newest}, and it was told of what is up to {told}")

    def _describe(self, line: Line) -> str:
        return f"{self._name} (pid {self._pid}) {line.topic} epoch {line.epoch} number {line.sequence}"
