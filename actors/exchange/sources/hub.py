"""Who gets what of the simulated market, and when: snapshots, conflation, and one encoding per format for all.

Trades and account events go out one by one; the tickers of a market are merged for a while (assumed: 50 ms); a book
goes out when what it shows changed, on a grid of 100 ms whose phase differs by market (seen 2026-09-23; of 145 books
recorded in 2021 none repeated the one before); candles go out on whole seconds, and only those that a trade changed
(documented: a trade at 12:04:05 makes its candle go out at 12:04:06). So a candle can be sent after its period has
ended.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import trio

from actors.exchange.market.events import Traded
from actors.exchange.market.market import Market
from actors.exchange.market.views import MarketMessage, trade, view
from actors.exchange.quirks import DEFAULT_QUIRKS, Quirks
from actors.exchange.sources.publishing import published_order
from actors.exchange.sources.source import Sink
from actors.exchange.trading.simulation import Simulation
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import (
    CANDLE_TYPES,
    PRIVATE_TYPES,
    REALTIME,
    SNAPSHOT,
    MyAsset,
    MyOrder,
    Orderbook,
    OrderbookUnit,
)
from protocols.upbit.number_spelling import Spelling
from protocols.upbit.requests import Format, Subscription
from protocols.upbit.topics import Topic

CANDLE_MS: Final = 1000
PUMP_S: Final = 0.005
CATCH_UP_MS: Final = 250

_PHASE_STEP_MS: Final = 37
"""Between the grids of two neighbouring markets: they come at all times, not in one burst."""

_Listeners = dict[Topic, dict[Sink, None]]


class Hub:
    """Subscriptions of all connections to one simulation.

    Args:
        simulation: the markets and accounts.
        now_ms: tells the time, in milliseconds since the epoch; time never goes back.
        quirks: spelling of numbers, times over which messages are merged, share of trades that come late.
        rng: decides which trades of a burst come late.
    """

    def __init__(
        self,
        simulation: Simulation,
        now_ms: Callable[[], int],
        quirks: Quirks = DEFAULT_QUIRKS,
        rng: random.Random | None = None,
    ) -> None:
        self._simulation = simulation
        self._now_ms = now_ms
        self._quirks = quirks
        self._rng = rng or random.Random("publishing")  # noqa: S311 - an order of messages, not a secret
        self._spelling = Spelling(quirks.numbers)
        self._listeners: defaultdict[str, dict[str, _Listeners]] = defaultdict(dict)
        self._topics: dict[Sink, tuple[Topic, ...]] = {}
        self._owners: dict[Sink, dict[str, frozenset[str]]] = {}
        self._tickers_due: dict[str, int] = {}
        self._changed_tickers: dict[str, None] = {}
        self._changed_candles: dict[tuple[str, str], None] = {}
        self._candles_sent_s = 0
        self._books_sent: dict[Topic, tuple[OrderbookUnit, ...]] = {}
        self._books_looked_ms = 0
        self._codes_at: defaultdict[int, list[str]] = defaultdict(list)
        for i, code in enumerate(simulation.markets):
            self._codes_at[_PHASE_STEP_MS * i % quirks.book_ms].append(code)
        self._said_ms = 0

    def subscribe(self, sink: Sink, subscriptions: Sequence[Subscription]) -> None:
        """Replace what `sink` gets; every code that is not realtime-only gets one snapshot at once, in their order."""
        # First what has happened already: it belongs to the old subscriptions, and the snapshots come after it.
        self.publish(self._now_ms())
        self.leave(sink)
        realtime_topics: list[Topic] = []
        for topic, (snapshot, realtime) in self._wanted(sink, subscriptions).items():
            market = self._simulation.markets.get(topic.code)
            if market is None:
                continue  # The exchange is silent about codes that it does not know (seen 2026-09-23).
            present = view(market, topic, now_ms=self._said_ms, stream_type=SNAPSHOT)
            if snapshot and present is not None:
                sink.push(encode_message(present, sink.format, self._spelling), (topic.type, topic.code))
            if realtime:
                sinks = self._listeners[topic.type].setdefault(topic.code, {}).setdefault(topic, {})
                if not sinks:
                    # Nobody waits for the present book: the next to be sent is the next that is another.
                    self._is_news(topic, present)
                sinks[sink] = None
                realtime_topics.append(topic)
        self._topics[sink] = tuple(realtime_topics)

    def leave(self, sink: Sink) -> None:
        """Forget everything about a connection."""
        self._owners.pop(sink, None)
        for topic in self._topics.pop(sink, ()):
            listeners = self._listeners[topic.type][topic.code]
            del listeners[topic][sink]
            if not listeners[topic]:
                del listeners[topic]
                self._books_sent.pop(topic, None)
            if not listeners:
                del self._listeners[topic.type][topic.code]

    def markets(self) -> list[tuple[str, str, str]]:
        """Code, Korean name and English name of each market."""
        specs = (market.spec for market in self._simulation.markets.values())
        return [(spec.code, spec.korean_name, spec.english_name) for spec in specs]

    async def run(self) -> None:
        """Keep the simulation up with the clock and send what follows, until cancelled."""
        while True:
            now_ms = self._now_ms()
            while now_ms - self._simulation.now_ms > CATCH_UP_MS:
                # After a stop of the whole process: connections are served in between.
                self.pump(self._simulation.now_ms + CATCH_UP_MS)
                await trio.lowlevel.checkpoint()
            self.pump(now_ms)
            await trio.sleep(PUMP_S)

    def advance(self, now_ms: int) -> None:
        """Pump until `now_ms` in steps that are short enough for every candle to be seen."""
        while now_ms - self._simulation.now_ms > CATCH_UP_MS:
            self.pump(self._simulation.now_ms + CATCH_UP_MS)
        self.pump(now_ms)

    def pump(self, now_ms: int) -> None:
        """Let the simulation run until `now_ms` and send what follows."""
        second_s = now_ms // CANDLE_MS
        if second_s > self._candles_sent_s:
            # Up to the whole second and not beyond, so that the last state of every candle is sent.
            self._simulation.advance(second_s * CANDLE_MS - 1)
            self.publish(now_ms)
            self._send_candles()
            self._candles_sent_s = second_s
        self._simulation.advance(now_ms)
        self.publish(now_ms)
        self._send_tickers(now_ms)
        self._send_books(now_ms)

    def publish(self, now_ms: int) -> None:
        """Send the trades and account events that were not sent yet; the simulation stays where it is.

        Also for whoever lets orders in between two pumps and wants their events out before its own answer.
        """
        # Times said never go back, also while the simulation catches up in steps.
        self._said_ms = max(self._said_ms, now_ms)
        bursts: dict[str, list[Traded]] = {}
        for traded in self._simulation.take_trades():
            bursts.setdefault(traded.code, []).append(traded)
        for burst in bursts.values():
            for traded in published_order(burst, self._quirks.trade_reorder, self._rng):
                self._on_trade(traded)
        for access_key, event in self._simulation.take_account_events():
            self._on_account_event(access_key, event)

    def _wanted(self, sink: Sink, subscriptions: Sequence[Subscription]) -> dict[Topic, tuple[bool, bool]]:
        """Snapshot and realtime wishes by topic; a topic that is named twice is delivered once."""
        wanted: dict[Topic, tuple[bool, bool]] = {}
        for subscription in subscriptions:
            if subscription.type in PRIVATE_TYPES:
                self._own(sink, subscription)
                continue
            for topic in subscription.topics:
                snapshot, realtime = wanted.get(topic, (False, False))
                wanted[topic] = (
                    snapshot or not subscription.is_only_realtime,
                    realtime or not subscription.is_only_snapshot,
                )
        return wanted

    def _own(self, sink: Sink, subscription: Subscription) -> None:
        """Note what a connection gets of its account; no codes mean all markets, also beside an object with some."""
        owned = self._owners.setdefault(sink, {})
        before = owned.get(subscription.type)
        codes = frozenset(subscription.codes)
        owned[subscription.type] = codes if before is None else before | codes if before and codes else frozenset()

    def _on_trade(self, traded: Traded) -> None:
        code = traded.code
        listeners = self._listeners["trade"].get(code)
        if listeners:
            message = trade(self._simulation.markets[code], traded, now_ms=self._said_ms, stream_type=REALTIME)
            for sinks in listeners.values():
                self._send(message, sinks)
        if code in self._listeners["ticker"]:
            self._changed_tickers[code] = None
        for type_ in CANDLE_TYPES:
            if code in self._listeners[type_]:
                self._changed_candles[type_, code] = None

    def _on_account_event(self, access_key: str, event: MyOrder | MyAsset) -> None:
        sinks = [
            sink
            for sink, types in self._owners.items()
            if sink.access_key == access_key and _is_wanted(event, types.get(event.type))
        ]
        if sinks:
            self._send(event, sinks)

    def _send_tickers(self, now_ms: int) -> None:
        """Send tickers that a trade changed, when their pause is over."""
        for code in list(self._changed_tickers):
            if now_ms >= self._tickers_due.get(code, 0):
                self._tickers_due[code] = now_ms + self._quirks.ticker_ms
                del self._changed_tickers[code]
                self._send_views(code, self._listeners["ticker"].get(code, {}))

    def _send_candles(self) -> None:
        """Send candles that trades have changed since the last whole second."""
        changed, self._changed_candles = self._changed_candles, {}
        for type_, code in changed:
            self._send_views(code, self._listeners[type_].get(code, {}))

    def _send_books(self, now_ms: int) -> None:
        """Send books of markets in which something happened, at the grid points that have passed."""
        grid_ms = self._quirks.book_ms
        listeners, touched = self._listeners["orderbook"], self._simulation.log.touched
        for t_ms in range(max(self._books_looked_ms, now_ms - grid_ms) + 1, now_ms + 1):
            for code in self._codes_at.get(t_ms % grid_ms, ()):
                if code in touched:
                    del touched[code]
                    self._send_views(code, listeners.get(code, {}))
        self._books_looked_ms = max(self._books_looked_ms, now_ms)

    def _send_views(self, code: str, listeners: _Listeners) -> None:
        market: Market = self._simulation.markets[code]
        for topic, sinks in listeners.items():
            message = view(market, topic, now_ms=self._said_ms, stream_type=REALTIME)
            if message is not None and self._is_news(topic, message):
                self._send(message, sinks)

    def _is_news(self, topic: Topic, message: MarketMessage | None) -> bool:
        """Note what is said; False for a book that shows what it showed before, for the change lay deeper."""
        if not isinstance(message, Orderbook):
            return True
        before = self._books_sent.get(topic)
        self._books_sent[topic] = message.orderbook_units
        return before != message.orderbook_units

    def _send(self, message: MarketMessage | MyOrder | MyAsset, sinks: Iterable[Sink]) -> None:
        """Encode once per format in use and hand the same bytes to every connection."""
        frames: dict[Format, bytes] = {}
        stream = (message.type, getattr(message, "code", ""))
        for sink in sinks:
            frame = frames.get(sink.format)
            if frame is None:
                frame = frames[sink.format] = encode_message(message, sink.format, self._spelling)
            sink.push(frame, stream)


def _is_wanted(event: MyOrder | MyAsset, codes: frozenset[str] | None) -> bool:
    """Whether an account event is among the codes asked for: None was not asked, an empty set means all."""
    return codes is not None and (not codes or (isinstance(event, MyOrder) and event.code in codes))
