"""Amounts and times as private REST writes them: amounts as text, times in Korea's zone."""

import time
from decimal import Decimal
from functools import lru_cache
from typing import Final

from actors.exchange.market.views import KST_MS


def amount_text(amount: Decimal) -> str:
    """An exact amount in plain digits: no exponent, no trailing zeros, `0` for nothing (as in documented orders)."""
    text = format(amount, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def balance_text(amount: Decimal) -> str:
    """As `amount_text`, with one zero behind the point of a whole number: `1000000.0` (as documented for balances)."""
    text = amount_text(amount)
    return text if "." in text else f"{text}.0"


def kst_seconds(t_ms: int) -> str:
    """A time in Korea on whole seconds, cut: `2025-07-04T15:00:00+09:00` (documented for `created_at` of an order)."""
    return f"{_kst_clock((t_ms + KST_MS) // 1000)}+09:00"


def kst_microseconds(t_us: int) -> str:
    """A time in Korea with six decimals, from microseconds since the epoch (documented for fills)."""
    seconds, rest_us = divmod(t_us + KST_MS * 1000, _US)
    return f"{_kst_clock(seconds)}.{rest_us:06d}+09:00"


_US: Final = 1_000_000


@lru_cache(maxsize=4096)
def _kst_clock(shifted_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(shifted_s))
