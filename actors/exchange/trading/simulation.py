"""The whole simulated exchange under one clock that the caller owns.

`advance(now_ms)` lets everything happen that is due until then. What happens depends on the seed and the start time
only, not on how often `advance` is called: same seed, same start, same log.
"""

import heapq
import random
from itertools import accumulate
from operator import attrgetter
from typing import Final

from actors.exchange.market.day import YearRange
from actors.exchange.market.events import EventLog, Traded
from actors.exchange.market.market import Market, MarketSpec
from actors.exchange.market.units import DAY_MS
from actors.exchange.market.universe import build_universe
from actors.exchange.trading.desk import AccountEvent, Desk
from actors.exchange.trading.quoting import WARM_UP_MS, Quoter
from actors.exchange.trading.trader import OPENING_BALANCES, TRADED_CODES, Trader

DEFAULT_RATE: Final = 200.0
_YEAR_DAYS: Final = 364


class Simulation:
    """Markets, background traders and accounts; time is an argument.

    Args:
        seed: decides everything that happens.
        markets: how many markets, 4 to 855.
        rate: market events per second, over all markets; 0 for markets that stand still.
        start_ms: the time at which it starts; 25 hours of history lie before it.
        access_key: account that a seeded trader uses; empty for none.
        kept_events: how many events the log keeps for looking back, None for all.
    """

    def __init__(
        self,
        *,
        seed: int,
        markets: int,
        rate: float,
        start_ms: int,
        access_key: str = "",
        kept_events: int | None = 0,
    ) -> None:
        self._rng = random.Random(f"{seed}/events")  # noqa: S311 - a market model, not a secret
        self._rate = rate
        self.now_ms = start_ms
        self.log = EventLog(kept=kept_events)
        self.fresh_trades: list[Traded] = []
        self.fresh_account_events: list[tuple[str, AccountEvent]] = []
        self.desk = Desk(self.log, self._seeded(seed, "uuids"), self._emit)
        specs = build_universe(markets, seed=seed)
        self.markets = {spec.code: Market(spec, self.log, self._year(spec, seed, start_ms)) for spec in specs}
        self._quoters = [
            Quoter(market, self._seeded(seed, code), start_ms=start_ms, account_orders=self.desk.orders)
            for code, market in self.markets.items()
        ]
        self._weights = list(accumulate(spec.weight for spec in specs))
        self._seed_past(start_ms)
        self.log.on_trade(self.fresh_trades.append)
        self._traders = [self._new_trader(access_key, seed, start_ms)] if access_key else []
        self._next_ms = float(start_ms) + self._pause_ms()

    def advance(self, now_ms: int) -> None:
        """Let everything happen that is due until `now_ms`, in the order of its time."""
        while True:
            trader = min(self._traders, key=attrgetter("next_ms"), default=None)
            trader_ms = float("inf") if trader is None else float(trader.next_ms)
            due_ms = min(self._next_ms, trader_ms)
            if due_ms > now_ms:
                break
            self.now_ms = int(due_ms)
            if trader is not None and trader_ms <= self._next_ms:
                trader.act()
            else:
                self._background_event()
        self.now_ms = max(self.now_ms, now_ms)

    def take_trades(self) -> list[Traded]:
        """Trades since the last call, in order."""
        fresh = self.fresh_trades.copy()
        self.fresh_trades.clear()
        return fresh

    def take_account_events(self) -> list[tuple[str, AccountEvent]]:
        """Account events since the last call with the access key of each, in order."""
        fresh = self.fresh_account_events.copy()
        self.fresh_account_events.clear()
        return fresh

    def _background_event(self) -> None:
        (quoter,) = self._rng.choices(self._quoters, cum_weights=self._weights)
        quoter.act(self.now_ms)
        self._next_ms += self._pause_ms()

    def _pause_ms(self) -> float:
        return self._rng.expovariate(self._rate) * 1000.0 if self._rate > 0 else float("inf")

    def _emit(self, access_key: str, event: AccountEvent) -> None:
        self.fresh_account_events.append((access_key, event))

    def _seed_past(self, start_ms: int) -> None:
        """Write 25 hours of trades, then fill each book and make one live trade per market within the last minute."""
        for t_ms, code, is_buy, price_e8, size_e8 in heapq.merge(*(quoter.past_trades() for quoter in self._quoters)):
            self.markets[code].record_trade(t_ms, is_buy=is_buy, price_e8=price_e8, size_e8=size_e8, ids=(0, 0))
        openings = sorted(self._rng.randrange(start_ms - WARM_UP_MS, start_ms) for _ in self._quoters)
        for t_ms, quoter in zip(openings, self._quoters, strict=True):
            quoter.open_book(t_ms)

    def _year(self, spec: MarketSpec, seed: int, start_ms: int) -> YearRange:
        rng = self._seeded(seed, f"{spec.code}/year")
        today = start_ms // DAY_MS
        return YearRange(
            high_e8=round(spec.anchor_e8 * rng.uniform(1.4, 4.0)),
            high_day=today - rng.randrange(20, _YEAR_DAYS),
            low_e8=max(1, round(spec.anchor_e8 * rng.uniform(0.3, 0.8))),
            low_day=today - rng.randrange(20, _YEAR_DAYS),
        )

    def _new_trader(self, access_key: str, seed: int, start_ms: int) -> Trader:
        account = self.desk.open_account(access_key, OPENING_BALANCES)
        rng = self._seeded(seed, f"{access_key}/trader")
        markets = [self.markets[code] for code in TRADED_CODES]
        return Trader(self.desk, account, markets, rng, start_ms=start_ms)

    def _seeded(self, seed: int, purpose: str) -> random.Random:
        return random.Random(f"{seed}/{purpose}")  # noqa: S311 - a market model, not a secret
