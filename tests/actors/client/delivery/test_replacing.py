"""A second subscription of a kind takes the place of the first one at one point in time."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from actors.client.delivery.callbacks import Callback
from actors.client.delivery.mailbox import Mailbox
from actors.client.hosts import current_host
from protocols.channel.messages import Gap
from tests.actors.client.both_loops import on_both, turns, until
from tests.actors.client.delivery.board_stage import BTC, ETH, XRP, Board, numbers, ticker, trade, up_to, wish_of


@on_both
async def test_after_a_replacement_the_old_callback_is_never_called_again_though_events_wait() -> None:
    board, old, new = Board(), list[Any](), list[Any]()
    board.lane(old.append, [BTC, ETH])
    board.come(ticker(BTC), ticker(ETH), ticker(BTC))
    board.lane(new.append, [ETH, XRP])
    board.come(ticker(BTC), ticker(ETH), ticker(XRP))
    await until(lambda: len(new) == 3)
    await turns()
    assert old == []
    assert sorted(new) == [(ticker(ETH), 1), (ticker(ETH), 2), (ticker(XRP), 1)]


@on_both
async def test_topics_that_stay_lose_nothing_and_double_nothing_through_many_replacements() -> None:
    board, seen = Board(), list[Any]()
    board.lane(seen.append, [BTC, ETH], delivery="every")
    thread = board.come_from_a_thread([ticker(BTC), ticker(ETH)] * 3000, batch=7)
    rounds, late = [0], list[Any]()

    def note(event: Any, *, mine: int) -> None:
        seen.append(event)
        if mine != rounds[0]:
            late.append(event)

    while thread.is_alive() or rounds[0] < 20:
        rounds[0] += 1
        symbols = [BTC, ETH, XRP] if rounds[0] % 2 else [ETH, BTC]
        board.lane(partial(note, mine=rounds[0]), symbols, delivery="every")
        await current_host().sleep(0.001)
    await until(lambda: len(seen) >= 6000)
    await turns()
    assert numbers(seen, ticker(BTC)) == numbers(seen, ticker(ETH)) == up_to(3000)
    assert late == [], "an old callback was called"


@on_both
async def test_an_async_callback_in_flight_ends_its_call_and_gets_no_other() -> None:
    board, host = Board(), current_host()
    bell, old, new = host.bell(), list[Any](), list[Any]()

    async def slow(event: Any) -> None:
        old.append(event)
        await bell.wait()
        old.append("done")

    lane = board.lane(slow)
    board.come(ticker(), ticker(), ticker())
    await until(lambda: old)
    board.lane(new.append)
    board.come(ticker())
    await until(lambda: len(new) == 3)
    bell.ring()
    await until(lambda: not lane.is_busy)
    await turns()
    assert old == [(ticker(), 1), "done"]
    assert numbers(new, ticker()) == [2, 3, 4]


@on_both
async def test_the_same_callback_again_changes_the_markets_and_nothing_else() -> None:
    board, seen = Board(), list[Any]()
    lane = board.lane(seen.append, [BTC, ETH])
    board.come(ticker(BTC), ticker(ETH))
    again = board.lane(seen.append, [ETH, XRP])
    assert again is lane
    assert lane.is_active
    board.come(ticker(BTC), ticker(XRP))
    await until(lambda: len(seen) == 2)
    await turns()
    assert seen == [(ticker(ETH), 1), (ticker(XRP), 1)]


@on_both
async def test_the_same_async_callback_again_goes_on_behind_the_call_that_is_in_flight() -> None:
    board, host = Board(), current_host()
    bell, seen, at_once = host.bell(), list[Any](), [0]

    async def slow(event: Any) -> None:
        at_once[0] += 1
        assert at_once[0] == 1, "two calls of one subscription at once"
        await bell.wait()
        seen.append(event)
        at_once[0] -= 1

    lane = board.lane(slow, [BTC])
    board.come(ticker(BTC))
    await until(lambda: lane.is_busy)
    assert board.lane(slow, [BTC, ETH]) is lane
    board.come(ticker(ETH))
    bell.ring()
    await until(lambda: len(seen) == 1)
    bell.ring()
    await until(lambda: len(seen) == 2)
    assert seen == [(ticker(BTC), 1), (ticker(ETH), 1)]


@on_both
async def test_the_same_callback_with_another_way_of_delivery_is_a_new_subscription() -> None:
    board, seen = Board(), list[Any]()
    lane = board.lane(seen.append)
    assert board.lane(seen.append, delivery="latest") is not lane
    assert not lane.is_active
    assert [want.delivery for want in board.wants("public")] == ["latest"]


@on_both
async def test_other_kinds_are_not_touched_by_a_replacement() -> None:
    board, minutes = Board(), list[Any]()
    lane = board.lane(minutes.append, kind="candle", unit="1m")
    board.come("candle.1m/KRW-BTC")
    board.lane(print, kind="candle", unit="3m")
    board.lane(print)
    await until(lambda: minutes)
    assert lane.is_active
    assert len(board.lanes) == 3


@on_both
async def test_fewer_markets_take_their_waiting_events_with_them() -> None:
    board, seen = Board(), list[Any]()
    lane = board.lane(seen.append, [BTC, ETH])
    board.come(ticker(BTC), ticker(ETH))
    board.change_lane(lane, lane.wish.with_symbols([ETH]))
    await until(lambda: seen)
    await turns()
    assert seen == [(ticker(ETH), 1)]


@on_both
async def test_a_subscription_without_any_market_has_ended() -> None:
    board, seen = Board(), list[Any]()
    lane = board.lane(seen.append, [BTC])
    board.come(ticker())
    board.change_lane(lane, lane.wish.with_symbols([]))
    await turns()
    assert (seen, lane.is_active, board.lanes, board.wants("public")) == ([], False, {}, [])


@on_both
async def test_a_callback_may_replace_itself() -> None:
    board, seen = Board(), list[Any]()

    def second(event: Any) -> None:
        seen.append(("second", event[1]))

    def first(event: Any) -> None:
        seen.append(("first", event[1]))
        if event[1] == 2:
            board.lane(second)

    board.lane(first)
    board.come(*[ticker()] * 4)
    await until(lambda: len(seen) == 4)
    assert seen == [("first", 1), ("first", 2), ("second", 3), ("second", 4)]


@on_both
async def test_a_callback_may_end_itself_and_others_and_begin_others() -> None:
    board, seen = Board(), list[Any]()

    def trades(event: Any) -> None:
        seen.append(event)

    def tickers(event: Any) -> None:
        seen.append(event)
        board.end_lane(lane)
        board.end_lane(books)
        board.lane(trades, kind="trade")
        board.come("trade/KRW-BTC")

    books = board.lane(seen.append, kind="orderbook")
    lane = board.lane(tickers)
    board.come(ticker(), ticker())
    await until(lambda: len(seen) == 2)
    board.come(ticker(), "orderbook/KRW-BTC")
    await turns()
    assert seen == [(ticker(), 1), ("trade/KRW-BTC", 1)]


@on_both
async def test_a_wish_of_other_depth_takes_the_place_of_the_one_before() -> None:
    board, seen = Board(), list[Any]()
    board.lane(print, kind="orderbook", units=5)
    board.wish_lane(wish_of([BTC], "orderbook", units=15), seen.append)
    board.come("orderbook.5/KRW-BTC", "orderbook.15/KRW-BTC")
    await until(lambda: seen)
    assert seen == [("orderbook.15/KRW-BTC", 1)]


class Stopped:
    """A thread of a callback is stopped where it comes by, until it may go on."""

    def __init__(self) -> None:
        self.is_there, self.may_go = threading.Event(), threading.Event()
        self._loop = threading.get_ident()

    def come_by(self) -> None:
        if threading.get_ident() != self._loop:
            self.is_there.set()
            assert self.may_go.wait(60)


class StoppedCallback(Callback):
    """Its thread is stopped when it looks up what to call."""

    def __init__(self, function: Callable[..., Any], stopped: Stopped) -> None:
        super().__init__(function, None)
        self._stopped = stopped

    def get(self) -> Any:
        function = super().get()
        self._stopped.come_by()
        return function


class StoppedBoard(Board):
    """A callback's thread is stopped when it tells of what was dropped."""

    stopped: Stopped | None = None

    def report_gap(self, gap: Gap) -> None:
        super().report_gap(gap)
        if self.stopped is not None:
            self.stopped.come_by()


