"""Gaps, states and errors as a client tells them."""

import gc
import logging
from typing import Any

import pytest

from actors.client.hosts import current_host
from actors.client.reports import ErrorReport, GapReport, StateReport
from protocols.channel.messages import Down, Gap, Up, WantProblem
from tests.actors.client.both_loops import on_both, turns, until
from tests.actors.client.delivery.board_stage import BTC, ETH, Board, ticker, trade


def heard(board: Board, *kinds: Any) -> list[Any]:
    """What listeners of these kinds of reports get; all of them when none is named."""
    reports: list[Any] = []
    for kind in kinds or (GapReport, StateReport, ErrorReport):
        board.announcer.listeners[kind].append(reports.append)
    return reports


@on_both
async def test_a_connection_that_comes_goes_and_comes_again_is_told_in_order() -> None:
    board = Board()
    reports = heard(board)
    board.mark(Up(7, 0.0, 1))
    board.mark(Down(7, "the exchange closed", 2))
    board.mark(Up(8, 1.5, 3))
    await until(lambda: len(reports) == 4)
    assert reports == [
        StateReport("public", "live", "", 7),
        StateReport("public", "down", "the exchange closed", 7),
        StateReport("public", "live", "", 8, 1.5),
        GapReport("", "", None, "public: the connection was away for 1.500 s", 8, outage_s=1.5, connection="public"),
    ]
    assert (board.announcer.gaps, board.announcer.errors) == (1, 0)


@on_both
async def test_a_connection_that_waits_for_its_owner_is_parked() -> None:
    board = Board()
    reports = heard(board, StateReport)
    board.take("private", [Down(0, "no keys", 1, parked=True)])
    board.take("private", [Down(0, "no keys", 1, parked=True)])
    board.take("private", [Up(3, 0.0, 2)])
    await until(lambda: len(reports) == 2)
    await turns()
    assert reports == [StateReport("private", "parked", "no keys", 0), StateReport("private", "live", "", 3)]


@on_both
async def test_events_that_were_dropped_on_the_way_are_told_with_their_market_and_numbers() -> None:
    board = Board()
    reports = heard(board, GapReport)
    board.lane(print, [BTC], kind="orderbook", units=5)
    board.mark(Gap("orderbook.5/KRW-BTC", 1, 11, 15, "not attached"))
    await until(lambda: reports)
    assert reports == [GapReport("orderbook", BTC, 5, "not attached", 1, 11, 15, connection="public")]


@on_both
async def test_a_market_that_is_not_served_is_an_error_and_a_problem_until_it_is() -> None:
    board = Board()
    reports = heard(board, ErrorReport)
    board.lane(lambda _event: None, [BTC, ETH])
    board.mark(WantProblem(ticker(ETH), "no data within 5 s"), WantProblem(trade(ETH), "of nobody"))
    await until(lambda: reports)
    assert board.problems == {ticker(ETH): "no data within 5 s"}
    (report,) = reports
    assert (report.client, report.type, report.symbol, report.error) == ("test", "ticker", ETH, None)
    assert report.text == "client 'test': ticker KRW-ETH is not served: no data within 5 s"
    assert (board.announcer.errors, board.announcer.callback_errors) == (1, 0)
    board.come(ticker(ETH))
    assert board.problems == {}


@on_both
async def test_a_problem_leaves_with_its_market() -> None:
    board = Board()
    lane = board.lane(print, [BTC, ETH])
    board.mark(WantProblem(ticker(ETH), "no data"))
    board.change_lane(lane, lane.wish.with_symbols([BTC]))
    assert board.problems == {}


@on_both
async def test_listeners_may_be_async_and_several() -> None:
    board, first, second = Board(), list[Any](), list[Any]()

    async def later(report: Any) -> None:
        await current_host().sleep(0)
        first.append(report)

    board.announcer.listeners[StateReport] += [later, second.append]
    board.mark(Up(1, 0.0, 1))
    await until(lambda: first and second)
    assert first == second == [StateReport("public", "live", "", 1)]


