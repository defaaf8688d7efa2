"""Faults as a client of the WebSockets sees them, on a mocked clock. (On real sockets: test_server.)"""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto import events

from actors.exchange.quirks import Quirks
from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.source import Sink
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.tokens import make_token
from tests.actors.exchange.wire.memory_client import Bench, MemoryClient

PRIVATE = "/websocket/v1/private"
TICKER, TRADE = ("ticker", "KRW-BTC"), ("trade", "KRW-BTC")
FRAMES = [b'{"type":"ticker","code":"KRW-BTC","trade_price":%d.0}' % number for number in range(10)]


@asynccontextmanager
async def bench(**changes: object) -> AsyncIterator[Bench]:
    options: dict[str, object] = {"access_key": "key", "secret_key": "secret", "limits": False}
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, SimulatorSettings(**(options | changes)))  # type: ignore[arg-type]  # options of a test
        nursery.cancel_scope.cancel()


def bearer() -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Bearer {make_token('key', 'secret', nonce=str(uuid.uuid4()))}".encode())]


async def subscribed(stage: Bench, path: str = "/websocket/v1", *request: object) -> tuple[MemoryClient, Sink]:
    """A client, and the sink through which frames reach it."""
    is_private = path == PRIVATE
    client = await stage.connect(path, bearer() if is_private else ())
    default = {"type": "myOrder"} if is_private else {"type": "ticker", "codes": ["KRW-BTC"]}
    await client.send([{"ticket": "t"}, *(request or (default,))])
    await wait_all_tasks_blocked()
    return client, stage.source.subscribed[-1][0]


def push(sink: Sink, *numbers: int) -> None:
    for number in numbers:
        sink.push(FRAMES[number], TICKER)


def numbers(frames: list[bytes]) -> list[int]:
    return [FRAMES.index(frame) for frame in frames]


# What happens at once.


