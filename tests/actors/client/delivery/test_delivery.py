"""From the links to callbacks: each event once, in order, in the program's own loop."""

import threading
import time
from functools import partial
from typing import Any

import pytest

from actors.client.hosts import current_host
from actors.client.wishes import wish_of_account
from protocols.channel.messages import CACHED, Want
from tests.actors.client.both_loops import on_both, turns, until
from tests.actors.client.delivery.board_stage import BTC, ETH, XRP, Board, numbers, ticker, trade, up_to


@on_both
async def test_each_event_comes_once_and_in_order_from_another_thread() -> None:
    board, seen = Board(), list[Any]()
    board.lane(seen.append, [BTC, ETH], delivery="every")
    board.come_from_a_thread([ticker(BTC), ticker(ETH)] * 2000)
    await until(lambda: len(seen) >= 4000)
    await turns()
    assert numbers(seen, ticker(BTC)) == numbers(seen, ticker(ETH)) == up_to(2000)
    assert board.messages == 4000


@on_both
async def test_callbacks_run_in_the_thread_of_the_loop() -> None:
    board, seen = Board(), list[int]()
    board.lane(lambda _event: seen.append(threading.get_ident()))
    board.come_from_a_thread([ticker()] * 3)
    await until(lambda: len(seen) == 3)
    assert set(seen) == {threading.get_ident()}


@on_both
async def test_no_callback_runs_inside_the_call_that_brings_the_event() -> None:
    board, seen = Board(), list[Any]()
    board.lane(seen.append)
    board.come(ticker())
    assert seen == []
    await until(lambda: seen)


@on_both
async def test_each_subscription_gets_its_own_events_alone() -> None:
    board, tickers, trades, candles = Board(), list[Any](), list[Any](), list[Any]()
    board.lane(tickers.append)
    board.lane(trades.append, kind="trade")
    board.lane(candles.append, kind="candle", unit="3m")
    board.come(ticker(), trade(), "candle.3m/KRW-BTC", "candle.1m/KRW-BTC", ticker(ETH), trade())
    await until(lambda: len(trades) == 2)
    await turns()
    assert (tickers, candles) == ([(ticker(), 1)], [("candle.3m/KRW-BTC", 1)])
    assert board.late == 2
    assert board.messages == 4


SHAPES = ("function", "bound method", "partial", "async function", "object", "async object", "function of a coroutine")


def shaped(shape: str, seen: list[Any]) -> Any:
    """A callback of one shape that notes what it got."""

    async def later(event: Any) -> None:
        await current_host().sleep(0)
        seen.append(event)

    class Called:
        def __call__(self, event: Any) -> None:
            seen.append(event)

    class CalledAsync:
        async def __call__(self, event: Any) -> None:
            await later(event)

    def plain(event: Any) -> None:
        seen.append(event)

    def with_more(_: int, event: Any) -> None:
        seen.append(event)

    def other(event: Any) -> Any:
        return later(event)

    shapes = (plain, seen.append, partial(with_more, 1), later, Called(), CalledAsync(), other)
    return dict(zip(SHAPES, shapes, strict=True))[shape]


@pytest.mark.parametrize("shape", SHAPES)
@on_both
async def test_a_callback_of_every_shape_gets_every_event_in_order(shape: str) -> None:
    board, seen = Board(), list[Any]()
    board.lane(shaped(shape, seen), delivery="every")
    board.come_from_a_thread([ticker()] * 300)
    await until(lambda: len(seen) >= 300)
    await turns()
    assert numbers(seen, ticker()) == up_to(300)


@on_both
async def test_many_events_leave_the_other_tasks_of_the_program_their_turns() -> None:
    board, host, turns_had, is_over = Board(), current_host(), list[int](), list[bool]()
    handled = list[Any]()

    async def other() -> None:
        while not is_over:
            turns_had.append(len(handled))
            await host.sleep(0)

    def busy(event: Any) -> None:
        handled.append(event)
        until_s = time.perf_counter() + 0.0005
        while time.perf_counter() < until_s:
            pass
        if event[1] == 1000:
            is_over.append(True)

    board.lane(busy, delivery="every")
    board.come(*[ticker()] * 1000)
    task = host.spawn(other)
    await task.wait()
    assert len({count for count in turns_had if 0 < count < 1000}) > 5, "callbacks of 0.5 s, in slices of 5 ms"


