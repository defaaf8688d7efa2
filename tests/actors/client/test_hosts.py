"""Both loops behind one set of verbs."""

import asyncio
import gc
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest
import trio

from actors.client.hosts import HostGone, current_host
from tests.actors.client.both_loops import LIBRARIES, cancelled_after, on_both, run_in, turns, until


def in_another_thread(work: object, *, after_s: float = 0.0) -> threading.Thread:
    assert callable(work)
    thread = threading.Timer(after_s, work) if after_s else threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_host_knows_its_loop_and_outside_there_is_none(library: str) -> None:
    async def main() -> None:
        host = current_host()
        assert (host.library, host.is_current, host.is_alive) == (library, True, True)
        assert current_host() is host

    run_in(library, main)
    with pytest.raises(RuntimeError, match=r"no loop runs here; .* asyncio\.run or trio\.run"):
        current_host()


@on_both
async def test_a_host_is_not_current_in_another_thread_or_another_loop_there() -> None:
    host = current_host()
    seen: list[bool] = []

    async def look() -> None:
        seen.append(host.is_current)
        seen.append(current_host() is host)

    def other() -> None:
        seen.append(host.is_current)
        asyncio.run(look())
        trio.run(look)

    thread = in_another_thread(other)
    await until(lambda: not thread.is_alive())
    assert seen == [False] * 5


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_host_of_a_loop_that_has_ended_is_not_alive_and_takes_nothing_more(library: str) -> None:
    async def main() -> object:
        host = current_host()
        return host, host.bell()

    host, bell = run_in(library, main)
    assert not host.is_alive
    with pytest.raises(HostGone):
        host.post(lambda: None)
    bell.ring()  # Nobody hears it.


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_loop_has_a_host_of_its_own(library: str) -> None:
    async def main() -> object:
        return current_host()

    first = run_in(library, main)
    assert run_in(library, main) is not first


@on_both
async def test_what_is_posted_runs_in_the_loops_thread_in_order_and_once() -> None:
    host, ran = current_host(), []
    here = threading.get_ident()

    def note(number: int) -> None:
        ran.append((number, threading.get_ident() == here))

    def post() -> None:
        for number in range(100):
            host.post(partial(note, number))

    in_another_thread(post)
    await until(lambda: len(ran) == 100)
    await turns()
    assert ran == [(number, True) for number in range(100)]


@on_both
async def test_a_spawned_task_runs_beside_its_maker_and_can_be_waited_for() -> None:
    host, done = current_host(), []

    async def work() -> None:
        await host.sleep(0.01)
        done.append(1)

    task = host.spawn(work)
    assert done == []
    await task.wait()
    await task.wait()
    assert done == [1]


@on_both
async def test_a_cancelled_task_ends_where_it_waits_and_its_maker_goes_on() -> None:
    host, seen = current_host(), []

    async def work() -> None:
        seen.append("began")
        try:
            await host.sleep(1000)
        finally:
            seen.append("ended")

    task = host.spawn(work)
    await until(lambda: seen)
    task.cancel()
    await task.wait()
    task.cancel()  # Of what has ended it asks nothing.
    await turns()
    assert seen == ["began", "ended"]


@on_both
async def test_a_task_that_is_cancelled_before_it_began_ends_where_it_first_waits() -> None:
    host, seen = current_host(), []

    async def work() -> None:
        seen.append("began")
        try:
            await host.sleep(0)
            seen.append("went on")
        finally:
            seen.append("ended")

    task = host.spawn(work)
    task.cancel()
    await task.wait()
    assert seen == ["began", "ended"]


@on_both
async def test_a_task_knows_whether_the_caller_runs_inside_it() -> None:
    host, seen = current_host(), []

    async def work() -> None:
        await host.sleep(0)
        seen.append(task.is_current)

    task = host.spawn(work)
    assert not task.is_current
    await task.wait()
    assert seen == [True]


@on_both
async def test_a_bell_that_was_rung_before_anybody_waited_is_heard_once() -> None:
    bell = current_host().bell()
    for _ in range(3):
        bell.ring()
    await turns()
    assert await bell.wait(0)
    assert not await bell.wait(0.01)


@on_both
async def test_a_bell_wakes_who_waits_from_any_thread() -> None:
    bell = current_host().bell()
    in_another_thread(bell.ring, after_s=0.02)
    assert await bell.wait()
    in_another_thread(bell.ring, after_s=0.02)
    assert await bell.wait(30)


@on_both
async def test_a_bell_that_stays_silent_says_so_after_its_time_and_rings_later() -> None:
    bell = current_host().bell()
    began_s = time.monotonic()
    assert not await bell.wait(0.05)
    assert time.monotonic() - began_s >= 0.04
    bell.ring()
    assert await bell.wait(30)


@on_both
async def test_a_wait_for_a_bell_that_is_cancelled_loses_no_ring() -> None:
    bell = current_host().bell()
    assert await cancelled_after(bell.wait, seconds=0.02)
    bell.ring()
    assert await bell.wait(30)


@on_both
async def test_the_result_of_another_thread_comes_through_early_or_late() -> None:
    host = current_host()
    done: Future[int] = Future()
    done.set_result(1)
    assert await host.result_of(done) == 1
    late: Future[int] = Future()
    in_another_thread(partial(late.set_result, 2), after_s=0.02)
    assert await host.result_of(late) == 2
    assert await host.result_of(late) == 2


@on_both
async def test_an_error_of_another_thread_comes_through() -> None:
    host = current_host()
    failed: Future[int] = Future()
    in_another_thread(partial(failed.set_exception, LookupError("so it was")), after_s=0.02)
    with pytest.raises(LookupError, match="so it was"):
        await host.result_of(failed)


@on_both
async def test_giving_up_waiting_does_not_stop_the_work_nor_those_who_wait_on() -> None:
    host = current_host()
    future: Future[int] = Future()
    assert await cancelled_after(partial(host.result_of, future), seconds=0.02)
    assert not future.cancelled()
    in_another_thread(partial(future.set_result, 3), after_s=0.02)
    assert await host.result_of(future) == 3


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_result_that_comes_after_the_loop_has_ended_is_nobodys(library: str) -> None:
    future: Future[int] = Future()

    async def main() -> None:
        await cancelled_after(partial(current_host().result_of, future), seconds=0.01)

    run_in(library, main)
    future.set_result(4)


@on_both
async def test_a_ring_wakes_all_who_wait() -> None:
    host, woken = current_host(), []
    bell = host.bell()

    async def wait() -> None:
        woken.append(await bell.wait(30))

    tasks = [host.spawn(wait) for _ in range(3)]
    await turns()
    bell.ring()
    for task in tasks:
        await task.wait()
    assert woken == [True] * 3
    assert not await bell.wait(0.01)


async def test_an_error_of_work_that_nobody_waits_for_any_more_is_no_complaint() -> None:
    def main() -> list[dict[str, Any]]:
        complaints: list[dict[str, Any]] = []

        async def give_up() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
            future: Future[None] = Future()
            waiting = asyncio.ensure_future(current_host().result_of(future))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            future.set_exception(LookupError("too late"))
            await asyncio.sleep(0.01)
            gc.collect()

        asyncio.run(give_up())
        return complaints

    assert await trio.to_thread.run_sync(main) == []
