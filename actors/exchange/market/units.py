"""Numbers of the simulated exchange: integers of 1e-8, so that every sum is exact.

A price, size or amount is an integer count of 1e-8 (`_e8`); price times size is a count of 1e-16 (`_e16`). Floats are
made at the edge by one correctly rounded division, Decimals exactly.
"""

from bisect import bisect_right
from decimal import Decimal
from functools import lru_cache
from typing import Final

from protocols.upbit.price_units import price_unit

E8: Final = 10**8
E16: Final = 10**16

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

_HIGHEST_POWER: Final = 20


def as_float(value_e8: int) -> float:
    """The float nearest to a count of 1e-8."""
    return value_e8 / E8


def as_decimal(value_e8: int) -> Decimal:
    """The exact Decimal of a count of 1e-8, without an exponent for whole numbers."""
    whole, rest = divmod(value_e8, E8)
    return Decimal(whole) if rest == 0 else Decimal(value_e8).scaleb(-8)


def to_e8(value: float | Decimal) -> int:
    """The nearest count of 1e-8."""
    return round(value * E8)


@lru_cache
def _ticks(quote: str) -> tuple[list[int], list[int]]:
    """From which prices on which units hold; the exchange's tables change only at 1 and 5 times a power of ten."""
    starts = [0, *sorted(digit * 10**power for digit in (1, 5) for power in range(_HIGHEST_POWER))]
    return starts, [max(1, to_e8(price_unit(quote, as_decimal(start)))) for start in starts]


def tick_e8(quote: str, price_e8: int) -> int:
    """The price unit that holds at a price of a market in `quote` (the exchange's tables, at least 1e-8)."""
    starts, ticks = _ticks(quote)
    return ticks[bisect_right(starts, price_e8) - 1]


def floor_price(quote: str, price_e8: int) -> int:
    """The highest valid price not above `price_e8`; at least one unit."""
    starts, ticks = _ticks(quote)
    tick = ticks[bisect_right(starts, price_e8) - 1]
    return max(tick, price_e8 - price_e8 % tick)


def price_above(quote: str, price_e8: int) -> int:
    """The next valid price above a valid one."""
    return price_e8 + tick_e8(quote, price_e8)


def price_below(quote: str, price_e8: int) -> int:
    """The next valid price below a valid one, 0 when there is none."""
    return price_e8 - tick_e8(quote, price_e8 - 1) if price_e8 > 1 else 0
