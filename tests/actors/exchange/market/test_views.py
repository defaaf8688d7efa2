"""What is said of a market."""

import pytest

from actors.exchange.market.day import YearRange
from actors.exchange.market.events import EventLog
from actors.exchange.market.market import Market, MarketSpec
from actors.exchange.market.units import DAY_MS, E8
from actors.exchange.market.views import is_supported_level, orderbook, supported_levels, tick_size, trade
from protocols.upbit.messages import REALTIME, SNAPSHOT


def market_at(code: str, price_e8: int, t_ms: int = 1_000) -> Market:
    spec = MarketSpec(code, "", "", price_e8, 1, 1.0, 0.0, 0.0, 60.0, 0.0, 0.0)
    market = Market(spec, EventLog(), YearRange(high_e8=price_e8, high_day=0, low_e8=price_e8, low_day=0))
    market.record_trade(t_ms, is_buy=True, price_e8=price_e8, size_e8=1, ids=(0, 0))
    return market


@pytest.mark.parametrize(
    ("code", "price_e8", "tick", "levels"),
    [
        ("KRW-BTC", 148_601_000 * E8, "1000", ("0", "10000", "100000", "1000000", "10000000", "100000000")),
        ("KRW-ETH", 3_512_000 * E8, "1000", ("0", "10000", "100000", "1000000")),
        ("KRW-XRP", 2_154 * E8, "1", ("0", "10", "100", "1000")),
        ("KRW-SHIB", 1_712_000, "0.0001", ("0", "0.001", "0.01")),
        ("BTC-ETH", 3_000_000, "0.00000001", ("0",)),
        ("USDT-BTC", 83_000 * E8, "0.01", ("0",)),
    ],
)
def test_supported_levels_and_the_tick_size_are_as_documented(
    code: str, price_e8: int, tick: str, levels: tuple[str, ...]
) -> None:
    market = market_at(code, price_e8)
    assert tick_size(market) == tick
    assert supported_levels(market) == levels
    for level in levels[1:]:
        assert is_supported_level(market, round(float(level) * E8))
        book = orderbook(market, units=30, level=float(level), stream_type=SNAPSHOT)
        assert book is not None
        assert book.level == float(level)
    assert orderbook(market, units=30, level=3.0, stream_type=SNAPSHOT) is None


def test_a_short_side_of_a_book_is_padded_with_zeros_and_totals_are_of_what_is_shown() -> None:
    market = market_at("KRW-XRP", 2_000 * E8)
    for i in range(3):
        market.place(2_000, is_ask=True, price_e8=(2_001 + i) * E8, size_e8=5 * E8)
    market.place(3_000, is_ask=False, price_e8=1_999 * E8, size_e8=7 * E8)
    book = orderbook(market, units=2, level=0.0, stream_type=REALTIME)
    assert book is not None
    assert [(row.ask_price, row.ask_size, row.bid_price, row.bid_size) for row in book.orderbook_units] == [
        (2001.0, 5.0, 1999.0, 7.0),
        (2002.0, 5.0, 0.0, 0.0),
    ]
    assert (book.total_ask_size, book.total_bid_size, book.timestamp) == (10.0, 7.0, 3_000)


def test_an_empty_book_is_nothing_but_zeros() -> None:
    book = orderbook(market_at("KRW-XRP", 2_000 * E8), units=30, level=0.0, stream_type=SNAPSHOT)
    assert book is not None
    assert {(row.ask_price, row.bid_price, row.ask_size, row.bid_size) for row in book.orderbook_units} == {
        (0, 0, 0, 0)
    }
    assert len(book.orderbook_units) == 30


def test_a_trade_told_after_midnight_keeps_the_reference_of_its_own_day() -> None:
    market = market_at("KRW-XRP", 2_000 * E8, t_ms=DAY_MS - 1_000)
    market.record_trade(2 * DAY_MS - 1, is_buy=True, price_e8=2_100 * E8, size_e8=1, ids=(0, 0))
    late = market.last_trade
    market.record_trade(2 * DAY_MS, is_buy=True, price_e8=2_200 * E8, size_e8=1, ids=(0, 0))
    assert late is not None
    assert market.last_trade is not None
    told = trade(market, late, now_ms=2 * DAY_MS, stream_type=REALTIME)
    assert (told.prev_closing_price, told.change, told.change_price) == (2_000.0, "RISE", 100.0)
    told = trade(market, market.last_trade, now_ms=2 * DAY_MS, stream_type=REALTIME)
    assert (told.prev_closing_price, told.change, told.change_price) == (2_100.0, "RISE", 100.0)
