"""What subscribers of the simulated market get, and when. (Order books: test_hub_books.)"""

from collections import Counter
from itertools import pairwise

import pytest

from actors.exchange.quirks import Quirks
from actors.exchange.trading.venue import Venue
from protocols.upbit.messages import (
    CANDLE_TYPES,
    REALTIME,
    SNAPSHOT,
    Candle,
    Message,
    MyAsset,
    MyOrder,
    Ticker,
    Trade,
)
from protocols.upbit.requests import Format, Subscription
from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.sources.hub_stage import CODES, ListSink, NewSimulation, Stage


def kinds(messages: list[Message]) -> Counter[tuple[str, str]]:
    return Counter((getattr(message, "type", "?"), getattr(message, "stream_type", "?")) for message in messages)


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


@pytest.mark.parametrize("ticker_ms", [50, 400])
def test_tickers_are_merged_for_a_while_and_the_last_one_says_what_the_trades_said(
    new_simulation: NewSimulation, ticker_ms: int
) -> None:
    stage, sink = Stage(new_simulation(), Quirks(ticker_ms=ticker_ms)), ListSink()
    stage.hub.subscribe(sink, [Subscription(type_, CODES, is_only_realtime=True) for type_ in ("ticker", "trade")])
    last: dict[str, int] = {}
    tickers: dict[str, Ticker] = {}
    trades: dict[str, dict[int, Trade]] = {code: {} for code in CODES}
    for now_ms in stage.play(8_000):
        for message in sink.take():
            if isinstance(message, Ticker):
                assert now_ms - last.get(message.code, 0) >= ticker_ms
                last[message.code], tickers[message.code] = now_ms, message
            elif isinstance(message, Trade):
                trades[message.code][message.sequential_id] = message
    assert set(tickers) == set(CODES)
    for code, message in tickers.items():
        newest = trades[code][max(trades[code])]
        if message.trade_timestamp == newest.trade_timestamp:
            assert (message.trade_price, message.trade_volume) == (newest.trade_price, newest.trade_volume)


def test_without_a_trade_no_ticker_is_sent(new_simulation: NewSimulation) -> None:
    stage, sink = Stage(new_simulation(rate=0.0, access_key="")), ListSink()
    stage.hub.subscribe(sink, [Subscription("ticker", CODES, is_only_realtime=True)])
    stage.run(5_000)
    assert sink.frames == []


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


