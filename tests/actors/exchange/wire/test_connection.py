"""The manners of one WebSocket connection, on a mocked clock."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto import events

from actors.exchange.settings import SimulatorSettings
from protocols.upbit.tokens import make_token
from tests.actors.exchange.wire.memory_client import Bench

TICKET = {"ticket": "t"}
TICKER = {"type": "ticker", "codes": ["KRW-BTC"]}


@asynccontextmanager
async def bench(**changes: object) -> AsyncIterator[Bench]:
    options: dict[str, object] = {"access_key": "key", "secret_key": "secret"}
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, SimulatorSettings(**(options | changes)))  # type: ignore[arg-type]  # options of a test
        nursery.cancel_scope.cancel()


def bearer(secret: str) -> tuple[bytes, bytes]:
    token = make_token("key", secret, nonce=str(uuid.uuid4()))
    return b"authorization", f"Bearer {token}".encode()


async def test_a_text_ping_starts_a_series_of_up_every_10_s(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        began_s = trio.current_time()
        await client.send("PING")
        times_s = []
        for _ in range(4):
            assert await client.next() == {"status": "UP"}
            times_s.append(trio.current_time() - began_s)
        assert 5.8 <= times_s[0] <= 7.5
        assert [later - earlier for earlier, later in pairwise(times_s)] == pytest.approx([10.0] * 3)


async def test_a_second_ping_does_not_start_a_second_series(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        await client.send("PING")
        await client.send("PING")
        await client.next()
        with trio.move_on_after(9.0) as scope:
            await client.next()
        assert scope.cancelled_caught


async def test_a_silent_socket_is_closed_after_60_s_without_a_close_frame(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        began_s = trio.current_time()
        await client.ended.wait()
        assert trio.current_time() - began_s == pytest.approx(60.0)
        assert client.close_code is None


async def test_ping_frames_are_answered_and_keep_a_socket_open(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        for _ in range(4):
            await trio.sleep(40.0)
            await client.send_event(events.Ping(payload=b"x"))
        await wait_all_tasks_blocked()
        assert client.pongs == [b"x"] * 4
        assert not client.ended.is_set()


REFUSALS = [
    ("hello", "WRONG_FORMAT"),
    ({"type": "ticker"}, "WRONG_FORMAT"),
    ([TICKER], "NO_TICKET"),
    ([TICKET], "NO_TYPE"),
    ([TICKET, {"type": "ticker"}], "NO_CODES"),
    ([TICKET, {"type": "ticker", "codes": []}], "NO_CODES"),
    ([TICKET, {"type": "foo", "codes": ["KRW-BTC"]}], "INVALID_PARAM"),
    ([TICKET, {"type": "myOrder"}], "INVALID_AUTH"),
]


@pytest.mark.parametrize(("request_", "name"), REFUSALS)
async def test_a_bad_request_gets_its_error_and_close_1000_about_160_ms_later(
    request_: object, name: str, autojump_clock: MockClock
) -> None:
    async with bench() as stage:
        client = await stage.connect()
        await client.send(request_)
        began_s = trio.current_time()
        answer = await client.next()
        assert answer["error"]["name"] == name  # type: ignore[index]  # an error has this shape
        await client.ended.wait()
        assert trio.current_time() - began_s == pytest.approx(0.16, abs=0.02)
        assert client.close_code == 1000
        assert stage.source.subscribed == []


async def test_the_sixth_message_of_a_second_is_one_too_many(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        for _ in range(6):
            await client.send([TICKET, TICKER])
        assert (await client.next())["error"]["name"] == "TOO_MANY_REQUEST"  # type: ignore[index]  # an error
        await client.ended.wait()
        assert client.close_code == 1000


async def test_the_101st_message_of_a_minute_is_one_too_many(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        for _ in range(100):
            await client.send([TICKET, TICKER])
            await trio.sleep(0.3)
        assert client.frames.statistics().current_buffer_used == 0
        await client.send([TICKET, TICKER])
        assert (await client.next())["error"]["name"] == "TOO_MANY_REQUEST"  # type: ignore[index]  # an error


async def test_list_subscriptions_answers_in_the_format_asked_for_and_changes_nothing(
    autojump_clock: MockClock,
) -> None:
    async with bench() as stage:
        client = await stage.connect()
        await client.send([{"ticket": "a"}, {"method": "LIST_SUBSCRIPTIONS"}])
        assert await client.next() == {"method": "LIST_SUBSCRIPTIONS", "result": [], "ticket": "a"}
        await client.send([TICKET, TICKER, {"type": "orderbook", "codes": ["KRW-BTC.5"]}])
        await client.send([{"ticket": "b"}, {"method": "LIST_SUBSCRIPTIONS"}, {"format": "SIMPLE"}])
        assert await client.next() == {
            "mthd": "LIST_SUBSCRIPTIONS",
            "rslt": [{"ty": "ticker", "cds": ["KRW-BTC"]}, {"ty": "orderbook", "cds": ["KRW-BTC.5"], "lv": 0}],
            "tckt": "b",
        }
        assert len(stage.source.subscribed) == 1


async def test_the_private_path_takes_each_token_once(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        header = bearer("secret")
        client = await stage.connect("/websocket/v1/private", [header])
        assert client.status == 101
        await client.send([TICKET, {"type": "myOrder"}, {"type": "myAsset"}])
        await wait_all_tasks_blocked()
        assert [sink.access_key for sink, _ in stage.source.subscribed] == ["key"]
        again = await stage.connect("/websocket/v1/private", [header])
        assert (again.status, json.loads(again.body)["error"]["name"]) == (401, "nonce_used")


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([], "no_authorization_token"),
        ([(b"authorization", b"Basic abc")], "no_authorization_token"),
        ([(b"authorization", b"Bearer nonsense")], "jwt_verification"),
        ([bearer("wrong")], "jwt_verification"),
    ],
)
async def test_a_bad_token_is_refused_with_401(
    headers: list[tuple[bytes, bytes]], name: str, autojump_clock: MockClock
) -> None:
    async with bench() as stage:
        client = await stage.connect("/websocket/v1/private", headers)
        assert (client.status, json.loads(client.body)["error"]["name"]) == (401, name)


@pytest.mark.parametrize("request_", [[TICKET, TICKER], [TICKET, {"type": "myAsset", "codes": ["KRW-BTC"]}]])
async def test_the_private_path_refuses_market_types_and_codes_for_assets(
    request_: object, autojump_clock: MockClock
) -> None:
    async with bench() as stage:
        client = await stage.connect("/websocket/v1/private", [bearer("secret")])
        await client.send(request_)
        assert (await client.next())["error"]["name"] == "WRONG_FORMAT"  # type: ignore[index]  # an error


async def test_the_sixth_connect_of_a_second_is_refused_with_429(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        assert [(await stage.connect()).status for _ in range(6)] == [101] * 5 + [429]
        await trio.sleep(1.0)
        assert (await stage.connect()).status == 101


async def test_an_origin_header_allows_one_connect_in_10_s(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        origin = [(b"origin", b"https://example.com")]
        assert [(await stage.connect(headers=origin)).status for _ in range(2)] == [101, 429]
        await trio.sleep(10.0)
        assert (await stage.connect(headers=origin)).status == 101


async def test_without_limits_nothing_is_counted(autojump_clock: MockClock) -> None:
    async with bench(limits=False) as stage:
        clients = [await stage.connect() for _ in range(20)]
        for _ in range(20):
            await clients[0].send([TICKET, TICKER])
        await wait_all_tasks_blocked()
        assert len(stage.source.subscribed) == 20


async def test_the_upgrade_has_the_exchange_s_headers(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        assert client.headers["remaining-req"].startswith("group=websocket; min=300; sec=")
        assert client.headers["limit-by-ip"] == "Yes"


async def test_an_unknown_path_is_refused(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        assert (await stage.connect("/websocket/v2")).status == 404


async def test_a_message_above_64_kib_ends_that_connection_only(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        other, client = await stage.connect(), await stage.connect()
        await client.send("x" * 70_000)
        await client.ended.wait()
        assert client.close_code == 1009
        assert not other.ended.is_set()


async def test_an_unmasked_client_frame_ends_that_connection_only(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        other, client = await stage.connect(), await stage.connect()
        await client.send_raw(b"\x81\x02hi")
        await client.ended.wait()
        assert client.close_code == 1002
        assert not other.ended.is_set()


async def test_who_does_not_read_is_cut_when_its_buffer_is_full(autojump_clock: MockClock) -> None:
    async with bench(send_buffer_bytes=65_536) as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER])
        await wait_all_tasks_blocked()
        ((sink, _),) = stage.source.subscribed
        for _ in range(100):
            sink.push(b"x" * 1000)
        await client.ended.wait()
        assert client.close_code is None
        ended = stage.server.report()["ended"]
        assert ended[0]["ended"] == "send buffer full"  # type: ignore[index]  # a list of objects


async def test_the_client_s_close_is_answered(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        await client.send_event(events.CloseConnection(code=1000))
        await client.ended.wait()
        assert client.close_code == 1000
        assert stage.server.connections == 0


async def test_a_client_that_hangs_up_is_forgotten(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client = await stage.connect()
        await client.send([TICKET, TICKER])
        await wait_all_tasks_blocked()
        await client.hang_up()
        await wait_all_tasks_blocked()
        assert stage.server.connections == 0
        assert stage.source.subscribed == []
