"""Opening a connection: TCP, TLS, the WebSocket upgrade, and what the server answers to it.

trio-websocket builds and checks the handshake; its answer is read here first, because a refusal has to be told with its
status and with how long to wait, and because what comes behind the answer in the same read belongs to `FrameReader`.
"""

import re
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import h11
import trio
import trio_websocket
import wsproto.utilities

from actors.connections.addresses import url_problem
from actors.connections.http_answers import parse_retry_after
from actors.connections.websocket import READ_BYTES, ControlStream, WebSocketConnection
from protocols.errors import ConnectionLost, HandshakeRefused, SettingsError

CONNECT_TIMEOUT_S: Final = 10.0
MAX_HEAD_BYTES: Final = 65536
MAX_BODY_SAMPLE_BYTES: Final = 1000
_STATUS: Final = re.compile(r"[0-9]{3}")

Headers = Sequence[tuple[bytes, bytes]]


async def connect_websocket(
    nursery: trio.Nursery,
    url: str,
    *,
    headers: Headers = (),
    timeout_s: float = CONNECT_TIMEOUT_S,
    ssl_context: ssl.SSLContext | None = None,
) -> WebSocketConnection:
    """Open a connection whose background task runs in `nursery` until `aclose`; no Origin header is ever sent.

    Upbit limits requests with an Origin header to one in 10 s (docs.upbit.com, rate limits).

    Raises:
        SettingsError: the URL is not one of a WebSocket.
        HandshakeRefused: the server answered with another status than 101.
        ConnectionLost: no connection within `timeout_s`, or it broke on the way.
    """
    if problem := url_problem(url, ("ws", "wss")):
        raise SettingsError(f"{url!r} is not a WebSocket URL: {problem}; write ws://HOST[:PORT]/PATH or wss://...")
    parts = urlsplit(url)
    host_name = parts.hostname or ""
    is_tls = parts.scheme == "wss"
    port = parts.port or (443 if is_tls else 80)
    with trio.move_on_after(timeout_s):
        try:
            if is_tls:
                context = ssl_context or ssl.create_default_context()
                stream: trio.abc.Stream = await _open_tls(host_name, port, context)
            else:
                stream = await trio.open_tcp_stream(host_name, port)
        except (OSError, trio.BrokenResourceError) as error:
            raise ConnectionLost(f"cannot reach {host_name}:{port}: {error.__cause__ or error}") from None
        host = host_name if parts.port is None else f"{host_name}:{port}"
        resource = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            return await _shake_hands(nursery, stream, host, resource or "/", headers)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
    raise ConnectionLost(f"no WebSocket connection to {host_name}:{port} within {timeout_s} s")


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
    control = ControlStream(stream)
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
    """Hold trio-websocket's reader task; a protocol error of the server ends the connection, never the actor.

    It is shielded, because a connection that is closed by cancellation still needs its reader for the closing
    handshake; `WebSocketConnection.aclose` ends it, and must be called.
    """
    try:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.shield = True
            task_status.started(nursery)
            await trio.sleep_forever()
    except* (h11.ProtocolError, wsproto.utilities.ProtocolError, UnicodeDecodeError):
        await trio.aclose_forcefully(stream)


async def _read_answer(stream: trio.abc.Stream) -> tuple[bytes, bytes]:
    """Read the HTTP answer to the upgrade; return its head, and what came behind it.

    Raises:
        HandshakeRefused: the status is not 101; with what the server said of waiting.
        ConnectionLost: the server ended the connection, or its answer is longer than `MAX_HEAD_BYTES` or not HTTP.
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
    if len(words) < 2 or not _STATUS.fullmatch(words[1]):
        # Not shown: it may be our own request, sent back with the keys in it.
        raise ConnectionLost("answer to the upgrade is not HTTP; is this the address of the exchange?")
    if words[1] != "101":
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        raise HandshakeRefused(
            int(words[1]),
            retry_after_s=parse_retry_after(fields.get("retry-after", "")),
            body=rest[:MAX_BODY_SAMPLE_BYTES].decode("utf-8", "replace"),
        )
    if not head.isascii():
        # wsproto decodes these headers as ASCII. A refusal, which it does not see, may hold what it likes.
        raise ConnectionLost("answer to the upgrade holds bytes outside ASCII in its headers")
    return head, rest