@on_both
async def test_a_listener_that_fails_is_logged_and_the_others_hear_it(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()

    def fail(_report: Any) -> None:
        raise LookupError("plain trouble")

    async def fail_later(_report: Any) -> None:
        await current_host().sleep(0)
        raise LookupError("async trouble")

    board.announcer.listeners[StateReport] += [fail, fail_later]
    reports = heard(board, StateReport)
    board.mark(Up(1, 0.0, 1))
    await until(lambda: reports and len(caplog.records) == 2)
    said = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert said == ["plain trouble", "async trouble"]
    board.mark(Down(1, "gone", 2))
    await until(lambda: len(reports) == 2)
    board.mark(*[marker for epoch in range(2, 8) for marker in (Up(epoch, 0.0, 1), Down(epoch, "gone", 2))])
    await until(lambda: len(reports) == 14 and len(caplog.records) == 4)
    assert set(board.announcer.listener_errors.values()) == {14}, "the first and the tenth of each are worth a line"


@on_both
async def test_a_listener_that_waits_is_not_lost_to_the_garbage_collector() -> None:
    board, host, done = Board(), current_host(), list[Any]()

    class Waiting:
        """Nobody but the waiting listener knows its bell."""

        def __init__(self) -> None:
            self.bell = host.bell()

    async def wait(report: Any) -> None:
        waiting = Waiting()
        bells.append(id(waiting))
        try:
            await waiting.bell.wait()
        finally:
            done.append(report)

    bells: list[int] = []
    board.announcer.listeners[StateReport].append(wait)
    board.mark(Up(1, 0.0, 1))
    await until(lambda: bells)
    await turns()
    gc.collect()
    await turns()
    assert done == []
    board.close()
    await until(lambda: done, limit_s=5.0)


@on_both
async def test_reports_for_a_loop_that_does_not_turn_are_bounded() -> None:
    board = Board()
    reports = heard(board, GapReport)
    board.lane(lambda _event: None, kind="trade")
    board.mark(*[Gap(trade(), 1, number, number, "many") for number in range(1500)])
    await until(lambda: reports)
    await turns()
    assert [report.first for report in reports] == list(range(500, 1500))
    assert board.announcer.gaps == 1500


@on_both
async def test_calls_of_an_async_listener_that_never_end_are_bounded() -> None:
    board, host, heard_of = Board(), current_host(), list[Any]()

    async def wait(report: Any) -> None:
        heard_of.append(report)
        await host.bell().wait()

    board.announcer.listeners[GapReport].append(wait)
    board.lane(lambda _event: None, kind="trade")
    for _ in range(2):
        board.mark(*[Gap(trade(), 1, number, number, "many") for number in range(600)])
        await turns()
    await until(lambda: len(heard_of) == 1000)
    assert board.announcer.untold == 200
    board.close()


@on_both
async def test_a_listener_may_end_the_client() -> None:
    board = Board()
    reports = heard(board, StateReport)
    board.announcer.listeners[StateReport].append(lambda _report: board.close())
    board.mark(Up(1, 0.0, 1))
    board.mark(Down(1, "gone", 2))
    await until(lambda: reports)
    await turns()
    assert reports == [StateReport("public", "live", "", 1)]


class BrokenHandler(logging.Handler):
    """As of a program whose disk is full, and that does not expect it."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError(28, "No space left on device")


@on_both
async def test_a_log_handler_that_fails_costs_neither_the_report_nor_the_thread_that_tells_it() -> None:
    board, handler, log = Board(), BrokenHandler(), logging.getLogger("upbitd.client")
    reports = heard(board, ErrorReport)
    board.lane(print)
    log.addHandler(handler)
    try:
        board.mark(WantProblem(ticker(), "no data"))
    finally:
        log.removeHandler(handler)
    await until(lambda: reports)
    assert "is not served: no data" in reports[0].text
    assert board.log.unwritten == 1


@on_both
async def test_a_listener_and_a_log_handler_that_both_fail_cost_no_event() -> None:
    board, handler, log, seen = Board(), BrokenHandler(), logging.getLogger("upbitd.client"), list[Any]()

    def fail(_report: object) -> None:
        raise RuntimeError("of the user")

    board.announcer.listeners[ErrorReport].append(fail)
    board.lane(seen.append)
    log.addHandler(handler)
    try:
        board.mark(WantProblem(ticker(), "no data"))
        board.come(ticker())
        await until(lambda: seen)
        assert board.log.unwritten == 2, "the report itself, and that its listener failed"
    finally:
        log.removeHandler(handler)
