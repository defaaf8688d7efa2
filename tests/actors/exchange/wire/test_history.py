"""The past that is kept is bounded, whatever clients say and however many there were."""

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.exchange.settings import SimulatorSettings
from actors.exchange.wire.history import (
    KEPT_ENDED,
    KEPT_ENDED_BYTES,
    KEPT_ENDED_SAID_BYTES,
    KEPT_SAID_BYTES,
    EndedConnections,
    SaidByClient,
)
from tests.actors.exchange.wire.memory_client import Bench


def texts(said: SaidByClient, limit_bytes: int = KEPT_SAID_BYTES) -> list[str]:
    return [str(message["text"]) for message in said.report(limit_bytes)]


@pytest.mark.parametrize("message", [b"x" * 60_000, b"\xff" * 60_000, "가".encode() * 20_000, b""])
def test_what_a_client_says_is_kept_up_to_its_bound(message: bytes) -> None:
    said = SaidByClient()
    for _ in range(20_000 if not message else 100):
        said.add(message)
    kept = texts(said)
    assert 0 < len(kept) <= KEPT_SAID_BYTES // 100
    assert sum(len(text.encode()) for text in kept) <= KEPT_SAID_BYTES


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=300), max_size=30), st.integers(0, 3000))
def test_the_newest_messages_that_fit_are_reported_in_order(messages: list[bytes], limit_bytes: int) -> None:
    said = SaidByClient()
    for message in messages:
        said.add(message)
    everything, fitting = texts(said), texts(said, limit_bytes)
    assert said.total == len(messages) == len(everything)
    assert fitting == everything[len(everything) - len(fitting) :]
    assert sum(len(text.encode()) for text in fitting) <= limit_bytes


def test_the_reports_of_ended_connections_are_bounded_in_number_and_size() -> None:
    small, large = EndedConnections(), EndedConnections()
    for number in range(300):
        small.add({"id": number}, sent_frames=2)
        large.add({"id": number, "received": "x" * 100_000}, sent_frames=0)
    assert small.sent_frames == 600
    assert [report["id"] for report in small.reports()] == list(range(300 - KEPT_ENDED, 300))
    assert large.reports()[-1]["id"] == 299
    assert len(msgspec.json.encode(large.reports())) <= KEPT_ENDED_BYTES + KEPT_ENDED


async def test_of_a_connection_that_has_ended_only_its_report_is_kept(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery, SimulatorSettings(limits=False))
        client = await bench.connect()
        for _ in range(10):
            await client.send("PING" + " " * 30_000)
        await wait_all_tasks_blocked()
        await client.hang_up()
        await wait_all_tasks_blocked()
        (ended,) = msgspec.json.decode(msgspec.json.encode(bench.server.report()["ended"]))
        assert ended["received_total"] == 10
        assert 0 < sum(len(message["text"]) for message in ended["received"]) <= KEPT_ENDED_SAID_BYTES
        nursery.cancel_scope.cancel()
