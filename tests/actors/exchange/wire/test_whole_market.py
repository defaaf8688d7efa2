"""What one client sees of the whole exchange, by its sockets and by REST."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock

from actors.exchange.actor import make_stage
from actors.exchange.settings import SimulatorSettings
from tests.actors.exchange.conftest import START
from tests.actors.exchange.wire.memory_client import Bench, MemoryClient

TICKET = {"ticket": "t"}
CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]


@asynccontextmanager
async def exchange(**options: Any) -> AsyncIterator[Bench]:
    settings = SimulatorSettings(limits=False, start=START, **options)
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, settings, make_stage(settings))
        nursery.cancel_scope.cancel()


async def taken(client: MemoryClient) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in await client.taken()]


async def test_all_855_codes_in_one_request_are_served(autojump_clock: MockClock) -> None:
    async with exchange(markets=855, rate=0.0) as stage:
        codes = [entry["market"] for entry in (await stage.http("GET", "/v1/market/all")).document()]
        assert len(codes) == 855
        request = json.dumps([TICKET, {"type": "orderbook", "codes": codes}], separators=(",", ":"))
        assert 9_000 < len(request) < 11_000
        client = await stage.connect()
        await client.send(request)
        await trio.sleep(1.0)
        books = await taken(client)
        assert [book["code"] for book in books] == codes
        assert {book["stream_type"] for book in books} == {"SNAPSHOT"}


def told(trade: dict[str, Any]) -> tuple[Any, ...]:
    """What socket and REST both say of a trade."""
    code = trade.get("code") or trade["market"]
    t_ms = trade.get("trade_timestamp") or trade["timestamp"]
    return code, trade["sequential_id"], t_ms, trade["trade_price"], trade["trade_volume"], trade["ask_bid"]


async def back_fill(stage: Bench, code: str, *, since_ms: int) -> set[tuple[Any, ...]]:
    """Page from now backwards until everything since a time is there."""
    found: set[tuple[Any, ...]] = set()
    cursor = ""
    while True:
        page = (await stage.http("GET", f"/v1/trades/ticks?market={code}&count=50{cursor}")).document()
        found |= {told(trade) for trade in page if trade["timestamp"] >= since_ms}
        if not page or page[-1]["timestamp"] < since_ms:
            return found
        cursor = f"&cursor={page[-1]['sequential_id']}"


async def test_what_rest_says_after_an_outage_is_exactly_what_the_socket_missed(autojump_clock: MockClock) -> None:
    request = [TICKET, {"type": "trade", "codes": CODES, "is_only_realtime": True}]
    async with exchange(markets=8, rate=300.0) as stage:
        watching, client = await stage.connect(), await stage.connect()
        for each in (watching, client):
            await each.send(request)
        await trio.sleep(5.0)
        await stage.fault("reset", connection=2)
        await client.ended.wait()
        await trio.sleep(7.0)
        client_again = await stage.connect()
        await client_again.send(request)
        await trio.sleep(5.0)
        every = {told(trade) for trade in await taken(watching)}
        before = {told(trade) for trade in await taken(client)}
        after = {told(trade) for trade in await taken(client_again)}
        missed = every - before - after
        assert len(missed) > 100
        assert before | after < every
        since_ms = min(trade[2] for trade in every)
        by_rest = set().union(*[await back_fill(stage, code, since_ms=since_ms) for code in CODES])
        # The last trades may have come between the last frame and the last page.
        newest_ms = max(trade[2] for trade in every)
        assert {trade for trade in by_rest if trade[2] <= newest_ms} - before - after == missed
