"""A consumer in this process, against a source that the test plays: real publisher, real Unix socket, no processes."""

import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from actors.runtime.actor import Actor
from actors.runtime.channel.asking import ask
from actors.runtime.channel.dialling import Dial
from actors.runtime.channel.publishing import Publisher, Stream
from actors.runtime.channel.serving import serve_channel
from actors.runtime.process.counters import Counters
from protocols.channel.messages import Event
from protocols.control.messages import FromChild, Ready
from protocols.upbit.messages import Asset, MyAsset, MyOrder, Ticker
from protocols.upbit.topics import topic_of

LIMIT_S = 10.0


def quiet_log() -> Any:
    return structlog.wrap_logger(
        structlog.testing.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(50)
    )


async def until(condition: Callable[[], bool]) -> None:
    """Let the other tasks run until the condition holds."""
    with trio.fail_after(LIMIT_S):
        while not condition():
            await trio.lowlevel.checkpoint()


class Source:
    """Plays a connection actor: publishes what the test says."""

    def __init__(self, name: str) -> None:
        self.publisher = Publisher(name, 1, Counters(), epoch=1_000_000)
        self.publisher.refuse = lambda _topic: ""
        self.publisher.keeps = lambda _topic: False
        self.publisher.link = "connecting"

    def go_up(self) -> None:
        self.publisher.go_up(now_ns=time.monotonic_ns())

    def go_down(self, reason: str, *, parked: bool = False) -> None:
        self.publisher.go_down(reason, now_ns=time.monotonic_ns(), parked=parked)

    async def wanted(self, *topics: str) -> None:
        await until(lambda: self.publisher.wanted == set(topics))

    def publish(self, *bodies: Ticker | MyOrder | MyAsset) -> None:
        for body in bodies:
            stream: Stream = self.publisher.streams[topic_of(body).key]
            self.publisher.publish(stream, body, time.monotonic_ns(), time.time_ns())
        self.publisher.flush()


class Running:
    """A consumer under test and its source."""

    def __init__(self, run_dir: Path, name: str, source: Source, *, incarnation: int = 1) -> None:
        self.run_dir = run_dir
        self.source = source
        self.told: list[FromChild] = []
        counters = Counters()
        self.actor = Actor(
            name=name,
            pid=1,
            incarnation=incarnation,
            run_dir=run_dir,
            secrets={},
            log=quiet_log(),
            counters=counters,
            publisher=Publisher(name, incarnation, counters),
            tell=self.told.append,
        )

    @property
    def is_ready(self) -> bool:
        return any(isinstance(message, Ready) for message in self.told)

    async def consumed(self, events: int) -> None:
        await until(lambda: self.actor.progress.consumed >= events)

    async def state(self) -> dict[str, Any]:
        """What `upbitd show` gets."""
        answer: dict[str, Any] = await ask(self.run_dir / f"{self.actor.name}.sock", "test", "state")
        return answer

    async def state_when(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        with trio.fail_after(LIMIT_S):
            while not condition(state := await self.state()):
                await trio.lowlevel.checkpoint()
        return state


async def first_event(dial: Dial) -> Event[Any]:
    """The next event of a link; markers before it are skipped."""
    with trio.fail_after(LIMIT_S):
        while True:
            for item in await dial.receive():
                if isinstance(item, Event):
                    return item


def listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    listener.setblocking(False)
    return listener


@asynccontextmanager
async def running(
    run_dir: Path,
    run: Callable[..., Awaitable[None]],
    settings: msgspec.Struct,
    *,
    source: str = "public",
    incarnation: int = 1,
    requests: Mapping[str, Callable[[Any], Awaitable[object]]] | None = None,
) -> AsyncIterator[Running]:
    """Run one consumer against a source of this name; `requests` are what the source answers."""
    played = Source(source)
    for method, handler in (requests or {}).items():
        played.publisher.on_request(method, handler)
    consumer = Running(run_dir, run.__module__.rpartition(".")[2], played, incarnation=incarnation)
    with listen(run_dir / f"{source}.sock") as theirs, listen(run_dir / f"{consumer.actor.name}.sock") as ours:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_channel, theirs, played.publisher, quiet_log())
            nursery.start_soon(serve_channel, ours, consumer.actor.publisher, quiet_log())
            nursery.start_soon(run, consumer.actor, settings)
            yield consumer
            nursery.cancel_scope.cancel()


def ticker(
    code: str = "KRW-BTC",
    price: float = 100.0,
    rate: float = 0.0,
    *,
    turnover: float = 0.0,
    timestamp: int = 1_700_000_000_000,
) -> Ticker:
    """A ticker that says what matters here; everything else is plausible filling."""
    change = "RISE" if rate > 0 else "FALL" if rate < 0 else "EVEN"
    return Ticker(
        code=code,
        opening_price=price,
        high_price=price,
        low_price=price,
        trade_price=price,
        prev_closing_price=price,
        acc_trade_price=turnover,
        change=change,
        change_price=abs(rate) * price,
        signed_change_price=rate * price,
        change_rate=abs(rate),
        signed_change_rate=rate,
        ask_bid="BID",
        trade_volume=1.0,
        acc_trade_volume=1.0,
        trade_date="20261001",
        trade_time="000000",
        trade_timestamp=timestamp,
        acc_ask_volume=1.0,
        acc_bid_volume=1.0,
        highest_52_week_price=price,
        highest_52_week_date="2026-01-01",
        lowest_52_week_price=price,
        lowest_52_week_date="2026-01-01",
        market_state="ACTIVE",
        timestamp=timestamp,
        acc_trade_price_24h=turnover,
        acc_trade_volume_24h=1.0,
        stream_type="REALTIME",
    )


def event(body: Ticker, *, received_ns: int = 0) -> Event[Ticker]:
    return Event(f"ticker/{body.code}", 1, 1, received_ns, 0, 0, body)


def my_order(uuid: str, state: str, *, executed: str = "0", volume: str = "1", timestamp: int = 1) -> MyOrder:
    """One step of a limit bid at 100 KRW."""
    price, total, filled = Decimal(100), Decimal(volume), Decimal(executed)
    remaining = total - filled
    return MyOrder(
        code="KRW-BTC",
        uuid=uuid,
        ask_bid="BID",
        order_type="limit",
        state=state,
        trade_uuid=f"{uuid}-{executed}" if state == "trade" else None,
        price=price,
        avg_price=price,
        volume=total,
        remaining_volume=remaining,
        executed_volume=filled,
        trades_count=0,
        reserved_fee=None,
        remaining_fee=None,
        paid_fee=None,
        locked=remaining * price,
        executed_funds=filled * price,
        time_in_force=None,
        trade_fee=None,
        is_maker=None,
        identifier=None,
        smp_type=None,
        prevented_volume=None,
        prevented_locked=None,
        trade_timestamp=None,
        order_timestamp=1,
        timestamp=timestamp,
        stream_type="REALTIME",
    )


def my_asset(timestamp: int, *assets: Asset) -> MyAsset:
    return MyAsset(f"asset-{timestamp}", assets, timestamp, timestamp, "REALTIME")
