from pathlib import Path

import pytest
import structlog
import trio
from trio.testing import MockClock

from actors.exchange.actor import run
from actors.exchange.settings import SimulatorSettings
from actors.runtime.actor import Actor
from actors.runtime.counters import Counters
from actors.runtime.publishing import Publisher
from protocols.control.messages import FromChild, Ready
from protocols.errors import SettingsError


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
        assert actor.counters.snapshot() == {"handshakes": 0, "refused": 0, "connections": 0, "sent_frames": 0}
        nursery.cancel_scope.cancel()


async def test_as_a_child_bad_settings_are_an_error_that_names_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="4 to 855"):
        await run(new_actor(tmp_path, []), SimulatorSettings(markets=3))
