"""Manners that can be chosen, each as a client sees it; the defaults are tested beside them or in `test_connection`."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto import events
from wsproto.extensions import PerMessageDeflate

from actors.exchange.actor import make_stage
from actors.exchange.quirks import Quirks
from actors.exchange.settings import SimulatorSettings
from protocols.upbit.tokens import make_token
from tests.actors.exchange.wire.memory_client import Bench, MemoryClient

TICKET = {"ticket": "t"}
TICKER = {"type": "ticker", "codes": ["KRW-BTC"]}
TRADE = {"type": "trade", "codes": ["KRW-BTC"]}
LIST = {"method": "LIST_SUBSCRIPTIONS"}
PRIVATE = "/websocket/v1/private"


@asynccontextmanager
async def bench(
    *, market: bool = False, limits: bool = False, send_buffer_bytes: int = 1 << 20, **quirks: Any
) -> AsyncIterator[Bench]:
    settings = SimulatorSettings(
        access_key="key",
        secret_key="secret",
        markets=8,
        limits=limits,
        send_buffer_bytes=send_buffer_bytes,
        quirks=Quirks(**quirks),
    )
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, settings, make_stage(settings) if market else None)
        nursery.cancel_scope.cancel()


def bearer(secret: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Bearer {make_token('key', secret, nonce=str(uuid.uuid4()))}".encode())]


async def next_text(client: MemoryClient) -> str | bytes:
    return await client.frames.receive()


class CompressingClient(MemoryClient):
    """Offers permessage-deflate, and counts what came over the wire."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        super().__init__(stream)
        self.deflate = PerMessageDeflate()
        self.wire_bytes = 0
        self.on_bytes = self._count

    def _count(self, data: bytes) -> None:
        self.wire_bytes += len(data)

    async def open(self, path: str, headers: Any = ()) -> None:
        request = events.Request(host="x", target=path, extra_headers=list(headers), extensions=[self.deflate])
        await self._stream.send_all(self._websocket.send(request))


async def compressing(stage: Bench, nursery: trio.Nursery) -> CompressingClient:
    client = CompressingClient(stage.raw_stream())
    nursery.start_soon(client.run)
    await client.open("/websocket/v1")
    await client.accepted.wait()
    return client


@pytest.mark.parametrize(("frames", "kind"), [("binary", bytes), ("text", str)])
async def test_data_status_and_error_frames_are_binary_or_text(
    frames: str, kind: type, autojump_clock: MockClock
) -> None:
    async with bench(frames=frames, market=True) as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER | {"is_only_snapshot": True}])
        await client.send("PING")
        await client.send([TICKET, LIST])
        texts = [await next_text(client) for _ in range(3)]
        await client.send("hello")
        texts.append(await next_text(client))
        assert {type(text) for text in texts} == {kind}
        keys = [next(iter(json.loads(text))) for text in texts]
        assert keys == ["type", "method", "status", "error"]


async def test_compression_is_agreed_on_when_offered_and_books_get_smaller(autojump_clock: MockClock) -> None:
    async with bench(market=True) as stage, trio.open_nursery() as nursery:
        client, plain = await compressing(stage, nursery), await stage.connect()
        assert client.deflate.enabled()
        received = []
        for one in (client, plain):
            await one.send([TICKET, {"type": "orderbook", "codes": ["KRW-BTC", "KRW-ETH"], "is_only_snapshot": True}])
            received.append([await one.next() for _ in range(2)])
        assert received[0] == received[1]
        assert client.wire_bytes < len(json.dumps(received[0])) / 2
        nursery.cancel_scope.cancel()


async def test_compression_is_left_out_when_it_is_not_offered_or_not_wanted(autojump_clock: MockClock) -> None:
    async with bench(market=True) as stage:
        client = await stage.connect()
        assert not any("extensions" in name.lower() for name in client.headers)
    async with bench(market=True, compression=False) as stage, trio.open_nursery() as nursery:
        declined = await compressing(stage, nursery)
        assert not declined.deflate.enabled()
        await declined.send([TICKET, TICKER])
        assert (await declined.next())["type"] == "ticker"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("numbers", "is_spelled"), [("wire", True), ("plain", False)])
async def test_numbers_are_spelled_as_on_the_wire_or_plainly(
    numbers: str, is_spelled: bool, autojump_clock: MockClock
) -> None:
    async with bench(market=True, numbers=numbers) as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER])
        text = await next_text(client)
        assert isinstance(text, bytes)
        assert (b"E8," in text) is is_spelled
        assert json.loads(text)["trade_price"] > 1e7


