"""How the exchange spells the numbers of its market data, which is different by format and by field.

Behind the wire stand two kinds of number of the Java world: doubles, written as `Double.toString` does, and decimals
with eight places, written as `BigDecimal.toString` does. Every spelling here means exactly the number that it was
made from: where a number does not fit into eight decimals, it is written as a double instead.

What was seen:
- 2026-09-23, DEFAULT: large prices `1.16539E8`, sizes `0.00077720`; SIMPLE: plain prices, small sizes `7.9276E-4`;
- 2021-04-17, SIMPLE: prices `127.0`, `0.000001`, `9.9E-7`; sizes `10.0`, `46.48838371`; totals of a book
  `25753548.08146010`; previous close and change of a trade `123.00000000`, `6E-8`;
- samples of the documentation (2026-10): best price of a trade `109867000`, its size `0.0099545`, level of a book `0`.

Assumed, for nobody recorded it: fields that are not named there follow the nearest that is. Turnover is spelled like a
price, accumulated volumes and rates like a size in SIMPLE; in DEFAULT all of them are doubles.
"""

import enum
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Struct

from protocols.upbit.messages import Candle, Orderbook, OrderbookUnit, Ticker, Trade

Speller = Callable[[float], str]

_shortest: Final = msgspec.json.Encoder().encode
"""The fewest digits that mean a double, as `repr` finds them, in a fraction of the time."""

_SMALLEST_POSITIONAL: Final = 1e-4
"""From here on neither Python nor msgspec writes an exponent, up to 1e16."""

_PLAIN_FROM: Final = 1e-6
"""Below, a plain number gets an exponent: `0.000001` and `9.9E-7` stood in the same recorded book."""

_LARGEST_DECIMAL: Final = 1e15
"""From here on eight decimals are more digits than a double holds."""

_NOT_A_NUMBER: Final = "null"

_ZEROS: Final = tuple("0" * missing for missing in range(9))
"""What makes eight decimals of fewer."""


class Spelling(enum.Enum):
    """How numbers of market data are written: in the shortest way, or as the exchange does."""

    PLAIN = "plain"
    WIRE = "wire"


def spell_double(value: float) -> str:
    """Write a number as Java's `Double.toString`: with an exponent from 1.0E7 on and below 0.001."""
    size = abs(value)
    if 1e-3 <= size < 1e7:
        return _shortest(float(value)).decode()
    if size == 0.0:
        return "0.0"  # Of either sign: to a reader they are the same number.
    if not math.isfinite(value):
        return _NOT_A_NUMBER
    digits, exponent = _shortest_digits(size)
    return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def spell_plain(value: float) -> str:
    """Write a number without an exponent down to 0.000001, and with `.0` when it is whole."""
    text = _positional(value)
    return text if "." in text or "E" in text or text == _NOT_A_NUMBER else f"{text}.0"


def spell_stripped(value: float) -> str:
    """Write a number like `spell_plain`, but a whole one without `.0`."""
    return _positional(value) if abs(value) < _LARGEST_DECIMAL else spell_double(value)


def spell_fixed(value: float) -> str:
    """Write a number with eight decimals, such as `0.00077720`; one that needs more as a double."""
    text = _positional(value)
    if "E" in text or abs(value) >= _LARGEST_DECIMAL or not math.isfinite(value):
        text = "" if not 0.0 < abs(value) < _PLAIN_FROM else f"{value:.8f}"
        return text if text and float(text) == value else spell_double(value)
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<8}" if len(decimals) <= 8 else spell_double(value)


def spell_scaled(value: float) -> str:
    """Write a number as a `BigDecimal` with eight places: `123.00000000`, but `6E-8`, and 0 as `0E-8`."""
    text = spell_fixed(value)
    return text if abs(value) >= _PLAIN_FROM or "E" in text or text == _NOT_A_NUMBER else str(Decimal(text))


def spell_all(spell: Speller, values: list[float]) -> list[str]:
    """Write many numbers in the same way, quickly: most need little more than their shortest text."""
    if not values or spell is spell_stripped or (spell is spell_scaled and not min(values) >= _PLAIN_FROM):
        return list(map(spell, values))
    text = _shortest(values)[1:-1].decode()
    if spell is spell_fixed or spell is spell_scaled:
        # An exponent, or null.
        return list(map(spell, values)) if "e" in text or "n" in text else _padded(spell, text.split(","), values)
    lowest, highest = (1e-3, 1e7) if spell is spell_double else (_SMALLEST_POSITIONAL, _LARGEST_DECIMAL)
    texts = text.split(",")
    if lowest <= min(values) and max(values) < highest:
        return texts
    return [text if lowest <= value < highest else spell(value) for value, text in zip(values, texts, strict=True)]


