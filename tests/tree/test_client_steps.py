"""Clients that change their minds 500 times: what they see is what the tree wants and what the exchange sends.

After each step each client's own view equals a model of a few lines; from time to time the union in the tree and the
exchange's own list do, too. Each event that a callback gets is checked: it belongs to the callback that holds now, to a
market that is wanted now, and it is the next one of its topic. 0 lost, 0 doubled, 0 misrouted, 0 old callbacks.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from actors.client import GapReport, Subscription, WebSocketClient
from actors.client.errors import WebSocketConnectionError
from actors.client.wishes import Key
from protocols.upbit.messages import CANDLE_UNITS
from protocols.upbit.requests import topics_asked
from tests.course.stage import Stage, stage

STEPS = 500
LOOK_EVERY = 10
KILL_EVERY = 60
CLIENTS = 4
SETTLE_S = 20.0

MARKETS = [f"KRW-{base}" for base in ("BTC", "ETH", "XRP", "ADA", "SOL", "DOGE", "AVAX", "DOT")]
KEYS = [
    *(Key(kind) for kind in ("ticker", "trade", "orderbook", "myOrder", "myAsset")),
    *(Key("candle", unit) for unit in CANDLE_UNITS),
]

Sleep = Callable[[float], Awaitable[None]]


class Watcher:
    """One key of one client: what it should get, and a check of each event that it does get."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        self.generation = 0
        self.symbols: frozenset[str] = frozenset()
        self.is_on = False
        self.leaving: frozenset[str] = frozenset()
        self.oldest = 0
        self.events = 0
        self.last: dict[str, tuple[int, int]] = {}
        self.handle: Subscription | None = None

    def callback(self, client: "ModelClient", key: Key, generation: int) -> Callable[[Any], None]:
        def check(_event: Any) -> None:
            envelope = client.envelope(key)
            symbol = envelope.topic.partition("/")[2]
            where = f"{client.client.name} {key.name} {symbol} {envelope.epoch}/{envelope.sequence}"
            if not self.oldest <= generation <= self.generation or not self.is_on:
                self.faults.append(f"old callback {generation} instead of {self.generation}: {where}")
            if envelope.topic.partition("/")[0] != key.name or (symbol and symbol not in self.symbols | self.leaving):
                self.faults.append(f"misrouted: {where}; wanted {sorted(self.symbols)}")
            self._check_place(envelope, where)
            self.events += 1

        return check

    def _check_place(self, envelope: Any, where: str) -> None:
        known = self.last.get(envelope.topic)
        place = (envelope.epoch, envelope.sequence)
        if known is not None and place <= known:
            self.faults.append(f"doubled or back: {where} after {known}")
        elif known is not None and known[0] == envelope.epoch and envelope.sequence != known[1] + 1:
            self.faults.append(f"lost: {where} after {known}")
        self.last[envelope.topic] = place

    def want(self, symbols: frozenset[str]) -> None:
        """A call begins: what leaves by it, and the callback before, may still be served until it returns."""
        self.leaving, self.symbols = self.symbols - symbols, symbols

    def settle(self) -> None:
        """The call returned: nothing of what left may come any more, and if it comes again, it begins anew."""
        kept = {"", *self.symbols}
        self.last = {topic: place for topic, place in self.last.items() if topic.partition("/")[2] in kept}
        self.leaving, self.oldest = frozenset(), self.generation

    def end(self) -> None:
        """The call that ended it returned."""
        self.is_on = False
        self.symbols = self.leaving = frozenset()
        self.last.clear()
        self.handle = None


