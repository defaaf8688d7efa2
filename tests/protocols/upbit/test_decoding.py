import json
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeFailure
from protocols.upbit import decoding, wire_names
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import (
    Announcement,
    Asset,
    Candle,
    ErrorFrame,
    Message,
    MyAsset,
    MyOrder,
    Orderbook,
    OrderbookUnit,
    Status,
    SubscriptionEntry,
    SubscriptionList,
    Ticker,
    Trade,
)
from protocols.upbit.requests import Format
from tests.protocols.upbit.strategies import data_messages, messages

RECORDING = Path(__file__).parents[2] / "data" / "upbit-capture-2021-04-17.jsonl"

# The documentation's sample of a ticker (read 2026-10), with the number forms seen on the wire on 2026-09-23.
TICKER = (
    b'{"type":"ticker","code":"KRW-BTC","opening_price":1.09165E8,"high_price":110117000.0,"low_price":108958000,'
    b'"trade_price":1.16539E8,"prev_closing_price":109165000.00000000,"acc_trade_price":59726546304.62442,'
    b'"change":"RISE","change_price":703000.0,"signed_change_price":703000.0,"change_rate":0.006439793,'
    b'"signed_change_rate":0.006439793,"ask_bid":"BID","trade_volume":9.101e-05,"acc_trade_volume":544.24861805,'
    b'"trade_date":"20260826","trade_time":"072400","trade_timestamp":1787729040682,"acc_ask_volume":271.9810004,'
    b'"acc_bid_volume":272.26761765,"highest_52_week_price":179869000.0,"highest_52_week_date":"2025-10-09",'
    b'"lowest_52_week_price":88342000.0,"lowest_52_week_date":"2026-08-14","market_state":"ACTIVE",'
    b'"is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":1787729042606,'
    b'"acc_trade_price_24h":198189163442.74924,"acc_trade_volume_24h":1807.38027625,"stream_type":"SNAPSHOT"}'
)

# Fields of today (2026-10); the id is above 2^53.
TRADE = (
    b'{"type":"trade","code":"KRW-BTC","timestamp":1787728554853,"trade_date":"2026-08-26","trade_time":"07:15:54",'
    b'"trade_timestamp":1787728554797,"trade_price":109847000.0,"trade_volume":0.00509799,"ask_bid":"ASK",'
    b'"prev_closing_price":109165000.0,"change":"RISE","change_price":682000.0,"sequential_id":17877285547970001,'
    b'"best_ask_price":109867000,"best_ask_size":0.0099545,"best_bid_price":109847000,"best_bid_size":0.1583673,'
    b'"stream_type":"SNAPSHOT"}'
)

# Recorded on 2021-04-17 (SIMPLE): no best prices and no level yet.
TRADE_2021 = (
    b'{"ty":"trade","cd":"KRW-LAMB","tms":1618678262712,"td":"2021-04-17","ttm":"16:51:02","ttms":1618678262000,'
    b'"tp":127.0,"tv":46.48838371,"ab":"BID","pcp":123.00000000,"c":"RISE","cp":4.00000000,"sid":1618678262000003,'
    b'"st":"REALTIME"}'
)
BOOK_2021 = (
    b'{"ty":"orderbook","cd":"KRW-LAMB","tms":1618678262640,"tas":25752275.55420627,"tbs":14407925.20098682,'
    b'"obu":[{"ap":127.0,"bp":126.0,"as":280460.37885666,"bs":688682.44561413},'
    b'{"ap":128.0,"bp":125.0,"as":502824.98156754,"bs":1924299.53689703}],"st":"REALTIME"}'
)

# A market buy for 5,000 KRW as it was observed in 2025-11: amounts that are not known are null.
MARKET_BUY = (
    b'{"type":"myOrder","code":"KRW-USDT","uuid":"u-1","ask_bid":"BID","order_type":"price","state":"wait",'
    b'"trade_uuid":null,"price":5000,"avg_price":0,"volume":null,"remaining_volume":null,"executed_volume":null,'
    b'"trades_count":0,"reserved_fee":2.5,"remaining_fee":2.5,"paid_fee":0,"locked":5002.5,"executed_funds":0,'
    b'"time_in_force":null,"trade_fee":null,"is_maker":null,"identifier":null,"smp_type":null,'
    b'"prevented_volume":null,"prevented_locked":0,"trade_timestamp":null,"order_timestamp":1762190961000,'
    b'"timestamp":1762190961161,"stream_type":"REALTIME"}'
)

