"""What waits to be sent over one stream: bounded, and all of it in one write."""

import struct
from collections.abc import Callable
from typing import Final

import trio

_ROOM_BYTES: Final = 256 * 1024
_BINARY: Final = 0x82


def binary_frame(payload: bytes) -> bytes:
    """One whole binary message of a server (RFC 6455: unmasked, not fragmented)."""
    length = len(payload)
    if length < 126:
        return bytes((_BINARY, length)) + payload
    if length < 65_536:
        return struct.pack(">BBH", _BINARY, 126, length) + payload
    return struct.pack(">BBQ", _BINARY, 127, length) + payload


class Outgoing:
    """The writing half of a connection: bytes are queued at once and written by one task.

    Args:
        stream: the byte stream.
        limit_bytes: what may wait for a slow peer.
        on_failure: told once why nothing can be sent any more; it ends the connection.
    """

    def __init__(self, stream: trio.abc.SendStream, *, limit_bytes: int, on_failure: Callable[[str], None]) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes
        self._on_failure = on_failure
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._wake = trio.Event()
        self._room = trio.Event()
        self._is_ending = self._has_ended = False
        self.last_sent_s = trio.current_time()

    def put(self, data: bytes) -> None:
        """Queue bytes; more than the limit is a failure, pongs and answers counted as well as data."""
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._wake.set()
        if self._waiting_bytes > self._limit_bytes:
            self._on_failure("send buffer full")

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self._room.set()

    def end_when_sent(self) -> None:
        """Let `run` return once nothing waits."""
        self._is_ending = True
        self._wake.set()

    def end(self) -> None:
        """Forget what waits, and let nobody wait for room."""
        self._has_ended = True
        self.drop()

    async def wait_room(self) -> None:
        """Wait until most of what was queued is sent, or it has ended."""
        while self._waiting_bytes > _ROOM_BYTES and not self._has_ended:
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
