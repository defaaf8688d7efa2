"""The WebSocket port against an independent server and against servers that misbehave, on loopback."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import trio
import trio_websocket
import trustme
import websockets
import wsproto
import wsproto.events
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MemoryReceiveStream, MemorySendStream, MockClock, memory_stream_pair, wait_all_tasks_blocked

from actors.connections.handshake import _shake_hands, connect_websocket
from actors.connections.http_answers import MAX_RETRY_AFTER_S
from actors.connections.websocket import CLOSE_TIMEOUT_S, ControlStream, WebSocketConnection
from protocols.errors import ConnectionLost, HandshakeRefused, SettingsError

LIMIT_S = 20.0
MemoryStream = trio.StapledStream[MemorySendStream, MemoryReceiveStream]
SEEN_HEADERS: dict[str, dict[str, str]] = {}


async def behave(connection: websockets.ServerConnection) -> None:
    """One behaviour for each path."""
    assert connection.request is not None
    path = connection.request.path
    SEEN_HEADERS[path] = dict(connection.request.headers)
    if path == "/burst":
        await connection.recv()
        for number in range(5000):
            await connection.send(number.to_bytes(4, "big") * 200)
        await connection.close(1012, "restart")
    elif path == "/fragments":
        await connection.send([b"one, ", b"two, ", b"three"])
        await connection.send("text too")
    elif path == "/ping":
        waiter = await connection.ping(b"are you there")
        await waiter
        await connection.send("pong came")
    elif path == "/echo":
        async for message in connection:
            await connection.send(message)
    await connection.wait_closed()


@pytest.fixture(scope="module")
def certificate() -> trustme.CA:
    return trustme.CA()


def _serve(ssl_context: ssl.SSLContext | None) -> Iterator[int]:
    """An independent WebSocket server in a thread of its own."""
    started: list[int] = []
    ready, end = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    def refuse(connection: websockets.ServerConnection, request: websockets.Request) -> websockets.Response | None:
        if not request.path.startswith("/refuse/"):
            return None
        response = connection.respond(int(request.path.split("/")[2]), "no\n")
        response.headers["Retry-After"] = "7"
        return response

    async def main() -> None:
        async with websockets.serve(
            behave, "127.0.0.1", 0, process_request=refuse, compression=None, ssl=ssl_context
        ) as server:
            started.append(next(iter(server.sockets)).getsockname()[1])
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert ready.wait(10)
    yield started[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    yield from _serve(None)


@pytest.fixture(scope="module")
def tls_port(certificate: trustme.CA) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.issue_cert("localhost").configure_cert(context)
    yield from _serve(context)


async def receive_all(connection: WebSocketConnection) -> tuple[list[bytes], ConnectionLost]:
    messages: list[bytes] = []
    while True:
        try:
            messages += await connection.receive()
        except ConnectionLost as lost:
            return messages, lost


async def test_a_burst_arrives_whole_and_the_close_code_is_told(port: int) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            connection = await connect_websocket(nursery, f"ws://127.0.0.1:{port}/burst")
            await connection.send(b"go")
            messages, lost = await receive_all(connection)
            await connection.aclose()
    assert [int.from_bytes(message[:4], "big") for message in messages] == list(range(5000))
    assert "1012" in str(lost)


async def test_no_origin_header_is_sent_and_ours_are(port: int) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            connection = await connect_websocket(
                nursery, f"ws://127.0.0.1:{port}/fragments", headers=[(b"Authorization", b"Bearer x")]
            )
            messages: list[bytes] = []
            while len(messages) < 2:
                messages += await connection.receive()
            await connection.aclose()
    assert messages == [b"one, two, three", b"text too"]
    sent = {name.lower(): value for name, value in SEEN_HEADERS["/fragments"].items()}
    assert "origin" not in sent
    assert sent["authorization"] == "Bearer x"
    assert sent["host"] == f"127.0.0.1:{port}"


async def test_the_servers_ping_is_answered_while_we_only_receive(port: int) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            connection = await connect_websocket(nursery, f"ws://127.0.0.1:{port}/ping")
            messages: list[bytes] = []
            while not messages:
                messages = await connection.receive()
            await connection.aclose()
    assert messages == [b"pong came"]


async def test_our_ping_is_answered_while_another_task_receives(port: int) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            connection = await connect_websocket(nursery, f"ws://127.0.0.1:{port}/echo")
            nursery.start_soon(receive_all, connection)
            for _ in range(3):
                await connection.ping()
            await connection.aclose()


async def test_a_connection_that_is_closed_by_cancellation_still_shakes_hands(port: int) -> None:
    async def hold(task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            connection = await connect_websocket(nursery, f"ws://127.0.0.1:{port}/echo")
            opened.append(connection)
            try:
                task_status.started()
                await connection.receive()
            finally:
                await connection.aclose()

    opened: list[WebSocketConnection] = []

    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(hold)
            began_s = trio.current_time()
            nursery.cancel_scope.cancel()
    assert trio.current_time() - began_s < CLOSE_TIMEOUT_S, "the server answers at once"
    closed = opened[0]._websocket.closed
    assert closed is not None
    assert closed.code == 1000


async def test_a_ping_that_arrives_while_we_close_does_no_harm(port: int) -> None:
    """trio-websocket's reader would raise here (its issue 184)."""
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            connection = await connect_websocket(nursery, f"ws://127.0.0.1:{port}/ping")
            await connection.receive()
            await connection.aclose()


