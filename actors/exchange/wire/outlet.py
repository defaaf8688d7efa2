"""The way of a data frame out of one connection: counted, framed, queued."""

from actors.exchange.sources.source import StreamKey
from actors.exchange.wire.outgoing import Outgoing, binary_frame


class Outlet:
    """Data frames of one connection.

    Args:
        outgoing: the bytes that wait for the socket.

    Attributes:
        sent_frames: frames handed to the socket.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self.sent_frames = 0

    def push(self, payload: bytes, stream: StreamKey) -> None:  # noqa: ARG002 - for what is to come
        """Send one frame of a stream soon."""
        self.sent_frames += 1
        self._outgoing.put(binary_frame(payload))
