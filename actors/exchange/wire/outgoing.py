"""What waits to be sent over one stream: bounded, and all of it in one write."""

import math
import struct
from collections.abc import Callable
from typing import Final, Literal

import trio

from actors.exchange.wire.deflate import deflated

_ROOM_BYTES: Final = 256 * 1024
_FIN: Final = 0x80
_COMPRESSED: Final = 0x40
_OPCODES: Final = {"text": 0x1, "binary": 0x2}


class Framing:
    """How a connection's messages become frames, one whole message each (RFC 6455: unmasked, not fragmented).

    Args:
        opcode: of data, status and error frames.
        is_compressed: whether permessage-deflate was agreed on (RFC 7692).
    """

    def __init__(self, opcode: Literal["binary", "text"] = "binary", *, is_compressed: bool = False) -> None:
        self._head = _FIN | _OPCODES[opcode] | (_COMPRESSED if is_compressed else 0)
        self._is_compressed = is_compressed

    def frame(self, payload: bytes) -> bytes:
        """The bytes of one message; the same payload for many connections is compressed once."""
        body = deflated(payload) if self._is_compressed else payload
        length = len(body)
        if length < 126:
            return bytes((self._head, length)) + body
        if length < 65_536:
            return struct.pack(">BBH", self._head, 126, length) + body
        return struct.pack(">BBQ", self._head, 127, length) + body


class Outgoing:
    """The writing half of a connection: bytes are queued at once and written by one task.

    Args:
        stream: the byte stream.
        limit_bytes: what may wait for a slow peer; None for as much as it takes.
        on_failure: told once why nothing can be sent any more; it ends the connection.
    """

    def __init__(
        self, stream: trio.abc.SendStream, *, limit_bytes: int | None, on_failure: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._limit_bytes = math.inf if limit_bytes is None else limit_bytes
        self._on_failure = on_failure
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._held_bytes = 0
        self._wake = trio.Event()
        self._room = trio.Event()
        self._is_ending = self._has_ended = False
        self.last_sent_s = trio.current_time()

    def put(self, data: bytes) -> None:
        """Queue bytes; more than the limit is a failure, pongs and answers counted as well as data."""
        if self._is_ending:
            return  # What came last was a close frame, or half of another.
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._wake.set()
        if self._waiting_bytes + self._held_bytes > self._limit_bytes:
            self._on_failure("send buffer full")

    def count_held(self, held_bytes: int) -> None:
        """Count what a fault holds back for this stream against its limit too."""
        self._held_bytes = held_bytes
        if self._waiting_bytes + held_bytes > self._limit_bytes:
            self._on_failure("send buffer full")

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self._room.set()

    def end_when_sent(self) -> None:
        """Let `run` return once nothing waits; what is put from now on is lost."""
        self._is_ending = True
        self._wake.set()

    def end(self) -> None:
        """Forget what waits, and let nobody wait for room."""
        self._has_ended = True
        self.drop()

    async def wait_room(self) -> None:
        """Wait until most of what was queued is sent, or it has ended."""
        while self._waiting_bytes + self._held_bytes > _ROOM_BYTES and not self._has_ended:
            self._room = trio.Event()
            await self._room.wait()
        await trio.lowlevel.checkpoint()

    async def run(self) -> None:
        """Send what waits, all of it in one write; while one write is under way the next one fills up."""
        try:
            while await self._wait_data():
                data = b"".join(self._waiting)
                self.drop()
                await self._stream.send_all(data)
                self.last_sent_s = trio.current_time()
            self._on_failure("closed")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._on_failure("lost by the peer")
            await trio.lowlevel.checkpoint()

    async def _wait_data(self) -> bool:
        """Wait for bytes; False when there are none and none will come."""
        while not self._waiting:
            if self._is_ending:
                return False
            self._wake = trio.Event()
            await self._wake.wait()
        return True
