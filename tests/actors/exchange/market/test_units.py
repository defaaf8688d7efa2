"""Integers of 1e-8 and the exchange's price units."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.market.units import as_decimal, floor_price, price_above, price_below, tick_e8
from protocols.errors import UsageError
from protocols.upbit.price_units import price_unit

quotes = st.sampled_from(["KRW", "BTC", "USDT"])
prices = st.integers(0, 19).flatmap(lambda power: st.integers(10**power, 10 ** (power + 1)))


@given(quote=quotes, price_e8=prices)
def test_price_units_are_those_of_the_tables_at_every_price(quote: str, price_e8: int) -> None:
    assert as_decimal(tick_e8(quote, price_e8)) == price_unit(quote, as_decimal(price_e8))


@pytest.mark.parametrize("quote", ["KRW", "BTC", "USDT"])
def test_price_units_are_those_of_the_tables_at_every_border(quote: str) -> None:
    for power in range(19):
        for digit in (1, 2, 5):
            for price_e8 in (digit * 10**power - 1, digit * 10**power, digit * 10**power + 1):
                assert as_decimal(tick_e8(quote, price_e8)) == price_unit(quote, as_decimal(price_e8))


@given(quote=quotes, price_e8=prices)
def test_the_valid_price_below_is_not_above_and_its_neighbours_are_valid(quote: str, price_e8: int) -> None:
    price_e8 = floor_price(quote, price_e8)
    above = price_above(quote, price_e8)
    assert price_e8 % tick_e8(quote, price_e8) == above % tick_e8(quote, above) == 0
    assert price_below(quote, above) == price_e8


def test_a_quote_currency_without_a_table_is_refused() -> None:
    with pytest.raises(UsageError, match="EUR"):
        tick_e8("EUR", 1)


def test_decimals_are_exact_and_plain() -> None:
    assert as_decimal(1) == Decimal("0.00000001")
    assert str(as_decimal(10_000_000 * 10**8)) == "10000000"
