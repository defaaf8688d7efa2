"""The journal tells what was sent to whom, faults included, in the order in which it happened."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.exchange.journal.journal import Journal
from actors.exchange.settings import SimulatorSettings
from actors.exchange.sources.source import Sink
from tests.actors.exchange.wire.memory_client import Bench, MemoryClient

TICKER = ("ticker", "KRW-BTC")


@asynccontextmanager
async def journalled(path: Path) -> AsyncIterator[Bench]:
    """An exchange with a journal; the file is whole when this is left."""
    journal = Journal(path)
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, SimulatorSettings(limits=False), journal=journal)
        nursery.cancel_scope.cancel()
    journal.close()


def lines(path: Path, *events: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in found if not events or line["event"] in events]


async def subscribed(stage: Bench) -> tuple[MemoryClient, Sink]:
    client = await stage.connect()
    await client.send([{"ticket": "t"}, {"type": "ticker", "codes": ["KRW-BTC"]}])
    await wait_all_tasks_blocked()
    return client, stage.source.subscribed[-1][0]


async def test_connections_requests_frames_calls_and_faults_are_told_in_order(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "journal"
    async with journalled(path) as stage:
        client, sink = await subscribed(stage)
        sink.push(b'{"n":1}', TICKER)
        await stage.fault("close", code=1012)
        await client.ended.wait()
        await wait_all_tasks_blocked()
        await stage.http("GET", "/v1/market/all?is_details=false")
        await stage.fault("refuse")
        await stage.connect()
    events = [line["event"] for line in lines(path)]
    assert events == [
        "connection_opened", "request", "frame", "fault", "connection_closed", "rest", "fault", "rest", "stopped",
    ]  # fmt: skip
    opened, request, frame, fault, closed, call, _, refused, _ = lines(path)
    assert (opened["connection"], opened["path"], opened["kind"]) == (1, "/websocket/v1", "public")
    assert json.loads(request["text"])[1]["codes"] == ["KRW-BTC"]
    assert (frame["number"], frame["type"], frame["code"], frame["text"]) == (1, "ticker", "KRW-BTC", '{"n":1}')
    assert (fault["fault"]["kind"], fault["fault"]["code"], fault["fault"]["applied_to"]) == ("close", 1012, 1)
    assert closed["why"] == "closed with 1012"
    assert (call["method"], call["path"], call["status"]) == ("GET", "/v1/market/all?is_details=false", 200)
    assert (refused["path"], refused["status"]) == ("/websocket/v1", 503)


async def test_frames_stand_in_the_journal_as_they_went_out(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "journal"
    frames = [b'{"tp":%d.0}' % number for number in range(8)]
    async with journalled(path) as stage:
        client, sink = await subscribed(stage)
        await stage.fault("mute", connection=1, seconds=1.0)
        sink.push(frames[0], TICKER)
        await trio.sleep(1.1)
        await stage.fault("duplicate")
        sink.push(frames[1], TICKER)
        await stage.fault("reorder")
        sink.push(frames[2], TICKER)
        sink.push(frames[3], TICKER)
        await stage.fault("delay", ms=500, seconds=1.0)
        sink.push(frames[4], TICKER)
        received = await client.taken()
        await trio.sleep(1.1)
        received += await client.taken()
        await stage.fault("half_frame")
        sink.push(frames[5], TICKER)
        await client.ended.wait()
    expected = [frames[number] for number in (1, 1, 3, 2, 4)]
    assert received == expected
    assert [(line["number"], line["text"].encode()) for line in lines(path, "frame")] == list(enumerate(expected, 1))
    (closed,) = lines(path, "connection_closed")
    assert closed["why"] == "reset within a frame"


async def test_of_an_altered_frame_the_journal_has_what_was_meant(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "journal"
    async with journalled(path) as stage:
        client, sink = await subscribed(stage)
        await stage.fault("altered")
        sink.push(b'{"tp":1.0}', TICKER)
        assert await client.taken() == [b'{"tp":1.1}']
    (frame,) = lines(path, "frame")
    assert frame["text"] == '{"tp":1.0}'


async def test_a_lost_answer_stands_in_the_journal_without_a_status(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "journal"
    async with journalled(path) as stage:
        await stage.fault("rest_lost_answer")
        assert (await stage.http("GET", "/v1/market/all")).status == 0
    (call,) = lines(path, "rest")
    assert (call["path"], call["status"]) == ("/v1/market/all", 0)
