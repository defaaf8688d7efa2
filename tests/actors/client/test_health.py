"""The figures of a client, without a tree."""

import time
from typing import Any, Final

import msgspec
import pytest

from actors.client.delivery.connection_states import WORST_FIRST
from actors.client.delivery.mailbox import Mailbox
from actors.client.health import health_of, state_of
from actors.client.hosts import current_host
from actors.client.reports import ClientState
from actors.client.wishes import wish_of_account
from protocols.channel.messages import WantProblem
from tests.actors.client.both_loops import on_both, until
from tests.actors.client.delivery.board_stage import BTC, ETH, Board, ticker, trade

BEGAN_NS: Final = time.monotonic_ns()


def figures(board: Board, *, merged_on_the_way: int = 0, unlogged_on_the_way: int = 0) -> Any:
    return health_of(
        board, began_ns=BEGAN_NS, merged_on_the_way=merged_on_the_way, unlogged_on_the_way=unlogged_on_the_way
    )


@on_both
async def test_before_anything_is_wanted_a_client_is_idle_and_without_figures() -> None:
    health = figures(Board("new"))
    assert (health.name, health.state, health.is_connected, health.age_s) == ("new", "idle", False, None)
    assert (health.messages, health.waiting, health.lag_ms, health.subscriptions) == (0, 0, 0, [])


@pytest.mark.parametrize("other", WORST_FIRST)
@on_both
async def test_the_state_of_a_client_is_the_worst_of_those_that_it_uses(other: ClientState) -> None:
    board = Board()
    board.lane(print)
    board.connections.turn("public", "live")
    assert state_of(board) == "live"
    board.connections.turn("private", other)
    assert state_of(board) == "live"  # It uses nothing of the account.
    board.wish_lane(wish_of_account("myOrder"), print)
    assert state_of(board) == other
    assert figures(board).is_connected is (other == "live")
    board.close()
    assert state_of(board) == "closed"


@on_both
async def test_what_waits_is_counted_with_its_age_and_what_was_lost_with_how() -> None:
    board, host = Board(), current_host()

    async def wait(_event: Any) -> None:
        await host.bell().wait()

    lanes = [board.lane(wait, [BTC, ETH]), board.lane(wait, kind="trade")]
    lanes[0].mailbox, lanes[1].mailbox = Mailbox(limit=1, coalesces=True), Mailbox(limit=2, coalesces=False)
    board.come(ticker(), trade())
    await until(lambda: all(lane.is_busy for lane in lanes))
    board.come(*[ticker()] * 4, *[trade()] * 5)
    health = figures(board, merged_on_the_way=7)
    tickers, trades = health.subscriptions
    assert (tickers.type, tickers.symbols, tickers.delivered, tickers.waiting, tickers.merged) == ("ticker", 2, 1, 2, 2)
    assert (trades.type, trades.symbols, trades.delivered, trades.waiting, trades.dropped) == ("trade", 1, 1, 2, 3)
    assert (health.messages, health.waiting, health.merged, health.drops) == (11, 4, 2 + 7, 3)
    assert tickers.oldest_ms >= 0
    assert health.age_s is not None
    await host.sleep(0.01)
    assert figures(board).subscriptions[0].oldest_ms >= tickers.oldest_ms + 9
    board.close()


@on_both
async def test_what_came_for_nobody_is_counted_as_late_and_not_as_a_message() -> None:
    board = Board()
    lane = board.lane(lambda _event: None, [BTC, ETH], preference="realtime_only")
    board.change_lane(lane, lane.wish.with_symbols([BTC]))
    board.come(ticker(BTC), ticker(ETH))
    board.cached(ticker(BTC))
    health = figures(board)
    assert (health.messages, health.late) == (1, 2)


@on_both
async def test_lines_that_the_log_did_not_take_are_counted_wherever_they_were_lost() -> None:
    board = Board()
    board.log.unwritten = 1
    assert figures(board, unlogged_on_the_way=2).unlogged == 3


@on_both
async def test_the_figures_are_plain_enough_for_json() -> None:
    board = Board()
    board.lane(lambda _event: None, [BTC, ETH])
    board.connections.turn("public", "down", "the exchange closed")
    board.mark(WantProblem(ticker(ETH), "no data"))
    told = msgspec.json.decode(msgspec.json.encode(figures(board)))
    assert told["connections"] == {"public": {"state": "down", "reason": "the exchange closed", "epoch": 0}}
    assert told["problems"] == {ticker(ETH): "no data"}
