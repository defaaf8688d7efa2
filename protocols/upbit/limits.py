"""The exchange's limits on what we may send, kept on our side with a margin.

All times are `now_s`, a monotonic clock. A limiter is asked `permit_at_s` (the earliest moment for one more), and told
`take` when that one goes out.

Why a margin: the exchange counts arrivals. Two bursts that left us 1 s apart can arrive closer together when the first
one was delayed on the way, so our windows are somewhat longer and smaller than the exchange's.

Source: docs.upbit.com, rate limits (read 2026-10): WebSocket messages 5/s and 100/min per connection, connects 5/s per
address, REST per group; 10/s measured to be a window of 1 s (2025-09-12: a burst of 10 passes, 95 ms apart passes for
ever, 90 ms apart fails after 0.94 s).
"""

import re
from collections import deque
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from protocols.errors import UsageError


class SlidingWindow:
    """At most `limit` within any `period_s` seconds."""

    def __init__(self, limit: int, period_s: float) -> None:
        self._limit = limit
        self._period_s = period_s
        self._taken_s: deque[float] = deque(maxlen=limit)

    def permit_at_s(self, now_s: float) -> float:
        """The earliest time, `now_s` or later, at which one more is allowed."""
        if len(self._taken_s) < self._limit:
            return now_s
        return max(now_s, self._taken_s[0] + self._period_s)

    def take(self, now_s: float) -> None:
        """Count one.

        Raises:
            UsageError: it is too early.
        """
        if self.permit_at_s(now_s) > now_s:
            raise UsageError(f"more than {self._limit} within {self._period_s} s; ask permit_at_s first")
        self._taken_s.append(now_s)

    def free(self, now_s: float) -> int:
        """How many more are allowed right now."""
        return self._limit - sum(now_s < taken_s + self._period_s for taken_s in self._taken_s)

    def reset(self) -> None:
        """Forget everything taken."""
        self._taken_s.clear()


class Pace:
    """At most `burst` at once, and one each `interval_s` in the long run (a leaky bucket, by theoretical arrival time).

    Within any t seconds: at most `burst + t / interval_s`.
    """

    def __init__(self, burst: int, interval_s: float) -> None:
        self._interval_s = interval_s
        self._lead_s = (burst - 1) * interval_s
        self._next_s: float | None = None

    def permit_at_s(self, now_s: float) -> float:
        """The earliest time, `now_s` or later, at which one more is allowed."""
        return now_s if self._next_s is None else max(now_s, self._next_s - self._lead_s)

    def take(self, now_s: float) -> None:
        """Count one.

        Raises:
            UsageError: it is too early.
        """
        if self.permit_at_s(now_s) > now_s:
            raise UsageError(f"faster than one each {self._interval_s} s; ask permit_at_s first")
        self._next_s = (now_s if self._next_s is None else max(now_s, self._next_s)) + self._interval_s

    def reset(self) -> None:
        """Forget everything taken."""
        self._next_s = None


class MessageLimits:
    """WebSocket messages of one connection: never more than 5 in a second and 100 in a minute.

    Ours are 4 in 1.1 s, and after a burst of 20 one each 0.8 s, which makes at most 95 in a minute. The pace is there
    so that a minute's budget spent early never means half a minute of silence: the longest wait is 0.8 s.
    """

    def __init__(self, *, per_second: int = 4, second_s: float = 1.1, burst: int = 20, interval_s: float = 0.8) -> None:
        self._second = SlidingWindow(per_second, second_s)
        self._pace = Pace(burst, interval_s)

    def permit_at_s(self, now_s: float) -> float:
        """The earliest time, `now_s` or later, at which one more message is allowed."""
        return max(self._second.permit_at_s(now_s), self._pace.permit_at_s(now_s))

    def take(self, now_s: float) -> None:
        """Count one message.

        Raises:
            UsageError: it is too early.
        """
        self._pace.take(now_s)
        self._second.take(now_s)

    def reset(self) -> None:
        """Start anew: the exchange counts per connection."""
        self._second.reset()
        self._pace.reset()


class ConnectLimit(SlidingWindow):
    """WebSocket connects: the exchange allows 5 a second per address; ours are 4 in 1.1 s."""

    def __init__(self, limit: int = 4, period_s: float = 1.1) -> None:
        super().__init__(limit, period_s)


class GroupLimit(Struct, frozen=True):
    """A REST group's limit: `limit` requests within `period_s`. `by_address`: per IP, else per account."""

    limit: int
    period_s: float = 1.0
    by_address: bool = False