@pytest.mark.parametrize("status", [401, 418, 429, 503])
async def test_a_refused_upgrade_tells_status_and_wait(port: int, status: int) -> None:
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            with pytest.raises(HandshakeRefused) as caught:
                await connect_websocket(nursery, f"ws://127.0.0.1:{port}/refuse/{status}")
    assert (caught.value.status, caught.value.retry_after_s) == (status, 7)
    assert "no" in caught.value.body


async def test_tls_is_verified(tls_port: int, certificate: trustme.CA) -> None:
    context = ssl.create_default_context()
    certificate.configure_trust(context)
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            connection = await connect_websocket(nursery, f"wss://localhost:{tls_port}/echo", ssl_context=context)
            await connection.send("안녕".encode())
            messages: list[bytes] = []
            while not messages:
                messages = await connection.receive()
            await connection.aclose()
            with pytest.raises(ConnectionLost):
                await connect_websocket(nursery, f"wss://localhost:{tls_port}/echo")
    assert messages == ["안녕".encode()]


async def rude_server(listener: socket.socket, answer: bytes, *, then: str) -> None:
    """Take one connection, answer the upgrade with `answer`, and end it as `then` says."""
    with trio.socket.from_stdlib_socket(listener) as accepting:
        client, _ = await accepting.accept()
    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await client.recv(65536)
        if answer:
            await client.send(answer)
        if then == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif then == "stay":
            await trio.sleep_forever()


@pytest.mark.parametrize(
    ("answer", "then", "reason"),
    [
        (b"", "end", "ended the connection in the handshake"),
        (b"", "reset", "in the handshake"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "stay", "is not HTTP"),
        ("HTTP/1.1 ²00 OK\r\n\r\n".encode("latin-1"), "stay", "is not HTTP"),
        (b"HTTP/1.1 101\r\nUpgrade: websocket\r\nX: \xb2\r\n\r\n", "stay", "outside ASCII"),
        (b"HTTP/1.1 101\r\nUpgrade: \xb0\xa1\r\nConnection: Upgrade\r\n\r\n", "stay", "outside ASCII"),
        (b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: " + b"y" * 70_000, "stay", "has no end"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "stay", "within 0.5 s"),
        (b"", "stay", "within 0.5 s"),
    ],
)
async def test_a_broken_handshake_is_a_lost_connection_in_time(answer: bytes, then: str, reason: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, trio.fail_after(LIMIT_S):
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                await rude_server(listener.dup(), answer, then=then)

            nursery.start_soon(serve)
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
            with pytest.raises(ConnectionLost, match=reason):
                await connect_websocket(nursery, url, timeout_s=0.5)
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("7", 7), ("0", 0), ("999999999", MAX_RETRY_AFTER_S), ("²", None), ("1" * 10, None), ("-1", None), ("nan", None)],
)
async def test_a_refusal_with_an_odd_wait_is_a_refusal(wait: str, seconds: float | None) -> None:
    reason, fields = "너무 많음".encode("euc-kr"), b"\r\nRetry-After: " + wait.encode("latin-1")
    answer = b"HTTP/1.1 429 " + reason + fields + b"\r\n\r\nAuthorization: Bearer x"
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, trio.fail_after(LIMIT_S):
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                await rude_server(listener.dup(), answer, then="stay")

            nursery.start_soon(serve)
            with pytest.raises(HandshakeRefused) as caught:
                await connect_websocket(nursery, f"ws://127.0.0.1:{listener.getsockname()[1]}/")
            nursery.cancel_scope.cancel()
    assert (caught.value.status, caught.value.retry_after_s) == (429, seconds)
    assert caught.value.body == "Authorization: Bearer x"
    assert "Bearer" not in str(caught.value)


