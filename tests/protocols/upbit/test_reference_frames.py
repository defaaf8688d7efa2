"""One real frame of each type: read by our decoder and written by the simulated exchange, it is equal field by field.

The frames are the samples of the documentation (read 2026-10), what clients of others have recorded, and the capture
of 2021-04-17; what a sample leaves open (ids, texts, a few amounts of an order) is filled in. Compared are the names,
their order, and the values as exact decimals.
"""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import Message
from protocols.upbit.number_spelling import Spelling
from protocols.upbit.requests import Format
from tests.protocols.upbit import strategies

RECORDING = Path(__file__).parents[2] / "data" / "upbit-capture-2021-04-17.jsonl"
RECORDED = [
    line["text"] for line in map(json.loads, RECORDING.read_text("utf-8").splitlines()) if line["from"] == "exchange"
]

TICKER = """{"type":"ticker","code":"KRW-BTC","opening_price":109165000.0,"high_price":110117000.0,
"low_price":108958000.0,"trade_price":109868000.0,"prev_closing_price":109165000.0,"acc_trade_price":59726546304.62442,
"change":"RISE","change_price":703000.0,"signed_change_price":703000.0,"change_rate":0.006439793,
"signed_change_rate":0.006439793,"ask_bid":"BID","trade_volume":9.101e-05,"acc_trade_volume":544.24861805,
"trade_date":"20260826","trade_time":"072400","trade_timestamp":1787729040682,"acc_ask_volume":271.9810004,
"acc_bid_volume":272.26761765,"highest_52_week_price":179869000.0,"highest_52_week_date":"2025-10-09",
"lowest_52_week_price":88342000.0,"lowest_52_week_date":"2026-08-14","market_state":"ACTIVE",
"is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":1787729042606,
"acc_trade_price_24h":198189163442.74924,"acc_trade_volume_24h":1807.38027625,"stream_type":"SNAPSHOT"}"""

TRADE = """{"type":"trade","code":"KRW-BTC","timestamp":1787728554853,"trade_date":"2026-08-26","trade_time":"07:15:54",
"trade_timestamp":1787728554797,"trade_price":109847000.0,"trade_volume":0.00509799,"ask_bid":"ASK",
"prev_closing_price":109165000.0,"change":"RISE","change_price":682000.0,"sequential_id":17877285547970000,
"best_ask_price":109867000,"best_ask_size":0.0099545,"best_bid_price":109847000,"best_bid_size":0.1583673,
"stream_type":"SNAPSHOT"}"""

ORDERBOOK = """{"type":"orderbook","code":"KRW-BTC","timestamp":1787729042606,"total_ask_size":18.93431797,
"total_bid_size":11.48721726,"orderbook_units":[{"ask_price":109950000.0,"bid_price":109880000.0,
"ask_size":0.12345678,"bid_size":0.12345678}],"stream_type":"REALTIME","level":10000}"""

ORDERBOOK_2021 = """{"ty":"orderbook","cd":"KRW-LAMB","tms":1618678262640,"tas":25752275.55420627,
"tbs":14407925.20098682,"obu":[{"ap":127.0,"bp":126.0,"as":280460.37885666,"bs":688682.44561413},
{"ap":128.0,"bp":125.0,"as":502824.98156754,"bs":1924299.53689703}],"st":"REALTIME"}"""

TRADE_2021 = """{"ty":"trade","cd":"KRW-LAMB","tms":1618678262712,"td":"2021-04-17","ttm":"16:51:02",
"ttms":1618678262000,"tp":127.0,"tv":46.48838371,"ab":"BID","pcp":123.00000000,"c":"RISE","cp":4.00000000,
"sid":1618678262000003,"st":"REALTIME"}"""

CANDLE = """{"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-08-26T08:08:00",
"candle_date_time_kst":"2026-08-26T17:08:00","opening_price":109715000.0,"high_price":109756000.0,
"low_price":109714000.0,"trade_price":109756000.0,"candle_acc_trade_volume":0.71326612,
"candle_acc_trade_price":78269528.64757,"timestamp":1787731717049,"stream_type":"SNAPSHOT"}"""

MY_ORDER_FILL = """{"type":"myOrder","code":"KRW-BTC","uuid":"ac2dc2a3-fce9-40a2-a4f6-5987c25c438f","ask_bid":"BID",
"order_type":"limit","state":"trade","trade_uuid":"68315169-fba4-4175-ade3-aff14a616657","price":0.001453,
"avg_price":0.00145372,"volume":30925891.29839369,"remaining_volume":29968038.09235948,
"executed_volume":30925891.29839369,"trades_count":1,"reserved_fee":44.23943970238218,
"remaining_fee":21.77177967409916,"paid_fee":22.467660028283017,"locked":43565.33112787242,
"executed_funds":44935.32005656603,"time_in_force":null,"trade_fee":22.467660028283017,"is_maker":true,
"identifier":"test-1","smp_type":null,"prevented_volume":null,"prevented_locked":0,"trade_timestamp":1710751590421,
"order_timestamp":1710751590000,"timestamp":1710751597500,"stream_type":"REALTIME"}"""

