"""What one connection is subscribed to after each of its requests, by the exchange's rules. No sockets."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from actors.exchange.quirks import Quirks
from protocols.upbit.messages import PRIVATE_TYPES, SubscriptionEntry, SubscriptionList
from protocols.upbit.refusals import INVALID_AUTH, WRONG_FORMAT
from protocols.upbit.requests import RequestRefused, RequestRules, Subscription, SubscriptionRequest

MAX_ACCUMULATED: Final = 20_000
"""Codes of all objects of a connection whose requests are added up; beyond, the oldest objects are forgotten."""


class Change(NamedTuple):
    """What a request makes of the subscriptions.

    Attributes:
        listed: the objects as they were sent, for LIST_SUBSCRIPTIONS.
        wanted: the objects to ask the source for; what goes on gets no second snapshot.
    """

    listed: tuple[Subscription, ...]
    wanted: tuple[Subscription, ...]


def rules_of(quirks: Quirks) -> RequestRules:
    """How requests are read."""
    return RequestRules(
        takes_empty=quirks.empty_request == "clear",
        takes_both_flags=quirks.both_flags == "neither",
        takes_lower_case=quirks.lower_case == "silence",
    )


def check_path(request: SubscriptionRequest, kind: str) -> None:
    """See that a request asks only for what its path serves.

    Raises:
        RequestRefused: a private type on the public path (INVALID_AUTH), or the reverse (WRONG_FORMAT, assumed).
    """
    for subscription in request.subscriptions:
        is_private = subscription.type in PRIVATE_TYPES
        if is_private and kind == "public":
            raise RequestRefused(INVALID_AUTH, f"{subscription.type} needs the private path and a token")
        if not is_private and kind == "private":
            raise RequestRefused(WRONG_FORMAT, f"{subscription.type} is served on the public path")


def follow(listed: Sequence[Subscription], request: SubscriptionRequest, quirks: Quirks) -> Change | None:
    """The subscriptions after a request; None when it leaves them alone, as LIST_SUBSCRIPTIONS does.

    Args:
        listed: the subscriptions before it.
        request: what was asked.
        quirks: whether a request replaces all before it (documented, seen 2026-09-23) or is added to it.
    """
    asked = request.subscriptions
    if not asked and request.method is not None:
        return None
    if not asked or quirks.requests == "replace":
        return Change(asked, asked)
    before = _that_fit(listed, MAX_ACCUMULATED - sum(len(subscription.codes) + 1 for subscription in asked))
    goes_on = tuple(
        msgspec.structs.replace(subscription, is_only_realtime=True)
        for subscription in before
        if not subscription.is_only_snapshot
    )
    return Change((*before, *asked), (*goes_on, *asked))


def _that_fit(subscriptions: Sequence[Subscription], left: int) -> tuple[Subscription, ...]:
    """The newest objects that have no more than `left` codes together."""
    fitting: list[Subscription] = []
    for subscription in reversed(subscriptions):
        left -= len(subscription.codes) + 1
        if left < 0:
            break
        fitting.append(subscription)
    return tuple(fitting[::-1])


def list_of(ticket: str, listed: Sequence[Subscription]) -> SubscriptionList:
    """The answer to LIST_SUBSCRIPTIONS: codes and levels as they were sent; a whole level is written as an integer."""
    return SubscriptionList(ticket, tuple(map(_entry, listed)))


def _entry(subscription: Subscription) -> SubscriptionEntry:
    if subscription.type != "orderbook":
        return SubscriptionEntry(subscription.type, subscription.codes)
    level = subscription.level or 0.0
    return SubscriptionEntry(subscription.type, subscription.codes, int(level) if level.is_integer() else level)
