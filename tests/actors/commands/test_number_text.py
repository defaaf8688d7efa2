from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.commands.number_text import age_text, amount_text, rate_text, short_amount_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (109868000.0, "109,868,000"),
        (127.5, "127.5"),
        (6e-8, "0.00000006"),
        (0.0, "0"),
        (100, "100"),
        (None, "-"),
        ("1386929.37231066771348207123", "1,386,929.37231066771348207123"),
        (Decimal("0E-12"), "0"),
        (Decimal("1E+3"), "1,000"),
    ],
)
def test_amounts_have_thousands_apart_and_no_empty_digits(value: float | Decimal | str | None, text: str) -> None:
    assert amount_text(value) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=16, min_value=-(10**12), max_value=10**12))
def test_no_digit_of_money_is_lost(value: Decimal) -> None:
    assert Decimal(amount_text(value).replace(",", "")) == value


@pytest.mark.parametrize(("rate", "text"), [(0.0644, "+6.44%"), (-0.07, "-7.00%"), (0.0, "+0.00%"), (None, "-")])
def test_rates_carry_their_sign(rate: float | None, text: str) -> None:
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.789e11, "178.9B"), (2.5e12, "2.5T"), (1.2e6, "1.2M"), (950_000.0, "950,000"), (0, "0")]
)
def test_large_sums_are_short(value: float, text: str) -> None:
    assert short_amount_text(value) == text


@pytest.mark.parametrize(
    ("age_s", "text"), [(None, "-"), (0.04, "0.0 s"), (12.3, "12 s"), (200.0, "3 min"), (10_000.0, "3 h")]
)
def test_ages_are_as_exact_as_they_are_young(age_s: float | None, text: str) -> None:
    assert age_text(age_s) == text
