"""The market scanner: all KRW markets, ranked by turnover, and a report when one becomes remarkable."""

import heapq
import time
from collections import deque
from collections.abc import Iterable
from typing import Annotated, Any, Final

import msgspec
import trio
from msgspec import Meta, Struct
from msgspec.structs import asdict

from actors.consumers.rate_watch import RateWatch, Ratio, check_hysteresis
from actors.runtime.actor import Actor
from actors.runtime.channel.dialling import Dial
from actors.runtime.repeats import Repeats
from protocols.channel.messages import Event, Request, Want
from protocols.crossing import Crossings
from protocols.errors import UpbitdError
from protocols.reports import SURGE_TOPIC, TURNOVER_TOPIC, SurgeAlert, TurnoverAlert
from protocols.source_view import SourceView
from protocols.upbit.markets import MarketInfo
from protocols.upbit.messages import Ticker

QUOTE: Final = "KRW"
"""Turnover is in the quote currency, so one limit in KRW makes no sense for markets of another quote."""

Seconds = Annotated[float, Meta(gt=0)]


class MarketScannerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the market scanner.

    Attributes:
        turnover_limit_krw: turnover of 24 hours that is worth a report, once for each crossing.
        turnover_hysteresis: part of the limit that turnover must fall below it before it is reported again.
        threshold: change since the last daily close that is worth a report, up or down; 0.05 is 5 %.
        hysteresis: how far the change must come back before the same market is reported again.
        top: how many markets the ranking by turnover has.
        history: reports of each kind that are kept.
        refresh_s: how often the list of markets is asked for.
        retry_s: how long to wait when it could not be had.
        source: the actor that serves the tickers and the list.
    """

    turnover_limit_krw: Annotated[float, Meta(gt=0)] = 1_000_000_000.0
    turnover_hysteresis: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    threshold: Ratio = 0.05
    hysteresis: Ratio = 0.005
    top: Annotated[int, Meta(ge=1, le=1000)] = 10
    history: Annotated[int, Meta(ge=1, le=10_000)] = 200
    refresh_s: Seconds = 600.0
    retry_s: Seconds = 2.0
    source: str = "public"

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ValueError: a hysteresis that would never let a report come again.
        """
        check_hysteresis(self.hysteresis, self.threshold)


class Scan:
    """What is known of all followed markets. No I/O and no clock."""

    def __init__(self, settings: MarketScannerSettings) -> None:
        self._settings = settings
        limit = settings.turnover_limit_krw
        self._turnover = Crossings(high=limit, margin=limit * settings.turnover_hysteresis)
        self._moves = RateWatch(
            SurgeAlert, threshold=settings.threshold, hysteresis=settings.hysteresis, history=settings.history
        )
        self._tickers: dict[str, Ticker] = {}
        self.markets: frozenset[str] = frozenset()
        self.crossings: deque[TurnoverAlert] = deque(maxlen=settings.history)

    @property
    def surges(self) -> deque[SurgeAlert]:
        """The last ones, the newest at the end."""
        return self._moves.reports

    def follow(self, listed: Iterable[str]) -> bool:
        """Follow the KRW markets among these from now on; return whether that changed anything.

        A list without any is taken for a fault of the exchange, not for the end of all markets.
        """
        markets = frozenset(code for code in listed if code.partition("-")[0] == QUOTE)
        if not markets or markets == self.markets:
            return False
        for code in self.markets - markets:
            self._tickers.pop(code, None)
            self._turnover.forget(code)
            self._moves.forget(code)
        self.markets = markets
        return True

    def take(self, ticker: Ticker) -> list[TurnoverAlert | SurgeAlert]:
        """Take one ticker in; return what has just become worth a report.

        A ticker of a market that is not followed, or older than the known one by the exchange's time, is ignored.
        """
        code = ticker.code
        known = self._tickers.get(code)
        if code not in self.markets or (known is not None and ticker.timestamp < known.timestamp):
            return []
        self._tickers[code] = ticker
        reports: list[TurnoverAlert | SurgeAlert] = []
        if self._turnover.take(code, ticker.acc_trade_price_24h) is not None:
            self.crossings.append(self._turnover_alert(ticker))
            reports.append(self.crossings[-1])
        surge = self._moves.take(ticker)
        if surge is not None:
            reports.append(surge)
        return reports

    def top(self) -> list[Ticker]:
        """Return the markets of highest turnover, highest first."""
        return heapq.nlargest(self._settings.top, self._tickers.values(), key=lambda ticker: ticker.acc_trade_price_24h)

    def describe(self) -> dict[str, object]:
        """Return ranking and reports (the newest first) as plain values."""
        return {
            "markets": len(self.markets),
            "seen": len(self._tickers),
            "turnover_limit_krw": self._settings.turnover_limit_krw,
            "threshold": self._settings.threshold,
            "top": [
                {
                    "market": ticker.code,
                    "trade_price": ticker.trade_price,
                    "signed_change_rate": ticker.signed_change_rate,
                    "acc_trade_price_24h": ticker.acc_trade_price_24h,
                    "timestamp": ticker.timestamp,
                }
                for ticker in self.top()
            ],
            "crossings": [asdict(alert) for alert in reversed(self.crossings)],
            "surges": [asdict(alert) for alert in reversed(self.surges)],
        }

    def _turnover_alert(self, ticker: Ticker) -> TurnoverAlert:
        return TurnoverAlert(
            code=ticker.code,
            acc_trade_price_24h=ticker.acc_trade_price_24h,
            limit=self._settings.turnover_limit_krw,
            trade_price=ticker.trade_price,
            timestamp=ticker.timestamp,
        )


