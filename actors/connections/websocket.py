"""The port to a WebSocket server: receive, send, ping, close; `handshake` opens it.

trio-websocket dials nothing here and reads nothing on the hot path: the stream is handed over for the handshake, and
from then on we read the socket ourselves, 64 KiB at a time. `FrameReader` takes the data frames out of
each read; only ping, pong and close frames go on to trio-websocket, which answers them, waits for pongs, and does the
closing handshake. It sees a stream whose reading end is a channel, so nothing of it is private API.

What trio-websocket 0.12.2 needs from its user, each point reproduced: a nursery of our own, `ping` under a deadline
(it never returns when the peer is silent), a deadline around `aclose` (60 s on a half-open link otherwise), and a
connection whose send was cancelled is dead (half a frame may be out).
"""

from typing import Final, Protocol

import trio
import trio_websocket
import wsproto.utilities

from actors.runtime.channel.readable import is_readable
from protocols.errors import ConnectionLost
from protocols.websocket_frames import ABNORMAL_CLOSURE, FrameReader

READ_BYTES: Final = 65536
CLOSE_TIMEOUT_S: Final = 1.0
MAX_UNREAD_CONTROL_CHUNKS: Final = 256

# The second one when the server's close came before trio-websocket has noted it.
_CLOSED: Final = (trio_websocket.ConnectionClosed, wsproto.utilities.LocalProtocolError)


class Connection(Protocol):
    """What a feed needs of a connection; tests bring their own."""

    async def receive(self) -> list[bytes]:
        """Wait for the next read that brings messages; an empty list is a sign of life without data."""

    async def send(self, message: bytes) -> None:
        """Send one text message."""

    async def ping(self) -> None:
        """Send a ping and wait for its pong; without an answer it never returns."""

    def is_input_waiting(self) -> bool:
        """Whether bytes wait to be received."""

    async def aclose(self) -> None:
        """Close in good order if the peer answers in time, else at once."""


class ControlStream(trio.abc.Stream):
    """What trio-websocket sees of the stream: all of its writing side, and of its reading side what we pass on.

    Attributes:
        is_cut_off: a send was cancelled halfway, and the stream is closed because of that.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.is_cut_off = False
        self._feed, self._chunks = trio.open_memory_channel[bytes](MAX_UNREAD_CONTROL_CHUNKS)

    def feed(self, chunk: bytes) -> None:
        """Pass on control frames, or the answer to the handshake.

        Raises:
            ConnectionLost: too many are waiting to be answered.
        """
        try:
            self._feed.send_nowait(chunk)
        except trio.WouldBlock:
            raise ConnectionLost("server floods control frames while our answers wait; reconnect") from None

    def feed_end(self) -> None:
        """Say that nothing more comes."""
        self._feed.close()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send to the server; when this is cancelled halfway, the connection ends.

        Whatever came next would be read by the server as the rest of the frame that was cut off.
        """
        await trio.lowlevel.checkpoint_if_cancelled()  # Before the first byte, no harm is done.
        try:
            await self._stream.send_all(data)
        except trio.Cancelled:
            self.is_cut_off = True
            await trio.aclose_forcefully(self._stream)
            raise

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending might not block."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - the interface's signature
        """Wait for what is passed on next; empty at the end."""
        try:
            return await self._chunks.receive()
        except trio.EndOfChannel:
            return b""

    async def aclose(self) -> None:
        """Close the server's stream."""
        await self._stream.aclose()


class WebSocketConnection:
    """One open connection; see `Connection`."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        control: ControlStream,
        websocket: trio_websocket.WebSocketConnection,
        reader: trio.CancelScope,
    ) -> None:
        self._stream = stream
        self._control = control
        self._websocket = websocket
        self._background = reader
        self._reader = FrameReader()
        self._early: list[bytes] = []
        self._is_receiving = False

    def take_early(self, chunk: bytes) -> None:
        """Read what came in one piece with the answer to the handshake."""
        self._early = self._read(chunk)

    async def receive(self) -> list[bytes]:
        """Wait for the next read and return the messages that it completed.

        Raises:
            ConnectionLost: the server closed, reset or broke the connection; the message says how.
        """
        if self._early:
            early, self._early = self._early, []
            return early
        self._check_close()
        self._is_receiving = True
        try:
            chunk = await self._stream.receive_some(READ_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._control.feed_end()
            why = "a send was cut off halfway" if self._control.is_cut_off else error.__cause__ or error
            raise ConnectionLost(f"connection broken: {why}") from None
        finally:
            self._is_receiving = False
        if not chunk:
            self._control.feed_end()
            raise ConnectionLost(f"server ended the connection without a close frame ({ABNORMAL_CLOSURE})")
        messages = self._read(bytes(chunk))
        if not messages:
            self._check_close()
        return messages

    async def send(self, message: bytes) -> None:
        """Send one text message.

        Raises:
            ConnectionLost: the connection is closed.
        """
        try:
            await self._websocket.send_message(message.decode())
        except _CLOSED as error:
            raise ConnectionLost(f"not sent, the connection is closed: {_why(error)}") from None

    async def ping(self) -> None:
        """Send a ping and wait for its pong; call it under a deadline.

        Raises:
            ConnectionLost: the connection is closed.
        """
        try:
            await self._websocket.ping()
        except _CLOSED as error:
            raise ConnectionLost(f"no ping, the connection is closed: {_why(error)}") from None

    def is_input_waiting(self) -> bool:
        """Whether bytes wait in the socket."""
        stream = self._stream.transport_stream if isinstance(self._stream, trio.SSLStream) else self._stream
        return isinstance(stream, trio.SocketStream) and is_readable(stream.socket)

    async def aclose(self) -> None:
        """Close with 1000 and wait for the answer, at most 1 s; then drop the socket whatever came."""
        # A ping that reaches trio-websocket while it closes makes its reader raise (its issue 184): keep later ones
        # from it, and let it finish with those it has, which takes one turn of the loop.
        self._reader.is_closing = True
        await trio.lowlevel.cancel_shielded_checkpoint()
        try:
            with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                async with trio.open_nursery() as nursery:
                    if not self._is_receiving:
                        nursery.start_soon(self._drain)
                    await self._websocket.aclose()
                    nursery.cancel_scope.cancel()
        finally:
            self._background.cancel()
            await trio.aclose_forcefully(self._stream)

    async def _drain(self) -> None:
        """Go on reading while we close, so that the server's close frame is seen."""
        try:
            while True:
                await self.receive()
        except ConnectionLost:
            self._control.feed_end()

    def _read(self, chunk: bytes) -> list[bytes]:
        messages, control = self._reader.feed(chunk)
        if control:
            self._control.feed(control)
        return messages

    def _check_close(self) -> None:
        if self._reader.close_code is not None:
            raise ConnectionLost(f"server closed the connection with {self._reader.close_code}")


def _why(error: Exception) -> str:
    """The code of a close and its name; the reason beside it is the server's text, which is not shown."""
    if isinstance(error, trio_websocket.ConnectionClosed) and error.reason is not None:
        return f"{error.reason.code} {error.reason.name}"
    return "the closing handshake has begun"
