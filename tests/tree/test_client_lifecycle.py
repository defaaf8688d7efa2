"""A client lives through what happens to its tree: an actor killed, the exchange away, the whole tree started anew."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from actors.client import GapReport, StateReport, WebSocketClient, WebSocketConnectionError
from tests.course.stage import KEYS, SETTINGS
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange
from tests.tree.running_tree import REPOSITORY, UPBITD, child_environment, upbitd

LIMIT_S = 20.0

Sleep = Callable[[float], Awaitable[None]]


class OwnersTree:
    """A tree as its owner starts and stops it, again and again on the same run directory."""

    def __init__(self, folder: Path, exchange: ExchangeProcess) -> None:
        self.run_dir = folder / "run"
        self._settings = folder / "upbitd.toml"
        self._settings.write_text(SETTINGS.format(url=exchange.ws))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*UPBITD, "run", "-c", str(self._settings), "--run-dir", str(self.run_dir)],
            cwd=REPOSITORY, env=child_environment(KEYS),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(LIMIT_S) == 0
        self._process = None

    def kill_actor(self, name: str) -> None:
        answer = upbitd("status", "--run-dir", str(self.run_dir), "--json").stdout
        (pid,) = [child["pid"] for child in json.loads(answer)["children"] if child["name"] == name]
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def owners_tree(folder: Path) -> Iterator[tuple[ExchangeProcess, OwnersTree]]:
    with simulated_exchange("--rate", "400", "--access-key", "AK", "--secret-key", "SK") as exchange:
        tree = OwnersTree(folder, exchange)
        tree.start()
        try:
            yield exchange, tree
        finally:
            if tree._process is not None:
                tree.stop()


class Notes:
    """What one client was given and told."""

    def __init__(self, client: WebSocketClient) -> None:
        self.client = client
        self.places: list[tuple[int, int]] = []
        self.places_of: dict[str, list[tuple[int, int]]] = {}
        self.gaps: list[GapReport] = []
        self.states: list[str] = []
        client.on_gap(self.gaps.append)
        client.on_state(self.note_state)

    def take(self, _ticker: Any) -> None:
        (lane,) = self.client._board.lanes.values()
        assert lane.envelope is not None
        place = (lane.envelope.epoch, lane.envelope.sequence)
        self.places.append(place)
        self.places_of.setdefault(lane.envelope.topic, []).append(place)

    def note_state(self, report: StateReport) -> None:
        self.states.append(report.state)


async def until(condition: Callable[[], bool], sleep: Sleep) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "not within the limit"
        await sleep(0.01)


async def live_on(exchange: ExchangeProcess, tree: OwnersTree, sleep: Sleep) -> Notes:
    async with WebSocketClient("survivor", run_dir=tree.run_dir) as client:
        notes = Notes(client)
        await until_there(client, notes, sleep)

        async def wait_for_more(what: str) -> None:
            gaps, epoch = len(notes.gaps), notes.places[-1][0]
            await until(lambda: len(notes.gaps) > gaps and notes.places[-1][0] > epoch and client.is_connected(), sleep)
            assert len(notes.gaps) == gaps + 1, f"{what}: one outage is told once"
            (entry,) = await client.list_subscriptions()
            assert (entry.type, entry.codes) == ("ticker", ("KRW-BTC", "KRW-ETH")), what

        tree.kill_actor("public")
        await wait_for_more("an actor was killed")
        exchange.fault("close", code=1012)
        await wait_for_more("the exchange closed")
        tree.stop()
        await until(lambda: notes.states[-1] == "detached", sleep)
        assert not client.is_connected()
        tree.start()
        await wait_for_more("the tree was started anew")
    return notes


async def until_there(client: WebSocketClient, notes: Notes, sleep: Sleep) -> None:
    """The tree is just being started: a client that comes too early is told so, and may try again."""
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        try:
            await client.subscribe_ticker(["KRW-BTC", "KRW-ETH"], notes.take, delivery="every")
        except WebSocketConnectionError:
            if time.monotonic() > deadline_s:
                raise
            await sleep(0.05)
        else:
            break
    await until(lambda: len(notes.places) > 3, sleep)


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_a_client_goes_on_after_an_actor_the_exchange_and_the_whole_tree_were_gone(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPBITD_AUTOSTART", "0")
    with owners_tree(tmp_path) as (exchange, tree):
        if library == "asyncio":
            notes = asyncio.run(live_on(exchange, tree, asyncio.sleep))
        else:
            notes = trio.run(live_on, exchange, tree, trio.sleep)
    assert set(notes.places_of) == {"ticker/KRW-BTC", "ticker/KRW-ETH"}
    for places in notes.places_of.values():
        assert places == sorted(set(places)), "each event once, and in order"
    assert {gap.missed for gap in notes.gaps} == {None}
    assert all(gap.outage_s > 0 for gap in notes.gaps)
    assert [state for state in notes.states if state == "detached"] == ["detached"]