@on_both
async def test_an_async_callback_that_never_waits_leaves_the_others_their_turns_too() -> None:
    board, host, seen, turns_had = Board(), current_host(), list[Any](), [0]

    async def busy(event: Any) -> None:
        until_s = time.perf_counter() + 0.0005
        while time.perf_counter() < until_s:
            pass
        seen.append(event)

    async def other() -> None:
        while len(seen) < 1000:
            await host.sleep(0)
            turns_had[0] += 1

    board.lane(busy, delivery="every")
    board.come(*[ticker()] * 1000)
    await host.spawn(other).wait()
    assert turns_had[0] >= 10


@on_both
async def test_the_envelope_is_that_of_the_event_that_is_being_delivered() -> None:
    board, seen = Board(), list[Any]()
    lane = board.lane(lambda body: seen.append((body[1], lane.envelope)))
    board.cached(ticker())
    board.come(ticker(), ticker())
    await until(lambda: len(seen) == 3)
    assert [(number, at.sequence, at.origin) for number, at in seen] == [(1, 1, CACHED), (2, 2, 0), (3, 3, 0)]
    assert all(at.topic == ticker() and at.epoch == 1 and at.received_ns > 0 for _, at in seen)


@on_both
async def test_what_was_old_when_it_was_wanted_is_no_lag() -> None:
    board, seen = Board(), list[Any]()
    lane = board.lane(seen.append)
    board.cached(ticker())
    await until(lambda: seen)
    assert (lane.figures.lag_s, lane.figures.max_lag_s) == (0, 0)
    board.come(ticker())
    await until(lambda: len(seen) == 2)
    assert 0 < lane.figures.lag_s == lane.figures.max_lag_s


@on_both
async def test_who_wants_changes_alone_gets_no_last_known_state() -> None:
    board, seen = Board(), list[Any]()
    board.lane(seen.append, preference="realtime_only")
    board.cached(ticker())
    board.come(ticker())
    await until(lambda: seen)
    await turns()
    assert seen == [(ticker(), 2)]


@on_both
async def test_a_one_shot_subscription_gets_one_event_of_each_market_and_then_wants_nothing() -> None:
    board, seen = Board(), list[Any]()
    lane = board.lane(seen.append, [BTC, ETH], preference="snapshot_only")
    assert [want.topic for want in board.wants("public")] == [ticker(BTC), ticker(ETH)]
    is_served = board.take("public", [board.event(ticker(BTC)), board.event(ticker(BTC))])
    assert is_served
    assert [want.topic for want in board.wants("public")] == [ticker(ETH)]
    board.come(ticker(ETH), ticker(ETH))
    await until(lambda: len(seen) == 2)
    await turns()
    assert seen == [(ticker(BTC), 1), (ticker(ETH), 1)]
    assert board.wants("public") == []
    assert lane.is_done


@on_both
async def test_a_market_that_is_added_to_a_one_shot_subscription_is_asked_for_alone() -> None:
    board = Board()
    lane = board.lane(None, [BTC], preference="snapshot_only")
    board.come(ticker(BTC))
    board.change_lane(lane, lane.wish.with_symbols([BTC, ETH]))
    assert [want.topic for want in board.wants("public")] == [ticker(ETH)]


@on_both
async def test_what_is_wanted_of_each_connection_is_the_union_of_the_subscriptions() -> None:
    board = Board()
    board.lane(print, [BTC, ETH])
    board.lane(print, [BTC], kind="orderbook", units=5, delivery="latest")
    board.lane(print, [XRP], kind="candle", unit="1h", delivery="sampled", sample_ms=500)
    board.wish_lane(wish_of_account("myOrder"), print)
    assert board.wants("public") == [
        Want(ticker(BTC)),
        Want(ticker(ETH)),
        Want("orderbook.5/KRW-BTC", "latest"),
        Want("candle.60m/KRW-XRP", "sampled", 500),
    ]
    assert board.wants("private") == [Want("myOrder")]
