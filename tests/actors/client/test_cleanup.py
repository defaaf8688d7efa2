"""The end of a client on a real tree: whatever it wanted is free, whoever ends it and however."""

import asyncio
import threading
import time
from functools import partial
from typing import Any, Final

import pytest

from actors.client import Subscription, SubscriptionError, WebSocketClient, WebSocketConnectionError
from actors.client.hosts import current_host
from tests.actors.client.both_loops import LIBRARIES, cancelled_after, on_both, run_in, together, until
from tests.actors.client.house import House

BTC: Final = ["KRW-BTC"]


def drop(_event: object) -> None:
    """Want an event and nothing from it."""


@on_both
async def test_after_a_clean_up_nothing_is_called_and_nothing_is_wanted(served: House) -> None:
    seen: list[Any] = []
    client = served.client()
    sub = await client.subscribe_ticker(BTC, seen.append)
    await client.subscribe_trade(BTC, seen.append)
    await sub.first_event(30)
    await client.cleanup()
    count = len(seen)
    await served.wait_wanted()
    await current_host().sleep(0.1)  # Events would have come by now: there are hundreds a second.
    assert len(seen) == count


@on_both
async def test_clean_up_twice_and_at_the_same_time_is_fine(served: House) -> None:
    client = served.client()
    await client.subscribe_ticker(BTC, drop)
    assert await together(client.cleanup, client.cleanup) == [None, None]
    await client.cleanup()


@on_both
async def test_a_client_that_was_never_used_is_cleaned_up_as_well(served: House) -> None:
    client = served.client()
    await client.cleanup()
    with pytest.raises(SubscriptionError, match="was cleaned up"):
        await client.subscribe_ticker(BTC, drop)


@on_both
async def test_leaving_a_with_block_cleans_up_also_by_an_error(served: House) -> None:
    client = served.client()

    async def program() -> None:
        async with client:
            await client.subscribe_ticker(BTC, drop)
            raise LookupError("of the program")

    with pytest.raises(LookupError, match="of the program"):
        await program()
    assert client.health().state == "closed"
    await served.wait_wanted()


@on_both
async def test_a_program_that_is_cancelled_cleans_up_on_its_way(served: House) -> None:
    clients: list[WebSocketClient] = []

    async def program() -> None:
        client = served.client()
        clients.append(client)
        try:
            await client.subscribe_ticker(BTC, drop)
            await current_host().sleep(1000)
        finally:
            await client.cleanup()

    assert await cancelled_after(program, seconds=1.0)
    assert clients[0].health().state == "closed"
    await served.wait_wanted()


@on_both
async def test_a_clean_up_that_is_cancelled_itself_still_frees_everything(served: House) -> None:
    client = served.client()
    await client.subscribe_ticker(BTC, drop)
    await cancelled_after(client.cleanup, seconds=0.0)
    assert client.health().state == "closed"
    await served.wait_wanted()
    await client.cleanup()


@on_both
async def test_an_async_callback_may_clean_up_its_own_client(served: House) -> None:
    done: list[str] = []

    async def end(_event: object) -> None:
        await client.cleanup()
        done.append("went on behind it")

    client = served.client()
    await client.subscribe_ticker(BTC, end)
    await until(lambda: done)
    await served.wait_wanted()
    assert done == ["went on behind it"]


@on_both
async def test_a_plain_callback_may_begin_the_clean_up_of_its_own_client(served: House) -> None:
    host, tasks = current_host(), list[Any]()

    def end(_event: object) -> None:
        if not tasks:
            tasks.append(host.spawn(client.cleanup))

    client = served.client()
    await client.subscribe_ticker(BTC, end)
    await until(lambda: tasks)
    await tasks[0].wait()
    await served.wait_wanted()


@on_both
async def test_callbacks_that_wait_are_cancelled_and_waited_for(served: House) -> None:
    host, said = current_host(), list[str]()

    async def wait(_event: object) -> None:
        said.append("began")
        try:
            await host.sleep(1000)
        finally:
            said.append("ended")

    client = served.client()
    await client.subscribe_ticker(BTC, wait)
    await until(lambda: said)
    await client.cleanup()
    assert said == ["began", "ended"]


@on_both
async def test_a_callback_in_a_thread_that_does_not_end_is_given_up_in_time(served: House) -> None:
    gate, began = threading.Event(), threading.Event()

    def block(_event: object) -> None:
        began.set()
        gate.wait(60)

    client = served.client()
    await client.subscribe_ticker(BTC, block, in_thread=True)
    await until(began.is_set)
    began_s = time.monotonic()
    await client.cleanup()
    assert 1.9 <= time.monotonic() - began_s < 20
    gate.set()


