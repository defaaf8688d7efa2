"""The whole simulated exchange under one clock that the caller owns.

`advance(now_ms)` lets everything happen that is due until then. What happens depends on the seed and the start time
only, not on how often `advance` is called: same seed, same start, same log.
"""

import random
from collections.abc import Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Final

from actors.exchange.background.turns import Background
from actors.exchange.market.archive import Archive
from actors.exchange.market.events import EventLog, Traded
from actors.exchange.market.universe import build_universe
from actors.exchange.quirks import DEFAULT_QUIRKS, Quirks
from actors.exchange.trading.desk import AccountEvent, Desk
from actors.exchange.trading.trader import OPENING_BALANCES, TRADED_CODES, Trader

DEFAULT_RATE: Final = 200.0


class Simulation:
    """Markets, background traders and accounts; time is an argument.

    Args:
        seed: decides everything that happens.
        markets: how many markets, 4 to 855.
        rate: market events per second, over all markets; 0 for markets that stand still.
        start_ms: the time at which it starts; eight days of trades and a year of day candles lie before it.
        access_key: key of an account with the trader's opening balances; empty for none.
        accounts: further accounts: what each owns at the start, by access key.
        trader: whether a seeded trader acts on the first account.
        quirks: manners of the exchange that can be chosen.
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
        accounts: Mapping[str, Mapping[str, Decimal]] | None = None,
        trader: bool = True,
        quirks: Quirks = DEFAULT_QUIRKS,
        kept_events: int | None = 0,
    ) -> None:
        self.now_ms = start_ms
        self.log = EventLog(kept=kept_events)
        self.archive = Archive(self.log)
        self.fresh_trades: list[Traded] = []
        self.fresh_account_events: list[tuple[str, AccountEvent]] = []
        self.desk = Desk(self.log, self._seeded(seed, "uuids"), self._emit, quirks)
        self._background = Background(
            build_universe(markets, seed=seed),
            self.log,
            seed=seed,
            rate=rate,
            start_ms=start_ms,
            account_orders=self.desk.orders,
        )
        self.markets = self._background.markets
        self.log.on_trade(self.fresh_trades.append)
        for key, balances in (({access_key: OPENING_BALANCES} if access_key else {}) | dict(accounts or {})).items():
            self.desk.open_account(key, balances)
        self._traders = [self._new_trader(seed, start_ms)] if trader and self.desk.accounts else []

    def advance(self, now_ms: int) -> None:
        """Let everything happen that is due until `now_ms`, in the order of its time."""
        while True:
            trader = min(self._traders, key=attrgetter("next_ms"), default=None)
            trader_ms = float("inf") if trader is None else float(trader.next_ms)
            background_ms = self._background.next_ms
            due_ms = min(background_ms, trader_ms, self.desk.next_due_ms)
            if due_ms > now_ms:
                break
            self.now_ms = int(due_ms)
            if due_ms < min(background_ms, trader_ms):
                self.desk.run_due(self.now_ms)
            elif trader is not None and trader_ms <= background_ms:
                trader.act()
            else:
                self._background.act()
            self.desk.release_triggered(self.now_ms)
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

    def _emit(self, access_key: str, event: AccountEvent) -> None:
        self.fresh_account_events.append((access_key, event))

    def _new_trader(self, seed: int, start_ms: int) -> Trader:
        account = next(iter(self.desk.accounts.values()))
        rng = self._seeded(seed, f"{account.access_key}/trader")
        markets = [self.markets[code] for code in TRADED_CODES]
        return Trader(self.desk, account, markets, rng, start_ms=start_ms)

    def _seeded(self, seed: int, purpose: str) -> random.Random:
        return random.Random(f"{seed}/{purpose}")  # noqa: S311 - a market model, not a secret
