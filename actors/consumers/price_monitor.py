"""The price monitor: last prices of a few markets, and an alert when one has moved far since its last daily close."""

import time
from collections import deque
from typing import Annotated, Any

import trio
from msgspec import Meta, Struct
from msgspec.structs import asdict

from actors.consumers.rate_watch import RateWatch, Ratio, check_hysteresis
from actors.runtime.actor import Actor
from protocols.channel.messages import Event, Request
from protocols.reports import ALERT_TOPIC, PriceAlert
from protocols.source_view import SourceView
from protocols.upbit.messages import Ticker
from protocols.upbit.topics import is_market_code


class PriceMonitorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the price monitor.

    Attributes:
        markets: which to watch.
        threshold: change since the last daily close that is worth an alert, up or down; 0.05 is 5 %.
        hysteresis: how far the change must come back before the same market can cause an alert again.
        history: alerts that are kept.
        source: the actor that serves the tickers.
    """

    markets: tuple[str, ...] = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA")
    threshold: Ratio = 0.05
    hysteresis: Ratio = 0.005
    history: Annotated[int, Meta(ge=1, le=10_000)] = 200
    source: str = "public"

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ValueError: no market, one of wrong form, or a hysteresis that would never let an alert come again.
        """
        if not self.markets:
            raise ValueError("markets: name at least one, such as KRW-BTC")
        for code in self.markets:
            if not is_market_code(code):
                raise ValueError(f"markets: {code!r} is not a market; write it like KRW-BTC, upper case")
        check_hysteresis(self.hysteresis, self.threshold)


class PriceBoard:
    """Last ticker of each market and the alerts so far. No I/O and no clock."""

    def __init__(self, settings: PriceMonitorSettings) -> None:
        self._threshold = settings.threshold
        self._hysteresis = settings.hysteresis
        self._last: dict[str, Event[Ticker] | None] = dict.fromkeys(settings.markets)
        self._moves = RateWatch(
            PriceAlert, threshold=settings.threshold, hysteresis=settings.hysteresis, history=settings.history
        )

    @property
    def alerts(self) -> deque[PriceAlert]:
        """The last ones, the newest at the end."""
        return self._moves.reports

    def take(self, event: Event[Ticker]) -> PriceAlert | None:
        """Take one ticker in; return an alert when its market has just gone beyond the threshold.

        A ticker that is older than the known one, by the exchange's time, changes nothing.
        """
        ticker = event.body
        known = self._last.get(ticker.code)
        if known is not None and ticker.timestamp < known.body.timestamp:
            return None
        self._last[ticker.code] = event
        return self._moves.take(ticker)

    def describe(self, *, now_ns: int) -> dict[str, object]:
        """Return prices with their age, and alerts, the newest first, as plain values."""
        return {
            "threshold": self._threshold,
            "hysteresis": self._hysteresis,
            "prices": [_describe_price(code, event, now_ns) for code, event in self._last.items()],
            "alerts": [asdict(alert) for alert in reversed(self.alerts)],
        }


def _describe_price(code: str, event: Event[Ticker] | None, now_ns: int) -> dict[str, object]:
    if event is None:
        return {"market": code, "trade_price": None, "signed_change_rate": None, "age_s": None}
    ticker = event.body
    return {
        "market": code,
        "trade_price": ticker.trade_price,
        "signed_change_rate": ticker.signed_change_rate,
        "signed_change_price": ticker.signed_change_price,
        "acc_trade_price_24h": ticker.acc_trade_price_24h,
        "timestamp": ticker.timestamp,
        "age_s": round((now_ns - event.received_ns) / 1e9, 3),
    }


async def run(actor: Actor, settings: PriceMonitorSettings) -> None:
    """Watch prices until cancelled; serve the topic `alert` and answer `state`."""
    board = PriceBoard(settings)
    source = SourceView(settings.source, now_ns=time.monotonic_ns())

    async def answer_state(_request: Request) -> object:
        await trio.lowlevel.checkpoint()
        now_ns = time.monotonic_ns()
        return {"source": source.describe(now_ns=now_ns), **board.describe(now_ns=now_ns)}

    actor.publisher.offer([ALERT_TOPIC])
    actor.on_request("state", answer_state)
    async with actor.dial(settings.source, setting="source") as feed:
        await feed.want_topics(*(f"ticker/{code}" for code in settings.markets), delivery="latest")
        actor.ready()
        async for item in feed:
            if isinstance(item, Event):
                source.served(item.topic)
                _tell(actor, board.take(item))
            else:
                source.take(item, now_ns=time.monotonic_ns())


def _tell(actor: Actor, alert: PriceAlert | None) -> None:
    if alert is not None:
        fields: dict[str, Any] = asdict(alert)
        actor.log.warning("price.alert", **fields)
        actor.counters.add("alerts")
        actor.publisher.announce(ALERT_TOPIC, alert)
