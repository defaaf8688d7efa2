"""How often one may ask: groups of requests, what is left of each, and what comes of asking on and on.

Market data and connects are counted by address, accounts and orders by account. Beyond a group's limit the answer is
429; who goes on all the same is blocked for a while with 418, longer each time. Time is an argument (`now_s`).

Source: documented limits (2026-10); measured on candles on 2025-09-12: of 20 requests back to back 10 pass, 95 ms apart
all pass for 45 s, 90 ms apart the first refusal comes after 0.94 s. That is a window of 10 somewhat shorter than a
second. The exchange's side is documented as a token bucket.
"""

import math
from collections import OrderedDict, deque
from typing import Final, Protocol

from actors.exchange.rest.errors import Family
from actors.exchange.rest.messages import HttpAnswer, error_answer
from protocols.upbit.limits import GROUP_LIMITS, GroupLimit, SlidingWindow

ORIGIN: Final = "origin"
"""The group of every request for market data, and of every connect, that carries an `Origin` header."""

WEBSOCKET: Final = "websocket"
"""The group of connects, as the upgrade's answer names it."""

GROUPS: Final = {
    **GROUP_LIMITS,
    WEBSOCKET: GroupLimit(5, by_address=True),
    ORIGIN: GroupLimit(1, 10.0, by_address=True),
}

MEASURED_SECOND_S: Final = 0.94
"""Length of the one-second windows of market data, by the measurement: above 0.90 and not above 0.95."""

REFUSALS: Final = 20
"""More refusals than these within `REFUSALS_WITHIN_S` end in a block. Assumed: above what was measured without one."""

REFUSALS_WITHIN_S: Final = 10.0
FIRST_BLOCK_S: Final = 10.0
"""Length of the first block, doubled with each further one. Assumed: nobody recorded it."""

LONGEST_BLOCK_S: Final = 3600.0
FORGIVEN_AFTER_S: Final = 3600.0
"""Time after the end of a block after which the next one is a first one again. Assumed."""

_MOST_KEPT: Final = 10_000
_ROUNDING_S: Final = 1e-6
"""Sums of float seconds are off by less; without it the last of a full bucket could be refused."""


class _Allowance(Protocol):
    def permit_at_s(self, now_s: float) -> float: ...
    def take(self, now_s: float) -> None: ...
    def free(self, now_s: float) -> int: ...


class TokenBucket:
    """`capacity` at once, refilled at an even pace within `period_s`."""

    def __init__(self, capacity: int, period_s: float) -> None:
        self._capacity = capacity
        self._per_s = capacity / period_s
        self._empty_s = float("-inf")  # When the bucket was, or would have been, empty.

    def permit_at_s(self, now_s: float) -> float:
        """The earliest time, `now_s` or later, at which one more is allowed."""
        return max(now_s, self._empty_s + 1.0 / self._per_s - _ROUNDING_S)

    def take(self, now_s: float) -> None:
        """Take one; the caller has asked `permit_at_s`."""
        full_s = now_s - self._capacity / self._per_s
        self._empty_s = max(self._empty_s, full_s) + 1.0 / self._per_s

    def free(self, now_s: float) -> int:
        """How many may be taken right now."""
        return int(min(self._capacity, (now_s - self._empty_s + _ROUNDING_S) * self._per_s))


class _Conduct:
    """How often one address or account was refused of late, and its block."""

    def __init__(self) -> None:
        self.refused_s: deque[float] = deque(maxlen=REFUSALS)
        self.blocked_until_s = float("-inf")
        self.block_s = 0.0

    def refuse(self, now_s: float) -> None:
        """Note one refusal; one too many starts a block."""
        if len(self.refused_s) == REFUSALS and now_s - self.refused_s[0] < REFUSALS_WITHIN_S:
            is_repeated = now_s - self.blocked_until_s < FORGIVEN_AFTER_S
            self.block_s = min(LONGEST_BLOCK_S, self.block_s * 2.0) if is_repeated else FIRST_BLOCK_S
            self.blocked_until_s = now_s + self.block_s
            self.refused_s.clear()
        else:
            self.refused_s.append(now_s)