async def test_nobody_listening_is_a_lost_connection() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        free_port = listener.getsockname()[1]
    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectionLost, match=f"cannot reach 127.0.0.1:{free_port}"):
            await connect_websocket(nursery, f"ws://127.0.0.1:{free_port}/")


@pytest.mark.parametrize("url", ["http://x/", "ws:///path", "x", "", "ws://x:99999/", "ws://[::1/", "ws://x/안녕"])
async def test_what_is_no_websocket_url_is_refused(url: str) -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(SettingsError, match="is not a WebSocket URL"):
            await connect_websocket(nursery, url)


class HalfOpenServer:
    """A server that shakes hands like a real one and then falls silent, or sends what it is told."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.to_send = trio.Event()
        self.payload = b""

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"

    async def run(self) -> None:
        server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        with trio.socket.from_stdlib_socket(self.listener) as listener:
            client, _ = await listener.accept()
            with client:
                server.receive_data(await client.recv(65536))
                assert any(isinstance(event, wsproto.events.Request) for event in server.events())
                # The first message comes in one piece with the answer to the handshake.
                await client.send(server.send(wsproto.events.AcceptConnection()) + b"\x82\x05early")
                await self.to_send.wait()
                if self.payload:
                    await client.send(self.payload)
                    return
                await trio.sleep_forever()


async def test_a_message_that_comes_with_the_handshakes_answer_is_kept() -> None:
    server = HalfOpenServer()
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            connection = await connect_websocket(nursery, server.url)
            assert await connection.receive() == [b"early"]
            await connection.aclose()
            nursery.cancel_scope.cancel()


async def test_closing_a_half_open_link_keeps_its_deadline() -> None:
    server = HalfOpenServer()
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            connection = await connect_websocket(nursery, server.url)
            await connection.receive()
            await wait_all_tasks_blocked()
            began_s = trio.current_time()
            await connection.aclose()
            took_s = trio.current_time() - began_s
            nursery.cancel_scope.cancel()
    assert took_s < CLOSE_TIMEOUT_S + 5, "trio-websocket alone would wait 60 s"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\x82\x7e\x03", "without a close frame"),  # half a frame, then the end
        (b"\x82\xff", "masked"),
        (b"\x8b\x00", "bad control frame"),
    ],
)
async def test_a_broken_stream_is_a_lost_connection(payload: bytes, reason: str) -> None:
    server = HalfOpenServer()
    server.payload = payload
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            connection = await connect_websocket(nursery, server.url)
            server.to_send.set()
            _messages, lost = await receive_all(connection)
            await connection.aclose()
            with pytest.raises(ConnectionLost, match="not sent"):
                await connection.send(b"too late")
    assert reason in str(lost)


async def test_a_flood_of_pings_is_no_memory_leak() -> None:
    server = HalfOpenServer()
    server.payload = b"\x89\x04ping" * 200_000
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            connection = await connect_websocket(nursery, server.url)
            server.to_send.set()
            _messages, lost = await receive_all(connection)
            await connection.aclose()
    assert isinstance(lost, ConnectionLost)


async def open_on_memory(nursery: trio.Nursery, ours: trio.abc.Stream, theirs: MemoryStream) -> WebSocketConnection:
    """Shake hands over a stream of the test's own, with a server that is us."""

    async def accept() -> None:
        server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        server.receive_data(bytes(await theirs.receive_some()))
        assert any(isinstance(event, wsproto.events.Request) for event in server.events())
        await theirs.send_all(server.send(wsproto.events.AcceptConnection()))

    nursery.start_soon(accept)
    return await _shake_hands(nursery, ours, "h", "/", ())


