"""The event log."""

from actors.exchange.market.events import Cancelled, EventLog, Placed, Traded
from tests.actors.exchange.market.trades import traded


def test_the_log_keeps_as_many_events_as_it_is_told_to() -> None:
    events = [Placed(t_ms, "KRW-BTC", t_ms, True, 1, 1) for t_ms in range(5)]
    for kept, left in ((None, 5), (2, 2), (0, 0)):
        log = EventLog(kept=kept)
        for event in events:
            log.append(event)
        assert list(log) == events[5 - left :]


def test_listeners_see_each_trade_when_it_is_appended_and_nothing_else() -> None:
    log, seen = EventLog(), list[Traded]()
    log.append(traded(1))
    log.on_trade(seen.append)
    for event in (Placed(2, "KRW-BTC", 1, True, 1, 1), traded(3), Cancelled(4, "KRW-BTC", 1, 1)):
        log.append(event)
    assert seen == [traded(3)]


def test_the_log_says_in_which_markets_something_happened_since_it_was_asked() -> None:
    log = EventLog()
    for code in ("KRW-B", "KRW-A", "KRW-B"):
        log.append(Placed(1, code, 1, True, 1, 1))
    assert list(log.touched) == ["KRW-B", "KRW-A"]
    log.touched.clear()
    log.append(Cancelled(2, "KRW-A", 1, 1))
    assert list(log.touched) == ["KRW-A"]
