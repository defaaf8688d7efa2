"""All background traders of a simulation: which market's turn it is, and when.

Busy markets share one stream of events, each according to its weight; a quiet market has pauses of its own. Before the
start there are eight days of trades, then an opening for each market: its book is filled and one trade is made.
"""

import heapq
import random
from bisect import bisect
from collections.abc import Container, Sequence
from itertools import accumulate, chain
from operator import itemgetter
from typing import Final

from actors.exchange.background.past import Past
from actors.exchange.background.quoting import Quoter
from actors.exchange.background.regimes import ALL_MARKETS, Regimes
from actors.exchange.market.events import EventLog
from actors.exchange.market.market import Market, MarketSpec

BUSY_OPENING_MS: Final = 60_000
"""Busy markets open within so long before the start."""

FIRST_OPENING_MS: Final = 150_000
"""Quiet ones open before that, so that their books are old at the start (7 to 143 s, seen 2026-09-23)."""


class Background:
    """The markets and those who make them live; time stands still between calls.

    Args:
        specs: the markets.
        log: the log that everything is appended to.
        seed: decides everything that happens.
        rate: events per second of the busy markets together; 0 for markets that stand still, the quiet ones too.
        start_ms: the time of the start, in milliseconds since the epoch.
        account_orders: ids of orders that belong to accounts.
    """

    def __init__(
        self,
        specs: Sequence[MarketSpec],
        log: EventLog,
        *,
        seed: int,
        rate: float,
        start_ms: int,
        account_orders: Container[int],
    ) -> None:
        self._rng = _seeded(seed, "events")
        self._quiet_rng = _seeded(seed, "quiet")
        self._rate = rate
        everywhere = Regimes(_seeded(seed, "regimes"), start_ms=start_ms, scope=ALL_MARKETS)
        pasts = [Past(spec, seed=seed, start_ms=start_ms) for spec in specs]
        self.markets = {
            spec.code: Market(spec, log, past.year, past_days=past.days, past_close_e8=past.close_e8)
            for spec, past in zip(specs, pasts, strict=True)
        }
        self._quoters = [
            Quoter(
                market,
                _seeded(seed, code),
                start_ms=start_ms,
                everywhere=everywhere,
                account_orders=account_orders,
            )
            for code, market in self.markets.items()
        ]
        self._busy = [quoter for quoter in self._quoters if not quoter.market.spec.quiet_s]
        self._weights = list(accumulate(quoter.market.spec.weight for quoter in self._busy))
        self._write_past(pasts, start_ms)
        self._open(start_ms)
        self._busy_ms = float(start_ms) + self._pause_ms()
        self._quiet_ms = [
            (start_ms + self._quiet_pause_ms(quoter), index)
            for index, quoter in enumerate(self._quoters)
            if quoter.market.spec.quiet_s and rate > 0
        ]
        heapq.heapify(self._quiet_ms)

    @property
    def next_ms(self) -> float:
        """When the next event is due, in milliseconds since the epoch."""
        return min(self._busy_ms, self._quiet_ms[0][0]) if self._quiet_ms else self._busy_ms

    def act(self) -> None:
        """Let the event happen that is due at `next_ms`, and choose the time of the next of its kind."""
        if self._quiet_ms and self._quiet_ms[0][0] < self._busy_ms:
            t_ms, index = self._quiet_ms[0]
            quoter = self._quoters[index]
            heapq.heapreplace(self._quiet_ms, (t_ms + self._quiet_pause_ms(quoter), index))
            quoter.act(int(t_ms))
            return
        t_ms = self._busy_ms
        self._busy_ms += self._pause_ms()
        self._busy[bisect(self._weights, self._rng.random() * self._weights[-1])].act(int(t_ms))

    def _pause_ms(self) -> float:
        return self._rng.expovariate(self._rate) * 1000.0 if self._rate > 0 else float("inf")

    def _quiet_pause_ms(self, quoter: Quoter) -> float:
        return self._quiet_rng.uniform(0.5, 1.5) * quoter.market.spec.quiet_s * 1000.0

    def _write_past(self, pasts: Sequence[Past], start_ms: int) -> None:
        end_ms = start_ms - FIRST_OPENING_MS
        trades = chain.from_iterable(
            past.trades(quoter.fair_price(start_ms), end_ms=end_ms)
            for past, quoter in zip(pasts, self._quoters, strict=True)
        )
        for t_ms, code, is_buy, price_e8, size_e8 in sorted(trades, key=itemgetter(0)):
            self.markets[code].record_trade(t_ms, is_buy=is_buy, price_e8=price_e8, size_e8=size_e8, ids=(0, 0))

    def _open(self, start_ms: int) -> None:
        busy_ms = start_ms - BUSY_OPENING_MS
        openings = [
            (self._rng.randrange(*((start_ms - FIRST_OPENING_MS, busy_ms) if is_quiet else (busy_ms, start_ms))), index)
            for index, is_quiet in enumerate(bool(quoter.market.spec.quiet_s) for quoter in self._quoters)
        ]
        for t_ms, index in sorted(openings):
            self._quoters[index].open_book(t_ms)


def _seeded(seed: int, purpose: str) -> random.Random:
    return random.Random(f"{seed}/{purpose}")  # noqa: S311 - a market model, not a secret
