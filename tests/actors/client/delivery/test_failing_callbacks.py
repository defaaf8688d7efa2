"""A callback that fails is counted and told, and harms nobody: not the next event, and no other subscription."""

import asyncio
import sys
import traceback
from typing import Any

import pytest
import trio

from actors.client.hosts import current_host
from actors.client.reports import ErrorReport
from tests.actors.client.both_loops import on_both, run_in, turns, until
from tests.actors.client.delivery.board_stage import BTC, Board, numbers, ticker, trade, up_to

WAYS = ("plain", "async", "in a thread")


def failing(way: str, seen: list[Any]) -> Any:
    """A callback that raises on every third event."""

    def plain(event: Any) -> None:
        seen.append(event)
        if event[1] % 3 == 0:
            raise RuntimeError(f"the third of three: {event[1]}")

    async def later(event: Any) -> None:
        await current_host().sleep(0)
        plain(event)

    return later if way == "async" else plain


@pytest.mark.parametrize("way", WAYS)
@on_both
async def test_a_callback_that_fails_on_every_third_event_gets_the_others_and_every_error_is_counted(way: str) -> None:
    board, seen, other, reports = Board(), list[Any](), list[Any](), list[ErrorReport]()
    board.announcer.listeners[ErrorReport].append(reports.append)
    lane = board.lane(failing(way, seen), delivery="every", in_thread=way == "in a thread")
    board.lane(other.append, kind="trade")
    board.come_from_a_thread([ticker(), trade()] * 300)
    await until(lambda: len(seen) == 300 and len(other) == 300 and len(reports) == 100)
    await turns()
    assert numbers(seen, ticker()) == numbers(other, trade()) == up_to(300)
    assert lane.figures.errors == board.announcer.callback_errors == board.announcer.errors == len(reports) == 100
    assert lane.figures.delivered == 300


@pytest.mark.parametrize("way", WAYS)
@on_both
async def test_the_report_of_a_failure_names_client_callback_market_and_error(way: str) -> None:
    board, reports = Board("my bot"), list[ErrorReport]()
    board.announcer.listeners[ErrorReport].append(reports.append)
    board.lane(failing(way, []), in_thread=way == "in a thread")
    board.come(*[ticker()] * 3)
    await until(lambda: reports)
    (report,) = reports
    assert (report.client, report.type, report.symbol) == ("my bot", "ticker", BTC)
    assert isinstance(report.error, RuntimeError)
    for said in ("my bot", "failing", "ticker KRW-BTC", "RuntimeError: the third of three: 3"):
        assert said in report.text


@on_both
async def test_failures_are_logged_in_full_but_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()

    def fail(_event: Any) -> None:
        raise LookupError("again")

    lane = board.lane(fail, delivery="every")
    board.come(*[ticker()] * 1000)
    await until(lambda: lane.figures.errors == 1000)
    logged = [record for record in caplog.records if "again" in record.getMessage()]
    assert len(logged) == 4  # The 1st, 10th, 100th and 1000th.
    assert all(record.exc_info is not None and record.levelname == "ERROR" for record in logged)


@on_both
async def test_a_callback_that_awaits_something_cancelled_goes_on_with_the_next_event() -> None:
    board, seen = Board(), list[Any]()

    async def on_asyncio(event: Any) -> None:
        seen.append(event)
        if event[1] == 1 and current_host().library == "asyncio":
            gone = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone

    board.lane(on_asyncio, delivery="every")
    board.come(*[ticker()] * 3)
    await until(lambda: len(seen) == 3)
    board.come(ticker())
    await until(lambda: len(seen) == 4)
    assert numbers(seen, ticker()) == up_to(4)


@on_both
async def test_a_failure_of_one_subscription_is_not_counted_by_another() -> None:
    board, seen = Board(), list[Any]()
    board.lane(failing("plain", []), delivery="every")
    good = board.lane(seen.append, kind="trade")
    board.come(*[ticker(), trade()] * 9)
    await until(lambda: len(seen) == 9)
    await until(lambda: board.announcer.callback_errors == 3)
    assert good.figures.errors == 0


@on_both
async def test_a_callback_in_a_thread_that_exits_is_told_and_gets_the_next_event() -> None:
    board, seen, reports = Board(), list[Any](), list[ErrorReport]()

    def leave(event: Any) -> None:
        seen.append(event)
        if event[1] == 1:
            sys.exit(3)

    board.announcer.listeners[ErrorReport].append(reports.append)
    board.lane(leave, delivery="every", in_thread=True)
    board.come(ticker(), ticker())
    await until(lambda: len(seen) == 2 and reports)
    assert "sys.exit ends nothing in a thread" in reports[0].text


@pytest.mark.parametrize("way", ["plain", "async"])
@pytest.mark.parametrize(("library", "end"), [("asyncio", SystemExit), ("trio", trio.TrioInternalError)])
def test_a_callback_that_exits_ends_the_loop_as_the_guide_says(
    way: str, library: str, end: type[BaseException]
) -> None:
    def plain(_event: Any) -> None:
        sys.exit(3)

    async def later(_event: Any) -> None:
        sys.exit(3)

    async def main() -> None:
        board = Board()
        board.lane(plain if way == "plain" else later)
        board.come(ticker())
        await current_host().sleep(1000)

    with pytest.raises(end) as ended:
        run_in(library, main)
    if library == "trio":
        assert "SystemExit" in "".join(traceback.format_exception(ended.value))
