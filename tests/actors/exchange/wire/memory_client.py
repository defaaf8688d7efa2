"""A WebSocket client on a stream in memory, so that tests can run on a mocked clock."""

import json
from collections.abc import Sequence

import trio
import trio.testing
import wsproto
from wsproto import events

from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.source import Sink
from actors.exchange.wire.server import ExchangeServer
from protocols.upbit.requests import Subscription


class StillSource:
    """A source that sends what a test tells it to."""

    def __init__(self) -> None:
        self.subscribed: list[tuple[Sink, tuple[Subscription, ...]]] = []

    async def run(self) -> None:
        await trio.sleep_forever()

    def subscribe(self, sink: Sink, subscriptions: Sequence[Subscription]) -> None:
        self.subscribed.append((sink, tuple(subscriptions)))

    def leave(self, sink: Sink) -> None:
        self.subscribed = [entry for entry in self.subscribed if entry[0] is not sink]

    def markets(self) -> list[tuple[str, str, str]]:
        return [("KRW-BTC", "비트코인", "Bitcoin")]


class MemoryClient:
    """What the other side of a connection sees: data frames, pongs, and how it ended."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._websocket = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._send, self.frames = trio.open_memory_channel[str | bytes](10_000)
        self.pongs: list[bytes] = []
        self.accepted = trio.Event()
        self.ended = trio.Event()
        self.status = 0
        self.body = b""
        self.close_code: int | None = None
        self.headers: dict[str, str] = {}

    async def open(self, path: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        request = events.Request(host="x", target=path, extra_headers=list(headers))
        await self._stream.send_all(self._websocket.send(request))

    async def send_event(self, event: events.Event) -> None:
        await self._stream.send_all(self._websocket.send(event))

    async def send(self, message: object) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.send_event(events.TextMessage(data=text))

    async def send_raw(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def next(self) -> dict[str, object]:
        frame = await self.frames.receive()
        assert isinstance(frame, bytes), "the exchange sends binary frames only"
        document = json.loads(frame)
        assert isinstance(document, dict)
        return document

    async def hang_up(self) -> None:
        await self._stream.aclose()

    async def run(self) -> None:
        """Read until the server is gone."""
        try:
            while data := await self._stream.receive_some(65536):
                self._websocket.receive_data(bytes(data))
                for event in self._websocket.events():
                    await self._handle(event)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.ended.set()
        self.accepted.set()
        self._send.close()

    async def _handle(self, event: events.Event) -> None:
        match event:
            case events.AcceptConnection():
                self.status = 101
                self.headers = {name.decode(): value.decode() for name, value in event.extra_headers}
                self.accepted.set()
            case events.RejectConnection():
                self.status = event.status_code
                self.headers = {name.decode(): value.decode() for name, value in event.headers}
            case events.RejectData():
                self.body += event.data
            case events.Message():
                await self._send.send(bytes(event.data) if not isinstance(event.data, str) else event.data)
            case events.Pong():
                self.pongs.append(bytes(event.payload))
            case events.CloseConnection():
                self.close_code = event.code
                if self._websocket.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
                    await self._stream.send_all(self._websocket.send(event.response()))


class Bench:
    """A server without sockets, and clients of it; everything in one nursery."""

    def __init__(self, nursery: trio.Nursery, settings: SimulatorSettings | None = None) -> None:
        self.source = StillSource()
        self.server = ExchangeServer(settings or SimulatorSettings(access_key="key", secret_key="secret"), self.source)
        self._nursery = nursery

    async def connect(self, path: str = "/websocket/v1", headers: Sequence[tuple[bytes, bytes]] = ()) -> MemoryClient:
        stream = self.raw_stream()
        client = MemoryClient(stream)
        self._nursery.start_soon(client.run)
        await client.open(path, headers)
        await client.accepted.wait()
        return client

    def raw_stream(self) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self.server.handle, theirs)
        return ours
