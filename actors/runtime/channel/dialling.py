"""Dialling a channel: one link to a serving actor that survives the other side's restarts.

A link has no task of its own. Whoever iterates it dials, reads, decodes and, when the other side went away, dials
again and declares the same wants. What the iteration yields is in order: events, and between them `Down`, `Up`, `Gap`
and `WantProblem`. What the bytes mean is decided in `receiving`, what the other side was told in `declaring`; here
they are moved, and connections made and ended.

    async with actor.dial("public") as feed:
        await feed.want_topics("ticker/KRW-BTC")
        async for item in feed:
            ...
"""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import trio
from structlog.typing import FilteringBoundLogger

from actors.runtime.channel.asking import Arguments, ask
from actors.runtime.channel.declaring import Declarations
from actors.runtime.channel.presence import Presence
from actors.runtime.channel.readable import is_readable
from actors.runtime.channel.receiving import Item, Receiver
from actors.runtime.process.black_box import Note, note_nowhere
from actors.runtime.process.counters import Counter
from actors.runtime.process.heartbeat import Watch
from actors.runtime.repeats import Repeats
from protocols.channel.framing import pack_frame
from protocols.channel.messages import Accepted, Delivery, Hello, Preference, Want, Wants, Welcome
from protocols.errors import UsageError
from protocols.upbit.messages import DataMessage

READ_BYTES: Final = 262144
REDIAL_FIRST_S: Final = 0.02
REDIAL_CAP_S: Final = 1.0
STABLE_AFTER_S: Final = 1.0
"""A link that lived so long is dialled again at once."""

_encode = msgspec.msgpack.Encoder().encode