ASSET = (
    b'{"type":"myAsset","asset_uuid":"e635f223","assets":[{"currency":"KRW","balance":1386929.37231066771348207123,'
    b'"locked":10329.670127489597585685}],"asset_timestamp":1710146517259,"timestamp":1710146517267,'
    b'"stream_type":"REALTIME"}'
)


def decode_one(frame: bytes) -> Message:
    (message,) = FrameDecoder().decode(frame)
    return message


def failure_of(frame: bytes) -> DecodeFailure:
    failures: list[DecodeFailure] = []
    assert FrameDecoder().decode_batch([frame], failures) == []
    (failure,) = failures
    assert failure.frame == frame
    return failure


@given(messages, st.sampled_from(Format))
def test_every_message_survives_writing_and_reading_in_every_format(message: Message, format_: Format) -> None:
    assert decode_one(encode_message(message, format_)) == message


@given(st.lists(st.tuples(messages, st.sampled_from(Format)), max_size=8))
def test_a_batch_of_mixed_formats_is_read_in_order(sent: list[tuple[Message, Format]]) -> None:
    failures: list[DecodeFailure] = []
    frames = [encode_message(message, format_) for message, format_ in sent]
    assert FrameDecoder().decode_batch(frames, failures) == [message for message, _format in sent]
    assert failures == []


@given(data_messages, st.sampled_from(Format), st.randoms(use_true_random=False))
def test_order_of_keys_and_white_space_do_not_matter(message: Message, format_: Format, rng: random.Random) -> None:
    document = json.loads(encode_message(message, format_), parse_float=Decimal)
    rows = document if format_.is_list else [document]
    shuffled = [dict(rng.sample(sorted(row.items()), len(row))) for row in rows]
    text = msgspec.json.format(
        msgspec.json.Encoder(decimal_format="number").encode(shuffled if format_.is_list else shuffled[0]), indent=2
    )
    assert FrameDecoder().decode(b"\n " + text + b" \n") == [message]


def test_each_recorded_frame_of_2021_is_read_with_every_value_equal() -> None:
    frames = [
        line["text"].encode()
        for line in map(json.loads, RECORDING.read_text("utf-8").splitlines())
        if line["from"] == "exchange"
    ]
    failures: list[DecodeFailure] = []
    decoder = FrameDecoder()
    decoded = decoder.decode_batch(frames, failures)
    assert (len(decoded), failures, decoder.unknown_fields) == (449, [], {})
    for message, frame in zip(decoded, frames, strict=True):
        assert as_simple(message) == json.loads(frame)


def as_simple(message: Message) -> dict[str, Any]:
    """The message as json.loads would give its SIMPLE frame of 2021, without what came later."""
    assert isinstance(message, Trade | Orderbook)
    names = wire_names.TRADE if isinstance(message, Trade) else wire_names.ORDERBOOK
    later = {"best_ask_price", "best_ask_size", "best_bid_price", "best_bid_size", "level"}
    document = {short: getattr(message, name) for name, short in names.items() if name not in later}
    if isinstance(message, Orderbook):
        document["obu"] = [
            {short: getattr(unit, name) for name, short in wire_names.ORDERBOOK_UNIT.items()}
            for unit in message.orderbook_units
        ]
    return document


def test_a_ticker_with_exponents_and_mixed_numbers_is_read() -> None:
    ticker = decode_one(TICKER)
    assert isinstance(ticker, Ticker)
    assert (ticker.opening_price, ticker.trade_price, ticker.low_price) == (109165000.0, 116539000.0, 108958000.0)
    assert isinstance(ticker.low_price, float)
    assert (ticker.trade_volume, ticker.prev_closing_price) == (0.00009101, 109165000.0)
    assert (ticker.delisting_date, ticker.market_state, ticker.trade_timestamp) == (None, "ACTIVE", 1787729040682)
    assert all(getattr(ticker, name) == value for name, value in json.loads(TICKER).items())


@pytest.mark.parametrize(("wire", "value"), [(b"6E-8", 6e-8), (b"9.9E-7", 9.9e-7), (b"7.9276E-4", 7.9276e-4)])
def test_small_sizes_in_exponent_form_are_read(wire: bytes, value: float) -> None:
    trade = decode_one(TRADE.replace(b"0.00509799", wire))
    assert isinstance(trade, Trade)
    assert trade.trade_volume == value


