"""The simulated exchange over real loopback sockets, seen by a client library that is not ours."""

import json
import socket
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from actors.exchange.actor import open_exchange, serve
from actors.exchange.settings import SimulatorSettings
from actors.exchange.wire.server import ExchangeServer
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.tokens import make_token

T = TypeVar("T")
CAPTURE = Path("tests/data/upbit-capture-2021-04-17.jsonl")
UPGRADE = (
    b"GET /websocket/v1 HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
KEYS = {"access_key": "key", "secret_key": "secret"}


class Running:
    """A server that serves, and ways to reach it from a thread."""

    def __init__(self, port: int, server: ExchangeServer) -> None:
        self.port = port
        self.server = server

    def open(self, path: str = "/websocket/v1", **options: Any) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}{path}", max_size=None, **options)

    def private(self) -> ClientConnection:
        token = make_token("key", "secret", nonce=str(uuid.uuid4()))
        return self.open("/websocket/v1/private", additional_headers={"Authorization": f"Bearer {token}"})

    def http(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], Any]:
        link = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            link.request(method, path, None if body is None else json.dumps(body))
            answer = link.getresponse()
            content = answer.read()
            return answer.status, dict(answer.getheaders()), json.loads(content) if content else None
        finally:
            link.close()


@asynccontextmanager
async def running(**changes: object) -> AsyncIterator[Running]:
    market = {} if "replay" in changes else {"markets": 8, "rate": 200.0}
    options: dict[str, object] = market | {"limits": False} | KEYS | changes
    exchange = await open_exchange(SimulatorSettings(**options))  # type: ignore[arg-type]  # options of a test
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, exchange)
        yield Running(exchange.address[1], exchange.server)
        nursery.cancel_scope.cancel()


async def in_thread(function: Callable[..., T], *args: object) -> T:
    return await trio.to_thread.run_sync(partial(function, *args), abandon_on_cancel=True)


def ask(client: ClientConnection, *objects: object) -> None:
    client.send(json.dumps([{"ticket": "t"}, *objects]))


