"""Amounts of accounts: decimals that are never rounded, and their counts of 1e-8 for the book."""

from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, localcontext
from functools import wraps
from typing import Final, ParamSpec, TypeVar

EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero])
"""Sums and products here have at most 50 digits; one that had to be rounded would be a lost amount, and raises."""

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)

AMOUNT_LIMIT: Final = Decimal(10) ** 15
"""Prices, volumes and budgets are below this: no product of two of them and a fee needs more than 60 digits."""

_PLACES: Final = 8
_MOST_DIGITS: Final = 64

_P = ParamSpec("_P")
_R = TypeVar("_R")


def exactly(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function compute without rounding; one that has to round raises `decimal.Inexact`."""

    @wraps(function)
    def computed(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return computed


def count_e8(value: Decimal) -> int:
    """The count of 1e-8 in an amount of at most 8 decimals."""
    return int(EXACT.scaleb(value, _PLACES))


def count_e16(value: Decimal) -> int:
    """The count of 1e-16 in an amount of at most 16 decimals: the unit of price times volume."""
    return int(EXACT.scaleb(value, 2 * _PLACES))


def is_amount(value: Decimal) -> bool:
    """Whether a number can be the price, volume or budget of an order: positive, below 1e15, at most 8 decimals.

    It comes from a request, so it may be NaN, have a million digits or an exponent of any size.
    """
    if not value.is_finite() or value <= 0 or value >= AMOUNT_LIMIT or value.adjusted() < -_PLACES:
        return False
    if len(value.as_tuple().digits) > _MOST_DIGITS:
        return False
    _, denominator = value.as_integer_ratio()
    return 10**_PLACES % denominator == 0
