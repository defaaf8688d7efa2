"""Numbers as traders read them: thousands apart, no digits that say nothing, rates with their sign."""

from decimal import Decimal
from typing import Final

MAX_DECIMALS: Final = 8
"""The exchange's finest price step and volume step."""

_SCALES: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def amount_text(value: float | Decimal | str | None) -> str:
    """A price or a volume: `109,868,000`, `0.00001234`; `-` when there is none.

    A `Decimal`, or text that holds one, keeps every digit; a float is cut at 8 decimals.
    """
    if value is None:
        return "-"
    if isinstance(value, str):
        value = Decimal(value)
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,.{MAX_DECIMALS}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_price_text(order_type: str, state: str, price: float | Decimal | str | None) -> str:
    """An order's price; for a market buy, whose `price` is a sum of money, `for 367,000`.

    In a `trade` event the price is that of the fill, whatever the type.
    """
    return f"for {amount_text(price)}" if order_type == "price" and state != "trade" else amount_text(price)


def rate_text(rate: float | None) -> str:
    """A change rate with its sign: `+0.64%`; `-` when there is none."""
    return "-" if rate is None else f"{rate:+.2%}"


def short_amount_text(value: float) -> str:
    """A large sum in four digits or fewer: `1.23T`, `456.7B`, `12.3M`, `950,000`."""
    for scale, letter in _SCALES:
        if abs(value) >= scale:
            return f"{value / scale:,.4g}{letter}"
    return f"{value:,.0f}"


def age_text(age_s: float | None) -> str:
    """An age: `0.3 s`, `12 s`, `3 min`, `2 h`; `-` when there is none."""
    if age_s is None:
        return "-"
    if age_s < 10:
        return f"{age_s:.1f} s"
    if age_s < 120:
        return f"{age_s:.0f} s"
    return f"{age_s / 60:.0f} min" if age_s < 7200 else f"{age_s / 3600:.0f} h"
