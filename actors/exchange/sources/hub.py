"""Who gets what of the simulated market, and when: snapshots, conflation, and one encoding per format for all.

Trades and account events go out one by one; tickers are merged for 50 ms; a book goes out when it changed, on a grid of
100 ms whose phase differs by market; a candle at most once a second, and only when a trade changed it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import trio

from actors.exchange.market.events import Traded
from actors.exchange.market.market import Market
from actors.exchange.market.views import MarketMessage, trade, view
from actors.exchange.sources.source import Sink
from actors.exchange.trading.simulation import Simulation
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import CANDLE_TYPES, PRIVATE_TYPES, REALTIME, SNAPSHOT, MyAsset, MyOrder
from protocols.upbit.requests import Format, Subscription
from protocols.upbit.topics import Topic

TICKER_MS: Final = 50
BOOK_GRID_MS: Final = 100
CANDLE_MS: Final = 1000
PUMP_S: Final = 0.005
CATCH_UP_MS: Final = 250

_Listeners = dict[Topic, dict[Sink, None]]


class Hub:
    """Subscriptions of all connections to one simulation.

    Args:
        simulation: the markets and accounts.
        now_ms: tells the time, in milliseconds since the epoch; time never goes back.
    """

    def __init__(self, simulation: Simulation, now_ms: Callable[[], int]) -> None:
        self._simulation = simulation
        self._now_ms = now_ms
        self._listeners: defaultdict[str, dict[str, _Listeners]] = defaultdict(dict)
        self._owners: dict[Sink, dict[str, frozenset[str]]] = {}
        self._due: dict[tuple[str, str], int] = {}
        self._dirty: dict[tuple[str, str], None] = {}
        self._book_slots: dict[str, int] = {}
        self._book_sent: dict[str, int] = {}
        self._phases = {code: 37 * i % BOOK_GRID_MS for i, code in enumerate(simulation.markets)}

    def subscribe(self, sink: Sink, subscriptions: Sequence[Subscription]) -> None:
        """Replace what `sink` gets; every code that is not realtime-only gets one snapshot at once."""
        self.leave(sink)
        wanted = self._wanted(sink, subscriptions)
        now_ms = self._now_ms()
        for topic, (snapshot, realtime) in wanted.items():
            market = self._simulation.markets.get(topic.code)
            if market is None:
                continue  # The exchange is silent about codes that it does not know (seen 2026-09-23).
            if snapshot:
                message = view(market, topic, now_ms=now_ms, stream_type=SNAPSHOT)
                if message is not None:
                    sink.push(encode_message(message, sink.format), (topic.type, topic.code))
            if realtime:
                self._listeners[topic.type].setdefault(topic.code, {}).setdefault(topic, {})[sink] = None

    def leave(self, sink: Sink) -> None:
        """Forget everything about a connection."""
        self._owners.pop(sink, None)
        for by_code in self._listeners.values():
            for code, listeners in list(by_code.items()):
                for topic in [topic for topic, sinks in listeners.items() if sink in sinks]:
                    del listeners[topic][sink]
                    if not listeners[topic]:
                        del listeners[topic]
                if not listeners:
                    del by_code[code]

    def markets(self) -> list[tuple[str, str, str]]:
        """Code, Korean name and English name of each market."""
        specs = (market.spec for market in self._simulation.markets.values())
        return [(spec.code, spec.korean_name, spec.english_name) for spec in specs]

    async def run(self) -> None:
        """Keep the simulation up with the clock and send what follows, until cancelled."""
        while True:
            now_ms = self._now_ms()
            while now_ms - self._simulation.now_ms > CATCH_UP_MS:
                # After a stop of the whole process: in steps, so that connections are served in between.
                self.pump(self._simulation.now_ms + CATCH_UP_MS)
                await trio.lowlevel.checkpoint()
            self.pump(now_ms)
            await trio.sleep(PUMP_S)

    def pump(self, now_ms: int) -> None:
        """Let the simulation run until `now_ms` and send what follows."""
        self._simulation.advance(now_ms)
        for traded in self._simulation.take_trades():
            self._on_trade(traded, now_ms)
        for access_key, event in self._simulation.take_account_events():
            self._on_account_event(access_key, event)
        self._send_dirty(now_ms)
        self._send_books(now_ms)

    def _wanted(self, sink: Sink, subscriptions: Sequence[Subscription]) -> dict[Topic, tuple[bool, bool]]:
        """Snapshot and realtime wishes by topic; a topic that is named twice is delivered once."""
        wanted: dict[Topic, tuple[bool, bool]] = {}
        for subscription in subscriptions:
            if subscription.type in PRIVATE_TYPES:
                owned = self._owners.setdefault(sink, {})
                owned[subscription.type] = frozenset(subscription.codes)
                continue
            for topic in subscription.topics:
                snapshot, realtime = wanted.get(topic, (False, False))
                wanted[topic] = (
                    snapshot or not subscription.is_only_realtime,
                    realtime or not subscription.is_only_snapshot,
                )
        return wanted

    def _on_trade(self, traded: Traded, now_ms: int) -> None:
        code = traded.code
        listeners = self._listeners["trade"].get(code)
        if listeners:
            message = trade(self._simulation.markets[code], traded, now_ms=now_ms, stream_type=REALTIME)
            for sinks in listeners.values():
                _send(message, sinks)
        for type_ in ("ticker", *CANDLE_TYPES):
            if code in self._listeners[type_]:
                self._dirty[type_, code] = None

    def _on_account_event(self, access_key: str, event: MyOrder | MyAsset) -> None:
        sinks = [
            sink
            for sink, types in self._owners.items()
            if sink.access_key == access_key and _is_wanted(event, types.get(event.type))
        ]
        if sinks:
            _send(event, sinks)

    def _send_dirty(self, now_ms: int) -> None:
        """Send tickers and candles that a trade changed, when their pause is over."""
        for key in list(self._dirty):
            type_, code = key
            if now_ms < self._due.get(key, 0):
                continue
            self._due[key] = now_ms + (TICKER_MS if type_ == "ticker" else CANDLE_MS)
            del self._dirty[key]
            for topic, sinks in self._listeners[type_].get(code, {}).items():
                self._send_view(self._simulation.markets[code], topic, sinks, now_ms)

    def _send_books(self, now_ms: int) -> None:
        for code, listeners in self._listeners["orderbook"].items():
            market = self._simulation.markets[code]
            slot = (now_ms - self._phases[code]) // BOOK_GRID_MS
            if market.book_changes == self._book_sent.get(code) or slot == self._book_slots.get(code):
                continue
            self._book_slots[code] = slot
            self._book_sent[code] = market.book_changes
            for topic, sinks in listeners.items():
                self._send_view(market, topic, sinks, now_ms)

    def _send_view(self, market: Market, topic: Topic, sinks: Iterable[Sink], now_ms: int) -> None:
        message = view(market, topic, now_ms=now_ms, stream_type=REALTIME)
        if message is not None:
            _send(message, sinks)


def _is_wanted(event: MyOrder | MyAsset, codes: frozenset[str] | None) -> bool:
    """Whether an account event is among the codes asked for: None was not asked, an empty set means all."""
    return codes is not None and (not codes or (isinstance(event, MyOrder) and event.code in codes))


def _send(message: MarketMessage | MyOrder | MyAsset, sinks: Iterable[Sink]) -> None:
    """Encode once per format in use and hand the same bytes to every connection."""
    frames: dict[Format, bytes] = {}
    stream = (message.type, getattr(message, "code", ""))
    for sink in sinks:
        frame = frames.get(sink.format)
        if frame is None:
            frame = frames[sink.format] = encode_message(message, sink.format)
        sink.push(frame, stream)