def test_candles_come_on_whole_seconds_and_only_after_a_trade(stage: Stage) -> None:
    sink = ListSink()
    types = ("candle.1s", "candle.1m", "trade")
    stage.hub.subscribe(sink, [Subscription(type_, CODES, is_only_realtime=True) for type_ in types])
    sent_s: set[tuple[str, str, int]] = set()
    traded: set[tuple[str, str]] = set()
    for now_ms in stage.play(10_000):
        for message in sink.take():
            if isinstance(message, Trade):
                traded |= {(type_, message.code) for type_ in types}
            elif isinstance(message, Candle):
                assert now_ms % 1000 < 5
                assert (message.type, message.code) in traded
                traded.discard((message.type, message.code))
                assert (message.type, message.code, now_ms // 1000) not in sent_s
                sent_s.add((message.type, message.code, now_ms // 1000))
    assert {type_ for type_, _, _ in sent_s} == {"candle.1s", "candle.1m"}


def test_the_last_state_of_a_candle_is_sent_after_its_period_has_ended(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription(type_, CODES, is_only_realtime=True) for type_ in ("candle.1s", "trade")])
    volumes: dict[tuple[str, int], float] = {}
    candles: dict[tuple[str, str], Candle] = {}
    late = 0
    for now_ms in stage.play(10_000):
        for message in sink.take():
            if isinstance(message, Trade):
                key = message.code, message.trade_timestamp // 1000
                volumes[key] = volumes.get(key, 0.0) + message.trade_volume
            elif isinstance(message, Candle):
                candles[message.code, message.candle_date_time_utc] = message
                late += message.timestamp // 1000 < now_ms // 1000
    sent = {(code, candle.timestamp // 1000): candle for (code, _), candle in candles.items()}
    assert late == len(candles)
    ended = {key: volume for key, volume in volumes.items() if key[1] < stage.now_ms // 1000}
    assert set(sent) == set(ended)
    assert all(sent[key].candle_acc_trade_volume == pytest.approx(volume) for key, volume in ended.items())


def test_no_candle_misses_a_trade_when_a_request_lets_time_pass_before_the_hub_does(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription(type_, CODES, is_only_realtime=True) for type_ in ("candle.1s", "trade")])
    venue = Venue(stage.simulation, lambda: stage.now_ms, stage.hub.advance)
    for jump_ms in (1, 998, 1_003, 2_400, 600) * 2:
        stage.now_ms += jump_ms
        assert venue.catch_up() == stage.now_ms
    stage.run(1_005)
    volumes: Counter[tuple[str, int]] = Counter()
    sent: dict[tuple[str, int], float] = {}
    for message in sink.take():
        if isinstance(message, Trade):
            volumes[message.code, message.trade_timestamp // 1000] += message.trade_volume  # type: ignore[assignment]  # sizes
        elif isinstance(message, Candle):
            sent[message.code, message.timestamp // 1000] = message.candle_acc_trade_volume
    assert len(sent) > 10
    ended = {key: volume for key, volume in volumes.items() if key[1] < stage.now_ms // 1000}
    assert sent == pytest.approx(ended)


def test_a_candle_is_repeated_with_the_same_start_and_newer_values(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("candle.1m", ("KRW-BTC",))])
    stage.run(20_000)
    candles = [message for message in sink.take() if isinstance(message, Candle)]
    starts = [candle.candle_date_time_utc for candle in candles]
    assert len(set(starts)) < len(starts)
    assert starts == sorted(starts)
    grown = [after for before, after in pairwise(candles) if before.candle_date_time_utc == after.candle_date_time_utc]
    assert all(candle.candle_acc_trade_volume > 0 for candle in grown)


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


def test_snapshots_come_in_the_order_of_the_request(stage: Stage) -> None:
    sink = ListSink()
    asked = [Subscription("orderbook", ("KRW-ETH", "KRW-BTC.5")), Subscription("ticker", ("KRW-BTC", "KRW-ETH"))]
    stage.hub.subscribe(sink, asked)
    said = [(message.type, message.code) for message in sink.take()]  # type: ignore[union-attr]  # only data
    assert said == [("orderbook", "KRW-ETH"), ("orderbook", "KRW-BTC"), ("ticker", "KRW-BTC"), ("ticker", "KRW-ETH")]


def busy(new_simulation: NewSimulation, share: float) -> tuple[Stage, ListSink]:
    stage, sink = Stage(new_simulation(rate=2_000.0), Quirks(trade_reorder=share)), ListSink()
    stage.hub.subscribe(sink, [Subscription("trade", ("KRW-BTC",), is_only_realtime=True)])
    for _ in stage.play(4_000, step_ms=50):
        pass
    return stage, sink


def test_trades_of_a_burst_come_out_of_order_and_none_is_lost_or_doubled(new_simulation: NewSimulation) -> None:
    _, shuffled = busy(new_simulation, 0.25)
    _, ordered = busy(new_simulation, 0.0)
    late = [message for message in shuffled.take() if isinstance(message, Trade)]
    true = [message for message in ordered.take() if isinstance(message, Trade)]
    ids = [message.sequential_id for message in late]
    assert len(ids) > 100
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == [message.sequential_id for message in true]
    behind = sum(number < max(ids[:i], default=0) for i, number in enumerate(ids))
    assert 0.10 < behind / len(ids) < 0.30
    stamps = [message.timestamp for message in late]
    assert stamps == sorted(stamps)


def test_the_snapshot_trade_after_a_new_request_repeats_the_last_one(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("trade", ("KRW-BTC",))])
    stage.run(5_000)
    last = max(message.sequential_id for message in sink.take() if isinstance(message, Trade))
    stage.hub.subscribe(sink, [Subscription("trade", ("KRW-BTC",))])
    (snapshot,) = sink.take()
    assert isinstance(snapshot, Trade)
    assert (snapshot.stream_type, snapshot.sequential_id) == (SNAPSHOT, last)


def test_what_happened_before_a_new_request_is_told_before_its_snapshots(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("trade", CODES, is_only_realtime=True)])
    stage.now_ms += 2_000
    stage.simulation.advance(stage.now_ms)  # As an order by REST does.
    stage.hub.subscribe(sink, [Subscription("trade", CODES)])
    stage.run(2_000)
    types = [message.stream_type for message in sink.take()]  # type: ignore[union-attr]  # only trades
    first = types.index(SNAPSHOT)
    assert first > 0
    assert types[first : first + len(CODES)] == [SNAPSHOT] * len(CODES)
    assert set(types[first + len(CODES) :]) == {REALTIME}


def test_times_of_trades_and_tickers_never_go_back_while_the_simulation_catches_up(stage: Stage) -> None:
    sink = ListSink()
    stage.hub.subscribe(sink, [Subscription("trade", CODES), Subscription("ticker", CODES)])
    stage.now_ms += 3_000  # The clock is ahead: the process stood still.
    stage.hub.subscribe(sink, [Subscription("trade", CODES), Subscription("ticker", CODES)])
    for now_ms in range(START_MS + 250, START_MS + 4_000, 250):
        stage.hub.pump(now_ms)
    stamps = [message.timestamp for message in sink.take()]  # type: ignore[union-attr]  # only data
    assert len(stamps) > 20
    assert stamps == sorted(stamps)


def test_myorder_without_codes_beside_one_with_codes_means_all(stage: Stage) -> None:
    sink, every = ListSink(access_key="key"), ListSink(access_key="key")
    stage.hub.subscribe(sink, [Subscription("myOrder", ("KRW-ADA",)), Subscription("myOrder")])
    stage.hub.subscribe(every, [Subscription("myOrder")])
    stage.run(20_000)
    assert sink.take() == every.take() != []


@pytest.mark.parametrize(("numbers", "mark"), [("wire", b"E8,"), ("plain", b"000.0,")])
def test_numbers_are_spelled_by_choice(new_simulation: NewSimulation, numbers: str, mark: bytes) -> None:
    stage, sink = Stage(new_simulation(), Quirks(numbers=numbers)), ListSink()  # type: ignore[arg-type]  # one of the two
    stage.hub.subscribe(sink, [Subscription("orderbook", ("KRW-BTC",))])
    assert mark in sink.frames[0]