async def run(actor: Actor, settings: MarketScannerSettings) -> None:
    """Scan until cancelled; serve the topics `turnover` and `surge`, and answer `state`."""
    scan = Scan(settings)
    source = SourceView(settings.source, now_ns=time.monotonic_ns())

    async def answer_state(_request: Request) -> object:
        await trio.lowlevel.checkpoint()
        return {"source": source.describe(now_ns=time.monotonic_ns()), **scan.describe()}

    actor.publisher.offer([TURNOVER_TOPIC, SURGE_TOPIC])
    actor.on_request("state", answer_state)
    async with actor.dial(settings.source, setting="source") as feed, trio.open_nursery() as nursery:
        # The wants follow when the list is there, which may take as long as the exchange is away.
        nursery.start_soon(_follow_markets, actor, settings, scan, source, feed)
        actor.ready()
        async for item in feed:
            if isinstance(item, Event):
                source.served(item.topic)
                for report in scan.take(item.body):
                    _tell(actor, report)
            else:
                source.take(item, now_ns=time.monotonic_ns())


async def _follow_markets(
    actor: Actor, settings: MarketScannerSettings, scan: Scan, source: SourceView, feed: Dial
) -> None:
    """Keep the wants equal to the exchange's list of KRW markets; others are not disturbed by a change."""
    refused = Repeats()
    while True:
        try:
            listed = await _ask_markets(feed, settings)
        except (UpbitdError, OSError, msgspec.ValidationError) as error:
            actor.counters.add("market_lists_failed")
            reason = str(error)
            if times := refused.failed(reason):
                actor.log.warning("scanner.no_markets", reason=reason, times=times, retry_s=settings.retry_s)
            await trio.sleep(settings.retry_s)
            continue
        refused.worked()
        before = scan.markets
        if scan.follow(info.market for info in listed):
            topics = [f"ticker/{code}" for code in sorted(scan.markets)]
            source.keep_problems_of(frozenset(topics))
            await feed.want(Want(topic, "latest") for topic in topics)
            actor.counters.set("markets", len(scan.markets))
            joined, left = sorted(scan.markets - before), sorted(before - scan.markets)
            actor.log.info("scanner.markets", markets=len(scan.markets), joined=len(joined), left=left)
        await trio.sleep(settings.refresh_s)


async def _ask_markets(feed: Dial, settings: MarketScannerSettings) -> tuple[MarketInfo, ...]:
    answer = await feed.request("markets", {"max_age_s": settings.refresh_s / 2})
    return msgspec.convert(answer, tuple[MarketInfo, ...])


def _tell(actor: Actor, report: TurnoverAlert | SurgeAlert) -> None:
    fields: dict[str, Any] = asdict(report)
    actor.log.info("scanner.report", topic=report.type, **fields)
    actor.counters.add(f"{report.type}_reports")
    actor.publisher.announce(report.type, report)
