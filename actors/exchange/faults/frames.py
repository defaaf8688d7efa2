"""What faults do to the data frames of one connection: lose, change, double, swap, hold them. Time is an argument.

A frame goes through the faults that hit its connection in a fixed order: withheld, changed, doubled, swapped with the
next one, delayed, cut in half. What waits keeps its order, whatever begins or ends meanwhile.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeVar

from actors.exchange.faults.active import ActiveFault
from actors.exchange.faults.kinds import (
    Altered,
    BaseFault,
    ClockOffset,
    Delay,
    Duplicate,
    ExtraFields,
    FirstAssetLate,
    HalfFrame,
    Mute,
    OnStreams,
    Reorder,
)
from actors.exchange.faults.rewriting import altered, with_extra_fields, with_times_moved
from actors.exchange.sources.source import NO_STREAM, StreamKey

SWAP_WAIT_S: Final = 2.0
"""How long a frame waits for the one that is to overtake it; then it goes on, in order."""

FRAME_FAULTS: Final = (
    Mute, FirstAssetLate, ClockOffset, ExtraFields, Altered, HalfFrame, Duplicate, Reorder, Delay,
)  # fmt: skip
"""The kinds that act on single frames, in the order in which they do."""

_F = TypeVar("_F", bound=BaseFault)


class Passing(NamedTuple):
    """A frame on its way out.

    Attributes:
        stream: type and code.
        payload: what goes to the client.
        said: what the exchange means to say; differs from the payload only by what `altered` did.
        is_half: only half of it is sent, and the connection is reset then.
    """

    stream: StreamKey
    payload: bytes
    said: bytes
    is_half: bool = False


class FrameLine:
    """The way out of one connection's data frames while faults hit it.

    Attributes:
        faults: those that act on its frames.
        held_bytes: payloads that wait here.
    """

    def __init__(self) -> None:
        self.faults: tuple[ActiveFault, ...] = ()
        self.held_bytes = 0
        self._delayed: deque[tuple[float, Passing]] = deque()
        self._overtaken: dict[StreamKey, tuple[float, Passing]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether frames may pass it by."""
        return not (self.faults or self._delayed or self._overtaken)

    @property
    def next_due_s(self) -> float | None:
        """When something that waits here is to go on; None when nothing waits."""
        due_s = [until_s for until_s, _ in self._overtaken.values()]
        if self._delayed:
            due_s.append(self._delayed[0][0])
        return min(due_s, default=None)

    def follow(self, faults: tuple[ActiveFault, ...]) -> list[Passing]:
        """Let these faults act from now on, and return what was delayed if no delay is among them."""
        self.faults = faults
        if any(isinstance(active.fault, Delay) for active in faults):
            return []
        return self._drained()

    def add(self, stream: StreamKey, payload: bytes, now_s: float) -> list[Passing]:
        """Take one frame and return those that go out now."""
        frame = Passing(stream, payload, payload)
        if stream == NO_STREAM:
            self._delay([frame], now_s)
        elif not self._is_withheld(stream, now_s):
            self._delay(self._swapped(self._doubled(self._changed(frame, now_s), now_s), now_s), now_s)
        if any(active.has_ended(now_s) for active in self.faults):
            self.faults = tuple(active for active in self.faults if not active.has_ended(now_s))
        return self.take_due(now_s)

    def take_due(self, now_s: float) -> list[Passing]:
        """The frames whose time has come, in order."""
        for stream in [stream for stream, (until_s, _) in self._overtaken.items() if until_s <= now_s]:
            self._delay([self._unkept(stream)], now_s)
        return self._drained(now_s)

    def take_all(self) -> list[Passing]:
        """Everything that waits, in order: what is delayed, then what nothing has overtaken."""
        return self._drained() + [self._unkept(stream) for stream in list(self._overtaken)]

    def _live(self, kind: type[_F], now_s: float) -> Iterator[tuple[ActiveFault, _F]]:
        for active in self.faults:
            if isinstance(active.fault, kind) and not active.has_ended(now_s):
                yield active, active.fault

    def _is_withheld(self, stream: StreamKey, now_s: float) -> bool:
        if any(_fits(fault, stream) for _, fault in self._live(Mute, now_s)):
            return True
        return stream[0] == "myAsset" and any(True for _ in self._live(FirstAssetLate, now_s))

    def _changed(self, frame: Passing, now_s: float) -> Passing:
        said = frame.payload
        for _, offset in self._live(ClockOffset, now_s):
            said = with_times_moved(said, offset.ms)
        for active, extra in self._live(ExtraFields, now_s):
            if _fits(extra, frame.stream):
                said = with_extra_fields(said)
                active.take()
        payload = said
        for active, alteration in self._live(Altered, now_s):
            if _fits(alteration, frame.stream) and (changed := altered(payload)) != payload:
                payload = changed
                active.take()
        is_half = any(True for _ in self._live(HalfFrame, now_s))
        return Passing(frame.stream, payload, said, is_half)

    def _doubled(self, frame: Passing, now_s: float) -> list[Passing]:
        copies = [frame]
        for active, fault in self._live(Duplicate, now_s):
            if _fits(fault, frame.stream):
                copies.append(frame)
                active.take()
        return copies

    def _swapped(self, frames: list[Passing], now_s: float) -> list[Passing]:
        """Keep a frame back until the next one of its stream has overtaken it."""
        stream = frames[0].stream
        if stream in self._overtaken:
            return [*frames, self._unkept(stream)]
        for active, fault in self._live(Reorder, now_s):
            if _fits(fault, stream):
                active.take()
                self._overtaken[stream] = (now_s + SWAP_WAIT_S, frames[0])
                self.held_bytes += len(frames[0].payload)
                return frames[1:]
        return frames

    def _drained(self, until_s: float = math.inf) -> list[Passing]:
        drained: list[Passing] = []
        while self._delayed and self._delayed[0][0] <= until_s:
            _, frame = self._delayed.popleft()
            self.held_bytes -= len(frame.payload)
            drained.append(frame)
        return drained

    def _unkept(self, stream: StreamKey) -> Passing:
        _, frame = self._overtaken.pop(stream)
        self.held_bytes -= len(frame.payload)
        return frame

    def _delay(self, frames: Iterable[Passing], now_s: float) -> None:
        """Put frames behind what waits, for as long as the longest delay says."""
        due_s = now_s + max((fault.ms / 1000 for _, fault in self._live(Delay, now_s)), default=0.0)
        if self._delayed:
            due_s = max(due_s, self._delayed[-1][0])
        for frame in frames:
            self._delayed.append((due_s, frame))
            self.held_bytes += len(frame.payload)


def _fits(fault: OnStreams, stream: StreamKey) -> bool:
    """Whether a stream is of the type and code that a fault names; what it does not name is any."""
    return fault.type in {"", stream[0]} and fault.code in {"", stream[1]}
