"""What subscribers of the simulated market get, and when."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from actors.exchange.sources.hub import BOOK_GRID_MS, CANDLE_MS, TICKER_MS, Hub
from actors.exchange.sources.source import NO_STREAM, StreamKey
from actors.exchange.trading.simulation import Simulation
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.messages import (
    CANDLE_TYPES,
    REALTIME,
    SNAPSHOT,
    Candle,
    Message,
    MyAsset,
    MyOrder,
    Orderbook,
    Ticker,
    Trade,
)
from protocols.upbit.requests import Format, Subscription
from tests.actors.exchange.conftest import START_MS

NewSimulation = Callable[..., Simulation]


class ListSink:
    """A connection that keeps what it is given."""

    def __init__(self, format_: Format = Format.DEFAULT, access_key: str = "") -> None:
        self.format = format_
        self.access_key = access_key
        self.frames: list[bytes] = []

    def push(self, payload: bytes, stream: StreamKey = NO_STREAM) -> None:
        self.frames.append(payload)

    async def wait_room(self) -> None:
        return

    def take(self) -> list[Message]:
        decoder = FrameDecoder()
        messages = [message for frame in self.frames for message in decoder.decode(frame)]
        assert not decoder.unknown_fields
        self.frames.clear()
        return messages


class Stage:
    """A hub and its clock."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.now_ms = START_MS
        self.hub = Hub(simulation, lambda: self.now_ms)

    def play(self, ms: int, *, step_ms: int = 5) -> Iterator[int]:
        for _ in range(0, ms, step_ms):
            self.now_ms += step_ms
            self.hub.pump(self.now_ms)
            yield self.now_ms

    def run(self, ms: int) -> None:
        for _ in self.play(ms):
            pass


@pytest.fixture
def stage(new_simulation: NewSimulation) -> Stage:
    return Stage(new_simulation())


def kinds(messages: list[Message]) -> Counter[tuple[str, str]]:
    return Counter((getattr(message, "type", "?"), getattr(message, "stream_type", "?")) for message in messages)


CODES = ("KRW-BTC", "KRW-ETH", "BTC-ETH")


def test_each_code_gets_exactly_one_snapshot_and_then_what_happens(stage: Stage) -> None:
    sink = ListSink()
    types = ("ticker", "trade", "orderbook", *CANDLE_TYPES)
    stage.hub.subscribe(sink, [Subscription(type_, CODES) for type_ in types])
    assert kinds(sink.take()) == {(type_, SNAPSHOT): len(CODES) for type_ in types}
    stage.run(3_000)
    assert set(kinds(sink.take())) == {(type_, REALTIME) for type_ in types}


def test_flags_leave_out_the_snapshot_or_all_but_the_snapshot(stage: Stage) -> None:
    only_snapshot, only_realtime = ListSink(), ListSink()
    stage.hub.subscribe(only_snapshot, [Subscription("trade", CODES, is_only_snapshot=True)])
    stage.hub.subscribe(only_realtime, [Subscription("trade", CODES, is_only_realtime=True)])
    stage.run(3_000)
    assert kinds(only_snapshot.take()) == {("trade", SNAPSHOT): len(CODES)}
    assert set(kinds(only_realtime.take())) == {("trade", REALTIME)}


def test_a_new_request_replaces_everything_and_leaves_other_connections_alone(stage: Stage) -> None:
    changing, other = ListSink(), ListSink()
    for sink in (changing, other):
        stage.hub.subscribe(sink, [Subscription("ticker", ("KRW-BTC",)), Subscription("trade", ("KRW-BTC",))])
    changing.take()
    other.take()
    stage.hub.subscribe(changing, [Subscription("orderbook", ("KRW-ETH",))])
    stage.run(3_000)
    assert {(message.type, message.code) for message in changing.take()} == {("orderbook", "KRW-ETH")}  # type: ignore[union-attr]  # only data
    assert set(kinds(other.take())) == {("ticker", REALTIME), ("trade", REALTIME)}


def test_unknown_and_lower_case_codes_are_met_with_silence_and_the_others_are_served(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("ticker", ("KRW-NOPE", "krw-btc", "KRW-ETH", ""))])
    stage.run(2_000)
    assert {message.code for message in sink.take()} == {"KRW-ETH"}  # type: ignore[union-attr]  # only tickers


def test_who_left_gets_nothing_more(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("trade", CODES), Subscription("myOrder")])
    sink.take()
    stage.hub.leave(sink)
    stage.run(2_000)
    assert sink.frames == []


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


