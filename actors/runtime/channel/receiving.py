"""What the other side of a link sends, as items for whoever reads it: bytes and times in, events and markers out.

No I/O here, and no clock. Each event is decoded once and its number checked; what was known before, or belongs to a
topic that left, goes no further. Outages are told once, however the other side or the link itself tells of them.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from structlog.typing import FilteringBoundLogger

from actors.runtime.channel.declaring import Declarations
from actors.runtime.process.black_box import Note
from actors.runtime.process.counters import Counter
from protocols.channel.continuity import Continuity
from protocols.channel.framing import FrameSplitter
from protocols.channel.messages import (
    CACHED,
    Accepted,
    Down,
    Event,
    Gap,
    Reply,
    Up,
    WantProblem,
    Welcome,
)
from protocols.errors import ChannelError
from protocols.unreadable import UNREADABLE

Item = Event[Any] | Down | Up | Gap | WantProblem


class Read(NamedTuple):
    """What one read brought: how many events, and why the rest cannot be read, if so."""

    events: int
    unreadable: str | None


class Receiver:
    """The receiving end of one link, over all connections that it has.

    Args:
        bodies: the types of the events' bodies.
        declarations: what is wanted; acceptances settle it.
        note: gets the header of the newest event of each read.
        told: hears each `Welcome` and `Accepted` as it is read.

    Attributes:
        waiting: items that nobody took yet, oldest first.
        server: who answered, once it did.
        is_up: whether the other side's source works; None while nothing was said of it.
        continuity: proof that nothing was missed, or what.
    """

    def __init__(
        self,
        bodies: Any,  # noqa: ANN401 - a type or a union of types
        declarations: Declarations,
        counters: Counter,
        log: FilteringBoundLogger,
        *,
        note: Note,
        told: Callable[[Welcome | Accepted], None] | None,
    ) -> None:
        server_message = Event[bodies] | Welcome | Accepted | Down | Up | Gap | WantProblem | Reply
        self._decode = msgspec.msgpack.Decoder(server_message).decode
        self._declarations = declarations
        self._counters = counters
        self._log = log
        self._note = note
        self._told = told
        self._splitter = FrameSplitter()
        self._is_parked = False
        self._down_since_ns = 0
        self._epoch = 0
        self._told_epoch = 0
        self._resumed: set[str] = set()
        self.waiting: deque[Item] = deque()
        self.server: Welcome | None = None
        self.is_up: bool | None = None
        self.continuity = Continuity()

    def begin_link(self) -> None:
        """A new connection: no frame of the one before goes on in it, and its first events may come behind a hole."""
        self._splitter = FrameSplitter()
        self._resumed = set(self._declarations.topics) if self.server is not None else set()

    def take(self, chunk: bytes, *, now_ns: int) -> Read:
        """Decode what one read brought into `waiting`; what follows something unreadable is lost."""
        decode, saw, append = self._decode, self.continuity.saw_event, self.waiting.append
        leaving, resumed = self._declarations.leaving, self._resumed
        events = 0
        unreadable: str | None = None
        try:
            for payload, merged in self._splitter.feed(chunk):
                message = decode(payload)
                if message.__class__ is not Event:
                    self._take_marker(message, now_ns)
                elif leaving and message.topic in leaving:
                    self._counters.add("events_late")
                elif message.origin == CACHED and self._knows(message):
                    self._counters.add("events_known")
                else:
                    missing = saw(message, merged)
                    if resumed and message.topic in resumed:
                        resumed.discard(message.topic)
                        if missing:
                            self._tell_detached(message, missing)
                    events += 1
                    append(message)
        except (ChannelError, *UNREADABLE) as error:
            unreadable = str(error)
        if events:
            self._note_newest(events)
        self._counters.add("events_received", events)
        return Read(events, unreadable)

    def lose(self, reason: str, *, now_ns: int) -> None:
        """The connection is gone, and with it the source, if it worked; told once."""
        self._settle(self._declarations.newest.version)
        if self.is_up:
            self._go_down(reason, parked=False, now_ns=now_ns)

    def _note_newest(self, events: int) -> None:
        newest = next(item for item in reversed(self.waiting) if isinstance(item, Event))
        self._note(newest.topic, newest.epoch, newest.sequence, events)

    def _knows(self, event: Event[Any]) -> bool:
        """Whether this client already had what is sent to late comers, before it was detached.

        Epochs are compared within one life of the server only, where they grow: those of the next one may be lower,
        after the wall clock was set back, and all that it has is new.
        """
        position = self.continuity.position(event.topic)
        return position is not None and (event.epoch, event.sequence) <= position

    def _tell_detached(self, event: Event[Any], missing: int) -> None:
        self.continuity.unannounced -= missing
        self.continuity.missed += missing
        self._counters.add("gaps")
        self.waiting.append(Gap(event.topic, event.epoch, event.sequence - missing, event.sequence - 1, "not attached"))

    def _take_marker(self, message: Welcome | Accepted | Down | Up | Gap | WantProblem | Reply, now_ns: int) -> None:
        if isinstance(message, Accepted):
            self._settle(message.version)
        elif isinstance(message, Welcome):
            if self.server is not None and message.life != self.server.life:
                self.continuity.begin_life()
            self.server = message
            self._epoch = message.epoch
            if message.link in {"up", "none"}:
                self._go_up(message.epoch, now_ns)
            elif message.link != "connecting":
                self._go_down(message.reason, parked=message.link == "parked", now_ns=now_ns)
        elif isinstance(message, Up):
            self._go_up(message.epoch, now_ns)
        elif isinstance(message, Down):
            self._go_down(message.reason, parked=message.parked, now_ns=now_ns)
        elif isinstance(message, Gap):
            self.continuity.saw_gap(message)
            self._counters.add("gaps")
            self.waiting.append(message)
        elif isinstance(message, WantProblem):
            self._log.warning("channel.want_problem", topic=message.topic, reason=message.reason)
            self.waiting.append(message)
        if self._told is not None and isinstance(message, Welcome | Accepted):
            self._told(message)

    def _settle(self, version: int) -> None:
        """Wants of this version are held: the numbering of what had left by then is over."""
        for topic in self._declarations.settle(version):
            self.continuity.forget(topic)

    def _go_up(self, epoch: int, now_ns: int) -> None:
        self._epoch = epoch
        # A new epoch is told also when nothing was ever down: the source gave its connection up for another one.
        if not self.is_up or epoch != self._told_epoch:
            self._told_epoch = epoch
            outage_s = (now_ns - self._down_since_ns) / 1e9 if self.is_up is False else 0.0
            self.is_up, self._is_parked = True, False
            self.waiting.append(Up(epoch, outage_s, now_ns))

    def _go_down(self, reason: str, *, parked: bool, now_ns: int) -> None:
        if self.is_up is not False:
            self.is_up = False
            self._down_since_ns = now_ns
        elif parked is self._is_parked:
            return
        self._is_parked = parked
        self.waiting.append(Down(self._epoch, reason, self._down_since_ns, parked))
