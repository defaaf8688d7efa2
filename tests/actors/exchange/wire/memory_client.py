"""Clients on streams in memory, so that tests can run on a mocked clock."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import h11
import trio
import trio.testing
import wsproto
from wsproto import events

from actors.exchange.actor import Stage
from actors.exchange.journal.journal import AnyJournal, NoJournal
from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.source import Sink
from actors.exchange.wire.server import ExchangeServer
from protocols.upbit.requests import Subscription

NO_JOURNAL = NoJournal()


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
        self._pieces: list[str | bytes] = []
        self.pongs: list[bytes] = []
        self.accepted = trio.Event()
        self.ended = trio.Event()
        self.status = 0
        self.body = b""
        self.close_code: int | None = None
        self.headers: dict[str, str] = {}
        self.on_bytes: Callable[[bytes], object] = lambda _: None

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

    async def taken(self) -> list[bytes]:
        """What has arrived by now and was not taken yet."""
        await trio.testing.wait_all_tasks_blocked()
        taken = []
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                frame = self.frames.receive_nowait()
                taken.append(frame.encode() if isinstance(frame, str) else frame)
        return taken

    async def hang_up(self) -> None:
        await self._stream.aclose()

    async def run(self) -> None:
        """Read until the server is gone."""
        try:
            while data := await self._stream.receive_some(65536):
                self.on_bytes(bytes(data))
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
                # A message that comes in pieces is an event for each of them.
                self._pieces.append(event.data if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    message = b"".join(piece for piece in self._pieces if isinstance(piece, bytes))
                    await self._send.send(message or "".join(str(piece) for piece in self._pieces if piece))
                    self._pieces.clear()
            case events.Pong():
                self.pongs.append(bytes(event.payload))
            case events.CloseConnection():
                self.close_code = event.code
                if self._websocket.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
                    await self._stream.send_all(self._websocket.send(event.response()))


class HttpReply:
    """What the other side of an HTTP request sees: an answer, whole or not, or none; `status` is 0 then."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_whole = False

    def document(self) -> Any:
        return json.loads(self.body)


async def ask_http(
    stream: trio.abc.Stream, method: str, target: str, body: bytes, headers: Mapping[str, str]
) -> HttpReply:
    """Send one request and read until its answer is whole or the server has hung up."""
    link, reply = h11.Connection(h11.CLIENT), HttpReply()
    lines = {"host": "x", "content-length": str(len(body)), **headers}
    await stream.send_all(
        (link.send(h11.Request(method=method, target=target, headers=list(lines.items()))) or b"")
        + (link.send(h11.Data(data=body)) or b"")
        + (link.send(h11.EndOfMessage()) or b"")
    )
    while not reply.is_whole:
        event = link.next_event()
        if event is h11.NEED_DATA:
            try:
                data = await stream.receive_some(65536)
            except trio.BrokenResourceError:
                return reply
            if not data:
                return reply
            link.receive_data(bytes(data))
        elif isinstance(event, h11.Response):
            reply.status = event.status_code
            reply.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            reply.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            reply.is_whole = True
    return reply


class Bench:
    """A server without sockets, and clients of it; everything in one nursery.

    Its source sends what a test tells it to, unless there is a stage: a market that runs.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        settings: SimulatorSettings | None = None,
        stage: Stage | None = None,
        *,
        journal: AnyJournal = NO_JOURNAL,
    ) -> None:
        self.source = StillSource()
        self._settings = settings or SimulatorSettings(access_key="key", secret_key="secret")
        if stage is None:
            self.server = ExchangeServer(self._settings, self.source, journal=journal)
        else:
            self.server = ExchangeServer(
                self._settings, stage.source, stage.venue, journal=journal, now_ms=stage.now_ms
            )
            nursery.start_soon(stage.source.run)
        nursery.start_soon(self.server.run)
        self._nursery = nursery

    async def connect(self, path: str = "/websocket/v1", headers: Sequence[tuple[bytes, bytes]] = ()) -> MemoryClient:
        stream = self.raw_stream()
        client = MemoryClient(stream)
        self._nursery.start_soon(client.run)
        await client.open(path, headers)
        await client.accepted.wait()
        return client

    async def http(
        self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> HttpReply:
        """One request on a connection of its own."""
        stream = self.raw_stream()
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = await ask_http(stream, method, target, data, headers or {})
        await trio.aclose_forcefully(stream)
        return reply

    async def fault(self, kind: str, **parameters: object) -> dict[str, Any]:
        """Ask for a fault over HTTP and return what was answered."""
        reply = await self.http("POST", "/_simulator/faults", {"kind": kind, **parameters})
        assert reply.status == 200, reply.body
        answered: dict[str, Any] = reply.document()
        return answered

    def raw_stream(self) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self.server.handle, theirs)
        return ours