async def test_requests_replace_one_another(autojump_clock: MockClock) -> None:
    async with bench(market=True) as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER, {"type": "orderbook", "codes": ["KRW-ETH"]}])
        await client.send([TICKET, TRADE])
        await trio.sleep(3.0)
        await client.taken()
        await trio.sleep(3.0)
        assert {json.loads(frame)["type"] for frame in await client.taken()} == {"trade"}


async def test_requests_are_added_up_by_choice_and_only_the_new_ones_get_snapshots(autojump_clock: MockClock) -> None:
    async with bench(market=True, requests="accumulate") as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER])
        await client.send([TICKET, TRADE])
        await client.send([TICKET, LIST])
        await trio.sleep(3.0)
        messages = [json.loads(frame) for frame in await client.taken()]
        snapshots = [message["type"] for message in messages if message.get("stream_type") == "SNAPSHOT"]
        assert snapshots == ["ticker", "trade"]
        (listed,) = [message["result"] for message in messages if "method" in message]
        assert [entry["type"] for entry in listed] == ["ticker", "trade"]
        realtime = {message["type"] for message in messages if message.get("stream_type") == "REALTIME"}
        assert realtime == {"ticker", "trade"}


async def test_an_empty_request_clears_by_choice(autojump_clock: MockClock) -> None:
    async with bench(market=True, empty_request="clear") as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER, TRADE])
        await trio.sleep(1.0)
        await client.send([TICKET, {"format": "DEFAULT"}])
        await client.send([TICKET, LIST])
        await trio.sleep(0.1)
        assert json.loads((await client.taken())[-1])["result"] == []
        await trio.sleep(5.0)
        assert await client.taken() == []
        assert not client.ended.is_set()


@pytest.mark.parametrize(
    ("quirks", "asked"),
    [
        ({"lower_case": "refuse"}, {"type": "ticker", "codes": ["KRW-BTC", "krw-eth"]}),
        ({}, TICKER | {"is_only_snapshot": True, "is_only_realtime": True}),
    ],
)
async def test_lower_case_by_choice_and_both_flags_are_refused(
    quirks: dict[str, str], asked: object, autojump_clock: MockClock
) -> None:
    async with bench(**quirks) as stage:
        client = await stage.connect()
        await client.send([TICKET, asked])
        assert (await client.next())["error"]["name"] == "WRONG_FORMAT"  # type: ignore[index]  # an error


async def test_lower_case_is_silence_and_both_flags_are_neither_by_choice(autojump_clock: MockClock) -> None:
    async with bench(market=True, both_flags="neither") as stage:
        client = await stage.connect()
        both = {"is_only_snapshot": True, "is_only_realtime": True}
        await client.send([TICKET, {"type": "trade", "codes": ["krw-eth", "KRW-BTC"]} | both])
        await trio.sleep(5.0)
        messages = [json.loads(frame) for frame in await client.taken()]
        assert [message["stream_type"] for message in messages[:2]] == ["SNAPSHOT", "REALTIME"]
        assert {message["code"] for message in messages} == {"KRW-BTC"}


async def test_after_an_error_the_socket_stays_by_choice_with_its_old_subscriptions(autojump_clock: MockClock) -> None:
    async with bench(market=True, after_error="stay") as stage:
        client = await stage.connect()
        await client.send([TICKET, TRADE])
        for bad in ("hello", [TICKET], [TICKET, {"type": "foo"}], [TICKET, {"type": "myOrder"}]):
            await client.send(bad)
        await trio.sleep(5.0)
        messages = [json.loads(frame) for frame in await client.taken()]
        names = [message["error"]["name"] for message in messages if "error" in message]
        assert names == ["WRONG_FORMAT", "NO_TYPE", "INVALID_PARAM", "INVALID_AUTH"]
        assert messages[-1]["type"] == "trade"
        assert not client.ended.is_set()


@pytest.mark.parametrize("headers", [[], bearer("wrong")])
async def test_a_bad_token_is_let_in_by_choice_told_so_and_closed(
    headers: list[tuple[bytes, bytes]], autojump_clock: MockClock
) -> None:
    async with bench(bad_token="message", after_error="stay") as stage:
        client = await stage.connect(PRIVATE, headers)
        assert client.status == 101
        began_s = trio.current_time()
        assert (await client.next())["error"]["name"] == "INVALID_AUTH"  # type: ignore[index]  # an error
        await client.ended.wait()
        assert client.close_code == 1000
        assert trio.current_time() - began_s == pytest.approx(0.16, abs=0.02)
        good = await stage.connect(PRIVATE, bearer("secret"))
        await good.send([TICKET, {"type": "myOrder"}])
        await wait_all_tasks_blocked()
        assert [sink.access_key for sink, _ in stage.source.subscribed] == ["key"]