@pytest.mark.parametrize("format_", list(Format))
def test_all_formats_carry_the_same_messages(stage: Stage, format_: Format) -> None:
    plain, other = ListSink(), ListSink(format_)
    for sink in (plain, other):
        stage.hub.subscribe(
            sink, [Subscription(type_, CODES) for type_ in ("ticker", "trade", "orderbook", "candle.1m")]
        )
    stage.run(1_000)
    assert len(plain.frames) > 20
    assert plain.take() == other.take()


def test_books_come_on_a_grid_of_100_ms_and_only_when_they_changed(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("orderbook", ("KRW-BTC",), is_only_realtime=True)])
    sent_ms: list[int] = []
    books: list[Orderbook] = []
    for now_ms in stage.play(10_000):
        for message in sink.take():
            assert isinstance(message, Orderbook)
            sent_ms.append(now_ms)
            books.append(message)
    assert len(books) > 20
    slots = [now_ms // BOOK_GRID_MS for now_ms in sent_ms]  # KRW-BTC is the first market: its phase is 0.
    assert len(set(slots)) == len(slots)
    stamps = [book.timestamp for book in books]
    assert stamps == sorted(set(stamps))
    assert len({book.orderbook_units for book in books}) == len(books)


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


def test_tickers_pause_50_ms_and_the_last_one_says_what_the_trades_said(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription(type_, CODES, is_only_realtime=True) for type_ in ("ticker", "trade")])
    last: dict[str, int] = {}
    tickers: dict[str, Ticker] = {}
    trades: dict[str, Trade] = {}
    for now_ms in stage.play(8_000):
        for message in sink.take():
            if isinstance(message, Ticker):
                assert now_ms - last.get(message.code, 0) >= TICKER_MS
                last[message.code], tickers[message.code] = now_ms, message
            elif isinstance(message, Trade):
                trades[message.code] = message
    assert set(tickers) == set(CODES)
    for code, message in tickers.items():
        if message.trade_timestamp == trades[code].trade_timestamp:
            assert (message.trade_price, message.trade_volume) == (trades[code].trade_price, trades[code].trade_volume)


def test_acc_volume_of_the_ticker_grows_by_the_volume_of_the_trades(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription(type_, ("KRW-BTC",)) for type_ in ("ticker", "trade")])
    first = next(message for message in sink.take() if isinstance(message, Ticker))
    stage.run(5_000)
    messages = sink.take()
    traded = sum(message.trade_volume for message in messages if isinstance(message, Trade))
    stage.hub.subscribe(sink, [Subscription("ticker", ("KRW-BTC",))])
    (last,) = sink.take()
    assert isinstance(last, Ticker)
    assert last.acc_trade_volume - first.acc_trade_volume == pytest.approx(traded)


def test_a_candle_comes_only_after_a_trade_and_at_most_once_a_second(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription(type_, CODES, is_only_realtime=True) for type_ in ("candle.1s", "trade")])
    last: dict[str, int] = {}
    traded: set[str] = set()
    for now_ms in stage.play(10_000):
        for message in sink.take():
            if isinstance(message, Trade):
                traded.add(message.code)
            elif isinstance(message, Candle):
                assert message.code in traded
                traded.discard(message.code)
                assert now_ms - last.get(message.code, 0) >= CANDLE_MS
                last[message.code] = now_ms
    assert last


def test_account_events_reach_the_connections_of_that_key_only(stage: Stage) -> None:
    mine, second, stranger = ListSink(access_key="key"), ListSink(access_key="key"), ListSink(access_key="other")
    for sink in (mine, stranger):
        stage.hub.subscribe(sink, [Subscription("myOrder"), Subscription("myAsset")])
    stage.hub.subscribe(second, [Subscription("myOrder", ("KRW-ADA",))])
    stage.run(30_000)
    messages = mine.take()
    assert {type(message) for message in messages} == {MyOrder, MyAsset}
    assert stranger.frames == []
    ada = [message for message in messages if isinstance(message, MyOrder) and message.code == "KRW-ADA"]
    assert second.take() == ada


def test_a_topic_that_is_named_twice_is_delivered_once(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("trade", ("KRW-BTC", "KRW-BTC")), Subscription("trade", ("KRW-BTC",))])
    stage.run(2_000)
    messages = sink.take()
    ids = [message.sequential_id for message in messages if isinstance(message, Trade)]
    assert len(ids) > 1
    assert len(set(ids)) == len(ids)