def test_an_id_above_2_to_the_53_keeps_its_last_digit() -> None:
    trade = decode_one(TRADE)
    assert isinstance(trade, Trade)
    assert trade.sequential_id == 17877285547970001
    assert (trade.best_ask_price, trade.best_bid_size) == (109867000.0, 0.1583673)


def test_a_trade_and_a_book_of_2021_lack_what_came_later() -> None:
    trade, book = decode_one(TRADE_2021), decode_one(BOOK_2021)
    assert isinstance(trade, Trade)
    assert (trade.best_ask_price, trade.prev_closing_price, trade.sequential_id) == (None, 123.0, 1618678262000003)
    assert book == Orderbook(
        "KRW-LAMB",
        1618678262640,
        25752275.55420627,
        14407925.20098682,
        (
            OrderbookUnit(127.0, 126.0, 280460.37885666, 688682.44561413),
            OrderbookUnit(128.0, 125.0, 502824.98156754, 1924299.53689703),
        ),
        "REALTIME",
    )


def test_a_candle_keeps_the_type_that_the_exchange_names() -> None:
    frame = (
        b'{"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-08-26T08:08:00","candle_date_time_kst":'
        b'"2026-08-26T17:08:00","opening_price":109715000.0,"high_price":109756000.0,"low_price":109714000.0,'
        b'"trade_price":109756000.0,"candle_acc_trade_volume":0.71326612,"candle_acc_trade_price":78269528.64757,'
        b'"timestamp":1787731717049,"stream_type":"SNAPSHOT"}'
    )
    candle = decode_one(frame)
    assert isinstance(candle, Candle)
    assert (candle.type, candle.unit, candle.candle_acc_trade_price) == ("candle.1m", "1m", 78269528.64757)


def test_a_market_buy_has_none_where_the_exchange_says_null() -> None:
    order = decode_one(MARKET_BUY)
    assert isinstance(order, MyOrder)
    assert (order.volume, order.executed_volume, order.is_maker, order.trade_timestamp) == (None, None, None, None)
    assert (order.price, order.locked, order.prevented_locked) == (Decimal(5000), Decimal("5002.5"), Decimal(0))
    assert (order.side, order.ord_type, order.market, order.symbol) == ("bid", "price", "KRW-USDT", "KRW-USDT")


def test_a_private_key_that_is_missing_is_none() -> None:
    present = {name: value for name, value in json.loads(MARKET_BUY).items() if value is not None}
    assert decode_one(json.dumps(present).encode()) == decode_one(MARKET_BUY)


@pytest.mark.parametrize(("wire", "value"), [(b"1.5", "1.5"), (b'"0"', "0"), (b'"1.50"', "1.50"), (b"null", None)])
def test_prevented_volume_may_be_number_text_or_null(wire: bytes, value: str | None) -> None:
    order = decode_one(MARKET_BUY.replace(b'"prevented_volume":null', b'"prevented_volume":' + wire))
    assert isinstance(order, MyOrder)
    assert order.prevented_volume == (None if value is None else Decimal(value))


def test_a_balance_of_27_digits_is_read_digit_by_digit() -> None:
    asset = decode_one(ASSET)
    assert isinstance(asset, MyAsset)
    assert asset.assets == (Asset("KRW", Decimal("1386929.37231066771348207123"), Decimal("10329.670127489597585685")),)
    assert str(asset.assets[0].balance) == "1386929.37231066771348207123"


@pytest.mark.parametrize("wire", [b'"NaN"', b'"-Infinity"', b"1E999999999", b"1E-999999999", b"1" + b"0" * 5000])
def test_an_amount_that_is_no_number_to_reckon_with_is_refused(wire: bytes) -> None:
    assert failure_of(ASSET.replace(b"1386929.37231066771348207123", wire)).path == "$.assets[0].balance"
    assert failure_of(MARKET_BUY.replace(b"5002.5", wire)).path == "$.locked"


def test_an_announcement_may_come_without_a_body() -> None:
    frame = (
        b'{"ty":"announcement","et":"CREATED","uid":"a-1","tt":"Maintenance","cat":"maintenance","url":"https://x",'
        b'"flat":"2026-07-06T02:00:00+09:00","lat":"2026-07-06T02:00:00+09:00","tms":1,"st":"REALTIME","bd":null}'
    )
    announcement = decode_one(frame)
    assert isinstance(announcement, Announcement)
    assert (announcement.category, announcement.body) == ("maintenance", None)


