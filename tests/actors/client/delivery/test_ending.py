"""The end of a client, without a tree: nothing is called after it."""

import gc
import threading
from typing import Any

import pytest

from actors.client.delivery.lane import Lane
from actors.client.errors import SubscriptionError
from actors.client.hosts import current_host
from actors.client.reports import ErrorReport, GapReport, StateReport
from protocols.channel.messages import Up
from tests.actors.client.both_loops import LIBRARIES, on_both, run_in, turns, until
from tests.actors.client.delivery.board_stage import Board, numbers, ticker, trade


@on_both
async def test_nothing_is_called_after_the_end_though_events_and_reports_wait() -> None:
    board, seen = Board(), list[Any]()
    for kind in (GapReport, StateReport, ErrorReport):
        board.announcer.listeners[kind].append(seen.append)
    lane = board.lane(seen.append)
    board.come(ticker(), ticker())
    board.mark(Up(1, 0.0, 1))
    assert board.close() == []
    board.come(ticker())
    board.mark(Up(2, 0.0, 1))
    await turns(20)
    assert (seen, lane.is_active, board.lanes, board.wants("public")) == ([], False, {}, [])


@on_both
async def test_an_async_callback_that_waits_is_cancelled_by_the_end() -> None:
    board, host, seen = Board(), current_host(), list[Any]()

    async def wait(_event: Any) -> None:
        try:
            await host.sleep(1000)
        finally:
            seen.append("cut")

    lane = board.lane(wait)
    board.come(ticker(), ticker())
    await until(lambda: lane.is_busy)
    await turns()
    assert board.close() == [lane]
    await until(lambda: not lane.is_busy)
    await turns()
    assert seen == ["cut"]


@on_both
async def test_an_async_callback_that_was_called_just_now_is_cancelled_as_well() -> None:
    board, host, seen = Board(), current_host(), list[Any]()

    async def wait(_event: Any) -> None:
        try:
            await host.sleep(1000)
        finally:
            seen.append("cut")

    lane = board.lane(wait)
    board.come(ticker(), ticker())  # Its delivery is posted, and the end right behind it.
    host.post(board.close)
    await until(lambda: seen, limit_s=5.0)
    await until(lambda: not lane.is_busy, limit_s=5.0)
    await turns()
    assert seen == ["cut"]


@pytest.mark.parametrize("way", ["replaced", "unsubscribed"])
@on_both
async def test_a_callback_that_still_waits_of_a_subscription_that_was_left_is_cancelled_too(way: str) -> None:
    board, host, seen = Board(), current_host(), list[Any]()

    async def wait(_event: Any) -> None:
        try:
            await host.sleep(1000)
        finally:
            seen.append("cut")

    lane = board.lane(wait)
    board.come(ticker())
    await until(lambda: lane.is_busy)
    await turns()
    if way == "replaced":
        board.lane(print)
    else:
        board.end_lane(lane)
    await turns()
    assert seen == []  # Only the end of the client cuts it.
    assert board.close() == [lane]
    await until(lambda: seen, limit_s=5.0)


@on_both
async def test_a_callback_may_end_its_own_client_and_go_on_behind_that() -> None:
    board, seen = Board(), list[Any]()

    async def end(event: Any) -> None:
        seen.append(board.close())
        await current_host().sleep(0.01)
        seen.append(event)

    board.lane(end)
    board.come(ticker(), ticker())
    await until(lambda: len(seen) == 2)
    await turns()
    assert seen == [[], (ticker(), 1)]


@on_both
async def test_a_plain_callback_may_end_its_own_client() -> None:
    board, seen = Board(), list[Any]()

    def end(event: Any) -> None:
        seen.append(event)
        board.close()

    board.lane(end)
    board.lane(seen.append, kind="trade")
    board.come(ticker(), ticker())
    await until(lambda: seen)
    board.come(trade())
    await turns()
    assert seen == [(ticker(), 1)]


@on_both
async def test_ending_twice_is_fine() -> None:
    board = Board()
    board.lane(print)
    board.close()
    assert board.close() == []


@on_both
async def test_a_muted_client_calls_nothing_more() -> None:
    board, seen = Board(), list[Any]()
    board.lane(seen.append)
    board.come(ticker())
    thread = threading.Thread(target=board.mute)
    thread.start()
    thread.join()
    board.come(ticker())
    await turns(20)
    assert seen == []


