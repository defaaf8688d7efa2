"""A consumer whose `source` names no actor says so once, visibly, and works as soon as there is one."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from actors.consumers import market_scanner, order_tracker, price_monitor
from actors.runtime.channel.serving import serve_channel
from protocols.control.messages import Parked, Ready, Unparked
from tests.actors.consumers.harness import Running, Source, listen, quiet_log
from tests.tree.running_tree import LIMIT_S, running_tree
from tests.tree.tree_settings import child

LONG_S = 30.0

CONSUMERS = [
    (price_monitor.run, price_monitor.PriceMonitorSettings(markets=("KRW-BTC",), source="pubilc")),
    (order_tracker.run, order_tracker.OrderTrackerSettings(source="pubilc")),
    (market_scanner.run, market_scanner.MarketScannerSettings(source="pubilc")),
]


@pytest.mark.parametrize(("run", "settings"), CONSUMERS)
async def test_a_source_that_is_no_actor_is_told_once_and_dialled_on(
    run: Callable[..., Awaitable[None]], settings: msgspec.Struct, tmp_path: Path, autojump_clock: MockClock
) -> None:
    name = run.__module__.rpartition(".")[2]
    source = Source("pubilc")
    consumer = Running(tmp_path, name, source)
    with listen(tmp_path / "public.sock"), listen(tmp_path / f"{name}.sock"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, consumer.actor, settings)
            await trio.sleep(1.0)
            assert consumer.told == [Ready(1)], "it may be on its way"
            await trio.sleep(LONG_S)
            there = ", ".join(sorted((name, "public")))
            assert consumer.told[1:] == [
                Parked(
                    f"{name}.source names 'pubilc', and there is no such actor in {tmp_path}; there are: {there}. "
                    "Correct the name, or add the actor (`upbitd add`); trying on"
                )
            ]
            with listen(tmp_path / "pubilc.sock") as added:
                nursery.start_soon(serve_channel, added, source.publisher, quiet_log())
                await trio.sleep(LONG_S)
                assert consumer.told[2:] == [Unparked()]
                nursery.cancel_scope.cancel()


async def test_the_reason_of_an_actors_own_is_told_beside_an_absent_source(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    consumer = Running(tmp_path, "own", Source("public"))
    actor = consumer.actor
    async with actor.dial("public") as feed, trio.open_nursery() as nursery:
        nursery.start_soon(feed.receive)
        await trio.sleep(LONG_S)
        actor.park("no licence")
        actor.unpark()
        nursery.cancel_scope.cancel()
    absent = (
        f"the code of own names 'public', and there is no such actor in {tmp_path}; there are: none. "
        "Correct the name, or add the actor (`upbitd add`); trying on"
    )
    assert consumer.told == [Ready(1), Parked(absent), Parked(f"no licence; {absent}"), Parked(absent), Unparked()]


def test_an_owner_sees_which_setting_names_no_actor_and_may_add_one(tmp_path: Path) -> None:
    monitor = '[[child]]\nname = "monitor"\nstart = "actors.consumers.price_monitor:run"\n'
    (tmp_path / "more.toml").write_text(child("feed"))
    with running_tree(tmp_path, f'{child("a")}\n{monitor}[child.settings]\nsource = "feed"\n') as tree:
        reason = tree.wait_for("child_parked", "monitor")["reason"]
        assert "monitor.source names 'feed', and there is no such actor" in reason
        assert "there are: a, monitor." in reason
        assert _seen(tree.status()["monitor"]) == ("parked", reason)
        assert tree.ask("add", str(tmp_path / "more.toml")).returncode == 0
        deadline_s = time.monotonic() + LIMIT_S
        while _seen(tree.status()["monitor"]) != ("ready", ""):
            assert time.monotonic() < deadline_s, tree.log
        assert tree.finish() == 0
        assert tree.log.count('"event":"actor.nobody_to_dial"') == 1


def _seen(status: dict[str, Any]) -> tuple[str, str]:
    return status["state"], status["reason"]