def _padded(spell: Speller, texts: list[str], values: list[float]) -> list[str]:
    """Texts with eight decimals instead of fewer; a number that has more, or is an integer, is spelled by itself."""
    padded: list[str] = []
    for text, value in zip(texts, values, strict=True):
        point = text.find(".")
        missing = point + len(_ZEROS) - len(text)
        padded.append(text + _ZEROS[missing] if missing >= 0 <= point else spell(value))
    return padded


def _shortest_digits(size: float) -> tuple[str, int]:
    """The fewest digits that mean this double, and the power of ten of the first of them."""
    text = repr(float(size))
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = f"{whole}{fraction}".rstrip("0")
    significant = digits.lstrip("0")
    return significant, int(exponent or 0) + len(whole) - 1 - (len(digits) - len(significant))


def _positional(value: float) -> str:
    size = abs(value)
    if _SMALLEST_POSITIONAL <= size < _LARGEST_DECIMAL:
        return _shortest(float(value)).decode().removesuffix(".0")
    if size == 0.0:
        return "0"
    if not math.isfinite(value):
        return _NOT_A_NUMBER
    number = Decimal(repr(float(value)))
    return f"{number:f}" if size >= _PLAIN_FROM else str(number)


def _fields(spell: Speller, *names: str) -> dict[str, Speller]:
    return dict.fromkeys(names, spell)


_PRICES: Final = ("opening_price", "high_price", "low_price", "trade_price")
_OF_TICKERS: Final = (
    *_PRICES, "prev_closing_price", "change_price", "signed_change_price", "highest_52_week_price",
    "lowest_52_week_price", "acc_trade_price", "acc_trade_price_24h",
)  # fmt: skip
_MEASURES: Final = (
    "change_rate", "signed_change_rate", "acc_trade_volume", "acc_ask_volume", "acc_bid_volume", "acc_trade_volume_24h",
)  # fmt: skip
_BEST: Final = _fields(spell_stripped, "best_ask_price", "best_ask_size", "best_bid_price", "best_bid_size")
_BOOK: Final = _fields(spell_scaled, "total_ask_size", "total_bid_size") | _fields(spell_stripped, "level")

_SPELLERS: Final[dict[tuple[type[Struct], bool], dict[str, Speller]]] = {
    (Ticker, False): _fields(spell_double, *_OF_TICKERS, *_MEASURES) | _fields(spell_fixed, "trade_volume"),
    (Ticker, True): _fields(spell_plain, *_OF_TICKERS) | _fields(spell_double, *_MEASURES, "trade_volume"),
    (Trade, False): {
        **_fields(spell_double, "trade_price", "prev_closing_price", "change_price"),
        **_fields(spell_fixed, "trade_volume"),
        **_BEST,
    },
    (Trade, True): {
        **_fields(spell_plain, "trade_price"),
        **_fields(spell_double, "trade_volume"),
        **_fields(spell_scaled, "prev_closing_price", "change_price"),
        **_BEST,
    },
    (Orderbook, False): _BOOK,
    (Orderbook, True): _BOOK,
    (OrderbookUnit, False): {
        **_fields(spell_double, "ask_price", "bid_price"),
        **_fields(spell_fixed, "ask_size", "bid_size"),
    },
    (OrderbookUnit, True): {
        **_fields(spell_plain, "ask_price", "bid_price"),
        **_fields(spell_double, "ask_size", "bid_size"),
    },
    (Candle, False): _fields(spell_double, *_PRICES, "candle_acc_trade_price", "candle_acc_trade_volume"),
    (Candle, True): {
        **_fields(spell_plain, *_PRICES, "candle_acc_trade_price"),
        **_fields(spell_double, "candle_acc_trade_volume"),
    },
}


def spellers_of(struct: type[Struct], *, short: bool) -> Mapping[str, Speller]:
    """How the numbers of a struct are spelled, by field; none for what belongs to an account, which is written plainly.

    Args:
        struct: one of the canonical structs in `messages`.
        short: whether it has short names: SIMPLE and SIMPLE_LIST spell otherwise than DEFAULT and JSON_LIST.
    """
    return _SPELLERS.get((struct, short), {})