@on_both
async def test_a_callback_in_a_thread_is_waited_for_and_gets_nothing_more() -> None:
    board, gate, seen = Board(), threading.Event(), list[Any]()

    def block(event: Any) -> None:
        seen.append(event)
        gate.wait(60)

    lane = board.lane(block, in_thread=True)
    board.come(ticker(), ticker())
    await until(lambda: seen)
    assert board.close() == [lane]
    gate.set()
    await until(lambda: not lane.is_busy)
    assert seen == [(ticker(), 1)]


@on_both
async def test_a_client_is_of_one_loop_while_that_runs() -> None:
    board, errors = Board(), list[Any]()

    def other() -> None:
        async def bind() -> None:
            board.bind(current_host())

        for library in LIBRARIES:
            try:
                run_in(library, bind)
            except SubscriptionError as error:
                errors.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    await until(lambda: not thread.is_alive())
    assert errors == ["client 'test' is used in two loops; make one client for each"] * 2


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_waited_when_its_loop_ended_does_not_keep_a_client_from_another(library: str) -> None:
    seen: list[Any] = []

    async def first() -> Board:
        board = Board()
        board.lane(seen.append)
        board.come(ticker())  # It is on its way to a loop that ends now.
        return board

    board = run_in(library, first)
    board.come(ticker())

    async def second() -> None:
        board.bind(current_host())
        board.lane(seen.append, kind="trade")
        board.come(trade())
        await until(lambda: numbers(seen, trade()), limit_s=5.0)

    run_in(library, second)
    assert numbers(seen, trade()) == [1]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_call_of_an_async_callback_and_a_listener_that_the_end_of_the_loop_overtakes_leave_nothing_behind(
    library: str,
) -> None:
    async def later(_event: Any) -> None:
        await current_host().sleep(1000)

    async def main() -> Lane:
        board = Board()
        lane = board.lane(later)
        board.announcer.listeners[StateReport].append(later)
        board.mark(Up(1, 0.0, 1))
        board.come(ticker())
        return lane  # Its delivery is posted: it makes coroutines that asyncio will not begin any more.

    lane = run_in(library, main)
    gc.collect()  # A coroutine that nobody awaited would complain here.
    assert not lane.is_busy


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_callback_that_the_end_of_the_loop_cuts_is_not_called_for_what_waits_behind_it(library: str) -> None:
    calls: list[Any] = []

    async def wait(event: Any) -> None:
        calls.append(event)
        try:
            await current_host().sleep(1000)
        finally:
            board.come(ticker())  # There is always a next one.

    async def main() -> Board:
        nonlocal board
        board = Board()
        board.lane(wait)
        board.come(*[ticker()] * 5)
        await until(lambda: calls)
        return board

    board: Any = None
    run_in(library, main)
    gc.collect()
    assert calls == [(ticker(), 1)]
    (lane,) = board.lanes.values()
    assert (lane.is_busy, lane.is_active) == (False, False)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_clean_up_in_another_loop_leaves_alone_what_went_with_the_first(library: str) -> None:
    gate = threading.Event()

    async def use() -> Board:
        board, began = Board(), list[Any]()

        def block(event: Any) -> None:
            began.append(event)
            gate.wait(60)

        async def listen(_report: Any) -> None:
            await current_host().sleep(1000)

        board.announcer.listeners[StateReport].append(listen)
        board.lane(block, in_thread=True)
        board.mark(Up(1, 0.0, 1))
        board.come(ticker())
        await until(lambda: began)
        return board

    board = run_in(library, use)

    async def close() -> Any:
        return board.close()

    for other in LIBRARIES:
        assert run_in(other, close) == []
    gate.set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_subscriptions_of_a_loop_that_ended_are_none_of_the_next_ones(library: str) -> None:
    async def noted(event: Any) -> None:
        await current_host().sleep(0)
        seen.append(event)

    seen: list[Any] = []

    async def first() -> tuple[Board, Lane]:
        board = Board()
        return board, board.lane(noted)

    board, lane = run_in(library, first)

    async def second() -> None:
        board.bind(current_host())
        assert not lane.is_active
        assert board.wants("public") == []
        board.come(ticker())
        board.lane(noted)
        board.come(ticker())
        await until(lambda: seen, limit_s=5.0)

    run_in(library, second)
    assert numbers(seen, ticker()) == [2]