class NarrowStream(trio.abc.Stream):
    """A stream that takes one byte of each send and then blocks, once it is told to."""

    def __init__(self, stream: MemoryStream) -> None:
        self._stream = stream
        self.is_narrow = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.is_narrow:
            await self._stream.send_all(data[:1])
            await trio.sleep_forever()
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


@pytest.mark.parametrize("what", ["ping", "send"])
async def test_a_send_that_is_cut_off_halfway_ends_the_connection(what: str, autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    narrow = NarrowStream(ours)
    async with trio.open_nursery() as nursery:
        connection = await open_on_memory(nursery, narrow, theirs)
        ends: list[ConnectionLost] = []

        async def listen() -> None:
            ends.append((await receive_all(connection))[1])

        nursery.start_soon(listen)
        narrow.is_narrow = True
        with trio.move_on_after(5) as deadline:
            await (connection.ping() if what == "ping" else connection.send(b"a request"))
        assert deadline.cancelled_caught
        await wait_all_tasks_blocked()
        assert [str(lost) for lost in ends] == ["connection broken: a send was cut off halfway"]
        with pytest.raises(ConnectionLost, match="a send was cut off halfway"):
            await connection.receive()
        with pytest.raises(ConnectionLost, match="not sent, the connection is closed: 1006"):
            await connection.send(b"too late")
        with pytest.raises(ConnectionLost, match="no ping, the connection is closed: 1006"):
            await connection.ping()
        narrow.is_narrow = False
        await connection.aclose()
        nursery.cancel_scope.cancel()
    assert len(await theirs.receive_some()) == 1, "nothing is sent behind half a frame"
    assert await theirs.receive_some() == b""


async def test_a_ping_whose_pong_does_not_come_leaves_the_connection_whole(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        connection = await open_on_memory(nursery, ours, theirs)
        with trio.move_on_after(5) as deadline:
            await connection.ping()
        assert deadline.cancelled_caught
        await theirs.send_all(b"\x82\x04data")
        assert await connection.receive() == [b"data"]
        await connection.send(b"still here")
        await connection.aclose()
        nursery.cancel_scope.cancel()


async def test_a_connection_that_is_not_open_is_lost_to_who_sends() -> None:
    """What wsproto says to a send at the wrong time is no error of the caller: the connection is closing under him."""
    ours, _theirs = memory_stream_pair()
    control = ControlStream(ours)
    never_opened = trio_websocket.WebSocketConnection(
        control, wsproto.WSConnection(wsproto.ConnectionType.CLIENT), host="h", path="/"
    )
    connection = WebSocketConnection(ours, control, never_opened, trio.CancelScope())
    with pytest.raises(ConnectionLost, match="not sent"):
        await connection.send(b"x")
    with pytest.raises(ConnectionLost, match="no ping"):
        await connection.ping()


@given(st.binary(max_size=60), st.sampled_from((b"", b"Sec-WebSocket-Accept: x\r\n", b"Sec-WebSocket-Extensions: ")))
def test_whatever_answers_the_upgrade_is_a_lost_connection_at_worst(noise: bytes, before: bytes) -> None:
    async def main() -> None:
        ours, theirs = memory_stream_pair()
        head = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + before
        await theirs.send_all(head + noise + b"\r\n\r\n")
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                with pytest.raises(ConnectionLost):
                    await _shake_hands(nursery, ours, "h", "/", ())

    trio.run(main, clock=MockClock(autojump_threshold=0))