@pytest.mark.parametrize("frame", [b'{"status":"UP"}', b' { "status" : "UP" } ', b'[{"status":"UP"}]'])
def test_the_sign_of_life_is_read_however_it_is_wrapped(frame: bytes) -> None:
    assert FrameDecoder().decode(frame) == [Status("UP")]


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b'{"error":{"name":"NO_CODES","message":"text"}}', ErrorFrame("NO_CODES", "text")),
        (b'{"error":{"message":"text","name":429,"more":[]}}', ErrorFrame("429", "text")),
        (b'{"error": {"name":"INVALID_AUTH"}}', ErrorFrame("INVALID_AUTH", "")),
        (b'[{"error":{"name":"WRONG_FORMAT","message":""}}]', ErrorFrame("WRONG_FORMAT", "")),
    ],
)
def test_error_frames_are_read_by_name(frame: bytes, error: ErrorFrame) -> None:
    assert FrameDecoder().decode(frame) == [error]


@pytest.mark.parametrize(
    ("frame", "entries"),
    [
        (
            (
                b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]},'
                b'{"type":"orderbook","codes":["KRW-BTC"],"level":0}],"ticket":"x"}'
            ),
            (
                SubscriptionEntry("ticker", ("KRW-BTC", "KRW-ETH")),
                SubscriptionEntry("orderbook", ("KRW-BTC",), 0.0),
            ),
        ),
        (
            (
                b'{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myAsset"},{"type":"myOrder","codes":["KRW-BTC"]}],'
                b'"ticket":"x"}'
            ),
            (SubscriptionEntry("myAsset"), SubscriptionEntry("myOrder", ("KRW-BTC",))),
        ),
        (
            b'{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"orderbook","cds":["KRW-BTC.15"],"lv":10000}],"tckt":"x"}',
            (SubscriptionEntry("orderbook", ("KRW-BTC.15",), 10000.0),),
        ),
        (b'{"ticket":"x","result":[],"method":"LIST_SUBSCRIPTIONS"}', ()),
    ],
)
def test_the_list_of_subscriptions_is_read_in_both_spellings(
    frame: bytes, entries: tuple[SubscriptionEntry, ...]
) -> None:
    assert FrameDecoder().decode(frame) == [SubscriptionList("x", entries)]
    assert FrameDecoder().decode(b"[" + frame + b"]") == [SubscriptionList("x", entries)]


@pytest.mark.parametrize("frame", [b"[" + TRADE + b"," + TRADE + b"]", b"[" + TRADE_2021 + b",\n" + TRADE_2021 + b"]"])
def test_an_array_may_hold_any_number_of_messages(frame: bytes) -> None:
    assert len(FrameDecoder().decode(frame)) == 2


def test_an_array_may_hold_messages_of_different_types() -> None:
    assert FrameDecoder().decode(b"[" + b",".join([TRADE, BOOK_2021, b'{"status":"UP"}']) + b"]") == [
        decode_one(TRADE),
        decode_one(BOOK_2021),
        Status("UP"),
    ]


