"""Frames as faults make them."""

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.faults.rewriting import altered, unknown_type_frame, with_extra_fields, with_times_moved
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import Announcement, Trade
from protocols.upbit.requests import Format

MS = 1_790_000_000_682  # 2026-09-21 13:33:20.682 UTC


def trade(t_ms: int = MS) -> Trade:
    when = datetime.fromtimestamp(t_ms / 1000, UTC)
    return Trade(
        code="KRW-BTC",
        timestamp=t_ms + 56,
        trade_date=when.strftime("%Y-%m-%d"),
        trade_time=when.strftime("%H:%M:%S"),
        trade_timestamp=t_ms,
        trade_price=109_847_000.0,
        trade_volume=0.00509799,
        ask_bid="ASK",
        prev_closing_price=109_165_000.0,
        change="RISE",
        change_price=682_000.0,
        sequential_id=t_ms * 10_000,
        stream_type="REALTIME",
    )


@pytest.mark.parametrize("format_", Format)
def test_extra_fields_are_in_the_frame_and_a_decoder_ignores_them(format_: Format) -> None:
    plain = encode_message(trade(), format_)
    extended = with_extra_fields(plain)
    document = json.loads(extended)
    fields = document[0] if format_.is_list else document
    assert {"x_new_field", "x_flag"} <= fields.keys()
    decoder = FrameDecoder()
    assert decoder.decode(extended) == decoder.decode(plain)


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"[{}]", b'"text"', b"no JSON"])
def test_what_is_no_object_with_fields_gets_no_extra_fields(payload: bytes) -> None:
    assert with_extra_fields(payload) == payload


@pytest.mark.parametrize("format_", Format)
def test_an_altered_frame_differs_in_one_digit_of_its_first_amount_only(format_: Format) -> None:
    plain = encode_message(trade(), format_)
    changed = altered(plain)
    assert sum(a != b for a, b in zip(plain, changed, strict=True)) == 1
    (before,), (after,) = FrameDecoder().decode(plain), FrameDecoder().decode(changed)
    assert isinstance(before, Trade)
    assert isinstance(after, Trade)
    assert after.trade_price != before.trade_price
    assert after.sequential_id == before.sequential_id


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"trade_price":1.16539E8}', b'{"trade_price":1.16530E8}'),
        (b'{"tp":127.0}', b'{"tp":127.1}'),
        (b'{"tas":0}', b'{"tas":1}'),
        (b'{"executed_volume":null,"volume":2.5}', b'{"executed_volume":null,"volume":2.6}'),
        (b'{"timestamp":1790000000682}', b'{"timestamp":1790000000682}'),
        (b'{"status":"UP"}', b'{"status":"UP"}'),
    ],
)
def test_the_digit_that_is_altered_belongs_to_an_amount(before: bytes, after: bytes) -> None:
    assert altered(before) == after


@given(
    st.integers(1_100_000_000_000, 4_102_444_800_000),
    st.integers(-86_400_000, 86_400_000),
    st.sampled_from(list(Format)),
)
def test_all_times_of_a_trade_move_together(t_ms: int, offset_ms: int, format_: Format) -> None:
    moved = with_times_moved(encode_message(trade(t_ms), format_), offset_ms)
    (found,), (expected,) = FrameDecoder().decode(moved), FrameDecoder().decode(encode_message(trade(t_ms), format_))
    assert isinstance(found, Trade)
    assert isinstance(expected, Trade)
    when = datetime.fromtimestamp((t_ms + offset_ms) // 1000, UTC)
    assert (found.trade_date, found.trade_time) == (when.strftime("%Y-%m-%d"), when.strftime("%H:%M:%S"))
    assert found.trade_timestamp == t_ms + offset_ms
    assert found.timestamp == t_ms + 56 + offset_ms
    assert (found.sequential_id, found.trade_price) == (expected.sequential_id, expected.trade_price)


def test_a_ticker_s_date_without_dashes_moves_too() -> None:
    before = b'{"tdt":"20261231","ttm":"235959","ttms":1798761599500,"h52wdt":"2025-10-09","tms":1798761599600}'
    after = b'{"tdt":"20270101","ttm":"000000","ttms":1798761600500,"h52wdt":"2025-10-09","tms":1798761600600}'
    assert with_times_moved(before, 1000) == after


def test_dates_of_rest_move_and_starts_of_candles_do_not() -> None:
    order = b'{"created_at":"2025-07-04T15:00:00+09:00","trades":[{"created_at":"2025-07-04T15:00:00.123456+09:00"}]}'
    moved = b'{"created_at":"2025-07-04T14:59:58+09:00","trades":[{"created_at":"2025-07-04T14:59:58.123456+09:00"}]}'
    assert with_times_moved(order, -2000) == moved
    candle = b'{"candle_date_time_utc":"2025-07-04T06:00:00","candle_date_time_kst":"2025-07-04T15:00:00"}'
    assert with_times_moved(candle, -2000) == candle


def test_an_announcement_moves_in_both_spellings() -> None:
    listed = "2026-09-21T22:33:20+09:00"
    message = Announcement("CREATED", "u", "t", "notice", "", listed, listed, MS, "REALTIME")
    for format_ in Format:
        moved = with_times_moved(encode_message(message, format_), 60_000)
        assert moved.count(b"2026-09-21T22:34:20+09:00") == 2
        assert str(MS + 60_000).encode() in moved


@pytest.mark.parametrize("text", [b"2025-99-99T99:99:99", b"9999-12-31T23:59:59"])
def test_what_is_no_date_that_can_be_moved_stays(text: bytes) -> None:
    payload = b'{"created_at":"' + text + b'"}'
    assert with_times_moved(payload, 86_400_000) == payload


@pytest.mark.parametrize("format_", Format)
def test_a_frame_of_an_unknown_type_has_the_shape_of_its_format(format_: Format) -> None:
    document = json.loads(unknown_type_frame("surprise", format_))
    fields = document[0] if format_.is_list else document
    assert fields["ty" if format_.is_short else "type"] == "surprise"
    assert re.match("x_", list(fields)[2])