# A market buy for 5,000 KRW, recorded in November 2025 by users of ccxt.
MY_ORDER_MARKET_BUY = """{"type":"myOrder","code":"KRW-USDT","uuid":"9b2f41f4-0000-4c1a-9a51-0f2f4a1f7d11",
"ask_bid":"BID","order_type":"price","state":"wait","trade_uuid":null,"price":5000,"avg_price":0,"volume":null,
"remaining_volume":null,"executed_volume":null,"trades_count":0,"reserved_fee":2.5,"remaining_fee":2.5,"paid_fee":0,
"locked":5002.5,"executed_funds":0,"time_in_force":null,"trade_fee":null,"is_maker":null,"identifier":null,
"smp_type":null,"prevented_volume":null,"prevented_locked":0,"trade_timestamp":null,"order_timestamp":1762190961000,
"timestamp":1762190961161,"stream_type":"REALTIME"}"""

MY_ASSET = """{"type":"myAsset","asset_uuid":"e635f223-1609-4969-8fb6-4376937baad6","assets":[{"currency":"KRW",
"balance":1386929.37231066771348207123,"locked":10329.670127489597585685}],"asset_timestamp":1710146517259,
"timestamp":1710146517267,"stream_type":"REALTIME"}"""

ANNOUNCEMENT = """{"type":"announcement","event_type":"CREATED","uuid":"2f7b0a0e-5a3c-4a6e-9b6f-6a4b3f1d2c11",
"title":"t","category":"maintenance","url":"u","first_listed_at":"2026-10-01T10:00:00+09:00",
"listed_at":"2026-10-01T10:00:00+09:00","timestamp":1790816400000,"stream_type":"REALTIME","body":null}"""

LISTED = """{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]},
{"type":"orderbook","codes":["KRW-BTC"],"level":0}],"ticket":"x"}"""
LISTED_PRIVATE = """{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myAsset"},{"type":"myOrder",
"codes":["KRW-BTC"]}],"ticket":"x"}"""

LONG = [
    TICKER, TRADE, ORDERBOOK, CANDLE, MY_ORDER_FILL, MY_ORDER_MARKET_BUY, MY_ASSET, ANNOUNCEMENT, LISTED,
    LISTED_PRIVATE, '{"status":"UP"}', '{"error":{"name":"NO_TYPE","message":"text"}}',
]  # fmt: skip


def exactly(text: str | bytes) -> Any:
    """A document as pairs in their order, with exact numbers."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=list)


def read_one(frame: bytes) -> Message:
    decoder = FrameDecoder()
    (message,) = decoder.decode(frame)
    assert not decoder.unknown_fields
    return message


@pytest.mark.parametrize("spelling", Spelling)
@pytest.mark.parametrize("text", LONG)
def test_a_real_frame_is_written_again_field_by_field(text: str, spelling: Spelling) -> None:
    frame = text.replace("\n", "").encode()
    assert exactly(encode_message(read_one(frame), Format.DEFAULT, spelling)) == exactly(frame)


@pytest.mark.parametrize("spelling", Spelling)
@pytest.mark.parametrize("text", [TRADE_2021, ORDERBOOK_2021])
def test_a_frame_with_short_names_is_written_again_field_by_field(text: str, spelling: Spelling) -> None:
    again = exactly(encode_message(read_one(text.replace("\n", "").encode()), Format.SIMPLE, spelling))
    assert [pair for pair in again if pair[0] != "lv"] == exactly(text)  # The level came after 2021.


def test_all_recorded_frames_of_2021_are_written_again_byte_for_byte() -> None:
    assert len(RECORDED) == 449
    for text in RECORDED:
        frame = encode_message(read_one(text.encode()), Format.SIMPLE, Spelling.WIRE).decode()
        assert frame.replace(',"lv":0}', "}") == text


@pytest.mark.parametrize("text", LONG)
def test_all_four_formats_say_the_same(text: str) -> None:
    message = read_one(text.replace("\n", "").encode())
    assert all(read_one(encode_message(message, format_, Spelling.WIRE)) == message for format_ in Format)


def test_numbers_of_default_are_written_with_exponents_and_trailing_zeros() -> None:
    frame = encode_message(read_one(TICKER.replace("\n", "").encode()), Format.DEFAULT, Spelling.WIRE).decode()
    assert '"trade_price":1.09868E8,' in frame
    assert '"trade_volume":0.00009101,' in frame
    assert '"acc_trade_price":5.972654630462442E10,' in frame
    trade = encode_message(read_one(TRADE.replace("\n", "").encode()), Format.DEFAULT, Spelling.WIRE).decode()
    assert '"best_ask_price":109867000,"best_ask_size":0.0099545,' in trade
    assert '"sequential_id":17877285547970000,' in trade


def test_numbers_of_simple_are_plain_prices_and_small_sizes_with_exponents() -> None:
    frame = encode_message(read_one(TICKER.replace("\n", "").encode()), Format.SIMPLE, Spelling.WIRE).decode()
    assert '"tp":109868000.0,' in frame
    assert '"tv":9.101E-5,' in frame
    trade = encode_message(read_one(TRADE.replace("\n", "").encode()), Format.SIMPLE, Spelling.WIRE).decode()
    assert '"pcp":109165000.00000000,' in trade
    assert re.search(r'"ttms":1787728554797,"tp":109847000\.0,', trade)


@given(strategies.messages)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_the_wire_s_spelling_means_the_same_message(message: Message) -> None:
    for format_ in (Format.DEFAULT, Format.SIMPLE_LIST):
        assert read_one(encode_message(message, format_, Spelling.WIRE)) == read_one(encode_message(message, format_))