GROUP_LIMITS: Final[Mapping[str, GroupLimit]] = {
    "market": GroupLimit(10, by_address=True),
    "candle": GroupLimit(10, by_address=True),
    "trade": GroupLimit(10, by_address=True),
    "ticker": GroupLimit(10, by_address=True),
    "orderbook": GroupLimit(10, by_address=True),
    "default": GroupLimit(30),
    "order": GroupLimit(12),
    "order-test": GroupLimit(8),
    "order-cancel-all": GroupLimit(1, 2.0),
}
"""The exchange's own numbers; `RequestBudget` keeps 5 % longer periods."""

_REMAINING: Final = re.compile(
    r"\s*group=(?P<group>[a-z-]+)\s*;\s*min=(?P<min>[0-9]{1,9})\s*;\s*sec=(?P<sec>[0-9]{1,9})"
)


class RemainingReq(Struct, frozen=True):
    """What the exchange's header `Remaining-Req` says; `minute` is deprecated and constant."""

    group: str
    minute: int
    second: int


def parse_remaining_req(header: str | None) -> RemainingReq | None:
    """Read `group=default; min=1800; sec=29`; None when there is no such header or it says something else."""
    match = _REMAINING.match(header or "")
    return match and RemainingReq(match["group"], int(match["min"]), int(match["sec"]))


class RequestBudget:
    """When the next REST request of a group may go out.

    A window per group as the exchange counts, corrected downwards by what its answers say is left (others may share the
    address or the account), and stopped for a time when it says 429 (that group) or 418 (everything).
    """

    MARGIN: Final = 1.05
    TOO_MANY_S: Final = 1.0
    """Wait after the first 429 of a group, doubled with each one in a row, up to `LONGEST_S`."""
    LONGEST_S: Final = 16.0
    TEAPOT_S: Final = 60.0
    """Wait after a 418 that does not say how long; doubled with each one in a row, up to an hour."""
    LONGEST_TEAPOT_S: Final = 3600.0

    def __init__(self, groups: Mapping[str, GroupLimit] = GROUP_LIMITS) -> None:
        self._windows = {
            name: SlidingWindow(group.limit, group.period_s * self.MARGIN) for name, group in groups.items()
        }
        self._blocked_until_s = dict.fromkeys(groups, float("-inf"))
        self._refused_in_a_row = dict.fromkeys(groups, 0)
        self._teapots_in_a_row = 0

    def permit_at_s(self, group: str, now_s: float) -> float:
        """The earliest time, `now_s` or later, at which one more request of `group` is allowed."""
        return max(self._window(group).permit_at_s(now_s), self._blocked_until_s[group])

    def take(self, group: str, now_s: float) -> None:
        """Count one request.

        Raises:
            UsageError: it is too early, or the group is unknown.
        """
        if self._window(group).permit_at_s(now_s) > now_s or now_s < self._blocked_until_s[group]:
            raise UsageError(f"REST group {group}: no request allowed yet; ask permit_at_s first")
        self._windows[group].take(now_s)

    def answered(self, group: str, remaining: RemainingReq | None, now_s: float) -> None:
        """Note an answer that was no refusal, with what it says is left in this second."""
        self._refused_in_a_row[group] = self._teapots_in_a_row = 0
        if remaining is None or remaining.group != group:
            return
        window = self._window(group)
        for _ in range(window.free(now_s) - remaining.second):
            window.take(now_s)  # Spent by someone else who shares our budget.

    def refused(self, group: str, status: int, now_s: float, *, retry_after_s: float | None = None) -> None:
        """Note a 429 or 418; `retry_after_s` is how long the exchange asked to wait, if it did."""
        self._window(group)
        if status == 418:
            wait_s = min(self.LONGEST_TEAPOT_S, self.TEAPOT_S * 2**self._teapots_in_a_row)
            self._teapots_in_a_row += 1
            for name in self._blocked_until_s:
                self._block(name, now_s + (retry_after_s or wait_s))
            return
        wait_s = min(self.LONGEST_S, self.TOO_MANY_S * 2 ** self._refused_in_a_row[group])
        self._refused_in_a_row[group] += 1
        self._block(group, now_s + (retry_after_s or wait_s))

    def _block(self, group: str, until_s: float) -> None:
        self._blocked_until_s[group] = max(self._blocked_until_s[group], until_s)

    def _window(self, group: str) -> SlidingWindow:
        try:
            return self._windows[group]
        except KeyError:
            raise UsageError(f"unknown REST group {group!r}; known: {', '.join(self._windows)}") from None
