from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.pieces.price_gap import MarketPrice, PriceGap
from tests.actors.client.pieces.events import ticker


def rows(gap: PriceGap, now_s: float = 0.0) -> dict[str, MarketPrice]:
    return {row.market: row for row in gap.prices(now_s)}


def full_gap() -> PriceGap:
    gap = PriceGap("ETH", max_age_s=60)
    gap(ticker("KRW-ETH", price=4_000_000, at_ms=100_000))
    gap(ticker("BTC-ETH", price=0.04, at_ms=90_000))
    gap(ticker("USDT-ETH", price=2_900, at_ms=95_000))
    gap(ticker("KRW-BTC", price=100_000_000, at_ms=80_000))
    gap(ticker("KRW-USDT", price=1_400, at_ms=99_000))
    return gap


def test_it_says_which_markets_it_needs() -> None:
    assert PriceGap("ETH").symbols == ("KRW-ETH", "BTC-ETH", "USDT-ETH", "KRW-BTC", "KRW-USDT")
    assert PriceGap().symbols == ("KRW-BTC", "USDT-BTC", "KRW-USDT")
    assert PriceGap("USDT").symbols == ("KRW-USDT", "BTC-USDT", "KRW-BTC")
    assert PriceGap("XRP", markets=["BTC-XRP"]).symbols == ("KRW-XRP", "BTC-XRP", "KRW-BTC")


def test_prices_are_converted_into_krw_and_compared_with_the_krw_market() -> None:
    found = rows(full_gap(), 100.0)
    assert [row.price_krw for row in found.values()] == [4_000_000, 4_000_000, 4_060_000]
    assert found["KRW-ETH"].gap_percent == 0
    assert found["USDT-ETH"].gap_percent == pytest.approx(1.5)
    assert found["USDT-ETH"].price == 2_900


def test_a_row_is_as_old_as_the_oldest_ticker_that_it_stands_on() -> None:
    found = rows(full_gap(), 145.0)
    assert {market: (row.age_s, row.is_stale) for market, row in found.items()} == {
        "KRW-ETH": (45.0, False),
        "BTC-ETH": (65.0, True),
        "USDT-ETH": (50.0, False),
    }
    assert found["BTC-ETH"].gap_percent == pytest.approx(0.0)


def test_what_cannot_be_worked_out_yet_is_none() -> None:
    gap = PriceGap()
    assert rows(gap)["USDT-BTC"] == MarketPrice("USDT-BTC", None, None, None, None, is_stale=False)
    gap.take(ticker("USDT-BTC", price=70_000.0))
    assert rows(gap)["USDT-BTC"] == MarketPrice("USDT-BTC", 70_000.0, None, None, 0.0, is_stale=False)
    gap.take(ticker("KRW-USDT", price=1_400.0))
    assert rows(gap)["USDT-BTC"] == MarketPrice("USDT-BTC", 70_000.0, 98_000_000.0, None, 0.0, is_stale=False)
    gap.take(ticker("KRW-BTC", price=100_000_000.0))
    assert rows(gap)["USDT-BTC"].gap_percent == pytest.approx(-2.0)


def test_a_market_that_never_traded_has_no_price_and_divides_nothing() -> None:
    gap = PriceGap()
    for code in gap.symbols:
        gap.take(ticker(code, price=0.0))
    assert {(row.price, row.price_krw, row.gap_percent) for row in gap.prices(0.0)} == {(None, None, None)}


def test_foreign_and_older_tickers_change_nothing() -> None:
    gap = full_gap()
    before = gap.prices(100.0)
    gap.take(ticker("KRW-XRP", price=1.0, at_ms=200_000))
    gap.take(ticker("KRW-ETH", price=1.0, at_ms=99_999))
    assert gap.prices(100.0) == before


@pytest.mark.parametrize(
    ("base", "markets", "max_age_s", "message"),
    [
        ("btc", None, 60, "base must be a coin such as BTC, upper case, not 'btc'"),
        ("KRW", None, 60, "base must be a coin such as BTC, upper case, not 'KRW'"),
        (7, None, 60, "base must be a coin such as BTC, upper case, not 7"),
        ("BTC", ["KRW-ETH"], 60, "markets: 'KRW-ETH' is no market of BTC in KRW, BTC, USDT; write it like KRW-BTC"),
        ("BTC", "EUR-BTC", 60, "markets: 'EUR-BTC' is no market of BTC in KRW, BTC, USDT; write it like KRW-BTC"),
        ("BTC", None, 0, "max_age_s must be a number above 0, not 0"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    base: str, markets: list[str] | None, max_age_s: float, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        PriceGap(base, markets=markets, max_age_s=max_age_s)


@given(st.lists(st.floats(1e-6, 1e9), min_size=5, max_size=5))
def test_a_gap_is_positive_exactly_when_the_converted_price_is_higher(prices: list[float]) -> None:
    gap = PriceGap("ETH")
    for code, price in zip(gap.symbols, prices, strict=True):
        gap.take(ticker(code, price=price))
    reference, *others = gap.prices(0.0)
    assert reference.gap_percent == 0
    by_price = sorted(others, key=lambda row: row.price_krw or 0)
    assert all((low.gap_percent or 0) <= (high.gap_percent or 0) for low, high in pairwise(by_price))
    for row in others:
        assert row.price_krw is not None
        assert row.gap_percent is not None
        assert row.gap_percent >= -100
        if row.price_krw > (reference.price or 0) * (1 + 1e-12):
            assert row.gap_percent > 0
