"""Faults that meet one another, or a connection that is about to end, on a mocked clock."""

import trio
from trio.testing import MockClock

from tests.actors.exchange.wire.test_faults import FRAMES, bench, push, subscribed


async def test_nothing_follows_half_a_frame_that_a_delay_held_back(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, sink = await subscribed(stage)
        await stage.fault("half_frame", connection=1)
        await stage.fault("delay", ms=5000)
        received = bytearray()
        client.on_bytes = received.extend
        push(sink, 1, 2)
        await stage.fault("close", code=1012)
        await client.ended.wait()
        assert client.close_code is None
        assert len(received) == (len(FRAMES[1]) + 2) // 2


async def test_a_stall_holds_back_the_close_that_follows_an_error(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, _ = await subscribed(stage)
        await client.send("hello")
        await client.next()
        await stage.fault("stall", seconds=5.0)
        await trio.sleep(4.0)
        assert not client.ended.is_set()
        await trio.sleep(2.0)
        assert client.close_code == 1000


async def test_a_message_that_is_too_big_is_not_answered_within_a_stall(autojump_clock: MockClock) -> None:
    async with bench() as stage:
        client, _ = await subscribed(stage)
        await stage.fault("stall", seconds=5.0)
        await client.send("x" * 70_000)
        await trio.sleep(4.0)
        assert not client.ended.is_set()
