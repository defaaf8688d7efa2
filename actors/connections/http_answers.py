"""What an HTTP answer of the exchange says beside its status: how long to wait, and what it calls the error.

Proxies and maintenance pages answer in the exchange's place with HTML, other encodings or nothing: none of it is relied
on, and nothing here raises.
"""

import re
from typing import Final

import msgspec

from protocols.unreadable import UNREADABLE

MAX_RETRY_AFTER_S: Final = 3600.0
"""Longest wait that an answer can make us keep; the next attempt after it asks again."""

# Not `isdigit`, which takes digits such as `²` that `float` does not.
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_NAME: Final = re.compile(r"[A-Za-z_]{1,40}")


class ErrorDetails(msgspec.Struct, frozen=True):
    """The inside of an error body; quotation REST has the HTTP status as the name."""

    name: str | int
    message: str = ""


class _ErrorBody(msgspec.Struct, frozen=True):
    error: ErrorDetails


def parse_retry_after(text: str) -> float | None:
    """Read a Retry-After in seconds, at most an hour; None for anything else.

    A date is not used, since the exchange's clock need not be ours.
    """
    return min(float(text), MAX_RETRY_AFTER_S) if _SECONDS.fullmatch(text) else None


def parse_error(body: bytes | str) -> ErrorDetails | None:
    """Read `{"error":{"name":...,"message":...}}`; None when the body is something else."""
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error
    except UNREADABLE:
        return None


def error_name(body: bytes | str) -> str:
    """The exchange's name of an error, such as `invalid_access_key`, and "" when the body does not say.

    Only what looks like such a name is taken, so that it can be shown: a server may send back what it was sent, and
    that may hold the keys.
    """
    error = parse_error(body)
    return "" if error is None else plain_name(str(error.name))


def plain_name(name: str) -> str:
    """The name itself when it looks like one, and "" otherwise."""
    return name if _NAME.fullmatch(name) else ""
