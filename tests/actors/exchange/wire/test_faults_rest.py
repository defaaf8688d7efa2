"""Faults of REST and of the whole exchange as a client sees them: a market in memory, on a mocked clock."""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from actors.exchange.actor import make_stage
from actors.exchange.settings import SimulatorSettings
from actors.exchange.wire.http import ANSWER_DEADLINE_S
from protocols.upbit.tokens import make_token
from tests.actors.exchange.conftest import START
from tests.actors.exchange.wire.memory_client import Bench, HttpReply, MemoryClient

PRIVATE = "/websocket/v1/private"
TICKER = "/v1/ticker?markets=KRW-BTC"


@asynccontextmanager
async def market(**changes: object) -> AsyncIterator[Bench]:
    """An exchange with a market that stands still, and one account."""
    options: dict[str, object] = {
        "access_key": "key", "secret_key": "secret", "markets": 4, "rate": 0.0, "trader": False, "limits": False,
        "start": START,
    }  # fmt: skip
    settings = SimulatorSettings(**(options | changes))  # type: ignore[arg-type]  # options of a test
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, settings, make_stage(settings))
        nursery.cancel_scope.cancel()


def bearer(query: str | None = None) -> str:
    return f"Bearer {make_token('key', 'secret', nonce=str(uuid.uuid4()), query=query)}"


async def private(stage: Bench) -> MemoryClient:
    return await stage.connect(PRIVATE, [(b"authorization", bearer().encode())])


async def last_price(stage: Bench) -> float:
    """The last price of KRW-BTC, asked in a way that no fault of these tests hits."""
    book = (await stage.http("GET", "/v1/trades/ticks?market=KRW-BTC")).document()
    return float(book[0]["trade_price"])


async def place(stage: Bench, price: float) -> HttpReply:
    """Bid a little far below the market."""
    body = {"market": "KRW-BTC", "side": "bid", "volume": "0.001", "price": f"{price:.0f}", "ord_type": "limit"}
    query = "&".join(f"{name}={value}" for name, value in body.items())
    return await stage.http(
        "POST", "/v1/orders", body, {"authorization": bearer(query), "content-type": "application/json"}
    )


async def orders(stage: Bench) -> list[Mapping[str, Any]]:
    (account,) = (await stage.http("GET", "/_simulator/ledger")).document()["accounts"]
    found: list[Mapping[str, Any]] = account["orders"]
    return found


async def low_price(stage: Bench) -> float:
    """A price at which nothing is sold, on the price units of its range."""
    return await last_price(stage) * 0.5 // 1_000_000 * 1_000_000


@pytest.mark.parametrize("status", [400, 401, 403, 418, 429, 500, 502, 503, 504])
async def test_rest_status_answers_as_many_requests_of_its_path_as_it_says(
    status: int, autojump_clock: MockClock
) -> None:
    async with market() as stage:
        await stage.fault("rest_status", status=status, count=2, path="/v1/ticker", retry_after_s=3)
        assert (await stage.http("GET", "/v1/market/all")).status == 200
        replies = [await stage.http("GET", TICKER) for _ in range(3)]
        assert [reply.status for reply in replies] == [status, status, 200]
        assert replies[0].document()["error"]["name"] == status
        assert replies[0].headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("body", "content_type", "begin"),
    [
        ("html", "text/html; charset=utf-8", b"<html>"),
        ("text", "text/plain; charset=utf-8", b"a fault"),
        ("empty", "application/json; charset=utf-8", b""),
        ("json", "application/json; charset=utf-8", b'{"error":{"name":"internal_server_error"'),
    ],
)
async def test_rest_status_has_the_body_that_was_asked_for(
    body: str, content_type: str, begin: bytes, autojump_clock: MockClock
) -> None:
    async with market() as stage:
        await stage.fault("rest_status", body=body)
        reply = await stage.http("GET", "/v1/accounts")
        assert (reply.status, reply.headers["content-type"]) == (500, content_type)
        assert reply.body.startswith(begin)
        assert bool(reply.body) is bool(begin)


@pytest.mark.parametrize("takes_effect", [False, True])
async def test_an_order_that_was_answered_with_500_was_placed_only_if_the_fault_says_so(
    takes_effect: bool, autojump_clock: MockClock
) -> None:
    async with market() as stage:
        price = await low_price(stage)
        await stage.fault("rest_status", status=500, method="POST", path="/v1/orders", takes_effect=takes_effect)
        assert (await place(stage, price)).status == 500
        assert len(await orders(stage)) == int(takes_effect)
        assert (await place(stage, price)).status == 201


