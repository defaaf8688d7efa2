"""The way of a data frame out of one connection: through the faults that hit it, counted, noted, framed, queued."""

import math
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import trio

from actors.exchange.faults.active import ActiveFault
from actors.exchange.faults.frames import FrameLine, Passing
from actors.exchange.journal.journal import AnyJournal, NoJournal
from actors.exchange.sources.source import StreamKey
from actors.exchange.wire.outgoing import Outgoing

_NO_JOURNAL: Final = NoJournal()


class Framer(Protocol):
    """Makes one WebSocket message of a payload."""

    def frame(self, payload: bytes) -> bytes:
        """The bytes of the whole message."""


class Outlet:
    """Data frames of one connection.

    Args:
        outgoing: the bytes that wait for the socket.
        framing: makes messages of payloads.
        on_half: told when half a frame is queued; nothing must be sent behind it.
        number: id of the connection, for the journal.
        journal: told of every frame that is handed to the socket.

    Attributes:
        sent_frames: frames handed to the socket.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        framing: Framer,
        *,
        on_half: Callable[[], None],
        number: int = 0,
        journal: AnyJournal = _NO_JOURNAL,
    ) -> None:
        self._outgoing = outgoing
        self._framing = framing
        self._on_half = on_half
        self._number = number
        self._journal = journal
        self._line = FrameLine()
        self._is_direct = not journal.is_on
        self._wake = trio.Event()
        self.sent_frames = 0

    def push(self, payload: bytes, stream: StreamKey) -> None:
        """Send one frame of a stream soon."""
        if self._is_direct:
            self.sent_frames += 1
            self._outgoing.put(self._framing.frame(payload))
        elif self._line.is_idle:
            self._send(Passing(stream, payload, payload))
        else:
            self._release(self._line.add(stream, payload, trio.current_time()))

    def follow(self, faults: tuple[ActiveFault, ...]) -> None:
        """Let these faults, and no others, act on what is pushed from now on; what no delay holds any more is sent."""
        self._release(self._line.follow(faults))

    def flush(self) -> None:
        """Send what waits, in order."""
        self._release(self._line.take_all())

    def forget(self) -> None:
        """Lose what waits."""
        self._line.take_all()
        self._release(())

    async def run(self) -> None:
        """Send what faults hold back when its time has come, until cancelled."""
        while True:
            due_s = self._line.next_due_s
            with trio.move_on_at(math.inf if due_s is None else due_s):
                await self._wake.wait()
            self._release(self._line.take_due(trio.current_time()))
            self._wake = trio.Event()  # After the release, which wakes whoever waits: that was us.

    def _release(self, frames: Iterable[Passing]) -> None:
        for frame in frames:
            if frame.is_half:
                self._line.take_all()  # Nothing must follow it, however long the half takes to go.
                self._send_half(frame)
                return
            self._send(frame)
        self._is_direct = self._line.is_idle and not self._journal.is_on
        self._outgoing.count_held(self._line.held_bytes)
        if self._line.next_due_s is not None:
            self._wake.set()

    def _send(self, frame: Passing) -> None:
        self.sent_frames += 1
        self._outgoing.put(self._framing.frame(frame.payload))
        if self._journal.is_on:
            self._journal.frame(self._number, self.sent_frames, frame.stream, frame.said)

    def _send_half(self, frame: Passing) -> None:
        data = self._framing.frame(frame.payload)
        self._outgoing.put(data[: len(data) // 2])
        self._on_half()
