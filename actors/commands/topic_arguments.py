"""What `upbitd watch TYPE CODE...` means: which topics, and which actor serves them."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from protocols.errors import SettingsError, UsageError
from protocols.reports import ALERT_TOPIC, SURGE_TOPIC, TURNOVER_TOPIC
from protocols.upbit.messages import MARKET_TYPES, PRIVATE_TYPES
from protocols.upbit.topics import parse_topic

REPORTED_BY: Final = {
    ALERT_TOPIC: "price_monitor",
    TURNOVER_TOPIC: "market_scanner",
    SURGE_TOPIC: "market_scanner",
}
"""Topics of consumers, and the name that the default settings give to each."""

_WITH_UNITS: Final = re.compile(r"(?P<code>.+?)\.(?P<units>[0-9]+)\Z")
_BOOK: Final = re.compile(r"orderbook(?=[.@]|\Z)")


class Watched(NamedTuple):
    """Topics, and the actor that serves them."""

    server: str
    topics: tuple[str, ...]


def read_watched(kind: str, codes: Sequence[str], *, server: str | None = None) -> Watched:
    """Read the arguments; `server` names the actor when it is not the usual one.

    A type of the exchange takes its own server, a report its consumer. With `server`, any other type is taken for a
    topic of that actor as it is: so the topics of an owner's own actor can be watched.

    Raises:
        SettingsError: the type is unknown, or codes are missing, surplus or malformed.
    """
    base = "orderbook" if _BOOK.match(kind) else kind
    if base in MARKET_TYPES:
        if not codes:
            raise SettingsError(f"watch {kind}: name at least one market, such as KRW-BTC")
        topics = tuple(dict.fromkeys(_market_topic(kind, code) for code in codes))
        return Watched(server or "public", topics)
    if base in PRIVATE_TYPES:
        _refuse_codes(kind, codes, "belongs to the account")
        return Watched(server or "private", (kind,))
    if base in REPORTED_BY:
        _refuse_codes(kind, codes, f"is a report of {REPORTED_BY[base]}")
        return Watched(server or REPORTED_BY[base], (kind,))
    if server is not None:
        return Watched(server, tuple(f"{kind}/{code}" for code in codes) or (kind,))
    known = ", ".join((*MARKET_TYPES, *PRIVATE_TYPES, *REPORTED_BY))
    raise SettingsError(f"watch: unknown type {kind!r}; known: {known}; for another actor's topic add --from ACTOR")


def _market_topic(kind: str, code: str) -> str:
    match = _WITH_UNITS.match(code) if kind == "orderbook" else None
    key = f"{kind}/{code}" if match is None else f"{kind}.{match['units']}/{match['code']}"
    try:
        return parse_topic(key).key
    except UsageError as error:
        raise SettingsError(f"watch: {error}") from None


def _refuse_codes(kind: str, codes: Sequence[str], why: str) -> None:
    if codes:
        raise SettingsError(f"watch {kind}: it {why} and takes no market; leave out {' '.join(codes)}")
