"""An exchange in memory: what a feed dials in tests, with nothing real behind it but the protocol's rules."""

import random
from collections.abc import Callable

import msgpack
import trio
import trio.testing

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.feed import Feed
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.subscriber import Subscriber
from actors.runtime.process.counters import Counters
from protocols.channel.framing import FrameSplitter
from protocols.channel.messages import Want, Wants
from protocols.errors import ConnectionLost
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import Message
from protocols.upbit.requests import Format, SubscriptionRequest, parse_request
from tests.actors.runtime.channel.channel_pair import capturing_log, trade


class FakeConnection:
    """One connection of the fake exchange; answers pings unless it is mute."""

    def __init__(self, exchange: "FakeExchange") -> None:
        self._exchange = exchange
        self._send_frames, self._frames = trio.open_memory_channel[list[bytes]](1000)
        self.requests: list[tuple[float, SubscriptionRequest]] = []
        self.pings: list[float] = []
        self.is_mute = False
        self.is_closed = False
        self.lost_with = ""

    async def receive(self) -> list[bytes]:
        try:
            return await self._frames.receive()
        except trio.EndOfChannel:
            raise ConnectionLost(self.lost_with) from None

    async def send(self, message: bytes) -> None:
        await trio.lowlevel.checkpoint()
        request = parse_request(message)
        self.requests.append((trio.current_time(), request))
        self._exchange.request_came.set()
        if not self.is_mute:
            self._exchange.on_request(self, request)

    async def ping(self) -> None:
        self.pings.append(trio.current_time())
        if self.lost_with:
            raise ConnectionLost(self.lost_with)
        if self.is_mute or self.is_closed:
            await trio.sleep_forever()
        self._send_frames.send_nowait([])
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self.is_closed = True
        await trio.lowlevel.checkpoint()

    def say(self, *messages: Message) -> None:
        """Send messages as one read."""
        self._send_frames.send_nowait([encode_message(message, Format.SIMPLE) for message in messages])

    def say_bytes(self, *frames: bytes) -> None:
        """Send frames as they are, as one read."""
        self._send_frames.send_nowait(list(frames))

    def lose(self, reason: str = "server closed the connection with 1006") -> None:
        """End the connection from the exchange's side."""
        self.lost_with = reason
        self._send_frames.close()


class FakeExchange:
    """Hands out connections and remembers them.

    Attributes:
        refusals: raised for the next attempts, one each.
        on_request: what the exchange does with a request; by default a snapshot for each topic that asks for one.
    """

    def __init__(self) -> None:
        self.connections: list[FakeConnection] = []
        self.attempts: list[float] = []
        self.refusals: list[Exception] = []
        self.request_came = trio.Event()
        self.on_request: Callable[[FakeConnection, SubscriptionRequest], None] = send_snapshots

    async def dial(self, _nursery: trio.Nursery) -> FakeConnection:
        self.attempts.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if self.refusals:
            raise self.refusals.pop(0)
        connection = FakeConnection(self)
        self.connections.append(connection)
        return connection

    async def wait_request(self) -> None:
        """Wait until the next request of any connection."""
        self.request_came = trio.Event()
        await self.request_came.wait()


def send_snapshots(connection: FakeConnection, request: SubscriptionRequest) -> None:
    """Do what the exchange does: one snapshot for each code of an object that is not only realtime."""
    for subscription in request.subscriptions:
        if subscription.type == "trade" and not subscription.is_only_realtime:
            for code in subscription.codes:
                connection.say(trade(0, code, "SNAPSHOT"))


class Rig:
    """A feed on a fake exchange, and a subscriber of its publisher."""

    def __init__(self, settings: ExchangeSettings | None = None, **options: object) -> None:
        self.exchange = FakeExchange()
        self.counters = Counters()
        self.log, self.logged = capturing_log()
        self.publisher = Publisher("public", 1, self.counters)
        self.publisher.refuse = lambda _topic: ""
        self.feed = Feed(
            self.publisher,
            self.exchange.dial,
            settings or ExchangeSettings(audit_interval_s=0),
            self.counters,
            self.log,
            rng=random.Random(1),
            **options,  # type: ignore[arg-type]
        )
        self.subscriber: Subscriber = self.publisher.attach("test", lambda: None)
        self._version = 0

    def want(self, *topics: str) -> None:
        """Want exactly these topics."""
        self._version += 1
        self.publisher.set_wants(self.subscriber, Wants(self._version, tuple(Want(topic) for topic in topics)))

    def received(self) -> list[list[object]]:
        """What waits for the subscriber, as plain msgpack."""
        data = b""
        while part := self.subscriber.outbox.take(1_000_000, now_s=trio.current_time(), intervals_s={}):
            data += part
        return [msgpack.unpackb(payload) for payload, _merged in FrameSplitter().feed(data)]

    def markers(self) -> list[str]:
        """The kinds of what waits, without the bookkeeping of the link."""
        return [str(item[0]) for item in self.received() if item[0] not in {"welcome", "accepted"}]


async def quiet() -> None:
    """Let everything that can happen now happen."""
    await trio.testing.wait_all_tasks_blocked()
