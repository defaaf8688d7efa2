"""A subscription without a callback: an async iterator, and its end."""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Any

import pytest

from actors.client.delivery.lane import Lane
from actors.client.errors import SubscriptionError
from actors.client.hosts import current_host
from actors.client.subscription import Subscription
from tests.actors.client.both_loops import cancelled_after, on_both, turns, until
from tests.actors.client.delivery.board_stage import BTC, ETH, Board, numbers, ticker, up_to


class Changer:
    """A client as a handle needs it, without a tree."""

    name = "test"

    def __init__(self, board: Board) -> None:
        self.board = board

    async def change(self, lane: Lane, *, added: Collection[str] = (), removed: Collection[str] = ()) -> None:
        symbols = (symbol for symbol in (*lane.wish.symbols, *added) if symbol not in removed)
        self.board.change_lane(lane, lane.wish.with_symbols(symbols))

    async def end(self, lane: Lane) -> None:
        self.board.end_lane(lane)


def subscription(board: Board, callback: Any = None, **how: Any) -> Subscription:
    return Subscription(Changer(board), board.lane(callback, **how))


@on_both
async def test_a_loop_over_a_subscription_gets_each_event_once_and_in_order() -> None:
    board, seen = Board(), list[Any]()
    sub = subscription(board, delivery="every")
    board.come_from_a_thread([ticker()] * 500)
    async for event in sub:
        seen.append(event)
        if event[1] == 500:
            break
    assert numbers(seen, ticker()) == up_to(500)


@on_both
async def test_leaving_a_loop_loses_nothing_and_another_goes_on_behind_it() -> None:
    board = Board()
    sub = subscription(board, delivery="every")
    board.come(*[ticker()] * 4)
    first = [event[1] async for event in _some(sub, 2)]
    assert first + [event[1] async for event in _some(sub, 2)] == up_to(4)


async def _some(sub: Subscription, count: int) -> Any:
    for _ in range(count):
        yield await anext(sub)


@on_both
async def test_a_loop_ends_when_its_subscription_is_ended() -> None:
    board, host, seen = Board(), current_host(), list[Any]()
    sub = subscription(board)

    async def loop() -> None:
        async for event in sub:
            seen.append(event)
        seen.append("end")

    task = host.spawn(loop)
    board.come(ticker())
    await until(lambda: seen)
    await sub.unsubscribe()
    await task.wait()
    assert seen == [(ticker(), 1), "end"]
    with pytest.raises(StopAsyncIteration):
        await anext(sub)


@pytest.mark.parametrize("how", ["replaced", "closed", "muted"])
@on_both
async def test_a_loop_ends_when_another_takes_its_place_or_the_client_ends(how: str) -> None:
    board, host, seen = Board(), current_host(), list[Any]()
    sub = subscription(board)

    async def loop() -> None:
        async for event in sub:
            seen.append(event)
        seen.append("end")

    task = host.spawn(loop)
    await turns()
    {"replaced": lambda: board.lane(print), "closed": board.close, "muted": board.mute}[how]()
    await until(lambda: seen, limit_s=5.0)
    await task.wait()
    assert seen == ["end"]
    assert not sub.is_active


@on_both
async def test_a_loop_over_a_one_shot_subscription_ends_behind_the_last_market() -> None:
    board = Board()
    sub = subscription(board, symbols=[BTC, ETH], preference="snapshot_only")
    board.come(ticker(ETH), ticker(BTC))
    assert [event async for event in sub] == [(ticker(ETH), 1), (ticker(BTC), 1)]


@on_both
async def test_a_loop_that_waits_on_a_one_shot_subscription_ends_too() -> None:
    board, host, seen = Board(), current_host(), list[Any]()
    sub = subscription(board, symbols=[BTC, ETH], preference="snapshot_only")

    async def loop() -> None:
        seen.extend([event[0] async for event in sub])

    task = host.spawn(loop)
    for symbol in (BTC, ETH):
        await turns()
        board.come(ticker(symbol))
    await task.wait()
    assert seen == [ticker(BTC), ticker(ETH)]


@on_both
async def test_a_cancelled_wait_for_the_next_event_loses_none() -> None:
    board = Board()
    sub = subscription(board)
    assert await cancelled_after(partial(anext, sub), seconds=0.02)
    board.come(ticker())
    assert await anext(sub) == (ticker(), 1)


@on_both
async def test_a_loop_over_many_waiting_events_leaves_the_other_tasks_their_turns() -> None:
    board, host, had = Board(), current_host(), [0]
    sub = subscription(board, delivery="every")
    board.come(*[ticker()] * 30_000)

    async def other() -> None:
        while True:
            had[0] += 1
            await host.sleep(0)

    task = host.spawn(other)
    async for event in sub:
        if event[1] == 30_000:
            break
    task.cancel()
    assert had[0] >= 2


