"""How the exchange spells numbers: as recorded, and never another number than the one it was made from."""

import json
import math
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.upbit.messages import OrderbookUnit, Ticker, Trade
from protocols.upbit.number_spelling import (
    spell_all,
    spell_double,
    spell_fixed,
    spell_plain,
    spell_scaled,
    spell_stripped,
    spellers_of,
)

SPELLERS = [spell_double, spell_plain, spell_stripped, spell_fixed, spell_scaled]
amounts = st.integers(0, 10**17).map(lambda count: count / 1e8)


@pytest.mark.parametrize(
    ("spell", "value", "text"),
    [
        # Java's own rule: exponents from 1.0E7 on and below 0.001; the first two were seen on 2026-09-23.
        (spell_double, 116_539_000.0, "1.16539E8"),
        (spell_double, 0.00079276, "7.9276E-4"),
        (spell_double, 9_999_999.0, "9999999.0"),
        (spell_double, 10_000_000.0, "1.0E7"),
        (spell_double, 0.001, "0.001"),
        (spell_double, 0.0009, "9.0E-4"),
        (spell_double, -703_000.0, "-703000.0"),
        (spell_double, -59_726_546_304.62442, "-5.972654630462442E10"),
        (spell_double, 0.0, "0.0"),
        (spell_double, -0.0, "0.0"),
        # Prices of order books and trades in SIMPLE, recorded 2021-04-17.
        (spell_plain, 127.0, "127.0"),
        (spell_plain, 109_868_000.0, "109868000.0"),
        (spell_plain, 0.000001, "0.000001"),
        (spell_plain, 0.00000113, "0.00000113"),
        (spell_plain, 9.9e-7, "9.9E-7"),
        (spell_plain, 0.0, "0.0"),
        # Best prices of a trade in the documentation's sample.
        (spell_stripped, 109_867_000.0, "109867000"),
        (spell_stripped, 0.0099545, "0.0099545"),
        (spell_stripped, 0.0, "0"),
        # Sizes in DEFAULT, seen 2026-09-23.
        (spell_fixed, 0.0007772, "0.00077720"),
        (spell_fixed, 5.0, "5.00000000"),
        # Previous close and change of a trade, totals of a book, recorded 2021-04-17.
        (spell_scaled, 123.0, "123.00000000"),
        (spell_scaled, 25_753_548.0814601, "25753548.08146010"),
        (spell_scaled, 6e-8, "6E-8"),
        (spell_scaled, 0.00000119, "0.00000119"),
        (spell_scaled, 0.0, "0E-8"),
    ],
)
def test_numbers_are_spelled_as_they_were_seen(spell: Callable[[float], str], value: float, text: str) -> None:
    assert spell(value) == text


@pytest.mark.parametrize("spell", SPELLERS)
@given(value=st.floats(allow_nan=False, allow_infinity=False) | amounts)
@settings(max_examples=60)
def test_no_spelling_changes_the_number(spell: Callable[[float], str], value: float) -> None:
    text = spell(value)
    assert float(json.loads(text)) == value
    assert spell_all(spell, [value, 1.0])[1] == spell(1.0)
    assert float(json.loads(spell_all(spell, [value])[0])) == value


@pytest.mark.parametrize("spell", SPELLERS)
@given(values=st.lists(amounts, max_size=8))
@settings(max_examples=40)
def test_many_at_once_are_spelled_like_each_alone(spell: Callable[[float], str], values: list[float]) -> None:
    assert spell_all(spell, values) == list(map(spell, values))


@pytest.mark.parametrize("spell", SPELLERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(spell: Callable[[float], str], value: float) -> None:
    assert spell(value) == "null"
    assert spell_all(spell, [value]) == ["null"]


@pytest.mark.parametrize("spell", [spell_fixed, spell_scaled])
def test_whole_numbers_get_eight_decimals_among_many_too(spell: Callable[[float], str]) -> None:
    assert spell_all(spell, [7, 2.5, 0.123456789]) == ["7.00000000", "2.50000000", "0.123456789"]


def test_more_than_eight_decimals_are_not_cut_off() -> None:
    assert spell_fixed(0.123456789) == "0.123456789"
    assert spell_scaled(1e-9) == "1.0E-9"
    assert Decimal(spell_fixed(1e22)) == Decimal(10**22)


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("struct", [Ticker, Trade, OrderbookUnit])
def test_every_float_of_market_data_has_a_spelling(struct: type, short: bool) -> None:
    floats = {
        name
        for base in struct.__mro__
        for name, kind in getattr(base, "__annotations__", {}).items()
        if "float" in str(kind)
    }
    assert set(spellers_of(struct, short=short)) == floats
