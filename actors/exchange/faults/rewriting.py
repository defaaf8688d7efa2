"""Frames as faults make them: fields that nobody knows, an amount that is wrong, times that are off, an unknown type.

All of it on the bytes of an encoded message, so that frames without a fault cost nothing and one rule serves the four
formats and REST alike.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from protocols.upbit.requests import Format

_EXTRA: Final = b',"x_new_field":{"note":"nobody knows this","values":[1,null,"2"]},"x_flag":true'

_ALTERED: Final = re.compile(
    rb'"(?:trade_price|tp|trade_volume|tv|total_ask_size|tas|balance|b|executed_volume|ev|volume|v)":(-?[0-9.]*)([0-9])'
)
"""An amount of each type of message, up to the last digit of its mantissa."""

_EPOCH: Final = re.compile(rb'"((?:[a-z_]*timestamp)|[a-z]*tms)":([0-9]{13})\b')
_ISO: Final = re.compile(rb'"((?:created|done|listed|first_listed)_at|lat|flat)":"([-0-9]{10}T[0-9:]{8})')
_DAY_AND_TIME: Final = re.compile(
    rb'"(trade_date(?:_utc|_kst)?|tdt|td)":"([-0-9]{8,10})",?"(trade_time(?:_utc|_kst)?|ttm)":"([0-9:]{6,8})"'
)


def with_extra_fields(payload: bytes) -> bytes:
    """Add two fields to the object, or to the last object of an array; what is no object stays as it is."""
    for end in (b"}]", b"}"):
        if payload.endswith(end) and not payload.endswith(b"{" + end):
            return payload[: -len(end)] + _EXTRA + end
    return payload


def altered(payload: bytes) -> bytes:
    """Change the last digit of the first amount; a payload without one stays as it is."""
    match = _ALTERED.search(payload)
    if match is None:
        return payload
    digit = (int(match[2]) + 1) % 10
    return payload[: match.start(2)] + str(digit).encode() + payload[match.end(2) :]


def with_times_moved(payload: bytes, offset_ms: int) -> bytes:
    """Move the times that a document says by `offset_ms`.

    Milliseconds since the epoch, `created_at` and its like, and dates with the time of day beside them are moved.
    Starts of candles, which lie on the minute, and ids are not.
    """

    def epoch(match: re.Match[bytes]) -> bytes:
        return b'"%s":%d' % (match[1], int(match[2]) + offset_ms)

    def iso(match: re.Match[bytes]) -> bytes:
        return b'"%s":"%s' % (match[1], _moved(match[2], "%Y-%m-%dT%H:%M:%S", offset_ms))

    def day_and_time(match: re.Match[bytes]) -> bytes:
        # The milliseconds that the time of day lacks stand in the timestamp behind it; both must stay in one second.
        stamp = _EPOCH.search(match.string, match.end())
        moved_ms = offset_ms + (int(stamp[2]) % 1000 if stamp else 0)
        day_form = "%Y-%m-%d" if b"-" in match[2] else "%Y%m%d"
        time_form = "%H:%M:%S" if b":" in match[4] else "%H%M%S"
        moved = _moved(match[2] + b" " + match[4], f"{day_form} {time_form}", moved_ms)
        day, _, time_of_day = moved.partition(b" ")
        return b'"%s":"%s","%s":"%s"' % (match[1], day, match[3], time_of_day)

    return _EPOCH.sub(epoch, _ISO.sub(iso, _DAY_AND_TIME.sub(day_and_time, payload)))


def _moved(text: bytes, form: str, offset_ms: int) -> bytes:
    """A date as written, later by whole seconds (rounded down, as the exchange cuts its milliseconds off)."""
    try:
        said = datetime.strptime(text.decode(), form).replace(tzinfo=UTC)
        return (said + timedelta(seconds=offset_ms // 1000)).strftime(form).encode()
    except (ValueError, OverflowError):
        return text  # It only looks like a date, or has none behind it.


def unknown_type_frame(type_: str, format_: Format) -> bytes:
    """A data frame of a type that no client knows, in one of the four formats."""
    short = format_.is_short
    document = {
        "ty" if short else "type": type_,
        "cd" if short else "code": "KRW-BTC",
        "x_value": 1.0,
        "st" if short else "stream_type": "REALTIME",
    }
    return msgspec.json.encode([document] if format_.is_list else document)