@on_both
async def test_events_that_go_to_a_callback_cannot_be_iterated_over() -> None:
    sub = subscription(Board(), print)
    with pytest.raises(SubscriptionError, match="events go to its callback; subscribe without one to iterate"):
        async for _ in sub:
            pass


@on_both
async def test_the_first_event_is_waited_for_and_stays_for_who_asks_later() -> None:
    board, seen = Board(), list[Any]()
    sub = subscription(board, seen.append)
    thread = board.come_from_a_thread([ticker()] * 2)
    assert await sub.first_event(30) == (ticker(), 1)
    assert await sub.first_event(0) == (ticker(), 1)
    thread.join()
    await until(lambda: len(seen) == 2)


@on_both
async def test_a_first_event_that_does_not_come_in_time_is_a_timeout_with_a_hint() -> None:
    sub = subscription(Board(), print)
    with pytest.raises(TimeoutError, match=r"ticker: no event within 0\.02 s; see client\.health\(\)"):
        await sub.first_event(0.02)


@on_both
async def test_several_tasks_may_wait_for_the_first_event() -> None:
    board, host, seen = Board(), current_host(), list[Any]()
    sub = subscription(board, print)

    async def wait() -> None:
        seen.append(await sub.first_event(None))

    tasks = [host.spawn(wait) for _ in range(3)]
    await turns()
    board.come(ticker())
    for task in tasks:
        await task.wait()
    assert seen == [(ticker(), 1)] * 3


@on_both
async def test_waiting_for_the_first_event_of_what_has_ended_is_refused() -> None:
    board, host, errors = Board(), current_host(), list[Exception]()
    sub = subscription(board, print)

    async def wait() -> None:
        try:
            await sub.first_event(None)
        except SubscriptionError as error:
            errors.append(error)

    task = host.spawn(wait)
    await turns()
    await sub.unsubscribe()
    await task.wait()
    assert "has ended; subscribe anew" in str(errors[0])


@on_both
async def test_the_first_event_after_a_change_is_a_new_one() -> None:
    board, seen = Board(), list[Any]()
    sub = subscription(board, seen.append)
    board.come(ticker(BTC))
    assert await sub.first_event(30) == (ticker(BTC), 1)
    await sub.add_symbols([ETH])
    board.come(ticker(ETH))
    assert await sub.first_event(30) == (ticker(ETH), 1)


@on_both
async def test_a_handle_is_true_and_says_what_it_is() -> None:
    board = Board()
    sub = subscription(board, print, symbols=[BTC, ETH], kind="candle", unit="1h")
    assert sub
    assert (sub.type, sub.unit, sub.symbols, sub.is_active) == ("candle.60m", "60m", {BTC, ETH}, True)
    assert repr(sub) == "<Subscription candle.60m of 'test', 2 symbols, active>"
    await sub.unsubscribe()
    assert sub
    assert (sub.symbols, sub.is_active) == (frozenset(), False)
    assert repr(sub) == "<Subscription candle.60m of 'test', 0 symbols, ended>"
    await sub.unsubscribe()


@on_both
async def test_a_handle_whose_place_was_taken_changes_nothing_any_more() -> None:
    board, seen = Board(), list[Any]()
    old = subscription(board, seen.append)
    new = subscription(board, seen.append, symbols=[ETH])  # The same callback: the same lane underneath.
    assert (old.is_active, new.is_active) == (False, True)
    await old.unsubscribe()
    for change in (old.add_symbols, old.remove_symbols):
        with pytest.raises(SubscriptionError, match="has ended; subscribe anew"):
            await change([BTC])
    assert new.symbols == {ETH}


@on_both
async def test_symbols_may_come_and_go_and_the_last_one_takes_the_subscription_with_it() -> None:
    board = Board()
    sub = subscription(board, print)
    await sub.add_symbols([ETH, BTC])
    assert sub.symbols == {BTC, ETH}
    await sub.remove_symbols([BTC, "KRW-XRP"])
    assert sub.symbols == {ETH}
    await sub.remove_symbols([ETH])
    assert not sub.is_active
    assert board.lanes == {}


@on_both
async def test_two_tasks_that_iterate_share_the_events() -> None:
    board, host, seen = Board(), current_host(), list[Any]()
    sub = subscription(board, delivery="every")

    async def loop() -> None:
        async for event in sub:
            seen.append(event)
            await host.sleep(0)

    tasks = [host.spawn(loop) for _ in range(2)]
    await turns()
    board.come_from_a_thread([ticker()] * 100, batch=1)
    await until(lambda: len(seen) == 100)
    await sub.unsubscribe()
    for task in tasks:
        await task.wait()
    assert sorted(numbers(seen, ticker())) == up_to(100)


def test_an_iterator_of_one_loop_is_no_business_of_another() -> None:
    async def main() -> Any:
        board = Board()
        return board, subscription(board)

    board, sub = asyncio.run(main())
    board.come(ticker())  # Nobody is there to hear it, and nothing fails.
    assert sub.is_active
