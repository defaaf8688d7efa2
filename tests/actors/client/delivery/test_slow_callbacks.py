"""A callback that takes its time holds up its own subscription and nobody else's."""

import threading
import time
from typing import Any

import pytest

from actors.client.delivery.mailbox import Mailbox
from actors.client.hosts import current_host
from actors.client.reports import ErrorReport, GapReport
from tests.actors.client.both_loops import on_both, turns, until
from tests.actors.client.delivery.board_stage import BTC, ETH, Board, numbers, ticker, trade, up_to


@on_both
async def test_an_async_callback_that_waits_delays_its_own_subscription_alone() -> None:
    board, host = Board(), current_host()
    bell, slow, quick = host.bell(), list[Any](), list[Any]()

    async def wait(event: Any) -> None:
        await bell.wait()
        slow.append(event)

    board.lane(wait, delivery="every")
    board.lane(quick.append, kind="trade")
    board.come(*[ticker(), trade()] * 50)
    await until(lambda: len(quick) == 50)
    assert slow == []
    while len(slow) < 50:
        bell.ring()
        await host.sleep(0)
    assert numbers(slow, ticker()) == up_to(50)


@on_both
async def test_calls_of_one_async_callback_never_overlap() -> None:
    board, host, seen, running = Board(), current_host(), list[Any](), list[Any]()

    async def careful(event: Any) -> None:
        running.append(event)
        await host.sleep(0.001)
        assert running == [event]
        running.clear()
        seen.append(event)

    board.lane(careful, delivery="every")
    board.come_from_a_thread([ticker()] * 50)
    await until(lambda: len(seen) == 50)
    assert numbers(seen, ticker()) == up_to(50)


@on_both
async def test_a_callback_in_a_thread_may_block_and_delays_itself_alone() -> None:
    board, gate, slow, quick = Board(), threading.Event(), list[Any](), list[Any]()

    def block(event: Any) -> None:
        gate.wait(60)
        slow.append((event, threading.get_ident()))

    board.lane(block, delivery="every", in_thread=True)
    board.lane(quick.append, kind="trade")
    board.come(*[ticker(), trade()] * 20)
    await until(lambda: len(quick) == 20)
    assert slow == []
    gate.set()
    board.come_from_a_thread([ticker()] * 20)
    await until(lambda: len(slow) == 40)
    assert numbers([event for event, _ in slow], ticker()) == up_to(40)
    assert threading.get_ident() not in {thread for _, thread in slow}


@on_both
async def test_a_callback_in_a_thread_that_returns_a_coroutine_is_an_error_that_says_what_to_do() -> None:
    board, reports = Board(), list[Any]()

    async def later(_event: Any) -> None:
        raise AssertionError

    board.announcer.listeners[ErrorReport].append(reports.append)
    board.lane(lambda event: later([event]), in_thread=True)
    board.come(ticker())
    await until(lambda: reports)
    assert "in_thread=False" in reports[0].text
    assert board.announcer.callback_errors == 1


@on_both
async def test_a_plain_callback_that_held_up_the_whole_program_is_counted_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    board, seen = Board(), list[Any]()

    def block(event: Any) -> None:
        time.sleep(0.11)
        seen.append(event)

    lane = board.lane(block)
    board.come(ticker(), ticker())
    await until(lambda: len(seen) == 2)
    assert lane.figures.blocked == 2
    (told,) = [record.getMessage() for record in caplog.records if "held up the whole program" in record.getMessage()]
    assert "make it async, or in_thread=True" in told


@on_both
async def test_state_that_waits_for_a_slow_callback_is_merged_and_the_newest_arrives() -> None:
    board, host = Board(), current_host()
    bell, seen = host.bell(), list[Any]()

    async def wait(event: Any) -> None:
        await bell.wait()
        seen.append(event)

    lane = board.lane(wait)
    lane.mailbox = Mailbox(limit=3, coalesces=True)
    board.come(ticker())
    await until(lambda: lane.is_busy)
    board.come(*[ticker()] * 20)
    while len(seen) < 5:
        bell.ring()
        await host.sleep(0)
    assert numbers(seen, ticker()) == [1, 2, 3, 4, 21]
    assert lane.mailbox.merged == 16


