"""Serving a channel: clients on a listening Unix socket, each with its own outbox and its own pace.

A batch goes out by a direct, non-blocking write from whoever flushed it: no task switch while the client keeps up.
Only when the socket is full does the link's writer task take over, and what comes meanwhile coalesces in the outbox.
"""

import socket
from contextlib import suppress
from typing import Final

import msgspec
import trio
from structlog.typing import FilteringBoundLogger

from actors.runtime.channel.peer import is_same_user
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.subscriber import Subscriber
from protocols.channel.framing import FrameSplitter
from protocols.channel.messages import PROTOCOL_VERSION, ClientMessage, Hello, Reply, Request, Wants
from protocols.errors import ChannelError, UpbitdError
from protocols.unreadable import UNREADABLE

MAX_LINKS: Final = 256
MAX_OPEN_REQUESTS: Final = 16
HELLO_TIMEOUT_S: Final = 5.0
READ_BYTES: Final = 65536
WRITE_BYTES: Final = 131072
SEND_BUFFER_BYTES: Final = 1024 * 1024
"""Asked of the kernel, which grants up to net.core.wmem_max; the default holds only some 160 tickers."""

_decode = msgspec.msgpack.Decoder(ClientMessage).decode


async def serve_channel(listener: socket.socket, publisher: Publisher, log: FilteringBoundLogger) -> None:
    """Serve clients until cancelled; one client's fault, or its slowness, is never another's.

    The listening socket stays open: the supervisor holds it too, so a dial during a restart waits in the backlog.
    """
    links: set[Link] = set()
    counters = publisher.counters

    async def serve_one(stream: trio.SocketStream) -> None:
        raw = socket.socket(fileno=stream.socket.detach())
        with raw:
            if len(links) >= MAX_LINKS or not is_same_user(raw):
                counters.add("links_refused")
                log.warning("channel.refused", links=len(links), limit=MAX_LINKS)
                return
            link = Link(raw, publisher, log)
            links.add(link)
            counters.set("links", len(links))
            try:
                await link.run()
            finally:
                links.discard(link)
                counters.set("links", len(links))

    trio_listener = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    await trio.serve_listeners(serve_one, [trio_listener])


class Link:
    """One attached client, from its `Hello` to its end."""

    def __init__(self, raw: socket.socket, publisher: Publisher, log: FilteringBoundLogger) -> None:
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._socket = raw
        self._publisher = publisher
        self._counters = publisher.counters
        self._log = log
        self._subscriber: Subscriber | None = None
        self._rest: memoryview | bytes = b""
        self._writer_wakes = trio.Event()
        self._is_blocked = False
        self._is_broken = False
        self._open_requests = 0

    async def run(self) -> None:
        """Serve the client until it leaves, breaks the protocol, or stops reading for good."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_when_blocked)
                await self._read(nursery)
                nursery.cancel_scope.cancel()
        except* ChannelError as errors:
            self._counters.add("channel_errors")
            self._log.warning("channel.peer_dropped", client=self._name, reason=str(errors.exceptions[0]))
        finally:
            if self._subscriber is not None:
                self._publisher.detach(self._subscriber)

    @property
    def _name(self) -> str:
        return self._subscriber.name if self._subscriber is not None else "?"

    async def _read(self, nursery: trio.Nursery) -> None:
        splitter = FrameSplitter()
        with trio.move_on_after(HELLO_TIMEOUT_S) as greeting:
            while True:
                try:
                    chunk = self._socket.recv(READ_BYTES)
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(self._socket)
                    continue
                except ConnectionError:
                    return
                if not chunk:
                    return
                for payload, _merged in splitter.feed(chunk):
                    self._receive(payload, nursery)
                if self._subscriber is not None:
                    greeting.deadline = float("inf")
                await trio.lowlevel.checkpoint()
        raise ChannelError(f"no hello within {HELLO_TIMEOUT_S} s")

    def _receive(self, payload: bytes, nursery: trio.Nursery) -> None:
        try:
            message = _decode(payload)
        except UNREADABLE as error:
            raise ChannelError(f"unreadable message of {len(payload)} B: {error}; begins {payload[:40]!r}") from None
        if isinstance(message, Hello):
            self._greet(message)
        elif self._subscriber is None:
            raise ChannelError("the first message must be hello")
        elif isinstance(message, Wants):
            self._publisher.set_wants(self._subscriber, message)
        elif self._open_requests >= MAX_OPEN_REQUESTS:
            reason = f"more than {MAX_OPEN_REQUESTS} requests at once; wait for answers"
            self._reply(Reply(message.id, reason, msgspec.Raw(b"\xc0")))
        else:
            self._open_requests += 1
            nursery.start_soon(self._answer, message)

    def _greet(self, hello: Hello) -> None:
        if self._subscriber is not None:
            raise ChannelError("a second hello on one link")
        if hello.version != PROTOCOL_VERSION:
            raise ChannelError(f"client speaks version {hello.version}, this is {PROTOCOL_VERSION}; update one of them")
        self._subscriber = self._publisher.attach(hello.client, self.write)
        self._publisher.flush()

    async def _answer(self, request: Request) -> None:
        try:
            reply = await self._publisher.answer(request)
        except UpbitdError as error:
            reply = Reply(request.id, str(error), msgspec.Raw(b"\xc0"))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever asks, and whatever for, must not end the actor
            self._counters.add("requests_failed")
            self._log.error(
                "channel.request_failed", client=self._name, method=request.method, error=repr(error), exc_info=error
            )
            told = f"the actor failed over {request.method!r}: {error!r}; its log has the traceback"
            reply = Reply(request.id, told, msgspec.Raw(b"\xc0"))
        finally:
            self._open_requests -= 1
        self._reply(reply)

    def _reply(self, reply: Reply) -> None:
        if self._subscriber is not None:
            self._subscriber.send(reply)
            self._publisher.flush()

    def write(self) -> None:
        """Write as much as the socket takes now; never block. Leave the rest to the writer task."""
        subscriber = self._subscriber
        if subscriber is None or self._is_broken:
            return
        if subscriber.outbox.is_hopeless:
            self._log.warning(
                "channel.client_cut", client=subscriber.name, reason="it reads nothing; it may dial again"
            )
            self._cut()
            return
        if self._is_blocked:
            return
        now_s = trio.current_time()
        while True:
            data = self._rest or subscriber.outbox.take(WRITE_BYTES, now_s=now_s, intervals_s=subscriber.intervals_s)
            if not data:
                if subscriber.intervals_s:
                    self._writer_wakes.set()  # Sampled topics leave by the clock.
                return
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except ConnectionError:
                self._is_broken = True
                self._writer_wakes.set()
                return
            self._rest = memoryview(data)[sent:]  # A view: what a slow client leaves is not copied again and again.
            if self._rest:
                self._is_blocked = True
                self._writer_wakes.set()
                return

    async def _write_when_blocked(self) -> None:
        """Go on where `write` had to stop: when the socket takes more, or when a sampled topic is due."""
        while True:
            await self._writer_wakes.wait()
            self._writer_wakes = trio.Event()
            while self._is_blocked:
                self._counters.add("writes_blocked")
                await trio.lowlevel.wait_writable(self._socket)
                self._is_blocked = False
                self.write()
            subscriber = self._subscriber
            if self._is_broken or subscriber is None:
                self._cut()
                return
            due_s = subscriber.outbox.next_due_s(now_s=trio.current_time())
            if due_s is not None:
                with trio.move_on_at(due_s):
                    await self._writer_wakes.wait()
                self.write()

    def _cut(self) -> None:
        # The reader sees the end of the stream and ends the link.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
