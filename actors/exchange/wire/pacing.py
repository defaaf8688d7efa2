"""A byte stream that can be made to trickle, to break within a write, and to end with a reset."""

import math
import socket
import struct
from typing import Final

import trio

_STEP_S: Final = 0.1
"""How often a trickling stream sends: often enough for frames to come in pieces, seldom enough to cost little."""


class PacedStream(trio.abc.Stream):
    """The server's end of one connection.

    Args:
        stream: the accepted stream.

    Attributes:
        last_sent_s: when bytes of a trickling write went last.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._bytes_per_s: int | None = None
        self._changed = trio.Event()
        self._breaks = False
        self.last_sent_s = -math.inf

    def set_pace(self, bytes_per_s: int | None) -> None:
        """Send at most so many bytes a second from now on, also of a write under way; None for full speed."""
        if bytes_per_s != self._bytes_per_s:
            self._bytes_per_s = bytes_per_s
            self._changed.set()
            self._changed = trio.Event()

    def break_next_write(self) -> None:
        """Send only half of the next write and end with a reset."""
        self._breaks = True
        self.make_close_a_reset()

    def make_close_a_reset(self) -> None:
        """Let closing be a TCP reset, without a FIN; a stream in memory knows no such thing."""
        if isinstance(self._stream, trio.SocketStream):
            # Lingering for 0 s does it.
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything, in pieces while a pace is set.

        Raises:
            trio.BrokenResourceError: the connection is lost, or was to be broken within this write.
        """
        if self._breaks:
            await self._stream.send_all(data[: len(data) // 2])
            raise trio.BrokenResourceError("broken within a write, on demand")
        if self._bytes_per_s is None:
            await self._stream.send_all(data)
            return
        left = memoryview(data)
        while left and self._bytes_per_s is not None:
            size = max(1, int(self._bytes_per_s * _STEP_S))
            await self._stream.send_all(left[:size])
            self.last_sent_s = trio.current_time()
            left = left[size:]
            with trio.move_on_after(size / self._bytes_per_s):
                await self._changed.wait()
        if left:
            await self._stream.send_all(left)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the stream below takes bytes."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive what has come; empty at the end."""
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()
