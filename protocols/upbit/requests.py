"""Requests to the exchange's WebSocket: built by the connection actors, parsed by the simulated exchange.

One request is one text frame with a JSON array: a ticket, any number of type objects, optionally a format and a method.
It replaces everything that this socket was subscribed to, and is not acknowledged. A request that the exchange refuses
costs the socket: an error frame, then close 1000 (seen 2026-09-23).

Source: docs.upbit.com, WebSocket guide, request grammar and errors (read 2026-10).
"""

import enum
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from protocols.errors import UpbitdError
from protocols.unreadable import UNREADABLE
from protocols.upbit.messages import MARKET_TYPES, PRIVATE_TYPES
from protocols.upbit.refusals import INVALID_PARAM, NO_CODES, NO_TICKET, NO_TYPE, WRONG_FORMAT
from protocols.upbit.topics import FULL_DEPTH, ORDERBOOK_UNITS, Topic
from protocols.upbit.wire_shapes import LIST_SUBSCRIPTIONS

ANNOUNCEMENT_CATEGORIES: Final = frozenset({
    "notice", "trade", "trading", "wallet", "maintenance", "digital_asset", "nft", "service", "event",
})  # fmt: skip
"""Categories of announcements; the documentation has both `trade` (table) and `trading` (sample)."""

_DEPTH_SUFFIX: Final = re.compile(r"(?P<code>.+)\.(?P<units>[0-9]{1,3})\Z")


class Format(enum.StrEnum):
    """How the exchange writes its messages; a property of the connection, set by the newest request."""

    DEFAULT = "DEFAULT"
    SIMPLE = "SIMPLE"
    JSON_LIST = "JSON_LIST"
    SIMPLE_LIST = "SIMPLE_LIST"

    @property
    def is_short(self) -> bool:
        """Whether fields have their short names."""
        return self in {Format.SIMPLE, Format.SIMPLE_LIST}

    @property
    def is_list(self) -> bool:
        """Whether each data message comes in an array of its own."""
        return self in {Format.JSON_LIST, Format.SIMPLE_LIST}


class RequestRefused(UpbitdError):
    """A request that the exchange would answer with an error frame.

    Attributes:
        name: the exchange's name of the error.
        message: the text beside it.
    """

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        self.message = message
        super().__init__(f"{name}: {message}")


class Subscription(Struct, frozen=True):
    """One type object of a request. Codes of order books may carry a depth, such as `KRW-BTC.15`.

    Without a flag each code gets one snapshot and then what happens; `is_only_snapshot` ends after the snapshot,
    `is_only_realtime` leaves it out. `level` is the price step to group a book by (KRW markets). `categories` and
    `include_body` belong to `announcement`.
    """

    type: str
    codes: tuple[str, ...] = ()
    is_only_snapshot: bool = False
    is_only_realtime: bool = False
    level: float | None = None
    categories: tuple[str, ...] = ()
    include_body: bool = False

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics that this object asks for."""
        return topics_asked(self.type, self.codes, self.level)


class SubscriptionRequest(Struct, frozen=True):
    """One request. `method` is `LIST_SUBSCRIPTIONS` or None; asking for the list leaves the subscriptions alone."""

    ticket: str
    subscriptions: tuple[Subscription, ...] = ()
    format: Format = Format.DEFAULT
    method: str | None = None


class RequestRules(Struct, frozen=True):
    """How requests are read where nobody has recorded what the exchange does; the defaults are the likely answers.

    Attributes:
        takes_empty: a request without type and method is one that asks for nothing; otherwise NO_TYPE.
        takes_both_flags: is_only_snapshot and is_only_realtime together mean neither; otherwise WRONG_FORMAT.
        takes_lower_case: a code in lower case is one that is not known; otherwise WRONG_FORMAT.
    """

    takes_empty: bool = False
    takes_both_flags: bool = False
    takes_lower_case: bool = True


LIKELY_RULES: Final = RequestRules()


def split_depth(code: str) -> tuple[str, int]:
    """Split `KRW-BTC.15` into market and depth; a depth that the exchange does not serve, or none, is 30."""
    match = _DEPTH_SUFFIX.match(code)
    if match is None:
        return code, FULL_DEPTH
    units = int(match["units"])
    return match["code"], units if units in ORDERBOOK_UNITS else FULL_DEPTH


def topics_asked(type_: str, codes: Iterable[str], level: float | None = None) -> tuple[Topic, ...]:
    """The topics of one type object, of a request or of the exchange's own list of subscriptions."""
    if type_ == "orderbook":
        return tuple(Topic(type_, *split_depth(code), level or 0.0) for code in codes)
    if type_ in MARKET_TYPES:
        return tuple(Topic(type_, code) for code in codes)
    return (Topic(type_),)


def subscriptions_for(topics: Iterable[Topic], *, realtime_only: Collection[Topic] = ()) -> tuple[Subscription, ...]:
    """The type objects that ask for `topics`, in an order that depends on nothing but the topics.

    Those in `realtime_only` are asked for without a snapshot, in objects of their own. Order books of different levels
    stand in objects of their own, as the exchange demands; depths are suffixes of the codes.
    """
    groups: defaultdict[tuple[str, bool, float], list[str]] = defaultdict(list)
    kept = frozenset(realtime_only)
    for topic in sorted(set(topics)):
        # What belongs to the account has no snapshot, so there is none to leave out.
        is_kept = topic.type in MARKET_TYPES and topic in kept
        codes = groups[topic.type, is_kept, topic.level]
        if topic.type in MARKET_TYPES:
            codes.append(topic.code if topic.units == FULL_DEPTH else f"{topic.code}.{topic.units}")
    return tuple(
        Subscription(kind, tuple(codes), is_only_realtime=is_kept, level=level or None)
        for (kind, is_kept, level), codes in sorted(groups.items())
    )


