"""No client can stop the simulated exchange, whatever bytes it sends; on streams in memory and a mocked clock."""

import base64
import json
import struct
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

from actors.exchange.faults.kinds import Close, Fault, Garbage, Reset, Stall
from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.hub import Hub
from actors.exchange.trading.simulation import Simulation
from actors.exchange.wire.server import ExchangeServer
from protocols.upbit.tokens import make_token
from tests.actors.exchange.conftest import START_MS

UPGRADE_LINES = (
    (b"host", b"x"),
    (b"upgrade", b"websocket"),
    (b"connection", b"upgrade"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
)
PUBLIC, PRIVATE = b"/websocket/v1", b"/websocket/v1/private"
LIMIT_S = 600.0
"""On the mocked clock: longer than any deadline of the server."""

bounded = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def source() -> Hub:
    """One market for all examples: it does not depend on what clients do."""
    return Hub(Simulation(seed=1, markets=4, rate=10.0, start_ms=START_MS), lambda: START_MS)


def new_server() -> ExchangeServer:
    return ExchangeServer(SimulatorSettings(access_key="key", secret_key="secret", limits=False), source())


def head(lines: Sequence[tuple[bytes, bytes]], path: bytes = PUBLIC, method: bytes = b"GET") -> bytes:
    written = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
    return method + b" " + path + b" HTTP/1.1\r\n" + written + b"\r\n"


def post_fault(body: bytes) -> bytes:
    lines = ((b"host", b"x"), (b"content-length", str(len(body)).encode()))
    return head(lines, b"/_simulator/faults", b"POST") + body


def masked(first: int, payload: bytes, *, claimed: int | None = None, mask: bytes | None = b"abcd") -> bytes:
    """A frame of a client; `claimed` is the length that it says, `mask` is None for a frame without one."""
    length = len(payload) if claimed is None else claimed
    flag = 0 if mask is None else 0x80
    if length < 126:
        prefix = bytes((first, flag | length))
    elif length < 65_536:
        prefix = struct.pack(">BBH", first, flag | 126, length)
    else:
        prefix = struct.pack(">BBQ", first, flag | 127, length)
    if mask is None:
        return prefix + payload
    return prefix + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


async def converse(server: ExchangeServer, parts: Sequence[bytes | Fault]) -> bytes:
    """Send bytes and let faults happen, hang up, and return what came back; what the server raises is raised here."""
    ours, theirs = trio.testing.memory_stream_pair()
    answered = bytearray()
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:

            async def read() -> None:
                async for data in ours:
                    answered.extend(data)

            nursery.start_soon(server.handle, theirs)
            nursery.start_soon(read)
            for part in parts:
                if isinstance(part, bytes):
                    try:
                        await ours.send_all(part)
                    except trio.BrokenResourceError:
                        break
                else:
                    server.apply_fault(part)
                await wait_all_tasks_blocked()
            if isinstance(ours, trio.StapledStream):
                await ours.send_stream.aclose()
    return bytes(answered)


def run(work: Callable[[], Awaitable[bytes]]) -> bytes:
    return trio.run(work, clock=MockClock(autojump_threshold=0))


def talk(*parts: bytes | Fault) -> bytes:
    server = new_server()
    answered = run(lambda: converse(server, parts))
    assert server.connections == 0
    assert run(lambda: converse(server, [head([(b"host", b"x")], b"/v1/market/all")])).startswith(b"HTTP/1.1 200")
    return answered


@pytest.mark.parametrize("body", [b"\xff", b'{"kind":"\xff"}', b"[" * 60_000, b'{"kind":' * 8_000, b'{"a":"\\ud800"}'])
def test_a_fault_that_cannot_be_read_is_answered_with_400(body: bytes) -> None:
    assert talk(post_fault(body)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "name", [b"sec-websocket-protocol", b"sec-websocket-extensions", b"connection", b"host", b"upgrade"]
)
@pytest.mark.parametrize("value", [b"\xff", b"xn--\xc3\xa4", b"xn--a-\x80", b"x" * 70 + b".\xe4"])
def test_an_upgrade_whose_headers_are_not_ascii_is_no_reason_to_stop(name: bytes, value: bytes) -> None:
    lines = [(other, old) for other, old in UPGRADE_LINES if other != name]
    assert talk(head([*lines, (name, value)])).startswith(b"HTTP/1.1 4")


def test_a_token_that_is_nested_too_deep_is_refused_with_401() -> None:
    nested = base64.urlsafe_b64encode(b"[" * 30_000).rstrip(b"=")
    lines = (*UPGRADE_LINES, (b"authorization", b"Bearer " + nested + b"." + nested + b".c2ln"))
    assert talk(head(lines, PRIVATE)).startswith(b"HTTP/1.1 401")


def test_a_message_nested_too_deep_is_answered_with_an_error() -> None:
    assert b"WRONG_FORMAT" in talk(head(UPGRADE_LINES), masked(0x81, b"[" * 60_000))


def test_an_answer_that_nobody_reads_is_given_up() -> None:
    async def ask_and_never_read() -> bytes:
        ours, theirs = lockstep_stream_pair()
        with trio.fail_after(LIMIT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(new_server().handle, theirs)
                await ours.send_all(head([(b"host", b"x")], b"/v1/market/all"))
        return b""

    run(ask_and_never_read)


header_names = st.sampled_from(
    [b"host", b"upgrade", b"connection", b"sec-websocket-version", b"sec-websocket-key", b"sec-websocket-protocol",
     b"sec-websocket-extensions", b"authorization", b"origin", b"content-length", b"transfer-encoding", b"expect"]
)  # fmt: skip
header_values = st.sampled_from(
    [b"x", b"websocket", b"h2c", b"upgrade", b"13", b"chunked", b"100-continue", b"Bearer a.b.c", b"5",
     b"permessage-deflate; client_max_window_bits=99", b"\xff", b"a\xe9, \xf0\x9f"]
) | st.binary(max_size=12)  # fmt: skip
targets = st.sampled_from([PUBLIC, PRIVATE, b"/v1/market/all", b"/_simulator/state", b"/_simulator/faults", b"*"])
queries = st.just(b"") | st.binary(max_size=12).map(lambda query: b"?" + query)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    lines = draw(st.sampled_from([UPGRADE_LINES, UPGRADE_LINES[:1], ()]))
    more = draw(st.lists(st.tuples(header_names, header_values), max_size=4))
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"CONNECT", b"OPTIONS"]))
    version = draw(st.sampled_from([b"1.1", b"1.0"]))
    written = head(draw(st.permutations([*lines, *more])), draw(targets) + draw(queries), method)
    return written.replace(b"HTTP/1.1", b"HTTP/" + version, 1) + draw(st.binary(max_size=30))


