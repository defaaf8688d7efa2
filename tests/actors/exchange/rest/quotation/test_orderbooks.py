from collections.abc import Callable

import pytest

from actors.exchange.market.views import orderbook
from protocols.upbit.messages import SNAPSHOT
from tests.actors.exchange.rest.rest_client import RestClient


def test_a_book_has_the_documented_fields_and_bids_first(client: RestClient) -> None:
    (book,) = client.get("/v1/orderbook?markets=KRW-BTC").document
    assert list(book) == ["market", "timestamp", "total_bid_size", "total_ask_size", "orderbook_units", "level"]
    assert len(book["orderbook_units"]) == 30
    assert list(book["orderbook_units"][0]) == ["bid_price", "ask_price", "bid_size", "ask_size"]
    assert book["orderbook_units"][0]["bid_price"] < book["orderbook_units"][0]["ask_price"]
    assert book["level"] == 0.0


@pytest.mark.parametrize(("count", "units"), [(1, 1), (5, 5), (30, 30), (31, 30), (1000, 30)])
def test_the_depth_is_count_and_not_above_30(client: RestClient, count: int, units: int) -> None:
    (book,) = client.get(f"/v1/orderbook?markets=KRW-BTC&count={count}").document
    assert len(book["orderbook_units"]) == units


def test_books_of_rest_and_websocket_agree_at_every_instant(new_client: Callable[..., RestClient]) -> None:
    client = new_client()
    for level in (0, 10000):
        client.now_ms += 900
        (document,) = client.get(f"/v1/orderbook?markets=KRW-BTC&level={level}").document
        book = orderbook(client.simulation.markets["KRW-BTC"], units=30, level=float(level), stream_type=SNAPSHOT)
        assert book is not None
        assert document["timestamp"] == book.timestamp
        assert (document["total_ask_size"], document["total_bid_size"]) == (book.total_ask_size, book.total_bid_size)
        assert [
            (unit["ask_price"], unit["bid_price"], unit["ask_size"], unit["bid_size"])
            for unit in document["orderbook_units"]
        ] == [tuple(getattr(unit, name) for name in unit.__struct_fields__) for unit in book.orderbook_units]


def test_a_level_groups_krw_books_and_an_unsupported_one_gives_nothing(client: RestClient) -> None:
    (book,) = client.get("/v1/orderbook?markets=KRW-BTC&level=100000").document
    assert book["level"] == 100000.0
    assert all(unit["ask_price"] % 100000 == 0 for unit in book["orderbook_units"])
    for query in ("markets=KRW-BTC&level=5", "markets=BTC-ETH&level=10000", "markets=KRW-BTC&level=1e20"):
        assert client.get(f"/v1/orderbook?{query}").document == []
    mixed = client.get("/v1/orderbook?markets=KRW-BTC,BTC-ETH&level=10000").document
    assert [book["market"] for book in mixed] == ["KRW-BTC"]


def test_lower_case_markets_are_accepted(client: RestClient) -> None:
    assert client.get("/v1/orderbook?markets=krw-btc").document == client.get("/v1/orderbook?markets=KRW-BTC").document


def test_every_listed_pair_is_served_in_one_call(new_client: Callable[..., RestClient]) -> None:
    client = new_client(markets=120, rate=0.0)
    codes = list(client.simulation.markets)
    books = client.get(f"/v1/orderbook?markets={','.join(codes)}").document
    assert [book["market"] for book in books] == codes
    short = [unit for book in books for unit in book["orderbook_units"] if unit["ask_price"] == 0]
    assert all(unit["ask_size"] == 0 for unit in short)


def test_instruments_tell_the_price_unit_at_the_present_price_and_the_levels(client: RestClient) -> None:
    btc, other = client.get("/v1/orderbook/instruments?markets=KRW-BTC,BTC-ETH").document
    assert btc == {
        "market": "KRW-BTC",
        "quote_currency": "KRW",
        "tick_size": "1000",
        "supported_levels": ["0", "10000", "100000", "1000000", "10000000", "100000000"],
    }
    assert (other["quote_currency"], other["tick_size"], other["supported_levels"]) == ("BTC", "0.00000001", ["0"])


def test_every_supported_level_has_a_book(client: RestClient) -> None:
    for instrument in client.get("/v1/orderbook/instruments?markets=KRW-BTC,KRW-ADA").document:
        for level in instrument["supported_levels"]:
            (book,) = client.get(f"/v1/orderbook?markets={instrument['market']}&level={level}").document
            assert book["level"] == float(level)


def test_supported_levels_are_still_served_as_numbers(client: RestClient) -> None:
    (levels,) = client.get("/v1/orderbook/supported_levels?markets=KRW-BTC").document
    assert levels == {"market": "KRW-BTC", "supported_levels": [0, 10000, 100000, 1000000, 10000000, 100000000]}
