from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.exchange.rest.orders.amounts import amount_text, balance_text, kst_microseconds, kst_seconds


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal(0), "0"),
        (Decimal("0E-8"), "0"),
        (Decimal("-0.0"), "0"),
        (Decimal("1E+6"), "1000000"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("15584.98860000"), "15584.9886"),
        (Decimal("1386929.37231066771348207123"), "1386929.37231066771348207123"),
        (Decimal(100), "100"),
    ],
)
def test_an_amount_is_plain_digits_without_exponent_and_trailing_zeros(amount: Decimal, text: str) -> None:
    assert amount_text(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(Decimal(1_000_000), "1000000.0"), (Decimal(0), "0.0"), (Decimal("1.50"), "1.5")]
)
def test_a_balance_has_a_digit_behind_the_point(amount: Decimal, text: str) -> None:
    assert balance_text(amount) == text


@settings(max_examples=60)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18))
def test_no_digit_of_an_amount_is_lost(amount: Decimal) -> None:
    for text in (amount_text(amount), balance_text(amount)):
        assert Decimal(text) == amount
        assert set(text) <= set("-0123456789.")


def test_times_are_those_of_korea() -> None:
    assert kst_seconds(1_751_608_800_999) == "2025-07-04T15:00:00+09:00"
    assert kst_microseconds(1_751_608_800_000_042) == "2025-07-04T15:00:00.000042+09:00"