class RequestLimits:
    """What every address and every account may ask for.

    Args:
        enabled: False lets everything pass.
        is_plain: a 429 is the plain text of older days instead of JSON.

    Attributes:
        forgotten: allowances and blocks that were dropped because there were too many; the longest unused go first.
    """

    def __init__(self, *, enabled: bool, is_plain: bool = False) -> None:
        self._enabled = enabled
        self._is_plain = is_plain
        self._allowances: OrderedDict[tuple[str, str], _Allowance] = OrderedDict()
        self._conducts: OrderedDict[str, _Conduct] = OrderedDict()
        self.forgotten = 0

    def admit(self, who: str, group: str, now_s: float) -> int | None:
        """Count one request; return how many more of its group are allowed right now, None when it is refused.

        Args:
            who: an address for the groups that are counted by address, else an access key.
            group: one of `GROUPS`.
            now_s: time that never goes back.
        """
        if not self._enabled:
            return GROUPS[group].limit - 1
        conduct = self._conducts.get(who)
        if conduct is not None and now_s < conduct.blocked_until_s:
            return None
        allowance = self._allowance(who, group)
        if allowance.permit_at_s(now_s) > now_s:
            self._refuse(who, now_s)
            return None
        allowance.take(now_s)
        return allowance.free(now_s)

    def left(self, who: str, group: str, now_s: float) -> int:
        """How many requests of a group are allowed right now; nothing is counted."""
        allowance = self._allowances.get((who, group))
        return GROUPS[group].limit if allowance is None else allowance.free(now_s)

    def refusal(self, who: str, group: str, now_s: float, *, family: Family = "quotation") -> HttpAnswer:
        """The answer to a request that was not admitted: 418 while a block lasts, else 429."""
        conduct = self._conducts.get(who)
        left_s = 0.0 if conduct is None else conduct.blocked_until_s - now_s
        if left_s > 0.0:
            # Wording and length are assumed; that the answer says how long is documented.
            # Rounded up: who waits for as long as it says is not blocked any more.
            seconds = max(1, math.ceil(left_s - _ROUNDING_S))
            text = f"Too many requests. You are blocked for {seconds} seconds."
            return error_answer(418, 418 if family == "quotation" else "blocked", text)
        headers = remaining_header(group, 0)
        if self._is_plain:
            return HttpAnswer(429, b"Too many API requests.", headers, "text/plain; charset=utf-8")
        name = 429 if family == "quotation" else "too_many_requests"
        return error_answer(429, name, "Too many API requests.", headers)

    def _allowance(self, who: str, group: str) -> _Allowance:
        allowance = self._allowances.pop((who, group), None) or _new_allowance(GROUPS[group])
        self._allowances[who, group] = allowance
        if len(self._allowances) > _MOST_KEPT:
            self._allowances.popitem(last=False)
            self.forgotten += 1
        return allowance

    def _refuse(self, who: str, now_s: float) -> None:
        conduct = self._conducts.pop(who, None) or _Conduct()
        self._conducts[who] = conduct
        conduct.refuse(now_s)
        if len(self._conducts) > _MOST_KEPT:
            self._conducts.popitem(last=False)
            self.forgotten += 1


def remaining_header(group: str, left: int) -> tuple[tuple[str, str], ...]:
    """The header that tells how many requests of a group are left; `min` is constant (seen 2026-09-23)."""
    limit = GROUPS[group]
    return (("remaining-req", f"group={group}; min={60 * limit.limit / limit.period_s:.0f}; sec={left}"),)


def _new_allowance(limit: GroupLimit) -> _Allowance:
    if not limit.by_address:
        return TokenBucket(limit.limit, limit.period_s)
    return SlidingWindow(limit.limit, MEASURED_SECOND_S if limit.limit == 10 else limit.period_s)
