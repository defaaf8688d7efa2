import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeFailure
from protocols.upbit.markets import MarketEvent, MarketInfo, base_of, decode_markets, quote_of

RECORDED = Path(__file__).parents[2] / "data" / "market-all-2021-04-17.json"


def test_the_recorded_list_of_2021_is_read_whole() -> None:
    markets = decode_markets(RECORDED.read_bytes())
    rows = json.loads(RECORDED.read_bytes())
    assert len(markets) == 294
    assert [(m.market, m.korean_name, m.english_name) for m in markets] == [
        (row["market"], row["korean_name"], row["english_name"]) for row in rows
    ]
    assert sum(market.quote == "KRW" for market in markets) == 117


def test_details_name_the_warnings_that_hold() -> None:
    body = (
        b'[{"market":"KRW-BTC","korean_name":"a","english_name":"Bitcoin","new":1,"market_event":{"warning":true,'
        b'"caution":{"PRICE_FLUCTUATIONS":true,"TRADING_VOLUME_SOARING":false,"DEPOSIT_AMOUNT_SOARING":true}}}]'
    )
    (market,) = decode_markets(body)
    assert market.market_event is not None
    assert market.market_event.warning
    assert market.market_event.cautions == ("DEPOSIT_AMOUNT_SOARING", "PRICE_FLUCTUATIONS")
    assert (market.quote, market.base) == ("KRW", "BTC")


def test_without_details_there_are_no_warnings() -> None:
    (market,) = decode_markets(b'[{"market":"KRW-BTC","korean_name":"a","english_name":"b"}]')
    assert market == MarketInfo("KRW-BTC", "a", "b", None)
    assert MarketEvent().cautions == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>maintenance</html>",
        b"{}",
        b'[{"market":"KRW-BTC"}]',
        b'[{"market":7,"korean_name":"a","english_name":"b"}]',
        b'[{"market":"KRWBTC","korean_name":"a","english_name":"b"}]',
        b'[{"market":"-BTC","korean_name":"a","english_name":"b"}]',
        b'[{"market":"KRW-BTC","korean_name":"\xff","english_name":"b"}]',
        b"[" * 100_000,
    ],
)
def test_what_is_no_list_of_markets_is_refused_with_its_bytes(body: bytes) -> None:
    with pytest.raises(DecodeFailure) as caught:
        decode_markets(body)
    assert caught.value.frame == body


@given(st.from_regex(r"[A-Z]{2,5}-[A-Z0-9]{1,8}", fullmatch=True))
def test_a_code_is_its_two_halves(code: str) -> None:
    assert f"{quote_of(code)}-{base_of(code)}" == code
