"""Prices and sizes in columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.book.spelling import price_decimals, price_text, size_decimals, size_text


@pytest.mark.parametrize(
    ("symbol", "prices", "texts"),
    [
        ("KRW-BTC", [109_868_000.0, 109_869_000.0], ["109,868,000", "109,869,000"]),
        ("KRW-SHIB", [0.0158, 0.016], ["0.0158", "0.0160"]),
        ("KRW-DOGE", [99.9, 100.0], ["99.9", "100.0"]),
        ("KRW-USDT", [1371.5, 1372.0], ["1,371.5", "1,372.0"]),  # A finer unit than the table's.
        ("BTC-ETH", [0.0321], ["0.03210000"]),
        ("USDT-BTC", [84_000.5], ["84,000.50"]),
        ("XYZ-BTC", [12.5], ["12.5"]),
        ("KRW-PEPE", [9.9e-7], ["0.00000099"]),
    ],
)
def test_prices_have_the_decimals_of_their_market(symbol: str, prices: list[float], texts: list[str]) -> None:
    decimals = price_decimals(symbol, prices)
    assert [price_text(price, decimals) for price in prices] == texts


def test_a_difference_of_prices_has_its_sign() -> None:
    assert price_text(2000.0, 0, signed=True) == "+2,000"
    assert price_text(-0.5, 1, signed=True) == "-0.5"
    assert price_text(0.0, 0, signed=True) == "0"


@pytest.mark.parametrize(
    ("sizes", "texts"),
    [
        ([4.5, 0.07], ["4.50000", "0.07000"]),
        ([12_345_678.0, 77.0], ["12,345,678", "77"]),
        ([1500.0, 0.00012], ["1,500.0000", "0.0001"]),
        ([0.0], ["0"]),
    ],
)
def test_sizes_have_few_digits_but_none_is_shown_as_nothing(sizes: list[float], texts: list[str]) -> None:
    decimals = size_decimals(sizes)
    assert [size_text(size, decimals) for size in sizes] == texts


@given(st.lists(st.floats(min_value=1e-8, max_value=1e12), min_size=1, max_size=30))
def test_no_size_is_shown_as_nothing(sizes: list[float]) -> None:
    decimals = size_decimals(sizes)
    assert all(float(size_text(size, decimals).replace(",", "")) > 0 for size in sizes)
