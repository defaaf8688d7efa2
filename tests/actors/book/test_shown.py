"""What the window knows, and never mixes up."""

from actors.book.shown import Arrival, Shown
from actors.client.reports import StateReport
from tests.actors.book.books import book
from tests.actors.consumers.harness import ticker

HERE = Arrival(1.0, epoch=5, lag_ms=0.2)


def live(shown: Shown, *, epoch: int = 5, now_s: float = 0.0) -> None:
    shown.take_state(StateReport("public", "live", epoch=epoch), now_s=now_s)


def test_events_of_other_markets_change_nothing() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    assert not shown.take_book(book("KRW-ETH"), HERE)
    assert not shown.take_ticker(ticker("KRW-ETH"))
    assert (shown.market.book, shown.market.ticker, shown.foreign) == (None, None, 2)


def test_a_switch_keeps_each_book_under_its_own_name() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    old, new = book("KRW-BTC"), book("KRW-ETH")
    assert shown.take_book(old, HERE)
    shown.begin_switch("KRW-ETH")
    assert not shown.take_book(new, HERE)
    assert (shown.market.symbol, shown.market.book) == ("KRW-BTC", old)
    shown.end_switch()
    assert (shown.market.symbol, shown.market.book) == ("KRW-ETH", new)
    assert not shown.take_book(old, HERE)
    assert shown.market.book is new


def test_a_switch_that_fails_leaves_the_old_market_and_says_why() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    shown.take_book(book("KRW-BTC"), HERE)
    shown.begin_switch("KRW-NOPE")
    shown.fail_switch("no such market")
    assert shown.market.book is not None
    assert (shown.coming, shown.notice) == (None, "no such market")
    shown.begin_switch("KRW-ETH")
    assert shown.notice == ""


def test_the_market_that_is_shown_can_be_subscribed_anew_without_losing_its_book() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    shown.begin_switch("KRW-BTC")
    assert shown.take_book(book("KRW-BTC"), HERE)
    shown.end_switch()
    assert shown.market.book is not None
    assert shown.coming is None


def test_a_market_without_a_book_yet_is_shown_empty_after_the_switch() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    shown.take_book(book("KRW-BTC"), HERE)
    shown.begin_switch("KRW-ETH")
    shown.end_switch()
    assert (shown.market.symbol, shown.market.book) == ("KRW-ETH", None)


def test_a_book_is_stale_until_one_came_over_the_new_connection() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    assert shown.is_stale
    live(shown)
    shown.take_book(book(), HERE)
    assert not shown.is_stale
    shown.take_state(StateReport("public", "down", "1006"), now_s=10.0)
    shown.take_state(StateReport("public", "down", "refused"), now_s=12.0)
    assert shown.is_stale
    assert (shown.link.since_s, shown.link.reason, shown.link.epoch) == (10.0, "refused", 5)
    live(shown, epoch=6)
    assert shown.is_stale
    shown.take_book(book(), Arrival(2.0, epoch=6))
    assert not shown.is_stale


def test_a_book_of_before_is_stale_also_when_the_new_epoch_is_the_lower_one() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    live(shown, epoch=2000)
    shown.take_book(book(), Arrival(1.0, epoch=2000))
    shown.take_state(StateReport("public", "down", "1006"), now_s=10.0)
    live(shown, epoch=1000, now_s=12.0)
    assert shown.is_stale
    shown.take_book(book(), Arrival(12.1, epoch=1000))
    assert not shown.is_stale


def test_a_book_of_a_connection_that_came_without_an_outage_is_not_stale() -> None:
    shown = Shown("KRW-BTC", now_s=0.0)
    live(shown, epoch=5, now_s=1.0)
    shown.take_book(book(), Arrival(2.0, epoch=6))
    assert not shown.is_stale