class ModelClient:
    """A client, and what it should have."""

    def __init__(self, name: str, run_dir: Path, faults: list[str]) -> None:
        self.client = WebSocketClient(name, run_dir=run_dir)
        self.watchers = {key: Watcher(faults) for key in KEYS}
        self.gaps: list[GapReport] = []
        self.client.on_gap(self.gaps.append)

    def envelope(self, key: Key) -> Any:
        return self.client._board.lanes[key].envelope

    @property
    def wanted(self) -> set[str]:
        return {
            f"{key.name}/{symbol}" if symbol else key.name
            for key, watcher in self.watchers.items()
            if watcher.is_on
            for symbol in (watcher.symbols or {""})
        }

    async def subscribe(self, key: Key, symbols: list[str], *, same_callback: bool) -> None:
        watcher = self.watchers[key]
        if not same_callback or watcher.handle is None:
            watcher.generation += 1
        callback = self._callbacks.setdefault(
            (key, watcher.generation), watcher.callback(self, key, watcher.generation)
        )
        watcher.is_on = True
        watcher.want(frozenset(symbols))
        watcher.handle = await self._subscribe(key, symbols, callback)
        watcher.settle()
        assert watcher.handle.is_active

    async def _subscribe(self, key: Key, symbols: list[str], callback: Callable[[Any], None]) -> Subscription:
        client = self.client
        match key.type:
            case "ticker":
                return await client.subscribe_ticker(symbols, callback, delivery="every")
            case "trade":
                return await client.subscribe_trade(symbols, callback)
            case "orderbook":
                return await client.subscribe_orderbook(symbols, callback, delivery="every")
            case "candle":
                return await client.subscribe_candle(symbols, key.unit, callback, delivery="every")
            case "myOrder":
                return await client.subscribe_my_order(callback)
            case _:
                return await client.subscribe_my_asset(callback)

    @property
    def _callbacks(self) -> dict[tuple[Key, int], Callable[[Any], None]]:
        return self.__dict__.setdefault("callbacks", {})

    def check(self) -> None:
        """The client says of itself what it was told."""
        on = {key: watcher for key, watcher in self.watchers.items() if watcher.is_on}
        assert self.client.get_subscription_count() == len(on)
        for key, watcher in on.items():
            assert self.client.get_active_symbols(key.name) == watcher.symbols, key
        assert self.client.health().callback_errors == 0