def build_request(request: SubscriptionRequest) -> bytes:
    """Write a request as the text frame to send; the format always stands in it, for the newest request sets it."""
    document: list[dict[str, Any]] = [{"ticket": request.ticket}]
    document.extend(_type_object(subscription) for subscription in request.subscriptions)
    if request.method is not None:
        document.append({"method": request.method})
    document.append({"format": request.format.value})
    return msgspec.json.encode(document)


def _type_object(subscription: Subscription) -> dict[str, Any]:
    return {
        field: value for field, value in msgspec.structs.asdict(subscription).items() if value not in {None, False, ()}
    }


def parse_request(frame: bytes, rules: RequestRules = LIKELY_RULES) -> SubscriptionRequest:
    """Read a request as the exchange does: elements in any order, flags in snake_case or camelCase.

    Raises:
        RequestRefused: with the name that the exchange answers with.
    """
    ticket, format_, method = None, Format.DEFAULT, None
    subscriptions = []
    for element in _elements(frame):
        if "type" in element:
            subscriptions.append(_subscription(element, rules))
        if "ticket" in element:
            ticket = _text(element, "ticket")
        if "format" in element:
            format_ = _known_format(_text(element, "format"))
        if "method" in element:
            method = _known_method(_text(element, "method"))
    if not ticket:
        raise RequestRefused(NO_TICKET, "no usable ticket in the request")
    if not subscriptions and method is None and not rules.takes_empty:
        raise RequestRefused(NO_TYPE, "no type in the request")
    return SubscriptionRequest(ticket, tuple(subscriptions), format_, method)


def _elements(frame: bytes) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(frame, type=list[dict[str, Any]])
    except UNREADABLE:
        raise RequestRefused(WRONG_FORMAT, "the request is not an array of objects") from None


def _text(element: dict[str, Any], field: str) -> str:
    if not isinstance(element[field], str):
        raise RequestRefused(WRONG_FORMAT, f"{field} is not a string")
    return str(element[field])


def _known_format(text: str) -> Format:
    try:
        return Format(text)
    except ValueError:
        raise RequestRefused(INVALID_PARAM, f"unknown format {text!r}") from None


def _known_method(text: str) -> str:
    if text != LIST_SUBSCRIPTIONS:
        raise RequestRefused(INVALID_PARAM, f"unknown method {text!r}")
    return text


def _subscription(element: dict[str, Any], rules: RequestRules) -> Subscription:
    kind = _text(element, "type")
    if kind not in MARKET_TYPES + PRIVATE_TYPES:
        raise RequestRefused(INVALID_PARAM, f"unknown type {kind!r}")
    snapshot, realtime = _flag(element, "is_only_snapshot"), _flag(element, "is_only_realtime")
    if snapshot and realtime:
        if not rules.takes_both_flags:
            raise RequestRefused(WRONG_FORMAT, "is_only_snapshot and is_only_realtime exclude one another")
        snapshot = realtime = False
    codes = _codes(kind, element)
    if not rules.takes_lower_case and any(code != code.upper() for code in codes):
        raise RequestRefused(WRONG_FORMAT, "codes are written in upper case")
    return Subscription(
        kind,
        codes,
        is_only_snapshot=snapshot,
        is_only_realtime=realtime,
        level=_level(element) if kind == "orderbook" else None,
        categories=_categories(element) if kind == "announcement" else (),
        include_body=_flag(element, "include_body"),
    )


def _codes(kind: str, element: dict[str, Any]) -> tuple[str, ...]:
    if kind in {"myAsset", "announcement"} and "codes" in element:
        raise RequestRefused(WRONG_FORMAT, f"{kind} takes no codes")
    codes = _texts(element, "codes")
    if kind in MARKET_TYPES and not codes:
        raise RequestRefused(NO_CODES, f"no codes for {kind}")
    return codes


def _categories(element: dict[str, Any]) -> tuple[str, ...]:
    categories = _texts(element, "categories")
    unknown = [category for category in categories if category not in ANNOUNCEMENT_CATEGORIES]
    if unknown:
        raise RequestRefused(INVALID_PARAM, f"unknown category {unknown[0]!r}")
    return categories


def _texts(element: dict[str, Any], field: str) -> tuple[str, ...]:
    texts = element.get(field)
    if texts is None:
        return ()
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RequestRefused(WRONG_FORMAT, f"{field} is not an array of strings")
    return tuple(texts)


def _flag(element: dict[str, Any], field: str) -> bool:
    head, *words = field.split("_")
    camel_case = head + "".join(word.capitalize() for word in words)
    value = element.get(field, element.get(camel_case, False))
    if not isinstance(value, bool):
        raise RequestRefused(WRONG_FORMAT, f"{field} is neither true nor false")
    return value


def _level(element: dict[str, Any]) -> float | None:
    """The level as a number; the guide calls it a string and its samples send a number, so both are read."""
    level = element.get("level")
    if level is None:
        return None
    try:
        return msgspec.convert(level, float, strict=False)
    except msgspec.ValidationError:
        raise RequestRefused(WRONG_FORMAT, "level is not a number") from None
