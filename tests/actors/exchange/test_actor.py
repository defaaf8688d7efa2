import json
from pathlib import Path

import pytest
import structlog
import trio
from trio.testing import MockClock

from actors.exchange.actor import make_stage, open_exchange, run, serve
from actors.exchange.settings import AccountSettings, SimulatorSettings
from actors.runtime.actor import Actor
from actors.runtime.channel.publishing import Publisher
from actors.runtime.process.counters import Counters
from protocols.control.messages import FromChild, Ready
from protocols.errors import SettingsError
from tests.actors.exchange.conftest import START, START_MS


def new_actor(tmp_path: Path, told: list[FromChild]) -> Actor:
    counters = Counters()
    return Actor(
        name="exchange",
        pid=1,
        incarnation=1,
        run_dir=tmp_path,
        secrets={},
        log=structlog.get_logger(),
        counters=counters,
        publisher=Publisher("exchange", 1, counters),
        tell=told.append,
    )


async def test_as_a_child_it_is_ready_once_it_listens_and_counts(tmp_path: Path, autojump_clock: MockClock) -> None:
    told: list[FromChild] = []
    actor = new_actor(tmp_path, told)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, actor, SimulatorSettings(markets=4, rate=10.0))
        await trio.sleep(1.0)
        assert told == [Ready(pid=1)]
        assert actor.counters.snapshot() == dict.fromkeys(
            ("handshakes", "refused", "connections", "sent_frames", "limits_forgotten", "nonces_forgotten"), 0
        )
        nursery.cancel_scope.cancel()


async def test_the_journal_begins_with_the_settings_without_secrets_and_has_fills_and_an_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    path = tmp_path / "journal"
    settings = SimulatorSettings(
        access_key="key", secret_key="very-secret", markets=4, rate=100.0, journal=str(path), port=0
    )
    exchange = await open_exchange(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, exchange)
        await trio.sleep(60.0)
        nursery.cancel_scope.cancel()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert (lines[0]["event"], lines[0]["seed"], lines[-1]["event"]) == ("started", 1, "stopped")
    assert "very-secret" not in path.read_text()
    assert "order_fill" in {line["event"] for line in lines}


async def test_a_journal_that_cannot_be_written_is_an_error_and_leaves_no_port_open(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="journal"):
        await open_exchange(SimulatorSettings(markets=4, journal=str(tmp_path)))


async def test_a_port_in_use_is_an_error_that_names_it(tmp_path: Path) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    try:
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}"):
            await open_exchange(SimulatorSettings(markets=4, port=port, journal=str(tmp_path / "journal")))
    finally:
        await listener.aclose()


async def test_every_account_is_opened_and_the_trader_acts_on_the_first_only(autojump_clock: MockClock) -> None:
    other = AccountSettings("other", "secret")
    settings = SimulatorSettings(access_key="key", secret_key="secret", accounts=(other,), markets=4, rate=50.0)
    venue = make_stage(settings).venue
    assert venue is not None
    await trio.sleep(60.0)
    venue.catch_up()
    orders = {ledger.access_key: len(ledger.orders) for ledger in venue.simulation.desk.ledger()}
    assert orders["key"] > 0
    assert orders["other"] == 0


async def test_without_a_first_account_nobody_trades(autojump_clock: MockClock) -> None:
    venue = make_stage(SimulatorSettings(accounts=(AccountSettings("other", "secret"),), markets=4, rate=50.0)).venue
    assert venue is not None
    await trio.sleep(60.0)
    venue.catch_up()
    assert [len(ledger.orders) for ledger in venue.simulation.desk.ledger()] == [0]


async def test_as_a_child_bad_settings_are_an_error_that_names_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="4 to 855"):
        await run(new_actor(tmp_path, []), SimulatorSettings(markets=3))


async def test_its_clock_begins_at_the_start_that_was_chosen(autojump_clock: MockClock) -> None:
    stage = make_stage(SimulatorSettings(markets=4, start=START))
    assert stage.venue is not None
    assert stage.now_ms() == stage.venue.catch_up() == START_MS
    await trio.sleep(2.5)
    assert stage.now_ms() == START_MS + 2500
