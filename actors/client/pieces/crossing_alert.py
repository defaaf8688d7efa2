"""One alert for each crossing of a limit, however often the value trembles there: of price changes, and of turnover."""

import inspect
import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable

from actors.client.delivery.callbacks import close_unawaited
from actors.client.pieces.alert import Alert, AlertKind, Direction
from actors.client.pieces.arguments import check_plain_function, margin_within, number, whole_number
from actors.client.pieces.latest_values import MAX_KEYS, LatestValues
from protocols.crossing import Crossings, Zone
from protocols.upbit.markets import quote_of
from protocols.upbit.messages import Ticker

Tell = Callable[[Alert], object]


class _TickerAlert(ABC):
    """Watches one value of each market's tickers. No I/O and no clock: all times are the exchange's.

    Attributes:
        history: the last alerts, the newest at the end.
        suppressed: crossings that came too soon after the last alert of the same market and direction.
    """

    def __init__(
        self,
        crossings: Crossings,
        *,
        kind: AlertKind,
        limit: float,
        cooldown_s: float,
        history: int,
        tell: Tell | None,
        max_markets: int,
    ) -> None:
        check_plain_function("tell", tell, optional=True)
        self._crossings = crossings
        self._kind = kind
        self._limit = limit
        self._cooldown_ms = number("cooldown_s", cooldown_s, least=0) * 1000
        self._tell = tell
        self._tickers: LatestValues[Ticker] = LatestValues(
            max_keys=whole_number("max_markets", max_markets), on_leave=self._forget_crossings
        )
        self._alerted_ms: dict[tuple[str, Direction], int] = {}
        self.history: deque[Alert] = deque(maxlen=whole_number("history", history))
        self.suppressed = 0

    def take(self, ticker: Ticker) -> Alert | None:
        """Take one ticker in; return the alert when it is one, after telling it.

        What `tell` raises goes up to the caller; the alert is in the history by then.

        Raises:
            TypeError: `tell` returned a coroutine, which nobody can await here.
        """
        value = self._value_of(ticker)
        if value is None or not self._tickers.take(ticker):
            return None
        zone = self._crossings.take(ticker.code, value)
        if zone is None:
            return None
        direction: Direction = "rise" if zone is Zone.ABOVE else "fall"
        if self._is_too_soon(ticker, direction):
            self.suppressed += 1
            return None
        alert = self._alert(ticker, direction, value)
        self.history.append(alert)
        if self._tell is not None:
            result = self._tell(alert)
            if inspect.iscoroutine(result):  # Such as a lambda around an async function, which shows it only now.
                close_unawaited(result)
                raise TypeError("tell returned a coroutine, which nobody awaits here; await it in a Batcher's flush")
        return alert

    def __call__(self, ticker: Ticker) -> None:
        """Do as `take`; so the object itself is a callback."""
        self.take(ticker)

    def forget(self, symbols: str | Iterable[str]) -> None:
        """Watch these markets no more; one that comes back begins anew."""
        for symbol in [symbols] if isinstance(symbols, str) else symbols:
            self._tickers.forget(symbol)
            self._forget_crossings(symbol)

    @abstractmethod
    def _value_of(self, ticker: Ticker) -> float | None:
        """Return what is watched; None when this market is not."""

    def _alert(self, ticker: Ticker, direction: Direction, value: float) -> Alert:
        return Alert(
            kind=self._kind,
            symbol=ticker.code,
            direction=direction,
            value=value,
            limit=self._limit,
            trade_price=ticker.trade_price,
            timestamp=ticker.timestamp,
        )

    def _is_too_soon(self, ticker: Ticker, direction: Direction) -> bool:
        last_ms = self._alerted_ms.get((ticker.code, direction), -math.inf)
        if ticker.timestamp - last_ms < self._cooldown_ms:
            return True
        self._alerted_ms[ticker.code, direction] = ticker.timestamp
        return False

    def _forget_crossings(self, symbol: str) -> None:
        self._crossings.forget(symbol)
        self._alerted_ms.pop((symbol, "rise"), None)
        self._alerted_ms.pop((symbol, "fall"), None)


class CrossingAlert(_TickerAlert):
    """An alert when a market's change since the last daily close goes beyond a threshold, up or down.

        alerts = CrossingAlert(threshold=0.05, tell=lambda alert: print(alert.text("en")))
        await client.subscribe_ticker(["KRW-BTC", "KRW-ETH"], alerts.take)
        # KRW-ETH: -7.00 % (fall beyond 5 %)

    It reads `signed_change_rate`: the exchange's `change_rate` has no sign, so a fall would look like a rise. A market
    that is already beyond the threshold at its first ticker is told, once. From one side straight to the other is news.

    Args:
        threshold: as a ratio; 0.05 is 5 %. Exactly at it is not beyond it.
        hysteresis: how far the change must come back inside before the same market is told again.
        cooldown_s: least time between two alerts of one market in one direction, by the exchange's time; a crossing
            within it is counted, and not told later.
        history: alerts that are kept; the oldest leaves.
        tell: a plain function that gets each `Alert`, and no async one; a `Batcher`'s `add` takes them to where
            waiting is needed.
        max_markets: how many markets are followed; beyond it the one longest without a ticker is forgotten.

    Raises:
        ValueError: an argument is out of range, the hysteresis is not less than the threshold, or `tell` is async.
    """

    def __init__(
        self,
        threshold: float = 0.05,
        hysteresis: float = 0.005,
        cooldown_s: float = 0.0,
        history: int = 200,
        tell: Tell | None = None,
        *,
        max_markets: int = MAX_KEYS,
    ) -> None:
        limit = number("threshold", threshold, above=0)
        margin = margin_within("hysteresis", hysteresis, "threshold", limit)
        super().__init__(
            Crossings(high=limit, low=-limit, margin=margin),
            kind="change",
            limit=limit,
            cooldown_s=cooldown_s,
            history=history,
            tell=tell,
            max_markets=max_markets,
        )

    def _value_of(self, ticker: Ticker) -> float | None:
        return ticker.signed_change_rate


class TurnoverAlert(_TickerAlert):
    """An alert when a KRW market's turnover of the last 24 hours goes above a limit.

        busy = TurnoverAlert(1_000_000_000, tell=lambda alert: print(alert.text("ko")))
        await client.subscribe_ticker(await krw_markets(), busy.take)
        # KRW-XRP: 24시간 거래대금 1,000,500,000원 (1,000,000,000원 초과)

    Turnover is in the quote currency, so tickers of BTC and USDT markets are ignored. `cooldown_s`, `history`, `tell`
    and `max_markets` are those of `CrossingAlert`.

    Args:
        limit_krw: exactly at it is not above it.
        hysteresis: part of the limit that turnover must fall below it before the market is told again; 0.05 is 5 %.

    Raises:
        ValueError: an argument is out of range, or `tell` is async.
    """

    def __init__(
        self,
        limit_krw: float = 1_000_000_000.0,
        hysteresis: float = 0.05,
        cooldown_s: float = 0.0,
        history: int = 200,
        tell: Tell | None = None,
        *,
        max_markets: int = MAX_KEYS,
    ) -> None:
        limit = number("limit_krw", limit_krw, above=0)
        part = margin_within("hysteresis", hysteresis, "the whole limit", 1.0)
        super().__init__(
            Crossings(high=limit, margin=limit * part),
            kind="turnover",
            limit=limit,
            cooldown_s=cooldown_s,
            history=history,
            tell=tell,
            max_markets=max_markets,
        )

    def _value_of(self, ticker: Ticker) -> float | None:
        return ticker.acc_trade_price_24h if quote_of(ticker.code) == "KRW" else None
