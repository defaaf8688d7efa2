"""Topics: what a consumer can want, and what a message belongs to.

A topic's key is text, readable in logs and the same on every wire between actors:
`ticker/KRW-BTC`, `candle.1m/KRW-BTC`, `orderbook/KRW-BTC`, `orderbook.5/KRW-BTC` (5 units), `orderbook@10000/KRW-BTC`
(grouped by 10,000), `myOrder`, `myAsset`.
"""

import math
import re
from typing import Final, NamedTuple

from protocols.errors import UsageError
from protocols.upbit.messages import MARKET_TYPES, PRIVATE_TYPES, Candle, DataMessage, Orderbook, Ticker, Trade

ORDERBOOK_UNITS: Final = (1, 5, 15, 30)
"""Depths that the exchange serves; any other number falls back to 30 (seen 2026-09-23)."""

FULL_DEPTH: Final = 30

_CODE: Final = re.compile(r"[A-Z0-9]{2,10}-[A-Z0-9]{1,20}\Z")
_KEY: Final = re.compile(
    r"(?P<type>orderbook(?=[.@/])|candle\.[0-9]+[sm]|[A-Za-z]+)(?:\.(?P<units>[0-9]{1,3}))?(?:@(?P<level>[0-9.e+-]+))?"
    r"(?:/(?P<code>.+))?\Z"
)


class Topic(NamedTuple):
    """One stream of messages of one type: of one market, or (private types) of the account."""

    type: str
    code: str = ""
    units: int = FULL_DEPTH
    level: float = 0.0

    @property
    def key(self) -> str:
        """The topic as text."""
        units = "" if self.units == FULL_DEPTH else f".{self.units}"
        level = f"@{self.level!r}".removesuffix(".0") if self.level else ""
        return f"{self.type}{units}{level}/{self.code}" if self.code else self.type


def is_market_code(code: str) -> bool:
    """Whether `code` has the form of a market: upper case, quote currency first, such as `KRW-BTC`."""
    return _CODE.match(code) is not None


def parse_topic(key: str) -> Topic:
    """Read a topic's key.

    Raises:
        UsageError: the type is unknown, the code is missing or not of the form `QUOTE-BASE` in upper case, or the
            depth is none of 1, 5, 15, 30.
    """
    match = _KEY.match(key)
    if match is None or match["type"] not in MARKET_TYPES + PRIVATE_TYPES:
        raise UsageError(f"unknown topic {key!r}; known types: {', '.join(MARKET_TYPES + PRIVATE_TYPES)}")
    kind, code = match["type"], match["code"] or ""
    if kind in PRIVATE_TYPES:
        if code or match["units"] or match["level"]:
            raise UsageError(f"topic {key!r}: {kind} belongs to the account and takes no market")
        return Topic(kind)
    if not is_market_code(code):
        raise UsageError(f"topic {key!r}: {code!r} is not a market; write it like KRW-BTC, upper case")
    if kind != "orderbook" and (match["units"] or match["level"]):
        raise UsageError(f"topic {key!r}: only an orderbook has a depth or a level")
    units = int(match["units"] or FULL_DEPTH)
    if units not in ORDERBOOK_UNITS:
        raise UsageError(f"topic {key!r}: depth {units} is none of {ORDERBOOK_UNITS}")
    try:
        level = float(match["level"] or 0)
    except ValueError:
        level = math.nan
    if not math.isfinite(level) or level < 0:
        raise UsageError(f"topic {key!r}: level {match['level']!r} is not a price step")
    return Topic(kind, code, units, level)


def topic_of(message: DataMessage) -> Topic:
    """The topic that a message of the exchange belongs to."""
    if isinstance(message, Orderbook):
        return Topic("orderbook", message.code, len(message.orderbook_units), message.level)
    if isinstance(message, Ticker | Trade | Candle):
        return Topic(message.type, message.code)
    return Topic(message.type)
