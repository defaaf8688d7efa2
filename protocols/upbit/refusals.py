"""How the exchange says no: names of WebSocket errors, close codes, names and statuses of REST errors.

Match on the name only: the text beside it is Korean or English. WebSocket names are upper case, REST names lower case,
quotation REST has the HTTP status as its name.

Source: docs.upbit.com, WebSocket errors and REST errors (read 2026-10); closing as seen on 2026-09-23.
"""

import enum
from typing import Final

INVALID_AUTH: Final = "INVALID_AUTH"
WRONG_FORMAT: Final = "WRONG_FORMAT"
NO_TICKET: Final = "NO_TICKET"
NO_TYPE: Final = "NO_TYPE"
NO_CODES: Final = "NO_CODES"
INVALID_PARAM: Final = "INVALID_PARAM"
TOO_MANY_REQUEST: Final = "TOO_MANY_REQUEST"

CLOSE_NORMAL: Final = 1000
"""How the exchange closes, about 160 ms after an error frame."""

CLOSE_ABNORMAL: Final = 1006
"""No close frame at all: what an idle close (60 s of silence) and a lost path look like."""


class Remedy(enum.Enum):
    """What helps against a refusal."""

    WAIT = "wait"
    """A limit was reached, or the exchange is down: the same again later."""

    CHECK_KEYS = "check keys"
    """The keys are bad, expired, used from another address, or lack a scope: the owner must act."""

    FIX_REQUEST = "fix request"
    """We asked for something wrong: the same again will be refused again."""


_TOO_MANY: Final = frozenset({"TOO_MANY_REQUEST", "TOO_MANY_REQUESTS", "IM_A_TEAPOT", "418", "429"})
_DOWN: Final = frozenset({"MARKET_OFFLINE", "INTERNAL_SERVER_ERROR", "500", "502", "503", "504"})
_KEYS: Final = frozenset({
    "INVALID_AUTH", "JWT_VERIFICATION", "INVALID_ACCESS_KEY", "EXPIRED_ACCESS_KEY", "NO_AUTHORIZATION_IP",
    "NO_AUTHORIZATION_I_P", "NO_AUTHORIZATION_TOKEN", "OUT_OF_SCOPE", "401", "403",
})  # fmt: skip
_WAIT_STATUS: Final = frozenset({418, 425, 429, 500, 502, 503, 504})


def remedy_of(name: str, *, status: int = 0) -> Remedy:
    """Tell what helps against an error by its name, any spelling, and by its HTTP status where the name says nothing.

    A used nonce counts as `WAIT`: the next attempt carries a new one.
    """
    known = normal_name(name)
    if known in _TOO_MANY or known in _DOWN or known == "NONCE_USED" or status in _WAIT_STATUS:
        return Remedy.WAIT
    if known in _KEYS or status == 401:
        return Remedy.CHECK_KEYS
    return Remedy.FIX_REQUEST


def is_too_many(name: str) -> bool:
    """Whether a limit on requests was exceeded; documents of different months spell the name in three ways."""
    return normal_name(name) in _TOO_MANY


def normal_name(name: str) -> str:
    """One spelling of an error's name: `Too Many Requests`, `too-many-requests` -> `TOO_MANY_REQUESTS`."""
    letters = name.replace("'", "").replace("\u2019", "").strip().upper()  # U+2019: how some write "I'm a teapot"
    return letters.replace(" ", "_").replace("-", "_")
