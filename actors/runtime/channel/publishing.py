"""What an actor serves: topics, who wants them and how, their last values, and the numbering of their events.

No I/O here. A link (`actors.runtime.channel.serving`) attaches a subscriber with an outbox; whoever produces calls
`publish` for each message and `flush` once for each batch. An event is encoded once; the same bytes go to every
subscriber.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

import msgspec

from actors.runtime.channel.streams import Body, Stream
from actors.runtime.channel.subscriber import Subscriber
from actors.runtime.process.black_box import Note, note_nowhere
from actors.runtime.process.counters import Counter
from protocols.channel.framing import HEADER, pack_frame
from protocols.channel.messages import (
    CACHED,
    LIVE,
    Accepted,
    Down,
    Reply,
    Request,
    SourceLink,
    Up,
    Want,
    WantProblem,
    Wants,
    Welcome,
)
from protocols.channel.outbox import Outbox

_encode = msgspec.msgpack.Encoder().encode
_pack = HEADER.pack

RequestHandler = Callable[[Request], Awaitable[object]]


class Publisher:
    """Topics of one actor and everybody who takes them.

    Attributes:
        epoch: grows by one with each new connection to the source. It begins at the time of day in ms, so that it grows
            over restarts of the actor and of the whole tree as well, for people and their files: nobody connects a
            thousand times a second. But the clock may be set back, so nothing depends on it beyond one life.
        life: what no other life of this actor has, as long as the machine runs: the monotonic time of its beginning.
        refuse: asked for each newly wanted topic; returns why it cannot be served, or "" when it can.
        on_wanted: called when the set of wanted topics changed.
        keeps: whether a topic that nobody takes any more stays, with its numbering and last value.

    Args:
        note: gets the header of the newest event of each batch.
    """

    def __init__(
        self,
        name: str,
        incarnation: int,
        counters: Counter,
        *,
        epoch: int | None = None,
        note: Note = note_nowhere,
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self.epoch = time.time_ns() // 1_000_000 if epoch is None else epoch
        self.life = time.monotonic_ns()
        self.link: SourceLink = "none"
        self.link_reason = ""
        self.refuse: Callable[[str], str] = self._refuse_unoffered
        self.on_wanted: Callable[[], None] = _nothing
        self.keeps: Callable[[str], bool] = lambda _topic: False
        self.streams: dict[str, Stream] = {}
        self._offered: frozenset[str] = frozenset()
        self._remembered: set[str] = set()
        self._subscribers: set[Subscriber] = set()
        self._unflushed: list[Callable[[], None]] = []
        self._handlers: dict[str, RequestHandler] = {}
        self.counters = counters
        self._note = note
        self._newest: Stream | None = None
        self._unnoted = 0
        self._down_since_ns: int | None = None
        self._numbers_used = 0

    # What the actor does.

    def offer(self, topics: Iterable[str]) -> None:
        """Serve just these topics, from the start; for actors whose topics are their own."""
        self._offered = frozenset(topics)
        for topic in self._offered:
            self.remember(topic, 1)

    def remember(self, topic: str, count: int) -> None:
        """Keep a topic whether anybody wants it or not, with its last `count` events for those who come later."""
        self._remembered.add(topic)
        self.streams.setdefault(topic, Stream(topic, remembered=count))

    @property
    def wanted(self) -> frozenset[str]:
        """Topics that at least one subscriber wants."""
        return frozenset(topic for topic, stream in self.streams.items() if stream.is_wanted)

    def publish(self, stream: Stream, body: Body, received_ns: int, wall_ns: int, origin: int = LIVE) -> None:
        """Number, encode and queue one event for everybody who takes its topic; call `flush` after the batch.

        `received_ns` is monotonic, `wall_ns` the time of day; both of the moment the bytes arrived.
        """
        stream.sequence = sequence = stream.sequence + 1
        self._newest = stream
        self._unnoted += 1
        topic, epoch = stream.topic, self.epoch
        stream.recent.append((body, epoch, sequence, received_ns, wall_ns))
        # The same bytes as an encoded `Event`, without building one.
        payload = _encode(("event", topic, epoch, sequence, received_ns, wall_ns, origin, body))
        frame = _pack(len(payload), 0) + payload
        for outbox in stream.every:
            outbox.put_every(topic, epoch, sequence, frame)
        for outbox in stream.latest:
            outbox.put_latest(topic, epoch, sequence, frame)
        for outbox in stream.sampled:
            outbox.put_sampled(topic, epoch, sequence, frame)
        if stream.selective and stream.put_selectively(body, epoch, frame):
            # A one-shot want is served: free its topic for the next request to the exchange.
            self.drop_unwanted((topic,))
            self.on_wanted()

    def announce(self, topic: str, body: Body) -> None:
        """Publish one event of the actor's own making, now."""
        self.publish(self.streams[topic], body, time.monotonic_ns(), time.time_ns())
        self.flush()

    def flush(self) -> None:
        """Write what was queued since the last flush: one write for each link, unless one is in flight there."""
        newest = self._newest
        if newest is not None:
            self._note(newest.topic, self.epoch, newest.sequence, self._unnoted)
            self._newest, self._unnoted = None, 0
        if self._unflushed:
            writers, self._unflushed = self._unflushed, []
            for write in writers:
                write()

    def go_up(self, *, now_ns: int) -> None:
        """A new connection to the source works: begin its epoch, numbering from 1, and tell everybody."""
        self.epoch += 1
        self._numbers_used = 0
        for stream in self.streams.values():
            stream.sequence = 0
        outage_s = 0.0 if self._down_since_ns is None else (now_ns - self._down_since_ns) / 1e9
        self._down_since_ns = None
        self.link, self.link_reason = "up", ""
        self._tell(Up(self.epoch, outage_s, now_ns))

    def go_down(self, reason: str, *, now_ns: int, parked: bool = False) -> None:
        """The source is gone; tell everybody once for each outage, and again when it turns to parked or back."""
        link: SourceLink = "parked" if parked else "down"
        is_news = self.link != link
        self.link, self.link_reason = link, reason
        if self._down_since_ns is None:
            self._down_since_ns = now_ns
        if is_news:
            self._tell(Down(self.epoch, reason, now_ns, parked))

    def report_problem(self, topic: str, reason: str) -> None:
        """Tell just those who want a topic that it is not being served."""
        for subscriber in self._subscribers:
            if topic in subscriber.wants:
                subscriber.send(WantProblem(topic, reason))
        self.flush()

    def drop_unwanted(self, topics: Iterable[str]) -> None:
        """Free those of these topics that nobody takes and nobody keeps, so that old wants do not stay in memory."""
        for topic in tuple(topics):
            stream = self.streams.get(topic)
            is_kept = topic in self._remembered or self.keeps(topic)
            if stream is not None and not stream.is_wanted and not is_kept:
                # A topic that comes back within the epoch must not use a number twice.
                self._numbers_used = max(self._numbers_used, stream.sequence)
                del self.streams[topic]

    def on_request(self, method: str, handler: RequestHandler) -> None:
        """Answer requests of this method; what the handler returns is sent back as msgpack."""
        self._handlers[method] = handler

    # What a link does.

    def attach(self, name: str, write: Callable[[], None]) -> Subscriber:
        """Add a client and greet it with who serves and how its source stands.

        `write` is called from `flush` when there is something in the subscriber's outbox; it must not block.
        """
        subscriber = Subscriber(Outbox(partial(self._unflushed_add, write)), name)
        self._subscribers.add(subscriber)
        subscriber.send(Welcome(self.name, self.incarnation, self.epoch, self.link, self.link_reason, life=self.life))
        return subscriber

    def detach(self, subscriber: Subscriber) -> None:
        """Remove a client and free what only it wanted."""
        self._subscribers.discard(subscriber)
        self._apply(subscriber, {})

    def set_wants(self, subscriber: Subscriber, wants: Wants) -> None:
        """Hold exactly these wants for a client from here on; the others' topics go on untouched.

        Wants that cannot be served are answered with a `WantProblem` each and left out. Newly wanted topics with a
        known last value are answered with it at once, marked `CACHED`.
        """
        accepted, refused = subscriber.admit(wants, self.refuse)
        if refused:
            self.counters.add("wants_refused", len(refused))
            subscriber.send_refused(refused)
        self._apply(subscriber, accepted)
        subscriber.send(Accepted(wants.version))
        self.flush()

    async def answer(self, request: Request) -> Reply:
        """Call the handler of one request; an unknown method or a refusal comes back as the reply's error."""
        handler = self._handlers.get(request.method)
        if handler is None:
            known = ", ".join(sorted(self._handlers)) or "none"
            why = (
                f"{self.name} does not answer {request.method!r}; it answers {known} "
                "(code of your own adds one by `actor.on_request`)"
            )
            return Reply(request.id, why, _NIL)
        result = await handler(request)
        try:
            return Reply(request.id, "", msgspec.Raw(_encode(result)))
        except (TypeError, ValueError, OverflowError) as error:
            return Reply(request.id, f"{self.name}: the answer to {request.method!r} cannot be sent: {error}", _NIL)

    # Inside.

    def _apply(self, subscriber: Subscriber, wants: dict[str, Want]) -> None:
        ended, begun = subscriber.replace_wants(wants)
        for want in ended:
            if want.topic in self.streams:  # A one-shot want that was served may have left nothing behind.
                self.streams[want.topic].remove(subscriber, want)
        before = {want.topic for want in ended}
        for want in begun:
            self._begin(subscriber, want, is_new=want.topic not in before)
        if ended or begun:
            self.drop_unwanted(want.topic for want in (*ended, *begun))
            self.on_wanted()

    def _begin(self, subscriber: Subscriber, want: Want, *, is_new: bool) -> None:
        topic = want.topic
        stream = self.streams.get(topic)
        if stream is None:
            stream = self.streams[topic] = Stream(topic)
            stream.sequence = self._numbers_used
        if is_new and stream.recent and want.preference != "realtime_only":
            for body, epoch, sequence, received_ns, wall_ns in stream.recent:
                cached = _encode(("event", topic, epoch, sequence, received_ns, wall_ns, CACHED, body))
                subscriber.outbox.put_every(topic, epoch, sequence, pack_frame(cached))
            if want.preference == "snapshot_only":
                return
        stream.add(subscriber, want)

    def _tell(self, marker: Up | Down) -> None:
        for subscriber in self._subscribers:
            subscriber.send(marker)
        self.flush()

    def _unflushed_add(self, write: Callable[[], None]) -> None:
        self._unflushed.append(write)

    def _refuse_unoffered(self, topic: str) -> str:
        if topic in self._offered:
            return ""
        return f"{self.name} serves no {topic!r}; it serves {', '.join(sorted(self._offered)) or 'no topics'}"


_NIL: Final = msgspec.Raw(_encode(None))


def _nothing() -> None:
    """Stand in for `on_wanted` while nobody listens."""
