"""The port to a WebSocket server: connect, receive, send, ping, close.

trio-websocket dials nothing here and reads nothing on the hot path: we open the stream, hand it over for the
handshake, and from then on read the socket ourselves, 64 KiB at a time. `FrameReader` takes the data frames out of
each read; only ping, pong and close frames go on to trio-websocket, which answers them, waits for pongs, and does the
closing handshake. It sees a stream whose reading end is a channel, so nothing of it is private API.

What trio-websocket 0.12.2 needs from its user, each point reproduced: a nursery of our own, `ping` under a deadline
(it never returns when the peer is silent), a deadline around `aclose` (60 s on a half-open link otherwise), and a
connection whose send was cancelled is dead (half a frame may be out).
"""

import ssl
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

import h11
import trio
import trio_websocket
import wsproto.utilities

from protocols.errors import ConnectionLost, HandshakeRefused, SettingsError
from protocols.websocket_frames import ABNORMAL_CLOSURE, FrameReader

READ_BYTES: Final = 65536
CONNECT_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 1.0
MAX_UNREAD_CONTROL_CHUNKS: Final = 256
MAX_HEAD_BYTES: Final = 65536
MAX_BODY_SAMPLE_BYTES: Final = 1000

Headers = Sequence[tuple[bytes, bytes]]


class Connection(Protocol):
    """What a feed needs of a connection; tests bring their own."""

    async def receive(self) -> list[bytes]:
        """Wait for the next read that brings messages; an empty list is a sign of life without data."""

    async def send(self, message: bytes) -> None:
        """Send one text message."""

    async def ping(self) -> None:
        """Send a ping and wait for its pong; without an answer it never returns."""

    async def aclose(self) -> None:
        """Close in good order if the peer answers in time, else at once."""


class _ControlStream(trio.abc.Stream):
    """What trio-websocket sees of the stream: all of its writing side, and of its reading side what we pass on."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._feed, self._chunks = trio.open_memory_channel[bytes](MAX_UNREAD_CONTROL_CHUNKS)

    def feed(self, chunk: bytes) -> None:
        try:
            self._feed.send_nowait(chunk)
        except trio.WouldBlock:
            raise ConnectionLost("server floods control frames while our answers wait; reconnect") from None

    def feed_end(self) -> None:
        self._feed.close()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - the interface's signature
        try:
            return await self._chunks.receive()
        except trio.EndOfChannel:
            return b""

    async def aclose(self) -> None:
        await self._stream.aclose()


class WebSocketConnection:
    """One open connection; see `Connection`."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        control: _ControlStream,
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
            raise ConnectionLost(f"connection broken: {error.__cause__ or error}") from None
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
        except trio_websocket.ConnectionClosed as error:
            raise ConnectionLost(f"not sent, the connection is closed: {error.reason}") from None

    async def ping(self) -> None:
        """Send a ping and wait for its pong; call it under a deadline.

        Raises:
            ConnectionLost: the connection is closed.
        """
        try:
            await self._websocket.ping()
        except trio_websocket.ConnectionClosed as error:
            raise ConnectionLost(f"no ping, the connection is closed: {error.reason}") from None

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