@pytest.mark.parametrize(
    ("frame", "path", "reason"),
    [
        (b"", "$", "truncated"),
        (b"\x00\x01garbage", "$", "malformed"),
        (b"hello", "$", "malformed"),
        (b"17", "$", "Expected `object`"),
        (b"null", "$", "Expected `object`"),
        (b"[]", "$", "an array without a message"),
        (b"[[]]", "$[0]", "Expected `object`"),
        (b"[" * 100_000, "$", "recursion"),
        (b'{"a":' * 100_000, "$", "recursion"),
        (b"{}", "$", "neither type nor method"),
        (b'{"type":"foo","code":"KRW-BTC"}', "$.type", "unknown type 'foo'"),
        (b'{"ty":"foo"}', "$.ty", "unknown ty 'foo'"),
        (b'{"method":"FOO"}', "$.method", "unknown method 'FOO'"),
        (b'{"type":7}', "$.type", "Expected `str"),
        (TRADE.replace(b"109847000.0", b'"109847000.0"'), "$.trade_price", "Expected `float`, got `str`"),
        (TRADE.replace(b"109847000.0", b"null"), "$.trade_price", "Expected `float`, got `null`"),
        (TRADE.replace(b"109847000.0", b"1e999"), "$.trade_price", "out of range"),
        (TRADE.replace(b"17877285547970001", b"9223372036854775808"), "$.sequential_id", "Expected `int` <="),
        (TRADE.replace(b"17877285547970001", b"1.5"), "$.sequential_id", "Expected `int`"),
        (TRADE_2021.replace(b'"cd":"KRW-LAMB",', b""), "$", "missing required field `cd`"),
        (TRADE_2021.replace(b"KRW-LAMB", b"KRW-\xff\xfe"), "$", "utf-8"),
        (BOOK_2021.replace(b'"ap":128.0', b'"ap":"x"'), "$.obu[1].ap", "Expected `float`, got `str`"),
        (b"[" + TRADE + b"," + BOOK_2021.replace(b"128.0", b"true") + b"]", "$[1].obu[1].ap", "got `bool`"),
        (b"[" + TRADE_2021 + b"," + TRADE_2021.replace(b"127.0", b"[]") + b"]", "$[1].tp", "got `array`"),
        (TRADE + TRADE, "$", "trailing characters"),
        (b'{"error":"text"}', "$.error", "Expected `object`, got `str`"),
        (b'{"status":{}}', "$.status", "Expected `str`, got `object`"),
        (b'{"type":"candle.1m","type":"candle.7m"}', "$.type", "unknown type 'candle.7m'"),
    ],
)
def test_a_malformed_frame_gives_one_failure_with_path_reason_and_bytes(frame: bytes, path: str, reason: str) -> None:
    failure = failure_of(frame)
    assert failure.path == path
    assert reason in failure.reason
    with pytest.raises(DecodeFailure, match="not understood"):
        FrameDecoder().decode(frame)


@given(messages, st.sampled_from(Format), st.data())
def test_a_truncated_frame_gives_one_failure(message: Message, format_: Format, data: st.DataObject) -> None:
    frame = encode_message(message, format_)
    failure_of(frame[: data.draw(st.integers(0, len(frame) - 1))])


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: b'{"type":"ticker' + rest))
def test_garbage_never_gives_more_than_a_failure(frame: bytes) -> None:
    failures: list[DecodeFailure] = []
    assert len(FrameDecoder().decode_batch([frame], failures)) + len(failures) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(data_messages, st.sampled_from(Format), json_values, st.data())
def test_a_field_of_any_other_value_is_read_or_refused_but_never_breaks(
    message: Message, format_: Format, value: object, data: st.DataObject
) -> None:
    document = json.loads(encode_message(message, format_))
    row = document[0] if format_.is_list else document
    row[data.draw(st.sampled_from(sorted(row)) | st.just("new"))] = value
    failures: list[DecodeFailure] = []
    decoded = FrameDecoder().decode_batch([json.dumps(document).encode("utf-8", "replace")], failures)
    assert len(decoded) + len(failures) == 1


def test_a_bad_frame_leaves_its_neighbours_alone() -> None:
    failures: list[DecodeFailure] = []
    decoded = FrameDecoder().decode_batch([TRADE, b"bad", TICKER, TRADE[:-1], BOOK_2021], failures)
    assert [type(message) for message in decoded] == [Trade, Ticker, Orderbook]
    assert [failure.frame for failure in failures] == [b"bad", TRADE[:-1]]


