"""Price units (tick sizes) of the exchange's markets, and the least an order must be worth.

The tables hold since 2025-07-31. Some KRW markets between 100 and 1,000 KRW, USDT and USDC among them, have finer
units: where it matters, `tick_size` of `/v1/orderbook/instruments` comes first, and these tables are
what is left without it.

Source: docs.upbit.com, order price units and minimum order (read 2026-10).
"""

from bisect import bisect_right
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

from protocols.errors import UsageError

MIN_TOTAL: Final[Mapping[str, Decimal]] = {"KRW": Decimal(5000), "BTC": Decimal("0.00005"), "USDT": Decimal("0.5")}
"""Least worth of an order, in the quote currency."""

MAX_TOTAL_KRW: Final = Decimal(1_000_000_000)

_SMALLEST: Final = Decimal("0.00000001")

# (price from which it holds, unit), ascending; below the first the smallest unit holds.
_TABLES: Final[Mapping[str, tuple[tuple[Decimal, Decimal], ...]]] = {
    quote: tuple((Decimal(start), Decimal(unit)) for start, unit in rows)
    for quote, rows in {
        "KRW": (
            ("0", "0.00000001"),
            ("0.00001", "0.0000001"),
            ("0.0001", "0.000001"),
            ("0.001", "0.00001"),
            ("0.01", "0.0001"),
            ("0.1", "0.001"),
            ("1", "0.01"),
            ("10", "0.1"),
            ("100", "1"),
            ("5000", "5"),
            ("10000", "10"),
            ("50000", "50"),
            ("100000", "100"),
            ("500000", "500"),
            ("1000000", "1000"),
        ),
        "BTC": (("0", "0.00000001"),),
        "USDT": (
            ("0", "0.00000001"),
            ("0.0001", "0.0000001"),
            ("0.001", "0.000001"),
            ("0.01", "0.00001"),
            ("0.1", "0.0001"),
            ("1", "0.001"),
            ("10", "0.01"),
        ),
    }.items()
}
_STARTS: Final = {quote: tuple(start for start, _unit in rows) for quote, rows in _TABLES.items()}


def price_unit(quote: str, price: Decimal | float) -> Decimal:
    """The step of prices around `price`, in the quote currency; at a border, the step above it.

    Raises:
        UsageError: there is no table for this quote currency.
    """
    if quote not in _TABLES:
        raise UsageError(f"no price units for quote currency {quote!r}; known: {', '.join(_TABLES)}")
    row = bisect_right(_STARTS[quote], _exact(price))
    return _TABLES[quote][row - 1][1] if row else _SMALLEST


def round_to_unit(quote: str, price: Decimal | float, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """The valid price nearest to `price`, or with `ROUND_FLOOR` below it, with `ROUND_CEILING` above it.

    Raises:
        UsageError: there is no table for this quote currency, or a rounding other than these three.
    """
    if rounding not in {ROUND_HALF_EVEN, ROUND_FLOOR, ROUND_CEILING}:
        raise UsageError(f"rounding {rounding!r} is none of nearest, floor and ceiling")
    unit = price_unit(quote, price)
    return (_exact(price) / unit).to_integral_value(rounding) * unit


def _exact(price: Decimal | float) -> Decimal:
    """A float as the digits that it prints with: 0.1 is meant to be 0.1."""
    return price if isinstance(price, Decimal) else Decimal(repr(price))