@bounded
@given(st.lists(heads() | st.binary(max_size=60), min_size=1, max_size=3))
def test_no_http_head_stops_the_server(parts: list[bytes]) -> None:
    talk(*parts)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from(["close", "garbage", "refuse", "stall", "public", "all"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["kind", "code", "reason", "text", "count", "status", "retry_after_s", "target", "connection"]),
        inner, max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@bounded
@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()), st.integers(0, 200_000))
@example(b"", 70_000)
def test_no_body_stops_the_server(body: bytes, claimed: int) -> None:
    lines = ((b"host", b"x"), (b"content-length", str(claimed).encode()))
    talk(post_fault(body))
    talk(head(lines, b"/_simulator/faults", b"POST"), body)


@bounded
@given(st.lists(st.binary(max_size=40).map(base64.urlsafe_b64encode), min_size=1, max_size=4), st.binary(max_size=5))
def test_no_token_stops_the_server(parts: list[bytes], junk: bytes) -> None:
    talk(head((*UPGRADE_LINES, (b"authorization", b"Bearer " + b".".join(parts) + junk)), PRIVATE))


requests = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "ticket": st.just("t"),
            "type": st.sampled_from(["ticker", "orderbook", "trade", "candle.1s", "myOrder", "nonsense"]),
            "codes": st.lists(st.sampled_from(["KRW-BTC", "KRW-BTC.5", "KRW-BTC.-1", "BTC-X", ".", ""]), max_size=3),
            "level": st.sampled_from([0, 10, -1, 1e300, 0.1, 10**30, "10"]),
            "format": st.sampled_from(["SIMPLE", "JSON_LIST", "nonsense", 1]),
            "method": st.just("LIST_SUBSCRIPTIONS"),
            "is_only_realtime": st.booleans(),
        },
    ),
    max_size=4,
).map(lambda request: json.dumps(request).encode())
payloads = requests | st.binary(max_size=130) | st.just(b"PING") | st.just(b"\x03\xe8") | st.just(b"x" * 40_000)
frames = st.builds(
    masked,
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A, 0x08, 0x83, 0xC1]) | st.integers(0, 255),
    payloads,
    claimed=st.none() | st.none() | st.sampled_from([0, 125, 126, 65_535, 65_536, 2**63 - 1, 2**63, 2**64 - 1]),
    mask=st.sampled_from([b"abcd", b"abcd", b"\0\0\0\0", None]),
)
faults = st.sampled_from([Close(), Close(code=1012, reason="가" * 100), Stall(), Garbage(), Reset()])


def private_head() -> bytes:
    token = make_token("key", "secret", nonce="n").encode()
    return head((*UPGRADE_LINES, (b"authorization", b"Bearer " + token)), PRIVATE)


@bounded
@given(st.lists(frames | faults | st.binary(max_size=20), max_size=8), st.booleans(), st.booleans())
@example([Stall(), masked(0x88, b"\x03\xe8"), Close(), Close()], False, False)
@example([Stall(), masked(0x81, b"hi", mask=None), masked(0x81, b"hi"), Close()], False, False)
@example([masked(0x88, b"\x03\xe8") + masked(0x89, b"x") + masked(0x88, b"\x03\xe8")], False, False)
def test_no_frame_stops_the_server(parts: list[bytes | Fault], is_private: bool, at_once: bool) -> None:
    if at_once:
        joined = b"".join(part for part in parts if isinstance(part, bytes))
        parts = [joined]
    talk(private_head() if is_private else head(UPGRADE_LINES), *parts)


async def test_what_follows_bytes_that_are_no_frames_is_not_kept(autojump_clock: MockClock) -> None:
    server = new_server()
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.handle, theirs)
        await ours.send_all(head(UPGRADE_LINES))
        await wait_all_tasks_blocked()
        server.apply_fault(Stall())  # So that the connection stays open after the error.
        await ours.send_all(masked(0x81, b"hi", mask=None))
        tracemalloc.start()
        try:
            for _ in range(20):
                await ours.send_all(bytes(200_000))
                await wait_all_tasks_blocked()
            kept_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert server.connections == 1
        assert kept_bytes < 1_000_000
        nursery.cancel_scope.cancel()
