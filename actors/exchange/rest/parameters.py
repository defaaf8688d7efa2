"""The parameters of one request, in the order sent, and how each kind of value is read.

A parameter that is not asked for is ignored, and one with an empty value counts as not sent (both assumed: nobody
recorded them). Of a name that was sent twice the last value holds; lists take all (assumed).
"""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, overload

from actors.exchange.rest.errors import Family, invalid, missing, mistyped

MOST_DIGITS: Final = 40
_LARGEST_EXPONENT: Final = 20
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+)(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MS, _LAST_MS = 0, 253_402_300_800_000
"""1970 to the year 9999: what a time may be."""


class Parameters:
    """Names and values of one request.

    Args:
        pairs: as sent, decoded; a value of None is a `null` of a JSON body and counts as not sent.
        family: decides how a refusal is written.

    Raises from its methods:
        RestRefused: a required parameter is missing, or a value is not what it must be.
    """

    def __init__(self, pairs: Sequence[tuple[str, str | None]], *, family: Family = "exchange") -> None:
        self.family: Family = family
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if value:
                self._values.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        """Whether a parameter, or the list of that name (`name[]`), was sent with a value."""
        return name in self._values or f"{name}[]" in self._values

    def text(self, name: str) -> str | None:
        """A text, None when it was not sent."""
        values = self._values.get(name)
        return values[-1] if values else None

    def required(self, name: str) -> str:
        """A text that must be there."""
        value = self.text(name)
        if value is None:
            raise missing(self.family, name)
        return value

    @overload
    def choice(self, name: str, allowed: Collection[str], default: str) -> str: ...
    @overload
    def choice(self, name: str, allowed: Collection[str], default: None = None) -> str | None: ...
    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str | None:
        """One of several words, the default when it was not sent."""
        value = self.text(name)
        if value is None:
            return default
        if value not in allowed:
            raise invalid(self.family, name, "one of " + ", ".join(allowed))
        return value

    @overload
    def integer(self, name: str, *, default: int, lowest: int = 1, most: int | None = None) -> int: ...
    @overload
    def integer(self, name: str, *, default: None = None, lowest: int = 1, most: int | None = None) -> int | None: ...
    def integer(self, name: str, *, default: int | None = None, lowest: int = 1, most: int | None = None) -> int | None:
        """A whole number; below `lowest` is refused, above `most` is taken as `most`.

        The cap was seen for the depth of order books (2026-09-23) and is assumed for the other counts.
        """
        value = self.text(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value):
            raise mistyped(self.family, name, "a whole number")
        number = int(value)
        if number < lowest:
            raise invalid(self.family, name, f"{lowest} or more")
        return number if most is None else min(number, most)

    def decimal(self, name: str) -> Decimal | None:
        """An exact number of up to 40 digits, None when it was not sent; its sign and range are for the caller."""
        value = self.text(name)
        if value is None:
            return None
        match = _DECIMAL.fullmatch(value)
        exponent = int(match[3][1:]) if match and match[3] else 0
        if match is None or len(value) > MOST_DIGITS or abs(exponent) > _LARGEST_EXPONENT:
            raise mistyped(self.family, name, "a number")
        return Decimal(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """`true` or `false`, in any case."""
        value = (self.text(name) or str(default)).lower()
        if value not in {"true", "false"}:
            raise mistyped(self.family, name, "true or false")
        return value == "true"

    def texts(self, name: str, *, most: int | None = None) -> list[str]:
        """A list: `name[]` repeated, and `name` with commas; empty when neither was sent.

        Repeated entries are given once. More than `most` of them are refused.
        """
        plain = [item for value in self._values.get(name, ()) for item in value.split(",")]
        items = list(dict.fromkeys([*self._values.get(f"{name}[]", ()), *plain]))
        if most is not None and len(items) > most:
            raise invalid(self.family, name, f"at most {most}")
        return items

    def time_ms(self, name: str) -> int | None:
        """A time in milliseconds since the epoch, None when it was not sent.

        ISO 8601 with `T` or a space; without an offset it is UTC (documented for candles). The exchange's side takes
        milliseconds as well (documented for closed orders).
        """
        value = self.text(name)
        if value is None:
            return None
        if self.family == "exchange" and _INTEGER.fullmatch(value):
            time_ms = int(value)
        else:
            try:
                time_ms = _epoch_ms(datetime.fromisoformat(value))
            except ValueError:
                raise invalid(self.family, name, "a time as ISO 8601") from None
        if not _FIRST_MS <= time_ms < _LAST_MS:
            raise invalid(self.family, name, "a time between 1970 and 9999")
        return time_ms


def _epoch_ms(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since = aware - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