async def test_the_answer_to_an_order_is_lost_and_the_order_was_placed(autojump_clock: MockClock) -> None:
    async with market() as stage:
        price = await low_price(stage)
        await stage.fault("rest_lost_answer", method="POST", path="/v1/orders")
        assert (await stage.http("GET", TICKER)).status == 200
        reply = await place(stage, price)
        assert (reply.status, reply.body) == (0, b"")
        (order,) = await orders(stage)
        assert (order["market"], order["state"]) == ("KRW-BTC", "wait")
        assert (await place(stage, price)).status == 201


async def test_rest_timeout_answers_late_although_the_order_was_placed_at_once(autojump_clock: MockClock) -> None:
    async with market() as stage:
        price = await low_price(stage)
        await stage.fault("rest_timeout", seconds=30.0, method="POST")
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            replies: list[HttpReply] = []

            async def order() -> None:
                replies.append(await place(stage, price))

            nursery.start_soon(order)
            await trio.sleep(1.0)
            assert len(await orders(stage)) == 1
            assert replies == []
        assert replies[0].status == 201
        assert trio.current_time() - began_s == pytest.approx(30.0, abs=0.5)


async def test_reset_and_half_frame_of_rest_break_one_answer(autojump_clock: MockClock) -> None:
    async with market() as stage:
        price = await low_price(stage)
        await stage.fault("reset", target="rest")
        assert (await place(stage, price)).status == 0
        assert await orders(stage) == []
        await stage.fault("half_frame", target="rest")
        reply = await stage.http("GET", "/v1/market/all")
        assert not reply.is_whole
        assert (await stage.http("GET", "/v1/market/all")).is_whole


async def test_garbage_of_rest_is_the_body_of_one_answer(autojump_clock: MockClock) -> None:
    async with market() as stage:
        await stage.fault("garbage", target="rest", text="<oops>")
        assert [(await stage.http("GET", TICKER)).body[:6] for _ in range(2)] == [b"<oops>", b'[{"mar']


async def test_garbage_of_rest_is_not_called_compressed(autojump_clock: MockClock) -> None:
    async with market() as stage:
        gzip = {"accept-encoding": "gzip"}
        books = "/v1/orderbook?markets=KRW-BTC"
        await stage.fault("garbage", target="rest", text="<oops>")
        garbage, sound = [await stage.http("GET", books, headers=gzip) for _ in range(2)]
        assert garbage.body == b"<oops>"
        assert "content-encoding" not in garbage.headers
        assert sound.headers["content-encoding"] == "gzip"


async def test_refuse_of_rest_answers_without_effect(autojump_clock: MockClock) -> None:
    async with market() as stage:
        price = await low_price(stage)
        await stage.fault("refuse", target="rest", status=418, retry_after_s=60)
        reply = await place(stage, price)
        assert (reply.status, reply.headers["retry-after"]) == (418, "60")
        assert await orders(stage) == []
        assert (await stage.connect()).status == 101


async def test_delay_of_rest_holds_answers_back_and_leaves_sockets_alone(autojump_clock: MockClock) -> None:
    async with market() as stage:
        await stage.fault("delay", target="rest", ms=2500, seconds=100.0)
        client = await stage.connect()
        await client.send([{"ticket": "t"}, {"type": "ticker", "codes": ["KRW-BTC"]}])
        assert len(await client.taken()) == 1
        began_s = trio.current_time()
        assert (await stage.http("GET", TICKER)).status == 200
        assert trio.current_time() - began_s == pytest.approx(2.5, abs=0.1)


async def test_trickle_of_rest_lets_an_answer_come_slowly_and_the_control_surface_stays_fast(
    autojump_clock: MockClock,
) -> None:
    async with market() as stage:
        await stage.fault("trickle", target="rest", bytes_per_s=200)
        began_s = trio.current_time()
        reply = await stage.http("GET", TICKER)
        assert reply.is_whole
        assert trio.current_time() - began_s > len(reply.body) / 200
        began_s = trio.current_time()
        assert (await stage.http("GET", "/_simulator/state")).status == 200
        assert trio.current_time() - began_s < 0.1


async def test_an_answer_that_trickles_for_longer_than_a_client_may_take_still_comes_whole(
    autojump_clock: MockClock,
) -> None:
    async with market() as stage:
        await stage.fault("trickle", target="rest", bytes_per_s=10)
        began_s = trio.current_time()
        reply = await stage.http("GET", TICKER)
        assert trio.current_time() - began_s > 2 * ANSWER_DEADLINE_S
        assert reply.is_whole