@pytest.mark.parametrize("how", ["replaced", "ended", "closed", "muted"])
@pytest.mark.parametrize("where", ["at the callback", "at the gap"])
@on_both
async def test_a_callback_in_a_thread_that_was_about_to_be_called_is_not_once_it_was_left(how: str, where: str) -> None:
    board, stopped, old, new = StoppedBoard(), Stopped(), list[Any](), list[Any]()
    lane = board.lane(old.append, [BTC, ETH], kind="trade", in_thread=True)
    lane.mailbox, lane.is_held = Mailbox(limit=4, coalesces=False), True
    board.come(*[trade(BTC)] * 3, trade(ETH), trade(ETH))
    board.change_lane(lane, lane.wish.with_symbols([ETH]))  # One waits, and that one was dropped can be told.
    if where == "at the callback":
        lane.callback = StoppedCallback(old.append, stopped)
    else:
        board.stopped = stopped
    lane.is_held = False
    board.wake()
    await until(stopped.is_there.is_set)
    match how:
        case "replaced":
            board.lane(new.append, [ETH], kind="trade")
        case "ended":
            board.end_lane(lane)
        case "closed":
            assert board.close() == [lane]
        case "muted":
            board.mute()
    stopped.may_go.set()
    await until(lambda: not lane.is_busy)
    if how == "replaced":
        await until(lambda: new)
    await turns()
    assert old == []
    assert new == ([(trade(ETH), 1)] if how == "replaced" else [])


@on_both
async def test_callbacks_in_threads_lose_nothing_and_double_nothing_through_many_replacements() -> None:
    board, seen, rounds = Board(), list[Any](), 0
    board.lane(seen.append, [BTC, ETH], delivery="every", in_thread=True)
    thread = board.come_from_a_thread([ticker(BTC), ticker(ETH)] * 2000, batch=7)
    while thread.is_alive() or rounds < 20:
        rounds += 1
        board.lane(lambda event: seen.append(event), [BTC, ETH], delivery="every", in_thread=True)  # noqa: PLW0108 - another one each time
        await current_host().sleep(0.001)
    await until(lambda: len(seen) >= 4000)
    await turns()
    # The call that the old one was in and the first one of the new one may run at the same time, so in any order.
    assert sorted(numbers(seen, ticker(BTC))) == sorted(numbers(seen, ticker(ETH))) == up_to(2000)
