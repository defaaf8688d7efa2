import json
from collections.abc import Callable
from typing import Any

import pytest

from actors.exchange.market.units import DAY_MS
from actors.exchange.market.views import ticker
from actors.exchange.rest.quotation.listing import FLUCTUATING
from protocols.upbit.messages import SNAPSHOT
from tests.actors.exchange.rest.rest_client import RestClient

TICKER_FIELDS = (
    "market", "trade_date", "trade_time", "trade_date_kst", "trade_time_kst", "trade_timestamp", "opening_price",
    "high_price", "low_price", "trade_price", "prev_closing_price", "change", "change_price", "change_rate",
    "signed_change_price", "signed_change_rate", "trade_volume", "acc_trade_price", "acc_trade_price_24h",
    "acc_trade_volume", "acc_trade_volume_24h", "highest_52_week_price", "highest_52_week_date",
    "lowest_52_week_price", "lowest_52_week_date", "timestamp",
)  # fmt: skip


def test_market_all_has_codes_and_names_and_only_on_request_the_cautions(client: RestClient) -> None:
    short = client.get("/v1/market/all").document
    assert [market["market"] for market in short] == list(client.simulation.markets)
    assert all(list(market) == ["market", "korean_name", "english_name"] for market in short)
    for query in ("is_details=true", "isDetails=true"):
        detailed = client.get(f"/v1/market/all?{query}").document
        assert all(list(market) == ["market", "korean_name", "english_name", "market_event"] for market in detailed)
        assert {tuple(market["market_event"]["caution"]) for market in detailed} == {
            ("PRICE_FLUCTUATIONS", "TRADING_VOLUME_SOARING", "DEPOSIT_AMOUNT_SOARING",
             "GLOBAL_PRICE_DIFFERENCES", "CONCENTRATION_OF_SMALL_ACCOUNTS"),
        }  # fmt: skip
        assert all(market["market_event"]["warning"] is False for market in detailed)


def test_a_market_is_marked_when_its_price_moved_far_since_the_day_before(
    new_client: Callable[..., RestClient],
) -> None:
    client = new_client(rate=0.0)
    market = client.simulation.markets["KRW-BTC"]
    ids = (0, 0)
    far_e8 = round(market.day.prev_close_e8 * (1 + FLUCTUATING))
    market.record_trade(client.now_ms, is_buy=True, price_e8=far_e8 + 1, size_e8=1, ids=ids)
    marked = {
        document["market"]: document["market_event"]["caution"]["PRICE_FLUCTUATIONS"]
        for document in client.get("/v1/market/all?is_details=true").document
    }
    assert marked["KRW-BTC"] is True
    for document in client.get("/v1/ticker/all?quote_currencies=KRW,BTC,USDT").document:
        assert marked[document["market"]] is (document["change_rate"] >= FLUCTUATING)


def test_a_ticker_has_the_documented_fields_in_their_order_and_forms(client: RestClient) -> None:
    (document,) = client.get("/v1/ticker?markets=KRW-BTC").document
    assert tuple(document) == TICKER_FIELDS
    for day, clock in (("trade_date", "trade_time"), ("trade_date_kst", "trade_time_kst")):
        assert (len(document[day]), len(document[clock])) == (8, 6)
    assert document["change_price"] == abs(document["signed_change_price"])
    assert document["change_rate"] == abs(document["signed_change_rate"])
    assert document["trade_price"] - document["prev_closing_price"] == document["signed_change_price"]
    assert document["change"] == ("RISE" if document["signed_change_price"] > 0 else "FALL")
    hour = (int(document["trade_time"][:2]) + 9) % 24
    assert int(document["trade_time_kst"][:2]) == hour


def test_tickers_of_rest_and_websocket_agree_at_every_instant(new_client: Callable[..., RestClient]) -> None:
    client = new_client()
    for _ in range(5):
        client.now_ms += 700
        for document in client.get("/v1/ticker/all?quote_currencies=KRW").document:
            market = client.simulation.markets[document["market"]]
            assert market.last_trade is not None
            message = ticker(market, market.last_trade, now_ms=client.now_ms, stream_type=SNAPSHOT)
            shared: dict[str, Any] = {name: getattr(message, name, None) for name in document}
            shared |= {name: document[name] for name in ("market", "trade_date_kst", "trade_time_kst")}
            assert document == shared


def test_tickers_come_in_the_order_asked_for_and_each_once(client: RestClient) -> None:
    for query in ("markets=KRW-ETH,krw-btc,KRW-ETH", "markets=KRW-ETH&markets=KRW-BTC", "markets=KRW-ETH%2CKRW-BTC"):
        documents = client.get(f"/v1/ticker?{query}").document
        assert [document["market"] for document in documents] == ["KRW-ETH", "KRW-BTC"]


@pytest.mark.parametrize("currencies", ["KRW", "BTC,USDT", "KRW,BTC,USDT", "krw"])
def test_ticker_all_gives_every_market_of_the_currencies(client: RestClient, currencies: str) -> None:
    documents = client.get(f"/v1/ticker/all?quote_currencies={currencies}").document
    wanted = set(currencies.upper().split(","))
    expected = [code for code in client.simulation.markets if code.partition("-")[0] in wanted]
    assert [document["market"] for document in documents] == expected


def test_a_documented_currency_of_which_nothing_is_listed_has_no_tickers(new_client: Callable[..., RestClient]) -> None:
    client = new_client(markets=4, rate=0.0)
    assert client.get("/v1/ticker/all?quote_currencies=BTC,USDT").document == []
    everything = client.get("/v1/ticker/all?quote_currencies=KRW,BTC,USDT").document
    assert [document["market"] for document in everything] == list(client.simulation.markets)


def test_at_midnight_utc_the_day_of_a_ticker_starts_anew_without_a_trade(new_client: Callable[..., RestClient]) -> None:
    client = new_client(rate=0.0)
    (before,) = client.get("/v1/ticker?markets=KRW-BTC").document
    client.now_ms = (client.now_ms // DAY_MS + 1) * DAY_MS
    (after,) = client.get("/v1/ticker?markets=KRW-BTC").document
    assert before["acc_trade_volume"] > 0.0
    assert after["acc_trade_volume"] == 0.0
    assert after["prev_closing_price"] == after["opening_price"] == before["trade_price"]


def test_numbers_are_never_written_with_an_exponent(new_client: Callable[..., RestClient]) -> None:
    client = new_client(rate=0.0, markets=40)
    market = client.simulation.markets["BTC-ETH"]
    market.record_trade(client.now_ms, is_buy=True, price_e8=7, size_e8=123, ids=(0, 0))
    for target in (
        "/v1/ticker?markets=BTC-ETH", "/v1/trades/ticks?market=BTC-ETH", "/v1/candles/days?market=BTC-ETH",
        "/v1/orderbook?markets=BTC-ETH,KRW-BTC",
    ):  # fmt: skip
        body = client.get(target).body.decode()
        numbers: list[str] = []
        json.loads(body, parse_float=numbers.append)
        assert numbers
        assert not [number for number in numbers if "e" in number.lower()]
    assert '"trade_price":0.00000007' in client.get("/v1/ticker?markets=BTC-ETH").body.decode()
    assert '"trade_volume":0.00000123' in client.get("/v1/trades/ticks?market=BTC-ETH").body.decode()
