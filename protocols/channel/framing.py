"""Frames on a stream between processes: an 8-byte header, then one msgpack array.

The header holds two unsigned 32-bit integers, big endian: the payload's length in bytes, and how many older events of
the same topic this one replaced in its subscriber's outbox (0 for everything but conflated events). The second number
stands in the header because it differs by subscriber while the payload's bytes are shared by all of them.
"""

import struct
from collections.abc import Iterator
from typing import Final

from protocols.errors import ChannelError

HEADER: Final = struct.Struct(">II")
MAX_PAYLOAD_BYTES: Final = 4 * 1024 * 1024
"""A larger frame is a broken or hostile peer: the largest real one (wants of 855 markets x 12 types) is 0.6 MB."""


def pack_frame(payload: bytes, merged: int = 0) -> bytes:
    """Put the header before one payload."""
    return HEADER.pack(len(payload), merged) + payload


class FrameSplitter:
    """Cut a byte stream into frames; any division of the stream into chunks gives the same frames."""

    def __init__(self, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._rest = b""
        self._max_payload_bytes = max_payload_bytes

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, int]]:
        """Take bytes as they came and yield each complete `(payload, merged)`.

        Raises:
            ChannelError: a length above the limit; the stream cannot be read any further.
        """
        data = self._rest + chunk if self._rest else chunk
        self._rest = b""
        unpack, header_bytes, limit = HEADER.unpack_from, HEADER.size, self._max_payload_bytes
        start, end = 0, len(data)
        while end - start >= header_bytes:
            length, merged = unpack(data, start)
            if length > limit:
                raise ChannelError(f"frame of {length} B on a channel (limit {limit} B); the peer is dropped")
            stop = start + header_bytes + length
            if stop > end:
                break
            yield data[start + header_bytes : stop], merged
            start = stop
        self._rest = data[start:]
