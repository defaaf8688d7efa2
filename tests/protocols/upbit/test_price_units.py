from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import UsageError
from protocols.upbit.price_units import MIN_TOTAL, price_unit, round_to_unit

quotes = st.sampled_from(["KRW", "BTC", "USDT"])
prices = st.decimals("0.00000001", 1_000_000_000, allow_nan=False, places=8)


@pytest.mark.parametrize(
    ("quote", "price", "unit"),
    [
        ("KRW", 109_868_000, "1000"),
        ("KRW", 1_000_000, "1000"),
        ("KRW", "999999.99", "500"),
        ("KRW", 500_000, "500"),
        ("KRW", 499_999, "100"),
        ("KRW", 100_000, "100"),
        ("KRW", 99_999, "50"),
        ("KRW", 50_000, "50"),
        ("KRW", 49_999, "10"),
        ("KRW", 10_000, "10"),
        ("KRW", 9_999, "5"),
        ("KRW", 5_000, "5"),
        ("KRW", 4_999, "1"),
        ("KRW", 100, "1"),
        ("KRW", "99.9", "0.1"),
        ("KRW", 10, "0.1"),
        ("KRW", "9.99", "0.01"),
        ("KRW", 1, "0.01"),
        ("KRW", "0.1", "0.001"),
        ("KRW", "0.01", "0.0001"),
        ("KRW", "0.001", "0.00001"),
        ("KRW", "0.0001", "0.000001"),
        ("KRW", "0.00001", "0.0000001"),
        ("KRW", "0.000001", "0.00000001"),
        ("KRW", 0, "0.00000001"),
        ("KRW", -1, "0.00000001"),
        ("BTC", 5, "0.00000001"),
        ("USDT", 109_868, "0.01"),
        ("USDT", 10, "0.01"),
        ("USDT", "9.9", "0.001"),
        ("USDT", "0.5", "0.0001"),
        ("USDT", "0.05", "0.00001"),
        ("USDT", "0.005", "0.000001"),
        ("USDT", "0.0005", "0.0000001"),
        ("USDT", "0.00005", "0.00000001"),
    ],
)
def test_price_units_are_those_of_the_tables(quote: str, price: float | str, unit: str) -> None:
    assert price_unit(quote, Decimal(price)) == Decimal(unit)
    assert price_unit(quote, float(price)) == Decimal(unit)


@given(quotes, prices, st.sampled_from([ROUND_HALF_EVEN, ROUND_FLOOR, ROUND_CEILING]))
def test_a_rounded_price_is_valid_and_near(quote: str, price: Decimal, rounding: str) -> None:
    unit = price_unit(quote, price)
    rounded = round_to_unit(quote, price, rounding)
    assert abs(rounded - price) < unit
    assert rounded % price_unit(quote, rounded) == 0
    assert round_to_unit(quote, rounded, rounding) == rounded
    assert rounding != ROUND_FLOOR or rounded <= price
    assert rounding != ROUND_CEILING or rounded >= price


@given(quotes, prices, prices)
def test_units_never_shrink_as_prices_grow(quote: str, one: Decimal, other: Decimal) -> None:
    assert price_unit(quote, min(one, other)) <= price_unit(quote, max(one, other))


def test_a_float_is_taken_as_it_prints() -> None:
    assert round_to_unit("KRW", 0.1 + 0.2, ROUND_FLOOR) == Decimal("0.300")
    assert round_to_unit("KRW", 109_868_499.9) == 109_868_000


def test_an_unknown_quote_currency_or_rounding_is_named() -> None:
    with pytest.raises(UsageError, match="'EUR'; known: KRW, BTC, USDT"):
        price_unit("EUR", 1.0)
    with pytest.raises(UsageError, match="ROUND_UP"):
        round_to_unit("KRW", 1.0, ROUND_UP)


def test_every_quote_currency_has_a_least_worth() -> None:
    assert MIN_TOTAL["KRW"] == 5000
