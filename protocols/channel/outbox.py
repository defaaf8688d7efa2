"""What waits for one subscriber: bounded, and obeying the delivery class it asked for, topic by topic.

Three lanes. `every`: frames in order, none merged; past the limit the newest are dropped, remembered as one range per
topic, and announced by `Gap` frames once the lane has drained to half. `latest`: one frame per topic; a newer one takes
the older one's place in the line, so each topic is served in turn however fast another one is. `sampled`: as latest,
and a topic is due at most once per its own interval.

Markers (`Down`, `Up`, replies ...) keep their place among all events: the other lanes are emptied into `every` before
a marker goes in, or into announced gaps where `every` has no room for them. Markers alone may pass the limit; a
subscriber that leaves twice the limit unread is hopeless, and whoever writes cuts it.

No I/O and no clock: whoever writes calls `take`, and is told by `wake` when there is something.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from protocols.channel.framing import HEADER, pack_frame
from protocols.channel.messages import Gap

DEFAULT_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""At the measured peak of the real exchange (2.2 MB/s, all 855 books, 2026-09-23) this is 7 s of everything."""

HOPELESS_AT: Final = 2
"""Times the limit: nobody who still reads leaves that much."""

TOO_SLOW: Final = "subscriber too slow"

_encode = msgspec.msgpack.Encoder().encode


class _Newest(NamedTuple):
    """The newest event of a topic in its place in the line, and how many it replaced."""

    frame: bytes
    epoch: int
    sequence: int
    merged: int


