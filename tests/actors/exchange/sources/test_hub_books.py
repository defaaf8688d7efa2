"""What subscribers of order books get, and when."""

from itertools import pairwise

import pytest

from actors.exchange.quirks import Quirks
from protocols.upbit.messages import SNAPSHOT, Orderbook
from protocols.upbit.requests import Subscription
from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.sources.hub_stage import CODES, ListSink, NewSimulation, Stage


@pytest.mark.parametrize(("suffix", "units"), [("", 30), (".1", 1), (".5", 5), (".15", 15), (".30", 30), (".20", 30)])
def test_the_depth_follows_the_suffix_and_falls_back_to_30(stage: Stage, suffix: str, units: int) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("orderbook", (f"KRW-BTC{suffix}",))])
    (book,) = sink.take()
    assert isinstance(book, Orderbook)
    assert (book.code, len(book.orderbook_units)) == ("KRW-BTC", units)
    assert book.total_ask_size == pytest.approx(sum(unit.ask_size for unit in book.orderbook_units))
    assert book.total_bid_size == pytest.approx(sum(unit.bid_size for unit in book.orderbook_units))


def test_a_level_groups_the_book_and_keeps_what_is_in_it(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("orderbook", ("KRW-BTC",), level=10_000.0)])
    (grouped,) = sink.take()
    assert isinstance(grouped, Orderbook)
    assert grouped.level == 10_000.0
    market = stage.simulation.markets["KRW-BTC"]
    filled = [unit for unit in grouped.orderbook_units if unit.ask_price]
    assert all(unit.ask_price % 10_000 == 0 and unit.bid_price % 10_000 == 0 for unit in filled)
    assert filled[0].ask_price >= market.book.asks.best()[0] / 1e8
    assert filled[0].bid_price <= market.book.bids.best()[0] / 1e8
    assert grouped.total_ask_size == pytest.approx(sum(size for _, size in market.book.asks.best_first()) / 1e8)


@pytest.mark.parametrize(
    ("code", "level"),
    [("KRW-BTC", 1234.0), ("KRW-BTC", 1e12), ("KRW-BTC", -10_000.0), ("KRW-BTC", float("inf")),
     ("KRW-BTC", float("nan")), ("KRW-BTC", 1e-300), ("BTC-ETH", 0.0001)],
)  # fmt: skip
def test_an_unsupported_level_is_met_with_silence(stage: Stage, code: str, level: float) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("orderbook", (code,), level=level)])
    stage.run(1_000)
    assert sink.frames == []


@pytest.mark.parametrize("book_ms", [100, 290])
def test_books_come_on_a_grid_and_only_when_they_changed(new_simulation: NewSimulation, book_ms: int) -> None:
    stage, sink = Stage(new_simulation(), Quirks(book_ms=book_ms)), ListSink()
    stage.hub.subscribe(sink, [Subscription("orderbook", ("KRW-BTC",), is_only_realtime=True)])
    sent_ms: list[int] = []
    books: list[Orderbook] = []
    for now_ms in stage.play(10_000):
        for message in sink.take():
            assert isinstance(message, Orderbook)
            sent_ms.append(now_ms)
            books.append(message)
    assert len(books) > 20
    slots = [now_ms // book_ms for now_ms in sent_ms]  # KRW-BTC is the first market: its phase is 0.
    assert len(set(slots)) == len(slots)
    stamps = [book.timestamp for book in books]
    assert stamps == sorted(set(stamps))
    assert len({book.orderbook_units for book in books}) == len(books)


def test_a_book_is_sent_only_when_what_it_shows_has_changed(stage: Stage) -> None:
    best, deep = ListSink(), ListSink()
    stage.hub.subscribe(best, [Subscription("orderbook", ("KRW-BTC.1",))])
    stage.hub.subscribe(deep, [Subscription("orderbook", ("KRW-BTC",))])
    stage.run(10_000)
    shown = [message.orderbook_units for message in best.take() if isinstance(message, Orderbook)]
    assert 10 < len(shown) < len(deep.take())
    assert all(before != after for before, after in pairwise(shown))


def test_the_first_book_without_a_snapshot_is_the_next_that_is_another(new_simulation: NewSimulation) -> None:
    stage, sink = Stage(new_simulation(rate=0.0, access_key="")), ListSink()
    market = stage.simulation.markets["KRW-BTC"]
    best_e8, _ = market.book.bids.best()
    market.place(stage.now_ms, is_ask=False, price_e8=best_e8, size_e8=1)
    stage.hub.subscribe(sink, [Subscription("orderbook", ("KRW-BTC",), is_only_realtime=True)])
    stage.run(1_000)
    assert sink.frames == []
    market.place(stage.now_ms, is_ask=False, price_e8=best_e8, size_e8=1)
    stage.run(1_000)
    assert len(sink.frames) == 1


def test_the_grids_of_two_markets_have_different_phases(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("orderbook", ("KRW-BTC", "KRW-ETH"), is_only_realtime=True)])
    stage.run(1_000)
    sink.take()
    phases: dict[str, set[int]] = {"KRW-BTC": set(), "KRW-ETH": set()}
    for now_ms in stage.play(2_000):
        for code in phases:
            market = stage.simulation.markets[code]
            market.place(now_ms, is_ask=False, price_e8=market.book.bids.best()[0], size_e8=1)
        for message in sink.take():
            phases[message.code].add(stage.now_ms % 100)  # type: ignore[union-attr]  # only books
    assert {code: len(times) for code, times in phases.items()} == {"KRW-BTC": 1, "KRW-ETH": 1}
    assert phases["KRW-BTC"] != phases["KRW-ETH"]


def test_a_quiet_book_sends_nothing_and_its_snapshot_tells_the_time_of_its_last_change(
    new_simulation: NewSimulation,
) -> None:
    stage, sink = Stage(new_simulation(rate=0.0, access_key="")), ListSink()
    stage.run(30_000)
    stage.hub.subscribe(sink, [Subscription("orderbook", CODES)])
    stage.run(30_000)
    books = sink.take()
    assert [book.stream_type for book in books] == [SNAPSHOT] * len(CODES)  # type: ignore[union-attr]  # only books
    assert all(book.timestamp < START_MS for book in books)  # type: ignore[union-attr]  # only books


def test_books_never_cross_and_are_sorted(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("orderbook", tuple(stage.simulation.markets))])
    stage.run(5_000)
    for book in sink.take():
        assert isinstance(book, Orderbook)
        asks = [unit.ask_price for unit in book.orderbook_units if unit.ask_price]
        bids = [unit.bid_price for unit in book.orderbook_units if unit.bid_price]
        assert asks == sorted(set(asks))
        assert bids == sorted(set(bids), reverse=True)
        assert bids[0] < asks[0]


def test_depths_and_levels_of_one_market_are_streams_of_their_own(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(
        sink,
        [
            Subscription("orderbook", ("KRW-BTC", "KRW-BTC.30", "KRW-BTC.20", "KRW-BTC.5")),
            Subscription("orderbook", ("KRW-BTC",), level=10_000.0),
        ],
    )
    books = [message for message in sink.take() if isinstance(message, Orderbook)]
    assert [(len(book.orderbook_units), book.level) for book in books] == [(30, 0.0), (5, 0.0), (30, 10_000.0)]
