"""A program that starts a tree of its own leaves nothing behind, however it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.actors.client.programs import HISTORY, Place, ends_by, place
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange

pytestmark = pytest.mark.timeout(180)

ENDS: Final = {
    "return": "",
    "return after a clean-up": "    await client.cleanup()\n",
    "exception": "    raise LookupError('of the program')\n",
    "cancellation": "    await be_cancelled()\n",
    "sys.exit": "    sys.exit(3)\n",
    "os._exit": "    os._exit(4)\n",
    "SIGINT": "    await current_host().sleep(1000)\n",
    "SIGTERM": "    await current_host().sleep(1000)\n",
    "SIGKILL": "    await current_host().sleep(1000)\n",
}
CANCELLED: Final = """
async def be_cancelled():
    if current_host().library == "asyncio":
        import asyncio
        asyncio.current_task().cancel()
        await asyncio.sleep(1000)
    else:
        import trio
        with trio.CancelScope() as scope:
            scope.cancel()
            await trio.sleep(1000)

"""
CODES: Final = {"exception": 1, "sys.exit": 3, "os._exit": 4, "SIGINT": -2, "SIGTERM": -15, "SIGKILL": -9}
ON_TRIO: Final = ("return", "exception", "cancellation", "sys.exit", "SIGINT")
WAYS: Final = [(way, "asyncio") for way in ENDS] + [(way, "trio") for way in ON_TRIO]


@pytest.fixture(scope="module")
def exchange() -> Iterator[ExchangeProcess]:
    with simulated_exchange("--rate", "200") as running:
        yield running


@pytest.fixture
def fresh(exchange: ExchangeProcess) -> Iterator[Place]:
    with place(exchange.ws) as found:
        yield found


@pytest.mark.parametrize(("way", "library"), WAYS)
def test_a_program_with_a_tree_of_its_own_leaves_nothing_behind(fresh: Place, way: str, library: str) -> None:
    wait = "    sys.stdin and await current_host().sleep(0.5)\n"
    program = fresh.program(f"{CANCELLED}async def main():\n    client = await started()\n{wait}{ENDS[way]}", library)
    program.wait_said("ready")
    assert fresh.note_processes() >= 3  # The supervisor and its two actors at least.
    assert len(program.trees()) == 1
    ends_by(program, way)
    code = program.wait()
    fresh.check_nothing_left()
    if way == "SIGINT":
        assert code in {-2, 1, 130}
        assert "KeyboardInterrupt" in program.errors
    elif way == "cancellation":
        # asyncio.run raises what its main task ended by; trio ends just the scope.
        assert (code, "CancelledError" in program.errors) == ((1, True) if library == "asyncio" else (0, False))
    else:
        assert code == CODES.get(way, 0), program.errors
        assert ("Traceback" in program.errors) == (way == "exception"), program.errors


def test_without_a_wait_for_the_tree_a_program_ends_as_well(fresh: Place) -> None:
    text = """
async def main():
    client = WebSocketClient("hasty")
    task = current_host().spawn(lambda: client.subscribe_ticker(["KRW-BTC"], print))
    await current_host().sleep(0.3)
    say("ready")
    await current_host().sleep(0.2)
"""
    program = fresh.program(text)
    program.wait_said("ready")
    fresh.note_processes()
    program.wait()
    fresh.check_nothing_left()


def test_settings_that_cannot_be_are_an_error_with_their_reason(fresh: Place) -> None:
    fresh.environment["UPBITD_EXCHANGE__WEBSOCKET_URL"] = "nonsense"
    text = """
from actors.client import WebSocketConnectionError
async def main():
    try:
        await started()
    except WebSocketConnectionError as error:
        say("refused", text=str(error))
"""
    program = fresh.program(text)
    said = program.wait_said("refused")["text"]
    assert "no tree could be started in" in said
    assert "UPBITD_EXCHANGE__WEBSOCKET_URL: exchange.websocket_url: 'nonsense' cannot be used" in said
    assert said.endswith("; change or unset this environment variable")
    assert "connections.toml" not in said  # Which the user has never seen.
    assert "\n" not in said
    assert program.wait() == 0
    fresh.check_nothing_left()


def test_a_run_directory_that_cannot_be_is_an_error_with_its_reason(fresh: Place) -> None:
    fresh.run_dir.write_text("no directory")
    text = """
from actors.client import WebSocketConnectionError
async def main():
    try:
        await started()
    except WebSocketConnectionError as error:
        say("refused", text=str(error))
"""
    program = fresh.program(text)
    assert "no tree could be started in" in program.wait_said("refused")["text"]
    assert program.wait() == 0
    fresh.run_dir.unlink()
    fresh.check_nothing_left()


def test_saying_that_a_tree_may_be_started_changes_nothing(fresh: Place) -> None:
    fresh.environment["UPBITD_AUTOSTART"] = "1"
    program = fresh.program("async def main():\n    client = await started()\n    await client.cleanup()\n")
    program.wait_said("ready")
    assert program.wait() == 0, program.errors
    fresh.check_nothing_left()


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_the_next_client_of_a_program_waits_for_the_end_of_the_tree_before_it(fresh: Place, library: str) -> None:
    text = """
from actors.client.engine import engine
engine.LINGER_S = 0.0
async def main():
    for _ in range(3):
        client = await started()
        await client.cleanup()
        await current_host().sleep(0.01)
    say("end")
"""
    program = fresh.program(text, library)
    program.wait_said("end")
    states = [said["state"] for said in program.said if said["event"] == "state"]
    assert states == ["live"] * 3
    assert [said for said in program.said if said["event"] == "gap"] == []
    assert program.wait() == 0, program.errors
    fresh.check_nothing_left()


def test_clients_that_come_and_go_share_the_tree_until_the_last_one(fresh: Place) -> None:
    text = """
async def main():
    first = await started("first")
    second = await started("second")
    await first.cleanup()
    before = len(ticks)
    while len(ticks) < before + 5:
        await current_host().sleep(0.01)
    say("goes on")
    await second.cleanup()
"""
    program = fresh.program(text)
    program.wait_said("goes on")
    assert len(program.trees()) == 1
    fresh.note_processes()
    assert program.wait() == 0, program.errors
    fresh.check_nothing_left()


def test_a_tree_of_a_program_that_is_killed_with_its_supervisor_comes_back_for_the_client(fresh: Place) -> None:
    text = """
async def main():
    client = await started()
    await current_host().sleep(1000)
"""
    program = fresh.program(text)
    program.wait_said("ready")
    fresh.note_processes()
    program.forget_said()
    (tree,) = program.trees()
    tree.kill()
    program.wait_said("state", state="detached")
    program.wait_said("state", state="live")
    program.wait_said("gap")
    fresh.note_processes()
    program.process.terminate()
    program.wait()
    fresh.check_nothing_left()


def test_what_stays_of_a_run_is_its_history(fresh: Place) -> None:
    program = fresh.program("async def main():\n    client = await started()\n    await client.cleanup()\n")
    assert program.wait() == 0, program.errors
    left = {path.name for path in Path(fresh.run_dir).iterdir()}
    assert "lifecycle.jsonl" in left
    assert left <= HISTORY
