"""One topic as it is published: its numbering, what it remembers for late comers, and who takes it and how."""

from collections import deque
from typing import Protocol

import msgspec

from protocols.channel.framing import HEADER
from protocols.channel.messages import Want
from protocols.channel.outbox import Outbox

Body = msgspec.Struct
"""An event's body; messages of the exchange also have a `stream_type`."""


Published = tuple[Body, int, int, int, int]
"""One event as it was published, kept for those who come later: body, epoch, sequence, received_ns, wall_ns.

No class: one is made for each event, and a named tuple costs five times as much as this.
"""


class Taker(Protocol):
    """Who takes a topic; its outbox is what matters here."""

    outbox: Outbox


class SelectiveTap:
    """A subscriber that wants only the snapshot, or only what follows it; what it skips counts as merged."""

    def __init__(self, taker: Taker, want: Want) -> None:
        self.taker = taker
        self.is_one_shot = want.preference == "snapshot_only"
        self._skipped = 0

    def put(self, topic: str, epoch: int, sequence: int, frame: bytes, *, is_snapshot: bool) -> None:
        """Pass on an event of the kind that was asked for."""
        if is_snapshot is not self.is_one_shot:
            self._skipped += 1
            return
        length, _ = HEADER.unpack_from(frame)
        self.taker.outbox.put_every(topic, epoch, sequence, HEADER.pack(length, self._skipped) + frame[HEADER.size :])
        self._skipped = 0


class Stream:
    """One topic.

    Attributes:
        sequence: number of its last event in this epoch.
        recent: the newest events, oldest first: the last value, or as many as the topic remembers.
        every, latest, sampled: outboxes of those who take it, by delivery class.
        selective: those who want only a part of it.
    """

    __slots__ = ("every", "latest", "recent", "sampled", "selective", "sequence", "topic")

    def __init__(self, topic: str, *, remembered: int = 1) -> None:
        self.topic = topic
        self.sequence = 0
        self.recent: deque[Published] = deque(maxlen=remembered)
        self.every: list[Outbox] = []
        self.latest: list[Outbox] = []
        self.sampled: list[Outbox] = []
        self.selective: list[SelectiveTap] = []

    @property
    def is_wanted(self) -> bool:
        """Whether anybody takes this topic."""
        return bool(self.every or self.latest or self.sampled or self.selective)

    def add(self, taker: Taker, want: Want) -> None:
        """Begin to pass events on to a subscriber."""
        if want.preference != "both":
            self.selective.append(SelectiveTap(taker, want))
        else:
            self._lane(want).append(taker.outbox)

    def remove(self, taker: Taker, want: Want) -> None:
        """Stop passing events on to a subscriber; a one-shot want may have ended by itself before."""
        if want.preference != "both":
            self.selective = [tap for tap in self.selective if tap.taker is not taker]
        else:
            self._lane(want).remove(taker.outbox)

    def put_selectively(self, body: Body, epoch: int, frame: bytes) -> bool:
        """Pass an event on to those who want only a part; return whether a one-shot want was served and ended."""
        is_snapshot = getattr(body, "stream_type", None) == "SNAPSHOT"
        for tap in self.selective:
            tap.put(self.topic, epoch, self.sequence, frame, is_snapshot=is_snapshot)
        staying = [tap for tap in self.selective if not (is_snapshot and tap.is_one_shot)]
        ended = len(staying) < len(self.selective)
        self.selective = staying
        return ended

    def _lane(self, want: Want) -> list[Outbox]:
        if want.delivery == "every":
            return self.every
        return self.latest if want.delivery == "latest" else self.sampled