def take(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    frames = [client.recv(timeout=10) for _ in range(count)]
    assert all(isinstance(frame, bytes) for frame in frames)
    return [json.loads(frame) for frame in frames]


async def test_an_independent_client_gets_snapshots_and_then_what_happens() -> None:
    def session(server: Running) -> None:
        with server.open() as client:
            codes = ["KRW-BTC", "KRW-ETH", "KRW-NOPE"]
            ask(client, *({"type": type_, "codes": codes} for type_ in ("ticker", "trade", "orderbook", "candle.1s")))
            messages = take(client, 60)
        kinds = Counter((message["type"], message["stream_type"]) for message in messages)
        assert [kinds[type_, "SNAPSHOT"] for type_ in ("ticker", "trade", "orderbook", "candle.1s")] == [2] * 4
        assert kinds["orderbook", "REALTIME"] > 0
        decoder = FrameDecoder()
        assert all(decoder.decode(json.dumps(message).encode()) for message in messages)

    async with running() as server:
        await in_thread(session, server)


async def test_the_account_s_events_arrive_on_the_private_path() -> None:
    def session(server: Running) -> list[dict[str, Any]]:
        with server.private() as client:
            ask(client, {"type": "myOrder"}, {"type": "myAsset"}, {"format": "SIMPLE"})
            return take(client, 4)

    async with running() as server:
        assert {message["ty"] for message in await in_thread(session, server)} == {"myOrder", "myAsset"}


async def test_a_second_socket_gets_the_very_same_frames() -> None:
    def session(server: Running) -> None:
        with server.open() as one, server.open() as two:
            for client in (one, two):
                ask(client, {"type": "trade", "codes": ["KRW-BTC", "KRW-ETH"], "is_only_realtime": True})
            first = [client.recv(timeout=10) for client in (one,) for _ in range(20)]
            second = [client.recv(timeout=10) for client in (two,) for _ in range(20)]
            shared = [frame for frame in first if frame in second]
            assert len(shared) >= 15

    async with running() as server:
        await in_thread(session, server)


@pytest.mark.parametrize(("query", "details"), [("", False), ("?is_details=false", False), ("?is_details=true", True)])
async def test_market_all_lists_the_markets(query: str, details: bool) -> None:
    async with running() as server:
        status, headers, markets = await in_thread(server.http, "GET", f"/v1/market/all{query}")
        assert status == 200
        assert headers["remaining-req"].startswith("group=market; min=600; sec=")
        assert [market["market"] for market in markets][:2] == ["KRW-BTC", "KRW-ETH"]
        assert len(markets) == 8
        assert all(("market_event" in market) is details for market in markets)


async def test_bad_http_gets_an_answer_and_harms_nobody() -> None:
    def session(server: Running) -> None:
        assert server.http("GET", "/v1/market/all?is_details=maybe")[0] == 400
        assert server.http("GET", "/nope")[2]["error"]["name"] == "not_found"
        assert server.http("HEAD", "/nope")[0] == 404
        assert server.http("POST", "/v1/market/all", {})[0] == 404
        assert server.http("POST", "/_simulator/faults", {"kind": "earthquake"})[0] == 400
        assert server.http("POST", "/_simulator/faults", {"kind": "close", "code": 1006})[0] == 400
        for raw in (
            b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"\x00" * 100,
            b"GET / HTTP/1.1\r\n" + b"a" * 200_000,
        ):
            with socket.create_connection(("127.0.0.1", server.port)) as link:
                link.settimeout(10)
                link.sendall(raw)
                try:
                    assert link.recv(100).startswith(b"HTTP/1.1 4")
                except ConnectionResetError:
                    continue  # Closed while the rest of 200 kB was still on its way.
        assert server.http("GET", "/v1/market/all")[0] == 200

    async with running() as server:
        await in_thread(session, server)


async def test_the_state_tells_who_is_connected_and_what_they_said() -> None:
    def session(server: Running) -> None:
        with server.open() as client:
            before_s = time.monotonic()
            ask(client, {"type": "ticker", "codes": ["KRW-BTC"]})
            take(client, 1)
            _, _, state = server.http("GET", "/_simulator/state")
        (connection,) = state["connections"]
        assert state["handshakes"] == 1
        assert connection["path"] == "/websocket/v1"
        assert connection["peer"].startswith("127.0.0.1:")
        assert connection["sent_frames"] >= 1
        assert connection["subscription"] == [{"type": "ticker", "codes": ["KRW-BTC"], "level": None}]
        (received,) = connection["received"]
        assert before_s <= received["t_s"] <= time.monotonic()
        assert json.loads(received["text"])[1]["codes"] == ["KRW-BTC"]

    async with running() as server:
        await in_thread(session, server)


def until_closed(client: ClientConnection) -> ConnectionClosed:
    try:
        while True:
            client.recv(timeout=10)
    except ConnectionClosed as closed:
        return closed


async def test_the_fault_close_closes_with_its_code_and_only_its_target() -> None:
    def session(server: Running) -> None:
        with server.open() as public, server.private() as private:
            fault = {"kind": "close", "code": 1012, "reason": "restart", "target": "public"}
            assert server.http("POST", "/_simulator/faults", fault)[2]["applied_to"] == 1
            closed = until_closed(public)
            assert closed.rcvd is not None
            assert (closed.rcvd.code, closed.rcvd.reason) == (1012, "restart")
            ask(private, {"type": "myOrder"})
            take(private, 1)

    async with running() as server:
        await in_thread(session, server)


async def test_the_fault_reset_resets_the_connection() -> None:
    def session(server: Running) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.settimeout(10)
            link.sendall(UPGRADE)
            assert link.recv(1000).startswith(b"HTTP/1.1 101")
            server.http("POST", "/_simulator/faults", {"kind": "reset"})
            with pytest.raises(ConnectionResetError):
                link.recv(1000)

    async with running() as server:
        await in_thread(session, server)


async def test_the_fault_stall_leaves_the_socket_open_and_silent() -> None:
    def session(server: Running) -> None:
        with server.open(ping_interval=None, close_timeout=0.1) as client:
            ask(client, {"type": "ticker", "codes": ["KRW-BTC"]})
            take(client, 1)
            server.http("POST", "/_simulator/faults", {"kind": "stall", "connection": 1})
            deadline_s = time.monotonic() + 0.5
            while time.monotonic() < deadline_s:  # What was under way before the fault.
                try:
                    client.recv(timeout=0.1)
                except TimeoutError:
                    break
            assert not client.ping().wait(timeout=0.3)
            with pytest.raises(TimeoutError):
                client.recv(timeout=0.1)

    async with running() as server:
        await in_thread(session, server)


async def test_the_fault_garbage_sends_one_frame_that_is_no_json() -> None:
    def session(server: Running) -> None:
        with server.open() as client:
            server.http("POST", "/_simulator/faults", {"kind": "garbage"})
            with pytest.raises(json.JSONDecodeError):
                json.loads(client.recv(timeout=10))
            ask(client, {"type": "ticker", "codes": ["KRW-BTC"]})
            take(client, 1)

    async with running() as server:
        await in_thread(session, server)


async def test_the_fault_refuse_refuses_the_next_handshakes() -> None:
    def session(server: Running) -> None:
        fault = {"kind": "refuse", "count": 2, "status": 503, "retry_after_s": 7, "target": "public"}
        server.http("POST", "/_simulator/faults", fault)
        for _ in range(2):
            with pytest.raises(InvalidStatus) as caught:
                server.open()
            assert caught.value.response.status_code == 503
            assert caught.value.response.headers["retry-after"] == "7"
        with server.open():
            assert server.http("GET", "/_simulator/state")[2]["refused"] == 2

    async with running() as server:
        await in_thread(session, server)


async def test_a_recording_is_played_and_the_socket_stays_open_after_its_last_frame() -> None:
    def session(server: Running) -> None:
        lines = [json.loads(line) for line in CAPTURE.read_text().splitlines()]
        payloads = [line["text"].encode() for line in lines if line["from"] == "exchange"]
        codes = {market["market"] for market in server.http("GET", "/v1/market/all")[2]}
        assert codes == {json.loads(payload)["cd"] for payload in payloads}
        with server.open() as client:
            client.send(lines[0]["text"])
            assert [client.recv(timeout=10) for _ in payloads] == payloads
            assert client.ping().wait(timeout=10)

    async with running(replay=str(CAPTURE), speed=0.0) as server:
        await in_thread(session, server)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["ticker", "orderbook", "KRW-BTC", "KRW-BTC.5", "myOrder", "LIST_SUBSCRIPTIONS", "SIMPLE"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["ticket", "type", "codes", "format", "method", "level", "is_only_snapshot"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


async def test_nothing_that_a_client_sends_stops_the_server() -> None:
    def session(server: Running) -> None:
        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.binary(max_size=200) | json_values.map(json.dumps) | st.text(max_size=50))
        def send(message: bytes | str) -> None:
            with server.open(close_timeout=0.2) as client:
                client.send(message)
                ask(client, {"type": "ticker", "codes": ["KRW-BTC"]})
                client.recv(timeout=10)

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.binary(max_size=200), st.booleans())
        def send_raw(data: bytes, upgraded: bool) -> None:
            with socket.create_connection(("127.0.0.1", server.port)) as link:
                if upgraded:
                    link.sendall(UPGRADE)
                link.sendall(data)

        send()
        send_raw()
        with server.open() as client:
            ask(client, {"type": "ticker", "codes": ["KRW-BTC"]})
            take(client, 1)

    async with running() as server:
        await in_thread(session, server)
        assert server.server.connections <= 1


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_an_independent_client_gets_the_same_messages_with_and_without_compression(
    compression: str | None,
) -> None:
    def session(server: Running) -> None:
        with server.open(compression=compression) as client:
            agreed = [extension.name for extension in client.protocol.extensions]
            assert agreed == (["permessage-deflate"] if compression else [])
            codes = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA"]
            for _ in range(3):  # Requests are compressed too.
                ask(client, {"type": "orderbook", "codes": codes}, {"type": "trade", "codes": codes})
            books = [message for message in take(client, 60) if message["type"] == "orderbook"]
        assert {len(book["orderbook_units"]) for book in books} == {30}

    async with running() as server:
        await in_thread(session, server)


async def test_the_upgrade_answers_with_the_headers_that_were_seen() -> None:
    def session(server: Running) -> None:
        with server.open() as client:
            assert client.response is not None
            headers = client.response.headers
            assert headers["remaining-req"] == "group=websocket; min=300; sec=3"
            assert headers["limit-by-ip"] == "Yes"
            assert headers["sec-websocket-extensions"].startswith("permessage-deflate; server_no_context_takeover")
        with server.open(compression=None) as client:
            assert client.response is not None
            assert "sec-websocket-extensions" not in client.response.headers

    async with running() as server:
        await in_thread(session, server)


async def test_the_fault_half_frame_ends_within_a_frame_with_a_reset() -> None:
    def session(server: Running) -> None:
        with server.open() as client:
            fault = {"kind": "half_frame", "connection": 1}
            assert server.http("POST", "/_simulator/faults", fault)[2]["applied_to"] == 1
            ask(client, {"type": "orderbook", "codes": ["KRW-BTC"]})
            closed = until_closed(client)
            assert closed.rcvd is None
            assert isinstance(closed.__cause__, ConnectionResetError | EOFError)

    async with running() as server:
        await in_thread(session, server)


async def test_the_faults_of_rest_reset_a_connection_and_cut_an_answer_in_half() -> None:
    def session(server: Running) -> None:
        server.http("POST", "/_simulator/faults", {"kind": "reset", "target": "rest"})
        with pytest.raises((ConnectionResetError, RemoteDisconnected)):
            server.http("GET", "/v1/market/all")
        server.http("POST", "/_simulator/faults", {"kind": "half_frame", "target": "rest"})
        with pytest.raises((ConnectionResetError, IncompleteRead, RemoteDisconnected)):
            server.http("GET", "/v1/market/all")
        assert server.http("GET", "/v1/market/all")[0] == 200

    async with running() as server:
        await in_thread(session, server)


async def test_the_fault_cut_ends_with_a_fin_and_without_a_close_frame() -> None:
    def session(server: Running) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.settimeout(10)
            link.sendall(UPGRADE)
            assert link.recv(1000).startswith(b"HTTP/1.1 101")
            server.http("POST", "/_simulator/faults", {"kind": "cut"})
            assert link.recv(1000) == b""

    async with running() as server:
        await in_thread(session, server)
