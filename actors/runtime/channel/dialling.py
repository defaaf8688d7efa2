"""Dialling a channel: one link to a serving actor that survives the other side's restarts.

A link has no task of its own. Whoever iterates it dials, reads, decodes and, when the other side went away, dials
again and declares the same wants. What the iteration yields is in order: events, and between them `Down`, `Up`, `Gap`
and `WantProblem`.

    async with actor.dial("public") as feed:
        await feed.want_topics("ticker/KRW-BTC")
        async for item in feed:
            ...
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import trio
from structlog.typing import FilteringBoundLogger

from actors.runtime.channel.asking import Arguments, ask
from actors.runtime.channel.publishing import Counter
from actors.runtime.channel.readable import is_readable
from actors.runtime.process.black_box import Note, note_nowhere
from actors.runtime.process.heartbeat import Watch
from protocols.channel.continuity import Continuity
from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.channel.messages import (
    CACHED,
    Accepted,
    Delivery,
    Down,
    Event,
    Gap,
    Hello,
    Preference,
    Reply,
    Up,
    Want,
    WantProblem,
    Wants,
    Welcome,
)
from protocols.errors import ChannelError, UsageError
from protocols.unreadable import UNREADABLE
from protocols.upbit.messages import DataMessage

READ_BYTES: Final = 262144
REDIAL_FIRST_S: Final = 0.02
REDIAL_CAP_S: Final = 1.0
STABLE_AFTER_S: Final = 1.0
"""A link that lived so long is dialled again at once."""

_encode = msgspec.msgpack.Encoder().encode

Item = Event[Any] | Down | Up | Gap | WantProblem


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

    Attributes:
        continuity: proof that nothing was missed, or what.
        server: who answered, once it did.
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
    ) -> None:
        self._path = path
        self._client = client
        self._counters = counters
        self._log = log
        self._progressed = progressed
        self._watch = watch
        self._watching = ExitStack()
        self._note = note
        self._arrived = 0
        self._taken = 0
        server_message = Event[bodies] | Welcome | Accepted | Down | Up | Gap | WantProblem | Reply
        self._decode = msgspec.msgpack.Decoder(server_message).decode
        self._stream: trio.SocketStream | None = None
        self._splitter = FrameSplitter()
        self._send_lock = trio.Lock()
        self._wants = Wants(0, ())
        self._told = told
        self._declared: frozenset[str] = frozenset()
        self._leaving: dict[str, int] = {}
        self._waiting: deque[Item] = deque()
        self._is_up: bool | None = None
        self._is_parked = False
        self._redial_s = 0.0
        self._dialled_s = 0.0
        self._down_since_ns = 0
        self._epoch = 0
        self._told_epoch = 0
        self._resumed: set[str] = set()
        self._is_closed = False
        self.continuity = Continuity()
        self.server: Welcome | None = None

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
        self._count_taken()
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await trio.aclose_forcefully(stream)

    async def want(self, wants: Iterable[Want]) -> None:
        """Want exactly these topics from now on, also after every reconnect; replaces what was wanted before."""
        if self._is_closed:
            raise UsageError(f"{self._client}: the link to {self._path.name} is closed; dial a new one")
        before = {want.topic for want in self._wants.wants}
        self._wants = Wants(self._wants.version + 1, tuple(wants))
        if self._stream is None:
            for topic in before - {want.topic for want in self._wants.wants}:
                self.continuity.forget(topic)
        else:
            # A link that breaks here is dialled again by its reader, which declares the newest wants.
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._declare_wants(self._stream)

    @property
    def is_attached(self) -> bool:
        """Whether the link stands at this moment."""
        return self._stream is not None

    @property
    def is_up(self) -> bool:
        """Whether the other side's source works, as far as it said."""
        return self._is_up is True

    @property
    def wants_version(self) -> int:
        """Version of the wants that were declared last; the other side holds them once it has accepted it."""
        return self._wants.version

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
                self._log.info("channel.no_answer", server=self._path.stem, reason=str(error), retry_s=self._redial_s)
        return None

    async def _dial_once(self) -> trio.SocketStream:
        stream = await trio.open_unix_socket(str(self._path))
        try:
            self._splitter = FrameSplitter()
            self._declared = frozenset()
            self._resumed = {want.topic for want in self._wants.wants} if self.server is not None else set()
            await self._send(stream, Hello(self._client, os.getpid()))
            await self._declare_wants(stream)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        if self._is_closed:
            stream.socket.close()
            raise trio.BrokenResourceError
        self._stream = stream
        self._dialled_s = trio.current_time()
        return stream

    async def _declare_wants(self, stream: trio.SocketStream) -> None:
        """Send the newest wants; those that were declared while they went out follow them."""
        sent_version = -1
        while sent_version != self._wants.version:
            wants = self._wants
            # What is under way of a topic that leaves belongs to no want any more, not even to one of the same topic
            # that is declared behind it.
            topics = frozenset(want.topic for want in wants.wants)
            self._leaving.update(dict.fromkeys(self._declared - topics, wants.version))
            self._declared = topics
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
        """Decode what one read brought; what does not fit ends the link, which is then dialled again."""
        decode, saw, append = self._decode, self.continuity.saw_event, self._waiting.append
        events = 0
        try:
            for payload, merged in self._splitter.feed(chunk):
                message = decode(payload)
                if message.__class__ is not Event:
                    self._read_marker(message)
                elif self._leaving and message.topic in self._leaving:
                    self._counters.add("events_late")
                elif message.origin == CACHED and self._knows(message):
                    self._counters.add("events_known")
                else:
                    missing = saw(message, merged)
                    if self._resumed and message.topic in self._resumed:
                        self._resumed.discard(message.topic)
                        if missing:
                            self._tell_detached(message, missing)
                    events += 1
                    append(message)
        except (ChannelError, *UNREADABLE) as error:
            self._counters.add("channel_errors")
            self._log.warning("channel.unreadable", server=self._path.stem, reason=str(error))
            self._lose("the link sent something unreadable")
        if events:
            self._redial_s = 0.0
            self._note_newest(events)
        self._counters.add("events_received", events)

    def _note_newest(self, events: int) -> None:
        newest = next(item for item in reversed(self._waiting) if isinstance(item, Event))
        self._note(newest.topic, newest.epoch, newest.sequence, events)

    def _knows(self, event: Event[Any]) -> bool:
        """Whether this client already had what is sent to late comers, before it was detached."""
        position = self.continuity.position(event.topic)
        return position is not None and (event.epoch, event.sequence) <= position

    def _tell_detached(self, event: Event[Any], missing: int) -> None:
        self.continuity.unannounced -= missing
        self.continuity.missed += missing
        self._counters.add("gaps")
        self._waiting.append(
            Gap(event.topic, event.epoch, event.sequence - missing, event.sequence - 1, "not attached")
        )

    def _read_marker(self, message: Welcome | Accepted | Down | Up | Gap | WantProblem | Reply) -> None:
        if isinstance(message, Accepted):
            self._settle(message.version)
        elif isinstance(message, Welcome):
            self.server = message
            self._epoch = message.epoch
            if message.link in {"up", "none"}:
                self._go_up(message.epoch)
            elif message.link != "connecting":
                self._go_down(message.reason, parked=message.link == "parked")
        elif isinstance(message, Up):
            self._go_up(message.epoch)
        elif isinstance(message, Down):
            self._go_down(message.reason, parked=message.parked)
        elif isinstance(message, Gap):
            self.continuity.saw_gap(message)
            self._counters.add("gaps")
            self._waiting.append(message)
        elif isinstance(message, WantProblem):
            self._log.warning("channel.want_problem", topic=message.topic, reason=message.reason)
            self._waiting.append(message)
        if self._told is not None and isinstance(message, Welcome | Accepted):
            self._told(message)

    def _settle(self, version: int) -> None:
        """Wants of this version are held: nothing more comes of what had left by then, and its numbering is over."""
        for topic in [topic for topic, left in self._leaving.items() if left <= version]:
            del self._leaving[topic]
            self.continuity.forget(topic)

    def _go_up(self, epoch: int) -> None:
        self._epoch = epoch
        # A new epoch is told also when nothing was ever down: the source gave its connection up for another one.
        if not self._is_up or epoch != self._told_epoch:
            self._told_epoch = epoch
            now_ns = time.monotonic_ns()
            outage_s = (now_ns - self._down_since_ns) / 1e9 if self._is_up is False else 0.0
            self._is_up, self._is_parked = True, False
            self._waiting.append(Up(epoch, outage_s, now_ns))

    def _go_down(self, reason: str, *, parked: bool) -> None:
        if self._is_up is not False:
            self._is_up = False
            self._down_since_ns = time.monotonic_ns()
        elif parked is self._is_parked:
            return
        self._is_parked = parked
        self._waiting.append(Down(self._epoch, reason, self._down_since_ns, parked))

    def _lose(self, reason: str) -> None:
        if self._stream is not None:
            self._stream.socket.close()
            self._stream = None
            self._settle(self._wants.version)
            if trio.current_time() - self._dialled_s >= STABLE_AFTER_S:
                self._redial_s = 0.0
        if self._is_up:
            self._go_down(f"{self._path.stem}: {reason}", parked=False)