@on_both
async def test_an_iterating_loop_ends_with_its_client(served: House) -> None:
    ended: list[str] = []

    async def loop(sub: Subscription) -> None:
        async for _ in sub:
            pass
        ended.append(sub.type)

    client = served.client()
    task = current_host().spawn(partial(loop, await client.subscribe_ticker(BTC)))
    await client.cleanup()
    await task.wait()
    assert ended == ["ticker"]


@on_both
async def test_subscribing_while_the_client_is_cleaned_up_fails_with_a_documented_error_and_at_once(
    served: House,
) -> None:
    for turns in range(12):

        async def end(client: WebSocketClient, turns: int = turns) -> None:
            for _ in range(turns):
                await current_host().sleep(0.002)
            await client.cleanup()

        client = served.client()
        began_s = time.monotonic()
        outcome, _ = await together(
            partial(client.subscribe_ticker, BTC, drop, stream_preference="snapshot_only"), partial(end, client)
        )
        assert isinstance(outcome, Subscription | SubscriptionError | WebSocketConnectionError), repr(outcome)
        assert time.monotonic() - began_s < 8, f"after {turns} turns: {outcome!r}"
        assert client.health().state == "closed"
    await served.wait_wanted()


@on_both
async def test_a_hundred_clients_in_a_row_leave_no_thread_behind(served: House) -> None:
    for _ in range(100):
        client = served.client()
        await client.subscribe_ticker(BTC, drop)
        await client.cleanup()
    await served.wait_wanted()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("upbitd-client") <= 2


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_loop_that_ends_without_a_clean_up_frees_what_was_wanted(served: House, library: str) -> None:
    seen: list[Any] = []
    client = served.client()

    async def forgetful() -> None:
        await (await client.subscribe_ticker(BTC, seen.append)).first_event(30)

    run_in(library, forgetful)

    async def look() -> None:
        await served.wait_wanted()

    run_in(library, look)
    count = len(seen)

    async def again() -> None:
        await (await client.subscribe_trade(BTC, drop)).first_event(30)
        assert client.get_subscription_count() == 1
        await client.cleanup()

    run_in(library, again)
    assert len(seen) == count


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_client_goes_on_in_another_loop_at_once(served: House, library: str) -> None:
    client = served.client()

    async def one(kind: str) -> None:
        subscribe = {"ticker": client.subscribe_ticker, "trade": client.subscribe_trade}[kind]
        await (await subscribe(BTC, drop)).first_event(30)
        await served.wait_wanted(f"{kind}/KRW-BTC")

    for _ in range(8):  # Whoever watches over the loops may look at any moment of this.
        run_in(library, partial(one, "ticker"))
        run_in(library, partial(one, "trade"))
    assert client.health().gaps == 0
    run_in(library, client.cleanup)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_clean_up_in_another_loop_frees_everything(served: House, library: str) -> None:
    client = served.client()

    async def use() -> None:
        async def wait(_event: object) -> None:
            await current_host().sleep(1000)

        await (await client.subscribe_ticker(BTC, wait)).first_event(30)

    run_in(library, use)
    run_in("trio" if library == "asyncio" else "asyncio", client.cleanup)
    run_in(library, served.wait_wanted)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_clean_up_long_after_its_loop_has_ended_has_nothing_left_to_do(served: House, library: str) -> None:
    client = served.client()

    async def use() -> None:
        await client.subscribe_ticker(BTC, drop)

    run_in(library, use)
    until_s = time.monotonic() + 30
    while any(thread.name == "upbitd-client" for thread in threading.enumerate()):
        assert time.monotonic() < until_s, "the thread with the links goes on without clients"
        time.sleep(0.02)
    run_in(library, client.cleanup)
    assert client.health().state == "closed"


def test_a_clean_up_in_a_loop_that_is_being_shut_down_frees_everything(served: House) -> None:
    async def program() -> None:
        client = served.client()

        async def forever() -> None:
            try:
                await client.subscribe_ticker(BTC, drop)
                await asyncio.sleep(1000)
            finally:
                await client.cleanup()

        tasks.append(asyncio.create_task(forever()))
        await until(client.get_subscription_count)

    tasks: list[Any] = []
    run_in("asyncio", program)
    run_in("asyncio", served.wait_wanted)