class Walk:
    """The steps."""

    def __init__(self, course: Stage, sleep: Sleep, seed: int) -> None:
        self.course = course
        self.sleep = sleep
        self.rng = random.Random(seed)
        self.faults: list[str] = []
        self.made = 0
        self.events = 0
        self.outages: list[GapReport] = []
        self.clients = [self._new_client() for _ in range(CLIENTS)]

    def _new_client(self) -> ModelClient:
        self.made += 1
        return ModelClient(f"steps {self.made}", self.course.tree.run_dir, self.faults)

    async def run(self) -> None:
        for step in range(1, STEPS + 1):
            await self._step()
            for client in self.clients:
                client.check()
            if step % KILL_EVERY == 0:
                await self._kill(self.rng.choice(["public", "private"]))
            if step % LOOK_EVERY == 0:
                await self._compare_with_tree()
            assert self.faults == [], f"after step {step}"
        for client in list(self.clients):
            await self._cleanup(client)
        await self._compare_with_tree()
        assert self.faults == []

    async def _step(self) -> None:
        client = self.rng.choice(self.clients)
        key = self.rng.choice(KEYS)
        watcher = client.watchers[key]
        symbols = self.rng.sample(MARKETS, self.rng.randint(1, len(MARKETS)))
        is_private = key.type in {"myOrder", "myAsset"}
        act = self.rng.choice(["subscribe"] * 5 + ["same", "order", "add", "remove", "part", "end", "empty", "cleanup"])
        if act == "cleanup":
            if self.rng.random() < 0.3:
                await self._cleanup(client)
                self.clients.append(self._new_client())
            return
        if act == "subscribe" or not watcher.is_on or is_private:
            if act == "end" and watcher.handle is not None:
                await self._end(watcher)
            else:
                await client.subscribe(key, [] if is_private else symbols, same_callback=self.rng.random() < 0.5)
        elif act in {"same", "order"}:
            again = sorted(watcher.symbols)
            if act == "order":
                self.rng.shuffle(again)
            await client.subscribe(key, again, same_callback=act == "same")
        else:
            await self._change(client, watcher, act, symbols)
        if self.rng.random() < 0.3:
            await self.sleep(self.rng.random() * 0.05)

    async def _change(self, client: ModelClient, watcher: Watcher, act: str, symbols: list[str]) -> None:
        handle = watcher.handle
        assert handle is not None
        match act:
            case "add":
                watcher.want(watcher.symbols | set(symbols))
                await handle.add_symbols(symbols)
            case "remove":
                watcher.want(watcher.symbols - set(symbols))
                await handle.remove_symbols(symbols)
            case "part":
                for other in client.watchers.values():
                    other.want(other.symbols - set(symbols))
                await client.client.unsubscribe_symbols(symbols)
            case "end":
                await self._end(watcher)
            case "empty":
                watcher.want(frozenset())
                await handle.remove_symbols(MARKETS)
        for key, other in client.watchers.items():
            other.settle()
            if other.is_on and not other.symbols and key.type not in {"myOrder", "myAsset"}:
                other.end()

    async def _end(self, watcher: Watcher) -> None:
        assert watcher.handle is not None
        await watcher.handle.unsubscribe()
        watcher.end()

    async def _cleanup(self, client: ModelClient) -> None:
        await client.client.cleanup()
        for watcher in client.watchers.values():
            self.events += watcher.events
            watcher.end()
        self.outages += client.gaps
        assert client.client.get_subscription_count() == 0
        self.clients.remove(client)

    async def _kill(self, actor: str) -> None:
        """Kill a connection actor, and wait until every client is attached to its next life."""
        tree = self.course.tree
        before = {client: client.client.health().connections[actor].epoch for client in self._using(actor)}
        os.kill(tree.status()[actor]["pid"], signal.SIGKILL)
        tree.wait_for("child_ready", actor)

        def is_attached(client: ModelClient) -> bool:
            # That it was cut off may have been over before anybody could look.
            health = client.client.health()
            return health.is_connected and health.connections[actor].epoch > before[client]

        await self._until(lambda: all(is_attached(client) for client in before))

    def _using(self, actor: str) -> list[ModelClient]:
        return [client for client in self.clients if actor in client.client.health().connections]

    async def _compare_with_tree(self) -> None:
        wanted = set().union(*(client.wanted for client in self.clients))
        private = {topic for topic in wanted if topic.startswith("my")}
        asking = WebSocketClient("asking", run_dir=self.course.tree.run_dir)
        try:
            listed: set[str] = set()
            for _ in range(int(SETTLE_S / 0.2)):
                # The walk's last step may have been the end of the connection; its error says to ask again.
                with contextlib.suppress(WebSocketConnectionError):
                    listed = await _listed(asking)
                if listed == wanted - private:
                    break
                await self.sleep(0.2)
            assert listed == wanted - private
            entries = await asking.list_subscriptions("private")
            assert {entry.type for entry in entries} == {"myOrder", "myAsset"}, "they are always subscribed"
        finally:
            await asking.cleanup()

    async def _until(self, condition: Callable[[], bool]) -> None:
        for _ in range(int(SETTLE_S / 0.01)):
            if condition():
                return
            await self.sleep(0.01)
        raise AssertionError("not within the limit")


async def _listed(client: WebSocketClient) -> set[str]:
    entries = await client.list_subscriptions()
    return {topic.key for entry in entries for topic in topics_asked(entry.type, entry.codes, entry.level)}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_500_random_steps_of_several_clients_agree_with_the_model(tmp_path: Path, library: str) -> None:
    with stage(tmp_path, "--rate", "400") as course:
        if library == "asyncio":
            walk = asyncio.run(_walk(course, asyncio.sleep))
        else:
            walk = trio.run(_walk, course, trio.sleep)
    print(f"\n{library}: {walk.made} clients, {walk.events:,} events, {len(walk.outages)} outages told")
    assert walk.events > 1000
    assert walk.outages, "each kill is told as a gap"
    assert {gap.missed for gap in walk.outages} == {None}, "nothing but outages was missed"


async def _walk(course: Stage, sleep: Sleep) -> Walk:
    walk = Walk(course, sleep, seed=20261126)
    await walk.run()
    return walk
