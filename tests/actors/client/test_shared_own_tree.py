"""Several programs, one tree: whoever is first starts it, and when that one ends the others get the next."""

from collections.abc import Iterator

import pytest

from tests.actors.client.programs import Place, ends_by, place
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange

pytestmark = pytest.mark.timeout(180)

ENDLESS = """
async def main():
    client = await started()
    while True:
        before = len(ticks)
        await current_host().sleep(0.2)
        if len(ticks) > before:
            say("ticks")
"""


@pytest.fixture(scope="module")
def exchange() -> Iterator[ExchangeProcess]:
    with simulated_exchange("--rate", "200") as running:
        yield running


@pytest.fixture
def fresh(exchange: ExchangeProcess) -> Iterator[Place]:
    with place(exchange.ws) as found:
        yield found


@pytest.mark.parametrize(("way", "library"), [("SIGTERM", "asyncio"), ("SIGKILL", "trio"), ("SIGINT", "trio")])
def test_when_the_program_that_started_the_tree_ends_the_other_gets_its_own_and_goes_on(
    fresh: Place, way: str, library: str
) -> None:
    first = fresh.program(ENDLESS, library)
    first.wait_said("ready")
    second = fresh.program(ENDLESS, library)
    second.wait_said("ready")
    second.wait_said("ticks")
    assert (len(first.trees()), len(second.trees())) == (1, 0)
    fresh.note_processes()
    second.forget_said()
    ends_by(first, way)
    first.wait()
    for state in ("down", "detached", "live"):
        second.wait_said("state", state=state)
    second.wait_said("gap", missed=None)
    second.forget_said()
    second.wait_said("ticks")
    assert len(second.trees()) == 1
    fresh.note_processes()
    ends_by(second, "SIGINT")
    second.wait()
    fresh.check_nothing_left()


def test_programs_that_start_at_the_same_time_share_one_tree(fresh: Place) -> None:
    programs = [fresh.program(ENDLESS, library) for library in ("asyncio", "trio", "asyncio", "trio")]
    for program in programs:
        program.wait_said("ready")
        program.wait_said("ticks")
    assert sum(len(program.trees()) for program in programs) == 1
    fresh.note_processes()
    for program in programs:
        ends_by(program, "SIGTERM")
    for program in programs:
        program.wait()
    fresh.check_nothing_left()


def test_an_owners_own_tree_is_used_and_left_alone(fresh: Place) -> None:
    owner = fresh.program(
        """
import subprocess
async def main():
    settings = os.path.join(os.environ["PYTHONPATH"], "deploy", "connections.toml")
    tree = subprocess.Popen([sys.executable, "-m", "supervisor.main", "run", "-c", settings])
    try:
        await current_host().sleep(1000)
    finally:
        tree.terminate()
        tree.wait()
"""
    )
    while not (fresh.run_dir / "public.sock").exists():
        assert owner.process.poll() is None, owner.errors
    program = fresh.program("async def main():\n    client = await started()\n    await client.cleanup()\n")
    program.wait_said("ready")
    assert program.trees() == []
    assert program.wait() == 0, program.errors
    assert len(owner.trees()) == 1
    assert not (fresh.run_dir / "started-by-a-program").exists()
    fresh.note_processes()
    ends_by(owner, "SIGINT")
    owner.wait()
    fresh.check_nothing_left()
