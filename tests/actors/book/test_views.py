"""Lines for pipes."""

import io

from actors.book.prompt import Prompt
from actors.book.shown import Arrival, Shown
from actors.book.views import PlainView, plain_text
from actors.client.reports import StateReport
from tests.actors.book.books import book
from tests.actors.consumers.harness import ticker


def test_a_line_says_the_best_prices_the_last_one_and_the_state() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    assert plain_text(shown, 2.0) == "KRW-BTC spread - | connecting for 2 s STALE"
    shown.take_state(StateReport("public", "live", epoch=5), now_s=3.0)
    shown.take_book(book(), Arrival(3.0, 5, 0.1))
    shown.take_ticker(ticker("KRW-BTC", 100_000_000.0, -0.07))
    assert plain_text(shown, 4.0) == (
        "KRW-BTC bid 100,000,000 x 1.00000 | ask 100,001,000 x 0.50000 | spread 1,000 (0.001 %)"
        " | last 100,000,000 -7.00% | live"
    )
    shown.take_state(StateReport("public", "down", "closed with 1006"), now_s=5.0)
    assert plain_text(shown, 7.0).endswith("| down for 2 s STALE: closed with 1006")


def test_a_line_says_why_there_is_no_book_until_there_is_one() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    shown.take_state(StateReport("public", "live", epoch=5), now_s=0.0)
    shown.notice = "KRW-BTC is not served"
    assert plain_text(shown, 1.0) == "KRW-BTC spread - | live | KRW-BTC is not served"
    shown.take_book(book(), Arrival(3.0, 5, 0.1))
    assert plain_text(shown, 4.0).endswith("| live")


async def test_a_line_that_says_the_same_is_not_printed_again() -> None:
    file = io.StringIO()
    view, shown = PlainView(file), Shown("KRW-BTC", now_s=0.0)
    for now_s in (1.0, 1.1, 2.0):
        await view.show(view.compose(shown, Prompt(), now_s=now_s))
    assert [line.partition(" ")[2] for line in file.getvalue().splitlines()] == [
        "KRW-BTC spread - | connecting for 1 s STALE",
        "KRW-BTC spread - | connecting for 2 s STALE",
    ]