async def connect_websocket(
    nursery: trio.Nursery,
    url: str,
    *,
    headers: Headers = (),
    timeout_s: float = CONNECT_TIMEOUT_S,
    ssl_context: ssl.SSLContext | None = None,
) -> WebSocketConnection:
    """Open a connection whose background task runs in `nursery`; no Origin header is ever sent.

    Upbit limits requests with an Origin header to one in 10 s (docs.upbit.com, rate limits).

    Raises:
        SettingsError: the URL is not one of a WebSocket.
        HandshakeRefused: the server answered with another status than 101.
        ConnectionLost: no connection within `timeout_s`, or it broke on the way.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise SettingsError(f"{url!r} is not a WebSocket URL; write ws://HOST[:PORT]/PATH or wss://...")
    is_tls = parts.scheme == "wss"
    port = parts.port or (443 if is_tls else 80)
    with trio.move_on_after(timeout_s):
        try:
            if is_tls:
                context = ssl_context or ssl.create_default_context()
                stream: trio.abc.Stream = await _open_tls(parts.hostname, port, context)
            else:
                stream = await trio.open_tcp_stream(parts.hostname, port)
        except (OSError, trio.BrokenResourceError) as error:
            raise ConnectionLost(f"cannot reach {parts.hostname}:{port}: {error.__cause__ or error}") from None
        host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
        resource = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            return await _shake_hands(nursery, stream, host, resource or "/", headers)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
    raise ConnectionLost(f"no WebSocket connection to {parts.hostname}:{port} within {timeout_s} s")


async def _open_tls(host: str, port: int, context: ssl.SSLContext) -> trio.abc.Stream:
    stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context)
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def _shake_hands(
    nursery: trio.Nursery, stream: trio.abc.Stream, host: str, resource: str, headers: Headers
) -> WebSocketConnection:
    control = _ControlStream(stream)
    answer: tuple[bytes, bytes] | ConnectionLost | None = None
    websocket: trio_websocket.WebSocketConnection | None = None
    background: trio.Nursery = await nursery.start(_run_background, stream)

    async def pass_on_answer(scope: trio.CancelScope) -> None:
        nonlocal answer
        try:
            answer = await _read_answer(stream)
        except ConnectionLost as error:
            answer = error
            scope.cancel()  # trio-websocket would wait for an answer that does not come.
        else:
            control.feed(answer[0])

    try:
        async with trio.open_nursery() as handshake:
            handshake.start_soon(pass_on_answer, handshake.cancel_scope)
            websocket = await trio_websocket.wrap_client_stream(
                background,
                control,  # type: ignore[arg-type]  # its documentation takes any trio stream, its annotation two
                host,
                resource,
                extra_headers=list(headers),
                receive_buffer_size=READ_BYTES,
            )
    finally:
        if websocket is None:
            background.cancel_scope.cancel()
    if websocket is None or not isinstance(answer, tuple):
        raise answer if isinstance(answer, ConnectionLost) else ConnectionLost("the handshake did not complete")
    connection = WebSocketConnection(stream, control, websocket, background.cancel_scope)
    connection.take_early(answer[1])
    return connection


async def _run_background(
    stream: trio.abc.Stream, task_status: trio.TaskStatus[trio.Nursery] = trio.TASK_STATUS_IGNORED
) -> None:
    """Hold trio-websocket's reader task; a protocol error of the server ends the connection, never the actor."""
    try:
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await trio.sleep_forever()
    except* (h11.ProtocolError, wsproto.utilities.ProtocolError):
        await trio.aclose_forcefully(stream)


async def _read_answer(stream: trio.abc.Stream) -> tuple[bytes, bytes]:
    """Read the HTTP answer to the upgrade; return its head, and what came behind it.

    Raises:
        HandshakeRefused: the status is not 101; with what the server said of waiting.
        ConnectionLost: the server ended the connection, or its answer is longer than `MAX_HEAD_BYTES`.
    """
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        try:
            chunk = await stream.receive_some(READ_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionLost(f"connection broken in the handshake: {error.__cause__ or error}") from None
        if not chunk:
            raise ConnectionLost("server ended the connection in the handshake")
        data += chunk
        if len(data) > MAX_HEAD_BYTES and b"\r\n\r\n" not in data[:MAX_HEAD_BYTES]:
            raise ConnectionLost(f"answer to the upgrade has no end within {MAX_HEAD_BYTES} B")
    head, rest = data[: end + 4], data[end + 4 :]
    status_line, *lines = head.decode("latin-1").split("\r\n")
    words = status_line.split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionLost(f"answer to the upgrade is not HTTP: {status_line[:80]!r}")
    if words[1] != "101":
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raise HandshakeRefused(
            int(words[1]),
            retry_after_s=_seconds(fields.get("retry-after", "")),
            body=rest[:MAX_BODY_SAMPLE_BYTES].decode("utf-8", "replace"),
        )
    return head, rest


def _seconds(text: str) -> float | None:
    """Read a Retry-After given in seconds; a date is not used, since the exchange's clock need not be ours."""
    return float(text) if text.isdigit() else None
