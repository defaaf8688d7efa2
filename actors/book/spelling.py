"""Prices in the digits of their market, and sizes with as many as tell them apart."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from protocols.errors import UsageError
from protocols.upbit.markets import quote_of
from protocols.upbit.price_units import price_unit

MAX_DECIMALS: Final = 8
"""The exchange's finest step of prices and of sizes."""

SIZE_DIGITS: Final = 6
"""Digits that the largest size of a book is shown with."""


def price_decimals(symbol: str, prices: Iterable[float]) -> int:
    """How many decimals a column of this market's prices needs, 0 to 8.

    As many as the price units around these prices have, and more where a price has more: some markets have finer units
    than the tables say.
    """
    return max((_decimals_of_price(quote_of(symbol), price) for price in prices if price > 0), default=0)


def price_text(price: float, decimals: int, *, signed: bool = False) -> str:
    """Write a price, or a difference of prices with its sign: `109,868,000`, `0.00012`, `+2,000`."""
    sign = "+" if signed and price > 0 else ""
    return f"{sign}{price:,.{decimals}f}"


def size_decimals(sizes: Iterable[float]) -> int:
    """How many decimals a column of sizes needs, 0 to 8: few for large sizes, but the smallest is not shown as zero."""
    present = [size for size in sizes if size > 0]
    if not present:
        return 0
    for_largest = SIZE_DIGITS - 1 - max(0, math.floor(math.log10(max(present))))
    for_smallest = -math.floor(math.log10(min(present)))
    return min(MAX_DECIMALS, max(0, for_largest, for_smallest))


def size_text(size: float, decimals: int) -> str:
    """Write a size: `0.00360`, `12,345`."""
    return f"{size:,.{decimals}f}"


def _decimals_of_price(quote: str, price: float) -> int:
    try:
        by_unit = _decimals(price_unit(quote, price))
    except UsageError:
        by_unit = 0  # A quote currency without a table: the price's own digits are all there is.
    return min(MAX_DECIMALS, max(by_unit, _decimals(Decimal(repr(price)))))


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