async def test_stall_of_rest_answers_nothing_until_it_ends(autojump_clock: MockClock) -> None:
    async with market() as stage:
        await stage.fault("stall", target="rest", seconds=20.0)
        began_s = trio.current_time()
        assert (await stage.http("GET", TICKER)).status == 200
        assert trio.current_time() - began_s == pytest.approx(20.0, abs=0.1)


async def test_clock_offset_moves_the_date_header_the_documents_and_the_sockets_alike(
    autojump_clock: MockClock,
) -> None:
    def times(reply: HttpReply) -> tuple[datetime, int, str]:
        (document,) = reply.document()
        date = parsedate_to_datetime(reply.headers["date"])
        return date, document["timestamp"], document["trade_time_utc"]

    async with market() as stage:
        ticks = "/v1/trades/ticks?market=KRW-BTC"
        price = await low_price(stage)
        gzip = {"accept-encoding": "gzip"}
        before = times(await stage.http("GET", ticks))
        await stage.fault("clock_offset", ms=7_200_000)
        reply = await stage.http("GET", ticks + "&count=1", headers=gzip)
        after = times(reply)
        assert after[0] - before[0] >= timedelta(hours=2)
        assert after[1] - before[1] == 7_200_000
        assert (int(after[2][:2]) - int(before[2][:2])) % 24 == 2
        placed = (await place(stage, price)).document()
        created = datetime.fromisoformat(placed["created_at"]).astimezone(UTC)
        assert abs(created - after[0]) < timedelta(seconds=5)
        client = await stage.connect()
        await client.send([{"ticket": "t"}, {"type": "trade", "codes": ["KRW-BTC"]}])
        message = await client.next()
        assert message["trade_timestamp"] == after[1]
        assert message["trade_time"] == after[2]
        await stage.http("DELETE", "/_simulator/faults")
        assert times(await stage.http("GET", ticks))[1:] == before[1:]


async def test_maintenance_announces_drops_refuses_and_comes_back(autojump_clock: MockClock) -> None:
    async with market() as stage:
        price = await low_price(stage)
        assert (await place(stage, price)).status == 201
        public, owner = await stage.connect(), await private(stage)
        await owner.send([{"ticket": "t"}, {"type": "announcement", "categories": ["maintenance"]}])
        await owner.taken()
        await stage.fault("maintenance", seconds=60.0, notice_s=10.0)
        notice = await owner.next()
        assert (notice["type"], notice["category"]) == ("announcement", "maintenance")
        assert (await stage.http("GET", TICKER)).status == 200
        await trio.sleep(10.1)
        for client in (public, owner):
            assert client.ended.is_set()
            assert client.close_code is None
        assert (await stage.connect()).status == 503
        assert (await private(stage)).status == 503
        quotation = await stage.http("GET", TICKER)
        assert quotation.status == 500
        assert quotation.body.startswith(b"<html>")
        refused = await place(stage, price)
        assert (refused.status, refused.document()["error"]["name"]) == (403, "market_offline")
        await trio.sleep(60.0)
        assert (await stage.connect()).status == 101
        assert (await stage.http("GET", TICKER)).status == 200
        (order,) = await orders(stage)
        assert order["state"] == "wait"


async def test_a_maintenance_that_is_ended_by_hand_lets_trading_resume(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SimulatorSettings(access_key="key", secret_key="secret", markets=4, rate=0.0, trader=False)
    async with trio.open_nursery() as nursery:
        stand = make_stage(settings)
        assert stand.venue is not None
        resumed: list[int] = []
        monkeypatch.setattr(stand.venue.simulation.desk, "resume_after_maintenance", resumed.append)
        stage = Bench(nursery, settings, stand)
        await stage.fault("maintenance", seconds=3600.0)
        assert (await stage.http("GET", TICKER)).status == 500
        assert resumed == []
        assert (await stage.http("DELETE", "/_simulator/faults")).document() == {"ended": 1}
        assert (await stage.http("GET", TICKER)).status == 200
        assert len(resumed) == 1
        nursery.cancel_scope.cancel()


async def test_faults_of_rest_never_hit_the_control_surface(autojump_clock: MockClock) -> None:
    async with market() as stage:
        for kind in ("rest_status", "rest_lost_answer", "rest_timeout"):
            await stage.fault(kind, count=1000)
        for kind in ("reset", "half_frame", "stall", "garbage"):
            await stage.fault(kind, target="rest")
        listed = (await stage.http("GET", "/_simulator/faults")).document()
        assert len(listed["active"]) == 7
        assert json.loads((await stage.http("GET", "/_simulator/state")).body)["handshakes"] == 0