@pytest.mark.parametrize(("socket_token", "status"), [("once", 401), ("again", 101)])
async def test_a_token_opens_one_socket_or_by_choice_any_number(
    socket_token: str, status: int, autojump_clock: MockClock
) -> None:
    async with bench(socket_token=socket_token) as stage:
        headers = bearer("secret")
        assert (await stage.connect(PRIVATE, headers)).status == 101
        assert (await stage.connect(PRIVATE, headers)).status == status


async def test_a_token_on_the_public_path_is_not_looked_at(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect(headers=bearer("wrong"))
        assert client.status == 101
        await client.send([TICKET, {"type": "myOrder"}])
        assert (await client.next())["error"]["name"] == "INVALID_AUTH"  # type: ignore[index]  # an error


@pytest.mark.parametrize(("idle_close_code", "seen"), [(0, None), (1000, 1000), (1001, 1001)])
async def test_an_idle_close_has_no_close_frame_or_the_code_chosen(
    idle_close_code: int, seen: int | None, autojump_clock: MockClock
) -> None:
    async with bench(idle_close_code=idle_close_code) as stage:
        client = await stage.connect()
        began_s = trio.current_time()
        await client.ended.wait()
        assert trio.current_time() - began_s == pytest.approx(60.0, abs=0.1)
        assert client.close_code == seen
        (ended,) = stage.server.report()["ended"]  # type: ignore[misc]  # a list of objects
        assert ended["ended"] == "idle"


@pytest.mark.parametrize(("slow_client", "is_kept"), [("cut", False), ("keep", True)])
async def test_a_slow_client_is_cut_or_by_choice_kept_whatever_waits(
    slow_client: str, is_kept: bool, autojump_clock: MockClock
) -> None:
    async with bench(slow_client=slow_client, send_buffer_bytes=65_536) as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER])
        await wait_all_tasks_blocked()
        ((sink, _),) = stage.source.subscribed
        for _ in range(100):
            sink.push(b"x" * 1000)
        await wait_all_tasks_blocked()
        assert client.ended.is_set() is not is_kept
        assert len(b"".join(await client.taken())) == (100_000 if is_kept else 0)


async def test_the_format_is_set_by_the_newest_request_also_one_for_the_list(autojump_clock: MockClock) -> None:
    async with bench(market=True) as stage:
        client = await stage.connect()
        heads = {}
        await client.send([TICKET, {"type": "orderbook", "codes": ["KRW-BTC"]}, {"format": "SIMPLE_LIST"}])
        for format_ in ("SIMPLE", "JSON_LIST", None):
            await trio.sleep(2.0)
            await client.send([TICKET, LIST, *([{"format": format_}] if format_ else [])])
            await wait_all_tasks_blocked()
            await client.taken()
            await trio.sleep(2.0)
            heads[format_] = {frame[:8] for frame in await client.taken()}
        assert heads == {"SIMPLE": {b'{"ty":"o'}, "JSON_LIST": {b'[{"type"'}, None: {b'{"type":'}}


async def test_a_compressed_message_that_grows_past_the_limit_ends_that_connection_only(
    autojump_clock: MockClock,
) -> None:
    async with bench() as stage, trio.open_nursery() as nursery:
        client, other = await compressing(stage, nursery), await stage.connect()
        await client.send("x" * 10_000_000)
        await client.ended.wait()
        assert client.close_code == 1009
        await wait_all_tasks_blocked()
        assert not other.ended.is_set()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("limit_body", "body"),
    [("json", b'{"error":{"name":429,"message":"Too many API requests."}}'), ("plain", b"Too many API requests.")],
)
async def test_a_request_above_its_limit_is_answered_with_an_error_or_by_choice_with_text(
    autojump_clock: MockClock, limit_body: str, body: bytes
) -> None:
    async with bench(limits=True, limit_body=limit_body) as stage:
        replies = [await stage.http("GET", "/v1/market/all") for _ in range(11)]
        assert [reply.status for reply in replies] == [200] * 10 + [429]
        assert replies[-1].body == body
