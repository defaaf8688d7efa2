"""A real connection actor in the test's own process, and a loopback server that answers its upgrades as told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgpack
import trio
import wsproto
import wsproto.connection
import wsproto.events
from structlog.testing import LogCapture

from actors.runtime.actor import Actor
from actors.runtime.channel.publishing import Publisher
from actors.runtime.process.counters import Counters
from protocols.channel.framing import FrameSplitter
from protocols.channel.messages import Request
from protocols.control.messages import FromChild
from tests.actors.runtime.channel.channel_pair import capturing_log

LIMIT_S = 20.0


class ActorRig:
    """One actor, and all that leaves it: what it tells the supervisor, its log, and what a subscriber gets."""

    def __init__(self, name: str, folder: Path, secrets: dict[str, str] | None = None) -> None:
        self.told: list[FromChild] = []
        self.markers: list[list[object]] = []
        self.logged: LogCapture
        log, self.logged = capturing_log()
        counters = Counters()
        self.publisher = Publisher(name, 1, counters)
        self.actor = Actor(
            name=name,
            pid=1,
            incarnation=1,
            run_dir=folder,
            secrets=secrets or {},
            log=log,
            counters=counters,
            publisher=self.publisher,
            tell=self._hear,
        )
        self._news = trio.Event()
        self._subscriber = self.publisher.attach("test", self._read)
        self.publisher.flush()

    def _hear(self, message: FromChild) -> None:
        self.told.append(message)
        self._wake()

    def _read(self) -> None:
        data = b""
        while part := self._subscriber.outbox.take(1_000_000, now_s=trio.current_time(), intervals_s={}):
            data += part
        self.markers += [msgpack.unpackb(payload) for payload, _merged in FrameSplitter().feed(data)]
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that was told or published makes `holds` true."""
        while not holds():
            await self._news.wait()

    async def state(self) -> bytes:
        """What `upbitd show` would get."""
        return bytes((await self.publisher.answer(Request(1, "state"))).result)

    async def everything(self) -> str:
        """All that has left the actor so far, as text."""
        return repr((self.told, self.markers, self.logged.entries, self.publisher.link_reason, await self.state()))


Answer = Callable[[bytes], bytes]
"""From the head of a request to what is sent back; then the connection ends, unless it was an upgrade."""


def accept(head: bytes) -> bytes:
    """Do the upgrade; pings and closes are answered from then on."""
    server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    server.receive_data(head)
    assert any(isinstance(event, wsproto.events.Request) for event in server.events())
    return server.send(wsproto.events.AcceptConnection())


async def hold(stream: trio.SocketStream) -> None:
    """Be the server's side of an open connection until the client closes it."""
    server = wsproto.connection.Connection(wsproto.ConnectionType.SERVER)
    async for chunk in stream:
        server.receive_data(bytes(chunk))
        for event in server.events():
            if isinstance(event, wsproto.events.Ping | wsproto.events.CloseConnection):
                await stream.send_all(server.send(event.response()))


class UpgradeServer:
    """Answers each connection with the next of its answers; the last one is repeated."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.heads: list[bytes] = []
        self.url = ""

    async def handle(self, stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some()
        self.heads.append(head)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await stream.send_all(answer(head))
        if answer is accept:
            await hold(stream)

    @property
    def tokens(self) -> list[str]:
        """The tokens that came, one for each connection."""
        return [head.split(b"Bearer ")[1].split(b"\r\n")[0].decode() for head in self.heads]


@asynccontextmanager
async def upgrade_server(*answers: Answer) -> AsyncIterator[UpgradeServer]:
    """Serve on loopback."""
    server = UpgradeServer(*answers)
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, server.handle, 0, host="127.0.0.1"))
        server.url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"
        yield server
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def running(run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run an actor beside the test; what ends it fails the test."""

    async def main() -> None:
        await run()
        raise AssertionError("the actor ended")

    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(main)
            yield
            nursery.cancel_scope.cancel()