DAMAGES = (
    lambda frame: frame[: len(frame) // 2],  # swallows what comes after it, if frames are read together
    lambda frame: frame + b"," + frame,  # would be two
    lambda frame: frame[:-1],
    lambda frame: frame[1:],
    lambda frame: frame + b"]",
    lambda frame: frame[:-1] + b',"new_field":[1,{"a":2}]}',
    lambda frame: frame[:-1] + b',"new_field":[1',
    lambda frame: frame[:-1] + b"]}",
    lambda frame: b" " + frame,
)


@given(st.lists(st.tuples(st.sampled_from([TICKER, TRADE, BOOK_2021]), st.sampled_from([None, *DAMAGES])), max_size=9))
def test_frames_of_a_batch_are_read_as_each_alone_whatever_is_wrong_with_some(
    sent: list[tuple[bytes, Callable[[bytes], bytes] | None]],
) -> None:
    frames = [frame if damage is None else damage(frame) for frame, damage in sent]
    alone: list[Message] = []
    failed: list[bytes] = []
    for frame in frames:
        try:
            alone += FrameDecoder().decode(frame)
        except DecodeFailure as failure:
            failed.append(failure.frame)
    decoder, failures = FrameDecoder(), list[DecodeFailure]()
    assert decoder.decode_batch(frames, failures) == alone
    assert [failure.frame for failure in failures] == failed


def with_field(frame: bytes, field: bytes, value: bytes = b"1") -> bytes:
    return frame[:-1] + b',"' + field + b'":' + value + b"}"


def test_unknown_fields_are_ignored_and_counted() -> None:
    decoder = FrameDecoder()
    assert decoder.decode(with_field(TRADE, b"new_one")) == [decode_one(TRADE)]
    assert decoder.decode(b"[" + with_field(TRADE, b"new_one", b'{"a":[]}') + b"]") == [decode_one(TRADE)]
    assert decoder.decode(with_field(TRADE_2021, b"no")) == [decode_one(TRADE_2021)]
    assert decoder.unknown_fields == {("trade", "new_one"): 2, ("trade", "no"): 1}


def test_unknown_fields_of_nested_objects_are_counted_once_per_message() -> None:
    decoder = FrameDecoder()
    assert decoder.decode(BOOK_2021.replace(b'{"ap"', b'{"n":1,"ap"')) == [decode_one(BOOK_2021)]
    assert decoder.decode(ASSET.replace(b'{"currency"', b'{"x":1,"currency"')) == [decode_one(ASSET)]
    assert decoder.unknown_fields == {("orderbook", "obu[].n"): 1, ("myAsset", "assets[].x"): 1}


def test_an_unknown_field_does_not_hide_what_is_wrong_with_another() -> None:
    failure = failure_of(with_field(TRADE.replace(b"109847000.0", b'"x"'), b"new_one"))
    assert failure.path == "$.trade_price"
    assert failure_of(with_field(TRADE, b"new_one").replace(b"109847000.0", b'"x"')).path == "$.trade_price"


def test_names_of_unknown_fields_are_kept_within_bounds() -> None:
    decoder = FrameDecoder()
    for index in range(decoding.MAX_UNKNOWN_FIELDS + 50):
        decoder.decode(with_field(TICKER, f"f{index}".encode()))
    decoder.decode(with_field(TRADE, b"n" * 10_000))
    assert len(decoder.unknown_fields) == decoding.MAX_UNKNOWN_FIELDS + 2
    assert decoder.unknown_fields["ticker", decoding.OTHERS] == 50
    assert decoder.unknown_fields["trade", decoding.OTHERS] == 1
    fresh = FrameDecoder()
    fresh.decode(with_field(TRADE, b"n" * 10_000))
    assert list(fresh.unknown_fields) == [("trade", "n" * decoding.MAX_FIELD_NAME)]


@pytest.mark.parametrize("is_list", [False, True])
def test_a_field_that_has_come_to_stay_is_sampled_instead_of_looked_at(
    monkeypatch: pytest.MonkeyPatch, is_list: bool
) -> None:
    monkeypatch.setattr(decoding, "LENIENT_AFTER", 10)
    decoder = FrameDecoder()
    plain = with_field(TRADE, b"new_one")
    frame = b"[" + plain + b"]" if is_list else plain
    failures: list[DecodeFailure] = []
    decoder.decode_batch([frame] * 10, failures)
    assert decoder.unknown_fields == {("trade", "new_one"): 10}
    decoder.decode_batch([frame] * 99, failures)
    assert decoder.unknown_fields == {("trade", "new_one"): 10}
    later = with_field(plain, b"another")
    decoded = decoder.decode_batch([b"[" + later + b"]" if is_list else later], failures)
    assert decoded == [decode_one(TRADE)]
    assert decoder.unknown_fields == {("trade", "new_one"): 110, ("trade", "another"): 100}
    assert failures == []


def test_a_kind_that_is_read_leniently_still_refuses_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LENIENT_AFTER", 1)
    decoder = FrameDecoder()
    decoder.decode(with_field(TRADE, b"new_one"))
    for frame in (TRADE.replace(b"109847000.0", b'"x"'), b"[" + TRADE.replace(b"109847000.0", b'"x"') + b"]"):
        with pytest.raises(DecodeFailure, match=r"trade_price"):
            decoder.decode(frame)
    assert decoder.decode(TICKER) == [decode_one(TICKER)]