class Outbox:
    """Frames that wait for one subscriber.

    Args:
        wake: called without arguments when there is something to take and nobody was told since the last `take`, and
            when the subscriber turned out hopeless.
        limit_bytes: how much the `every` lane may hold.

    Attributes:
        merged: events that a newer one of the same topic replaced.
        dropped: events that were dropped because the `every` lane was full; each is announced by a `Gap`.
        is_hopeless: the subscriber reads nothing any more and must be cut; nothing that is put now lets it grow.
    """

    def __init__(self, wake: Callable[[], None], *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._wake = wake
        self._limit_bytes = limit_bytes
        self._every: deque[bytes] = deque()
        self._every_bytes = 0
        self._latest: dict[str, _Newest] = {}
        self._sampled: dict[str, _Newest] = {}
        self._due_s: dict[str, float] = {}
        self._missing: dict[tuple[str, int], tuple[int, int]] = {}
        self._is_idle = True
        self.merged = 0
        self.dropped = 0
        self.is_hopeless = False

    @property
    def waiting_bytes(self) -> int:
        """Bytes in the `every` lane; the others hold one frame for each topic wanted."""
        return self._every_bytes

    @property
    def waiting_frames(self) -> int:
        """Frames in all lanes."""
        return len(self._every) + len(self._latest) + len(self._sampled)

    def put_every(self, topic: str, epoch: int, sequence: int, frame: bytes) -> None:
        """Append an event that must not be merged; drop it, remembered, when the lane is full."""
        if self._missing or self._every_bytes >= self._limit_bytes:
            self._miss(topic, epoch, sequence, sequence)
            return
        self._every.append(frame)
        self._every_bytes += len(frame)
        if self._is_idle:
            self._announce()

    def put_latest(self, topic: str, epoch: int, sequence: int, frame: bytes) -> None:
        """Put an event in the place of the older one of its topic, or at the end."""
        older = self._latest.get(topic)
        if older is None:
            self._latest[topic] = _Newest(frame, epoch, sequence, 0)
        else:
            self._latest[topic] = _Newest(frame, epoch, sequence, older.merged + 1)
            self.merged += 1
        if self._is_idle:
            self._announce()

    def put_sampled(self, topic: str, epoch: int, sequence: int, frame: bytes) -> None:
        """As `put_latest`; the event leaves when its topic is due."""
        older = self._sampled.get(topic)
        if older is None:
            self._sampled[topic] = _Newest(frame, epoch, sequence, 0)
        else:
            self._sampled[topic] = _Newest(frame, epoch, sequence, older.merged + 1)
            self.merged += 1
        if self._is_idle:
            self._announce()

    def put_marker(self, frame: bytes) -> None:
        """Append what must keep its place among all events, also when the lane is full."""
        if self.is_hopeless:
            return
        self._append_gaps()
        lanes_bytes = sum(len(newest.frame) for lane in (self._latest, self._sampled) for newest in lane.values())
        has_room = self._every_bytes + lanes_bytes <= self._limit_bytes
        for lane in (self._latest, self._sampled):
            for topic, newest in lane.items():
                if has_room:
                    self._append(_with_merged(newest))
                else:
                    self._miss(topic, newest.epoch, newest.sequence - newest.merged, newest.sequence)
                    self.merged -= newest.merged
            lane.clear()
        self._append_gaps()
        self._append(frame)
        if self._every_bytes > HOPELESS_AT * self._limit_bytes:
            self.is_hopeless = True
            self._announce()
        elif self._is_idle:
            self._announce()

    def forget(self, topic: str) -> None:
        """Drop what waits for a topic that is no longer wanted; frames already in the `every` lane still go out."""
        self._latest.pop(topic, None)
        self._sampled.pop(topic, None)
        self._due_s.pop(topic, None)
        for key in [key for key in self._missing if key[0] == topic]:
            del self._missing[key]

    def take(self, max_bytes: int, *, now_s: float, intervals_s: dict[str, float]) -> bytes:
        """Remove and return frames for one write, at most about `max_bytes`; empty when nothing is due.

        `intervals_s` gives each sampled topic its interval in seconds.
        """
        parts: list[bytes] = []
        size = 0
        every = self._every
        while every and size < max_bytes:
            frame = every.popleft()
            size += len(frame)
            parts.append(frame)
        self._every_bytes -= size
        if self._missing and self._every_bytes <= self._limit_bytes // 2:
            self._append_gaps()
        if not every:
            size = self._take_latest(parts, size, max_bytes)
            if self._sampled and size < max_bytes:
                self._take_sampled(parts, now_s, intervals_s)
        # What only waits for its time does not keep the outbox busy: the next event of any lane must wake the writer.
        self._is_idle = not (every or self._latest)
        return b"".join(parts)

    def next_due_s(self, *, now_s: float) -> float | None:
        """When the next frame may leave: `now_s`, a later time if only sampled topics wait, None if nothing waits."""
        if self._every or self._latest:
            return now_s
        if self._sampled:
            return max(now_s, min(self._due_s.get(topic, now_s) for topic in self._sampled))
        return None

    def _take_latest(self, parts: list[bytes], size: int, max_bytes: int) -> int:
        latest = self._latest
        while latest and size < max_bytes:
            newest = latest.pop(next(iter(latest)))
            size += len(newest.frame)
            parts.append(_with_merged(newest))
        return size

    def _take_sampled(self, parts: list[bytes], now_s: float, intervals_s: dict[str, float]) -> None:
        for topic in [topic for topic in self._sampled if self._due_s.get(topic, now_s) <= now_s]:
            parts.append(_with_merged(self._sampled.pop(topic)))
            self._due_s[topic] = now_s + intervals_s.get(topic, 0.0)

    def _append(self, frame: bytes) -> None:
        self._every.append(frame)
        self._every_bytes += len(frame)

    def _miss(self, topic: str, epoch: int, first: int, last: int) -> None:
        known = self._missing.get((topic, epoch))
        self._missing[topic, epoch] = (first if known is None else known[0], last)
        self.dropped += last - first + 1

    def _append_gaps(self) -> None:
        for (topic, epoch), (first, last) in self._missing.items():
            self._append(pack_frame(_encode(Gap(topic, epoch, first, last, TOO_SLOW))))
        self._missing.clear()

    def _announce(self) -> None:
        self._is_idle = False
        self._wake()


def _with_merged(newest: _Newest) -> bytes:
    if not newest.merged:
        return newest.frame
    frame = newest.frame
    return HEADER.pack(len(frame) - HEADER.size, newest.merged) + frame[HEADER.size :]