async def slow_lane(board: Board, gaps: list[Any], *, limit: int) -> tuple[Any, Any, list[Any]]:
    bell, seen = current_host().bell(), list[Any]()

    async def wait(event: Any) -> None:
        await bell.wait()
        seen.append(event)

    board.announcer.listeners[GapReport].append(gaps.append)
    lane = board.lane(wait, kind="trade")
    lane.mailbox = Mailbox(limit=limit, coalesces=False)
    board.come(trade())
    await until(lambda: lane.is_busy)
    return lane, bell, seen


@on_both
async def test_trades_that_a_slow_callback_could_not_take_are_told_as_a_gap_with_their_numbers() -> None:
    board, gaps = Board(), list[Any]()
    _, bell, seen = await slow_lane(board, gaps, limit=4)
    board.come(*[trade()] * 9)
    while len(seen) < 5:
        bell.ring()
        await current_host().sleep(0)
    board.come(trade())
    await until(lambda: gaps)
    bell.ring()
    await until(lambda: len(seen) == 6)
    (gap,) = gaps
    assert (gap.type, gap.symbol, gap.missed, gap.first, gap.last) == ("trade", BTC, 5, 6, 10)
    assert gap.reason == "callback too slow"
    assert sorted(numbers(seen, trade()) + list(range(6, 11))) == up_to(11)


@on_both
async def test_what_was_dropped_is_told_though_nothing_more_comes() -> None:
    board, gaps = Board(), list[Any]()
    lane, bell, seen = await slow_lane(board, gaps, limit=4)
    board.come(*[trade()] * 9)
    while len(seen) < 5:
        bell.ring()
        await current_host().sleep(0)
    await until(lambda: not lane.is_busy)
    await until(lambda: gaps, limit_s=2.0)
    assert [(gap.first, gap.last) for gap in gaps] == [(6, 10)]


@on_both
async def test_what_was_dropped_before_an_iteration_is_told_though_nothing_more_comes() -> None:
    board, gaps = Board(), list[Any]()
    board.announcer.listeners[GapReport].append(gaps.append)
    lane = board.lane(kind="trade")
    lane.mailbox = Mailbox(limit=4, coalesces=False)
    board.come(*[trade()] * 10)
    await turns()
    while lane.take() is not None:
        pass
    await until(lambda: gaps, limit_s=2.0)
    assert [(gap.first, gap.last) for gap in gaps] == [(5, 10)]


@on_both
async def test_what_a_callback_in_a_thread_dropped_is_told_though_nothing_more_comes() -> None:
    board, gaps, gate, seen = Board(), list[Any](), threading.Event(), list[Any]()

    def block(event: Any) -> None:
        gate.wait(60)
        seen.append(event)

    board.announcer.listeners[GapReport].append(gaps.append)
    lane = board.lane(block, kind="trade", in_thread=True)
    lane.mailbox = Mailbox(limit=4, coalesces=False)
    board.come(trade())
    await until(lambda: len(lane.mailbox) == 0)
    board.come(*[trade()] * 9)
    await turns()
    gate.set()
    await until(lambda: len(seen) == 5)
    await until(lambda: gaps, limit_s=2.0)
    assert [(gap.first, gap.last) for gap in gaps] == [(6, 10)]


@on_both
async def test_what_was_dropped_of_a_market_that_stays_is_told_when_the_others_leave() -> None:
    board, gaps = Board(), list[Any]()
    board.announcer.listeners[GapReport].append(gaps.append)
    lane = board.lane(lambda _event: None, [BTC, ETH], kind="trade")
    lane.mailbox = Mailbox(limit=2, coalesces=False)
    lane.is_busy = True  # As if a call took its time.
    board.come(trade(BTC), trade(BTC), trade(ETH))
    await turns()
    board.change_lane(lane, lane.wish.with_symbols([ETH]))
    lane.is_busy = False
    await until(lambda: gaps, limit_s=5.0)
    assert [(gap.symbol, gap.first, gap.last) for gap in gaps] == [(ETH, 1, 1)]


@on_both
async def test_what_waits_of_latest_delivery_is_the_newest_alone() -> None:
    board, seen = Board(), list[Any]()
    board.lane(seen.append, delivery="latest")
    board.come(*[ticker()] * 10)
    await until(lambda: seen)
    await turns()
    assert seen == [(ticker(), 10)]
