"""Faults on demand: what `POST /_simulator/faults` takes.

Each fault is one JSON object with a `kind` and its parameters; `target` chooses public connections, private ones, or
all, and `connection` (an id from `GET /_simulator/state`) a single one.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

Target = Literal["public", "private", "all"]
CloseCode = Annotated[int, Meta(ge=1000, le=4999)]
"""Codes; those that a close frame must not carry (RFC 6455, 7.4.1) are refused by `Close` itself."""
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
RefusalStatus = Annotated[int, Meta(ge=400, le=599)]
Seconds = Annotated[float, Meta(ge=0.0, le=86_400.0)]


_NEVER_SENT: Final = frozenset({1004, 1005, 1006, 1015})


class _Fault(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """What every fault has: whom it hits."""

    target: Target = "all"
    connection: int | None = None


class Close(_Fault, frozen=True, tag="close"):
    """Close with a close frame."""

    code: CloseCode = 1000
    reason: str = ""

    def __post_init__(self) -> None:
        if self.code in _NEVER_SENT:
            raise ValueError(f"{self.code} is never sent in a close frame")


class Reset(_Fault, frozen=True, tag="reset"):
    """Reset the TCP connection: no close frame, no FIN."""


class Stall(_Fault, frozen=True, tag="stall"):
    """Stay open and say nothing any more, pongs included."""


class Garbage(_Fault, frozen=True, tag="garbage"):
    """Send one frame that is no JSON, or the given text."""

    text: str = '{"type":"ticker","code":"KRW-BTC","trade_price":'


class Refuse(_Fault, frozen=True, tag="refuse"):
    """Refuse the next `count` handshakes with a status; a count of 0 ends it."""

    count: Count = 1
    status: RefusalStatus = 503
    retry_after_s: Seconds | None = None


Fault = Close | Reset | Stall | Garbage | Refuse

_DECODER: Final[msgspec.json.Decoder[Fault]] = msgspec.json.Decoder(Fault)


def decode_fault(body: bytes) -> Fault:
    """Read a fault.

    Raises:
        UNREADABLE: the message says what is wrong and where.
    """
    return _DECODER.decode(body)


class Refusals:
    """Handshakes that are still to be refused, by kind of connection."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Refuse, int]] = {}

    def add(self, fault: Refuse) -> None:
        """Refuse from now on as `fault` says; it replaces what was set for the same target."""
        for kind in ("public", "private") if fault.target == "all" else (fault.target,):
            self._waiting[kind] = (fault, fault.count)

    def take(self, kind: str) -> Refuse | None:
        """The refusal for the next handshake of a kind, None when it may go on."""
        fault, left = self._waiting.get(kind, (None, 0))
        if fault is None or left <= 0:
            return None
        self._waiting[kind] = (fault, left - 1)
        return fault