async def test_close_sends_its_code_after_what_a_delay_holds(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("delay", ms=5000)
        push(sink, 1, 2)
        assert await stage.fault("close", code=1012, reason="restart") == {"applied_to": 1, "id": 2}
        await client.ended.wait()
        assert numbers(await client.taken()) == [1, 2]
        assert client.close_code == 1012


@pytest.mark.parametrize("kind", ["reset", "cut"])
async def test_reset_and_cut_end_without_a_close_frame(kind: str, autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, _ = await subscribed(stage)
        other = await stage.connect(PRIVATE, bearer())
        await stage.fault(kind, target="public")
        await client.ended.wait()
        assert client.close_code is None
        assert not other.ended.is_set()


async def test_half_frame_delivers_half_of_the_next_data_frame_and_ends(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        _, other = await subscribed(stage)
        await stage.fault("half_frame", connection=1)
        received = bytearray()
        client.on_bytes = received.extend
        push(sink, 1, 2)
        push(other, 1)
        await client.ended.wait()
        assert client.close_code is None
        assert received == (bytes((0x82, len(FRAMES[1]))) + FRAMES[1])[: (len(FRAMES[1]) + 2) // 2]
        assert stage.server.connections == 1
        assert (await stage.http("GET", "/_simulator/faults")).document()["active"] == []


async def test_garbage_is_one_frame_that_is_no_json(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("garbage")
        await stage.fault("garbage", text="<html>")
        push(sink, 1)
        garbage, html, good = await client.taken()
        with pytest.raises(json.JSONDecodeError):
            json.loads(garbage)
        assert (html, good) == (b"<html>", FRAMES[1])


@pytest.mark.parametrize("closes", [True, False])
async def test_error_is_an_error_object_and_closes_as_any_error_unless_it_is_told_not_to(
    closes: bool, autojump_clock: MockClock
) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("error", name="TOO_MANY_REQUEST", message="slowly", closes=closes)
        assert await client.next() == {"error": {"name": "TOO_MANY_REQUEST", "message": "slowly"}}
        await trio.sleep(1.0)
        assert client.ended.is_set() is closes
        if closes:
            assert client.close_code == 1000
        else:
            push(sink, 1)
            assert numbers(await client.taken()) == [1]


async def test_unknown_type_is_a_frame_in_the_format_of_the_connection(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        ticker = {"type": "ticker", "codes": ["KRW-BTC"]}
        client, _ = await subscribed(stage, "/websocket/v1", ticker, {"format": "SIMPLE_LIST"})
        await stage.fault("unknown_type", type="surprise")
        (frame,) = await client.taken()
        (document,) = json.loads(frame)
        assert document["ty"] == "surprise"


async def test_announce_reaches_those_who_asked_for_its_category_and_the_body_only_who_wanted_it(
    autojump_clock: MockClock,
) -> None:
    async with bench() as stage:
        everything, _ = await subscribed(stage, PRIVATE, {"type": "announcement", "include_body": True})
        some, _ = await subscribed(stage, PRIVATE, {"type": "announcement", "categories": ["trade"]})
        orders, _ = await subscribed(stage, PRIVATE, {"type": "myOrder"})
        fault = {"title": "Listing", "category": "trade", "body": "Soon."}
        assert (await stage.fault("announce", **fault))["applied_to"] == 2
        assert (await stage.fault("announce", title="Party", category="event"))["applied_to"] == 1
        (first, second), (only,) = await everything.taken(), await some.taken()
        assert await orders.taken() == []
        (message,) = FrameDecoder().decode(first)
        assert (message.type, json.loads(first)["title"], json.loads(first)["body"]) == (
            "announcement",
            "Listing",
            "Soon.",
        )
        assert json.loads(second)["category"] == "event"
        assert json.loads(only)["body"] is None
        assert json.loads(only)["uuid"] == json.loads(first)["uuid"]


# What lasts.


async def test_stall_says_nothing_and_answers_no_ping_until_it_ends(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("stall", seconds=100.0)
        push(sink, 1)
        await client.send_event(events.Ping(payload=b"lost"))
        await trio.sleep(99.0)
        assert (await client.taken(), client.pongs, client.ended.is_set()) == ([], [], False)
        await trio.sleep(1.1)
        push(sink, 2)
        await client.send_event(events.Ping(payload=b"heard"))
        assert numbers(await client.taken()) == [2]
        assert client.pongs == [b"heard"]
        await trio.sleep(59.0)
        assert not client.ended.is_set()
        await client.ended.wait()


async def test_a_stall_without_an_end_goes_on_until_it_is_ended(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        number = (await stage.fault("stall"))["id"]
        await trio.sleep(1000.0)
        push(sink, 1)
        assert await client.taken() == []
        later, later_sink = await subscribed(stage)
        push(later_sink, 2)
        assert numbers(await later.taken()) == [2]
        assert (await stage.http("DELETE", f"/_simulator/faults/{number}")).document() == {"ended": 1}
        push(sink, 3)
        assert numbers(await client.taken()) == [3]


async def test_mute_withholds_one_topic_for_its_time_also_from_who_connects_meanwhile(
    autojump_clock: MockClock,
) -> None:
    async with bench() as stage:
        _, _ = await subscribed(stage)
        await stage.fault("mute", type="ticker", code="KRW-BTC", seconds=5.0)
        client, sink = await subscribed(stage)
        push(sink, 1)
        sink.push(b'{"type":"trade"}', TRADE)
        assert await client.taken() == [b'{"type":"trade"}']
        await trio.sleep(5.0)
        push(sink, 2)
        assert numbers(await client.taken()) == [2]


async def test_delay_brings_each_frame_later_and_in_order(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("delay", ms=1500, target="public", seconds=3.0)
        push(sink, 1)
        await trio.sleep(0.5)
        push(sink, 2)
        await trio.sleep(0.9)
        assert await client.taken() == []
        await trio.sleep(0.11)
        assert numbers(await client.taken()) == [1]
        await trio.sleep(0.5)
        push(sink, 3)
        assert numbers(await client.taken()) == [2]
        await trio.sleep(1.0)
        push(sink, 4)
        assert numbers(await client.taken()) == [3, 4]


async def test_ending_a_delay_sends_what_it_holds(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("delay", ms=60_000)
        push(sink, 1, 2)
        assert (await stage.http("DELETE", "/_simulator/faults")).document() == {"ended": 1}
        push(sink, 3)
        assert numbers(await client.taken()) == [1, 2, 3]


async def test_what_a_delay_holds_counts_against_the_send_buffer(autojump_clock: MockClock) -> None:
    async with bench(send_buffer_bytes=65_536) as stage:
        client, sink = await subscribed(stage)
        await stage.fault("delay", ms=60_000)
        for _ in range(66):
            sink.push(b"x" * 1000, TICKER)
        await client.ended.wait()
        (ended,) = stage.server.report()["ended"]  # type: ignore[misc]  # a list of one
        assert ended["ended"] == "send buffer full"  # type: ignore[index]  # a report


async def test_trickle_sends_so_many_bytes_a_second_and_is_no_silence(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("trickle", bytes_per_s=10)
        received: list[tuple[float, int]] = []
        client.on_bytes = lambda data: received.append((trio.current_time(), len(data)))
        began_s = trio.current_time()
        for number in range(10):
            push(sink, number)
        total = sum(len(frame) + 2 for frame in FRAMES)
        await trio.sleep(total / 10 + 1.0)
        assert numbers(await client.taken()) == list(range(10))
        assert received[-1][0] - began_s == pytest.approx(total / 10, abs=0.2)
        assert max(size for _, size in received) == 1
        assert total / 10 > 50.0
        assert not client.ended.is_set()


async def test_a_trickle_that_is_ended_within_a_frame_sends_the_rest_at_once(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("trickle", bytes_per_s=1)
        push(sink, 1, 2)
        await trio.sleep(3.0)
        assert await client.taken() == []
        await stage.http("DELETE", "/_simulator/faults")
        assert numbers(await client.taken()) == [1, 2]


async def test_extra_fields_are_fields_that_nobody_knows(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("extra_fields", count=1)
        push(sink, 1, 2)
        extended, plain = await client.taken()
        assert json.loads(extended).keys() - json.loads(plain).keys() == {"x_new_field", "x_flag"}
        assert plain == FRAMES[2]


async def test_duplicate_and_reorder_change_how_often_and_in_which_order_frames_come(
    autojump_clock: MockClock,
) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("duplicate", count=1)
        push(sink, 1, 2)
        assert numbers(await client.taken()) == [1, 1, 2]
        await stage.fault("reorder", count=2)
        push(sink, 1, 2, 3, 4, 5)
        assert numbers(await client.taken()) == [2, 1, 4, 3, 5]


async def test_a_frame_that_waits_to_be_overtaken_comes_after_2_s_all_the_same(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("reorder")
        push(sink, 1)
        await trio.sleep(1.9)
        assert await client.taken() == []
        await trio.sleep(0.11)
        assert numbers(await client.taken()) == [1]


async def test_altered_changes_an_amount(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("altered")
        push(sink, 1, 2)
        assert [json.loads(frame)["trade_price"] for frame in await client.taken()] == [1.1, 2.0]


async def test_clock_offset_moves_the_times_of_messages(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("clock_offset", ms=-3_600_000)
        sink.push(b'{"type":"ticker","timestamp":1790000000000}', TICKER)
        assert json.loads((await client.taken())[0])["timestamp"] == 1_790_000_000_000 - 3_600_000


async def test_first_asset_late_withholds_assets_until_a_reconnect_after_its_time(autojump_clock: MockClock) -> None:
    asset = b'{"type":"myAsset"}'
    async with bench() as stage:
        await stage.fault("first_asset_late", seconds=50.0)
        first, sink = await subscribed(stage, PRIVATE, {"type": "myAsset"})
        sink.push(asset, ("myAsset", ""))
        sink.push(b'{"type":"myOrder"}', ("myOrder", "KRW-BTC"))
        assert await first.taken() == [b'{"type":"myOrder"}']
        await trio.sleep(50.0)
        sink.push(asset, ("myAsset", ""))
        assert await first.taken() == []
        second, sink = await subscribed(stage, PRIVATE, {"type": "myAsset"})
        sink.push(asset, ("myAsset", ""))
        assert await second.taken() == [asset]


# Handshakes.


@pytest.mark.parametrize("status", [401, 418, 429, 500, 503, 599])
async def test_refuse_answers_handshakes_with_its_status_and_when_to_come_again(
    status: int, autojump_clock: MockClock
) -> None:
    async with bench() as stage:
        await stage.fault("refuse", count=1, status=status, retry_after_s=7, target="public")
        private = await stage.connect(PRIVATE, bearer())
        refused, accepted = await stage.connect(), await stage.connect()
        assert [client.status for client in (private, refused, accepted)] == [101, status, 101]
        assert refused.headers["retry-after"] == "7"
        assert set(json.loads(refused.body)) == {"error"}


@pytest.mark.parametrize("code", [None, 1008])
async def test_accept_then_close_accepts_and_is_gone(code: int | None, autojump_clock: MockClock) -> None:
    async with bench() as stage:
        await stage.fault("accept_then_close", count=2, code=code)
        for _ in range(2):
            client = await stage.connect()
            assert client.status == 101
            await client.ended.wait()
            assert client.close_code == code
        client, sink = await subscribed(stage)
        push(sink, 1)
        assert numbers(await client.taken()) == [1]


# Whom it hits.


async def test_a_fault_of_one_connection_leaves_the_others_alone(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        (one, first), (two, second) = await subscribed(stage), await subscribed(stage)
        assert (await stage.fault("duplicate", connection=2, count=100))["applied_to"] == 1
        push(first, 1)
        push(second, 1)
        assert numbers(await one.taken()) == [1]
        assert numbers(await two.taken()) == [1, 1]
        await two.hang_up()
        await wait_all_tasks_blocked()
        assert (await stage.http("GET", "/_simulator/faults")).document()["active"] == []


async def test_faults_leave_the_kind_of_frames_as_it_was_chosen(autojump_clock: MockClock) -> None:
    async with bench(quirks=Quirks(frames="text")) as stage:
        client, sink = await subscribed(stage)
        await stage.fault("duplicate")
        push(sink, 1)
        assert [await client.frames.receive() for _ in range(2)] == [FRAMES[1].decode()] * 2
