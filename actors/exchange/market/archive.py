"""The trades that can still be asked for, newest first: what a back-fill by REST is read from.

Memory is bounded over all markets together, and yet a busy market cannot push out the last trades of a quiet one: each
market keeps its newest few hundred whatever happens, and of all others those go first that left the newest few hundred
of their market first. How many were forgotten is counted.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from operator import attrgetter
from typing import Final

from actors.exchange.market.events import EventLog, Traded
from actors.exchange.market.units import DAY_MS

KEPT: Final = 300_000
"""Trades kept over all markets, about 90 MB; with 855 markets and 3,000 events a second a few minutes' worth."""

KEPT_EACH: Final = 300
"""Newest trades that each market keeps: more than the past before the start has, and 855 times this is below `KEPT`."""

_sequential_id: Final = attrgetter("sequential_id")
_t_ms: Final = attrgetter("t_ms")


class Archive:
    """The newest trades of every market.

    Args:
        log: each trade that is appended to it from now on is kept.
        kept: how many trades are kept over all markets, unless `kept_each` needs more.
        kept_each: how many of its newest trades each market keeps, whatever the others do.

    Attributes:
        forgotten: how many trades were dropped to stay within the bounds.
    """

    def __init__(self, log: EventLog, *, kept: int = KEPT, kept_each: int = KEPT_EACH) -> None:
        self.forgotten = 0
        self._kept = kept
        self._kept_each = kept_each
        self._total = 0
        self._runs: defaultdict[str, deque[Traded]] = defaultdict(deque)
        self._spare: deque[deque[Traded]] = deque()
        log.on_trade(self._append)

    def __len__(self) -> int:
        return self._total

    def ticks(
        self, code: str, *, day: int, count: int, before_id: int | None = None, until_ms: int | None = None
    ) -> list[Traded]:
        """Trades of one market within one UTC day, newest first.

        Args:
            code: the market; one without trades has none to give.
            day: days since the epoch; neither a cursor nor a time reaches into another day (assumed for the cursor:
                nobody recorded it).
            count: at most so many.
            before_id: only trades whose `sequential_id` is lower: the exchange's `cursor`.
            until_ms: only trades before this moment, in milliseconds since the epoch; the moment itself is left out.
        """
        trades = self._runs.get(code)
        if not trades:
            return []
        end_ms = (day + 1) * DAY_MS if until_ms is None else min(until_ms, (day + 1) * DAY_MS)
        begin = bisect_left(trades, day * DAY_MS, key=_t_ms)
        end = bisect_left(trades, end_ms, lo=begin, key=_t_ms)
        if before_id is not None:
            end = min(end, bisect_left(trades, before_id, key=_sequential_id))
        return [trades[index] for index in range(end - 1, max(begin, end - count) - 1, -1)]

    def _append(self, trade: Traded) -> None:
        run = self._runs[trade.code]
        run.append(trade)
        self._total += 1
        if len(run) > self._kept_each:
            self._spare.append(run)  # Its oldest trade is not among its newest any more: it may go when room is needed.
        if self._total > self._kept and self._spare:
            self._spare.popleft().popleft()
            self._total -= 1
            self.forgotten += 1