class Dial:
    """A link to the actor that serves on a Unix socket.

    Args:
        path: the socket in the run directory.
        client: who dials, for the other side's log.
        counters: where received, merged and missed events are counted.
        log: where problems of the link are told.
        bodies: the types of the events' bodies; the exchange's messages unless another actor's topics are wanted.
        progressed: told how many items were taken, each time more are asked for and each time `watch` asks.
        watch: asks from time to time, while the link is open, whether items wait in it.
        note: gets the header of the newest event of each read.
        told: hears each `Welcome` and `Accepted` as it is read, before the items that came with it are handed out.
        presence: hears of each attempt to dial, where somebody must be told that there is no such actor.

    Attributes:
        continuity: proof that nothing was missed, or what.
    """

    def __init__(
        self,
        path: Path,
        client: str,
        counters: Counter,
        log: FilteringBoundLogger,
        *,
        bodies: Any = DataMessage,  # noqa: ANN401 - a type or a union of types
        progressed: Callable[[int], None] | None = None,
        watch: Watch | None = None,
        note: Note = note_nowhere,
        told: Callable[[Welcome | Accepted], None] | None = None,
        presence: Presence | None = None,
    ) -> None:
        self._path = path
        self._client = client
        self._counters = counters
        self._log = log
        self._presence = presence
        self._progressed = progressed
        self._watch = watch
        self._watching = ExitStack()
        self._arrived = 0
        self._taken = 0
        self._declarations = Declarations()
        self._receiver = Receiver(bodies, self._declarations, counters, log, note=note, told=told)
        self._waiting = self._receiver.waiting
        self._stream: trio.SocketStream | None = None
        self._send_lock = trio.Lock()
        self._redial_s = 0.0
        self._unanswered = Repeats()
        self._dialled_s = 0.0
        self._is_closed = False
        self.continuity = self._receiver.continuity

    async def __aenter__(self) -> Self:
        if self._watch is not None:
            self._watching.enter_context(self._watch(self._is_waiting))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave: the serving actor frees this client's wants as soon as it sees the link end."""
        self._is_closed = True
        self._watching.close()
        if self._presence is not None:
            self._presence.settle()
        self._count_taken()
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)

    async def want(self, wants: Iterable[Want]) -> None:
        """Want exactly these topics from now on, also after every reconnect; replaces what was wanted before."""
        if self._is_closed:
            raise UsageError(f"{self._client}: the link to {self._path.name} is closed; dial a new one")
        before = self._declarations.topics
        self._declarations.newest = Wants(self.wants_version + 1, tuple(wants))
        if self._stream is None:
            for topic in before - self._declarations.topics:
                self.continuity.forget(topic)
        else:
            # A link that breaks here is dialled again by its reader, which declares the newest wants.
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._declare_wants(self._stream)

    @property
    def server(self) -> Welcome | None:
        """Who answered, once it did."""
        return self._receiver.server

    @property
    def is_attached(self) -> bool:
        """Whether the link stands at this moment."""
        return self._stream is not None

    @property
    def is_up(self) -> bool:
        """Whether the other side's source works, as far as it said."""
        return self._receiver.is_up is True

    @property
    def wants_version(self) -> int:
        """Version of the wants that were declared last; the other side holds them once it has accepted it."""
        return self._declarations.newest.version

    async def want_topics(
        self, *topics: str, delivery: Delivery = "every", sample_ms: int = 0, preference: Preference = "both"
    ) -> None:
        """Want exactly these topics, all in the same way."""
        await self.want(Want(topic, delivery, sample_ms, preference) for topic in topics)

    async def request(self, method: str, arguments: Arguments | None = None) -> Any:  # noqa: ANN401
        """Ask the serving actor one question, on a link of its own."""
        return await ask(self._path, self._client, method, arguments)

    def __aiter__(self) -> Self:
        """Iterate over items one by one; leaving the loop loses none, and another loop goes on behind it."""
        return self

    async def __anext__(self) -> Item:
        """The next item; there is one checkpoint for each batch, not for each item."""
        if not self._waiting:
            await self._fill()
            if not self._waiting:
                raise StopAsyncIteration
        return self._waiting.popleft()

    async def receive(self) -> list[Item]:
        """Wait for the next batch: all that one read brought; empty once the link is closed. Dials as needed.

        The whole batch counts as taken. Who takes longer over one than its `stall_timeout_s` must count what it has
        done by `Actor.progressed`, or take items one by one.
        """
        if not self._waiting:
            await self._fill()
        items = list(self._waiting)
        self._waiting.clear()
        return items

    async def _fill(self) -> None:
        """Read until something waits, or the link is closed."""
        self._count_taken()
        while not self._waiting:
            stream = self._stream or await self._dial()
            if stream is None:
                return
            try:
                chunk = await stream.receive_some(READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                chunk = b""
            if chunk:
                self._read(bytes(chunk))
            elif not self._is_closed:
                self._lose("the link ended")
            self._arrived += len(self._waiting)

    def _is_waiting(self) -> bool:
        """Whether items wait here; those that were taken one by one since this was asked last count as progress."""
        self._count_taken()
        return bool(self._waiting) or (self._stream is not None and is_readable(self._stream.socket))

    def _count_taken(self) -> None:
        taken = self._arrived - len(self._waiting)
        if self._progressed is not None and taken != self._taken:
            self._progressed(taken - self._taken)
        self._taken = taken

    async def _dial(self) -> trio.SocketStream | None:
        """Dial until somebody answers, or this link is closed; nobody answers before the supervisor holds the socket.

        A link that lived and worked is dialled again at once; one that brought nothing readable, after a growing delay.
        """
        while not self._is_closed:
            if self._redial_s:
                await trio.sleep(self._redial_s)
            self._redial_s = min(self._redial_s * 2 or REDIAL_FIRST_S, REDIAL_CAP_S)
            try:
                return await self._dial_once()
            except (OSError, trio.BrokenResourceError) as error:
                reason = str(error)
                if times := self._unanswered.failed(reason):
                    retry = {"times": times, "retry_s": self._redial_s}
                    self._log.info("channel.no_answer", server=self._path.stem, reason=reason, **retry)
                if self._presence is not None and not self._is_closed:
                    self._presence.no_answer(now_s=trio.current_time())
        return None

    async def _dial_once(self) -> trio.SocketStream:
        stream = await trio.open_unix_socket(str(self._path))
        try:
            self._receiver.begin_link()
            self._declarations.begin_link()
            await self._send(stream, Hello(self._client, os.getpid()))
            await self._declare_wants(stream)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        if self._is_closed:
            stream.socket.close()
            raise trio.BrokenResourceError
        if self._presence is not None:
            self._presence.settle()
        self._unanswered.worked()
        self._stream = stream
        self._dialled_s = trio.current_time()
        return stream

    async def _declare_wants(self, stream: trio.SocketStream) -> None:
        """Send the newest wants; those that were declared while they went out follow them."""
        sent_version = -1
        while sent_version != self.wants_version:
            wants = self._declarations.newest
            self._declarations.goes_out(wants)
            await self._send(stream, wants)
            sent_version = wants.version

    async def _send(self, stream: trio.SocketStream, message: msgspec.Struct) -> None:
        async with self._send_lock:
            try:
                await stream.send_all(pack_frame(_encode(message)))
            except trio.Cancelled:
                # Half a frame may be out: the link is of no further use.
                await trio.aclose_forcefully(stream)
                raise

    def _read(self, chunk: bytes) -> None:
        """Take in what one read brought; what does not fit ends the link, which is then dialled again."""
        events, unreadable = self._receiver.take(chunk, now_ns=time.monotonic_ns())
        if unreadable is not None:
            self._counters.add("channel_errors")
            self._log.warning("channel.unreadable", server=self._path.stem, reason=unreadable)
            self._lose("the link sent something unreadable")
        if events:
            self._redial_s = 0.0

    def _lose(self, reason: str) -> None:
        if self._stream is not None:
            self._stream.socket.close()
            self._stream = None
            if trio.current_time() - self._dialled_s >= STABLE_AFTER_S:
                self._redial_s = 0.0
        self._receiver.lose(f"{self._path.stem}: {reason}", now_ns=time.monotonic_ns())
