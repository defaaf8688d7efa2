"""What can still be asked for of the trades that were."""

from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.market.archive import Archive
from actors.exchange.market.events import EventLog, Traded
from actors.exchange.market.units import DAY_MS
from tests.actors.exchange.market.trades import traded

codes = st.sampled_from(["KRW-A", "KRW-B", "KRW-C"])


def filled(trades: list[Traded], *, kept: int = 1000, kept_each: int = 10) -> Archive:
    log = EventLog()
    archive = Archive(log, kept=kept, kept_each=kept_each)
    for trade in trades:
        log.append(trade)
    return archive


def test_trades_come_newest_first_and_only_as_many_as_asked_for() -> None:
    trades = [traded(t_ms) for t_ms in range(5)]
    archive = filled(trades)
    assert archive.ticks("KRW-BTC", day=0, count=3) == trades[:1:-1]
    assert archive.ticks("KRW-BTC", day=0, count=500) == trades[::-1]
    assert archive.ticks("KRW-ETH", day=0, count=500) == []


def test_a_cursor_gives_what_is_strictly_older_also_within_one_millisecond() -> None:
    trades = [traded(7, sequential_id=70_000 + i) for i in range(5)]
    archive = filled(trades)
    assert archive.ticks("KRW-BTC", day=0, count=2, before_id=70_003) == [trades[2], trades[1]]
    assert archive.ticks("KRW-BTC", day=0, count=2, before_id=70_000) == []


def test_a_time_leaves_its_own_moment_out() -> None:
    archive = filled([traded(t_ms) for t_ms in (10, 20, 30)])
    assert [trade.t_ms for trade in archive.ticks("KRW-BTC", day=0, count=9, until_ms=20)] == [10]


def test_neither_a_cursor_nor_a_time_reaches_into_another_day() -> None:
    trades = [traded(DAY_MS - 1), traded(DAY_MS), traded(2 * DAY_MS - 1), traded(2 * DAY_MS)]
    archive = filled(trades)
    assert archive.ticks("KRW-BTC", day=1, count=9) == [trades[2], trades[1]]
    assert archive.ticks("KRW-BTC", day=1, count=9, before_id=trades[1].sequential_id) == []
    assert archive.ticks("KRW-BTC", day=0, count=9, until_ms=3 * DAY_MS) == [trades[0]]
    assert archive.ticks("KRW-BTC", day=2, count=9, until_ms=DAY_MS) == []


@given(arrivals=st.lists(codes, max_size=80), kept=st.integers(6, 20))
def test_the_bound_holds_each_market_keeps_its_newest_and_what_is_forgotten_is_counted(
    arrivals: list[str], kept: int
) -> None:
    trades = [traded(t_ms, code=code) for t_ms, code in enumerate(arrivals)]
    archive = filled(trades, kept=kept, kept_each=2)
    assert len(archive) == min(kept, len(trades))
    assert archive.forgotten == len(trades) - len(archive)
    left = {code: archive.ticks(code, day=0, count=100)[::-1] for code in set(arrivals)}
    assert sum(map(len, left.values())) == len(archive)
    for code, run in left.items():
        own = [trade for trade in trades if trade.code == code]
        assert run == own[len(own) - len(run) :]  # Without a hole: only the oldest are gone.
        assert len(run) >= min(2, len(own))


def test_more_than_the_bound_is_kept_where_every_market_needs_it() -> None:
    archive = filled([traded(t_ms, code=f"KRW-{t_ms % 10}") for t_ms in range(100)], kept=5, kept_each=3)
    assert (len(archive), archive.forgotten) == (30, 70)
