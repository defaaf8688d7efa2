import os
import select
import signal
from pathlib import Path

import pytest

from actors.runtime.process.child import SPARE
from supervisor.processes.process import ChildProcess
from supervisor.processes.spares import REFILL_EVERY_S, WithSpares
from supervisor.processes.spawning import Spawner
from tests.supervisor.processes.small_supervisor import is_there
from tests.supervisor.processes.stage import stage, title_of, until

pytestmark = pytest.mark.parametrize("spawner_of_module", ["spawn", "forkserver"], indirect=True)


class Spares:
    """Two spares of a spawner, and who is one now."""

    def __init__(self, spawner: Spawner) -> None:
        self.spawner = spawner
        self.kept = WithSpares(spawner, spawner, 2)

    @property
    def pids(self) -> set[int]:
        return self.kept.known_pids() - self.spawner.known_pids()

    def discard_all(self) -> None:
        """End the spares, but not the spawner, which others use."""
        self.kept._spawner = self.kept._spare_spawner = Unclosed()
        self.kept.close()


class Unclosed:
    def spawn(self, name: str) -> ChildProcess:
        raise OSError(f"no process for {name}")

    def refill(self, *, now_s: float) -> None: ...

    def collect(self) -> None: ...

    def known_pids(self) -> set[int]:
        return set()

    def close(self) -> None: ...


@pytest.fixture
def spares(spawner: Spawner) -> Spares:
    made = Spares(spawner)
    made.kept.refill(now_s=0.0)
    return made


async def until_imported(kept: WithSpares) -> None:
    for spare in kept._spares:
        await until(lambda spare=spare: spare.box.contents().phase == "importing")


async def test_a_spare_becomes_the_next_child_and_takes_its_name(spares: Spares, tmp_path: Path) -> None:
    (waiting,) = spares.pids
    await until_imported(spares.kept)
    assert title_of(waiting) == f"upbitd: {SPARE}"
    async with stage(spares.kept, tmp_path) as lives:
        a = await lives.start("idle").ready()
        assert a.life.pid == waiting
        assert title_of(waiting) == "upbitd: a"
        b = await lives.start("idle", "b").ready()  # None is left: one is made as usual.
        assert b.life.pid != waiting
    assert spares.pids == set()


async def test_spares_are_made_one_at_a_time(spares: Spares) -> None:
    assert len(spares.pids) == 1
    spares.kept.refill(now_s=REFILL_EVERY_S / 2)
    assert len(spares.pids) == 1
    spares.kept.refill(now_s=REFILL_EVERY_S)
    spares.kept.refill(now_s=2 * REFILL_EVERY_S)
    assert len(spares.pids) == 2
    spares.discard_all()


@pytest.mark.parametrize("noticed_by", ["spawn", "refill"])
async def test_a_dead_spare_is_collected_and_not_handed_out(spares: Spares, tmp_path: Path, noticed_by: str) -> None:
    (waiting,) = spares.pids
    (spare,) = spares.kept._spares
    os.kill(waiting, signal.SIGKILL)
    await until(lambda: readable(spare.pidfd))
    if noticed_by == "refill":
        spares.kept.refill(now_s=0.0)
        assert spares.pids == set()
    async with stage(spares.kept, tmp_path) as lives:
        a = await lives.start("idle").ready()
        assert a.life.pid != waiting
    assert not is_there(waiting)


def readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


@pytest.mark.parametrize("number", [None, signal.SIGSTOP])
async def test_the_end_waits_for_no_spare_whatever_it_does(spares: Spares, number: signal.Signals | None) -> None:
    (waiting,) = spares.pids
    if number is not None:
        os.kill(waiting, number)
    spares.discard_all()
    assert not is_there(waiting)
