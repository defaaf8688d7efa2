"""A hub with a clock that a test moves, and a connection that keeps what it is given."""

from collections.abc import Callable, Iterator

from actors.exchange.quirks import DEFAULT_QUIRKS, Quirks
from actors.exchange.sources.hub import Hub
from actors.exchange.sources.source import NO_STREAM, StreamKey
from actors.exchange.trading.simulation import Simulation
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.messages import Message
from protocols.upbit.requests import Format
from tests.actors.exchange.conftest import START_MS

NewSimulation = Callable[..., Simulation]

CODES = ("KRW-BTC", "KRW-ETH", "BTC-ETH")


class ListSink:
    """A connection that keeps what it is given."""

    def __init__(self, format_: Format = Format.DEFAULT, access_key: str = "") -> None:
        self.format = format_
        self.access_key = access_key
        self.frames: list[bytes] = []

    def push(self, payload: bytes, stream: StreamKey = NO_STREAM) -> None:
        self.frames.append(payload)

    async def wait_room(self) -> None:
        return

    def take(self) -> list[Message]:
        decoder = FrameDecoder()
        messages = [message for frame in self.frames for message in decoder.decode(frame)]
        assert not decoder.unknown_fields
        self.frames.clear()
        return messages


class Stage:
    """A hub and its clock."""

    def __init__(self, simulation: Simulation, quirks: Quirks = DEFAULT_QUIRKS) -> None:
        self.simulation = simulation
        self.now_ms = START_MS
        self.hub = Hub(simulation, lambda: self.now_ms, quirks)

    def play(self, ms: int, *, step_ms: int = 5) -> Iterator[int]:
        for _ in range(0, ms, step_ms):
            self.now_ms += step_ms
            self.hub.pump(self.now_ms)
            yield self.now_ms

    def run(self, ms: int) -> None:
        for _ in self.play(ms):
            pass
