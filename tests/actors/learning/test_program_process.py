"""A learner's program as a process: its output, its end, and what it leaves behind."""

import os
import signal
from functools import partial
from pathlib import Path

import psutil
import pytest
import trio

from actors.learning.checking import program_process
from actors.learning.checking.place import HOME, Place
from actors.learning.checking.program_process import Program
from tests.actors.learning.programs import program


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bool]] = []
        self.progress: list[tuple[int, float]] = []
        self.stops = 0
        self._has_line = trio.Event()

    def said(self, text: str, *, is_error: bool) -> None:
        self.lines.append((text, is_error))
        self._has_line.set()

    def is_running(self, seconds: int, limit_s: float) -> None:
        self.progress.append((seconds, limit_s))

    def is_stopping(self) -> None:
        self.stops += 1

    async def until_a_line(self) -> None:
        await self._has_line.wait()


async def at_once() -> None:
    await trio.lowlevel.checkpoint()


@pytest.fixture
def told() -> Told:
    return Told()


async def test_a_program_that_ends_is_told_with_its_lines_and_exit_code(tmp_path: Path, told: Told) -> None:
    source = """
        import sys
        print("KRW-BTC 1,000")
        print("ValueError: bad", file=sys.stderr)
        sys.stdout.write("no line end")
        sys.exit(3)
    """
    run = await Program(program(tmp_path, source), tmp_path, told).run(os.environ, 30, at_once)
    assert (run.ending, run.exit_code, run.interrupted_ns) == ("ended", 3, None)
    assert sorted(told.lines) == [("KRW-BTC 1,000", False), ("ValueError: bad", True), ("no line end", False)]
    assert (run.output.lines, run.output.last_error) == (2, "ValueError: bad")
    assert run.output.numbers == {1000.0}
    assert run.has_crashed
    assert (tmp_path / "stdout.txt").read_bytes() == b"KRW-BTC 1,000\nno line end"


async def test_a_program_that_goes_on_is_interrupted_and_can_tidy_up(tmp_path: Path, told: Told) -> None:
    source = """
        import asyncio
        async def main():
            try:
                print("begun", flush=True)
                await asyncio.sleep(60)
            finally:
                print("tidied up")
        asyncio.run(main())
    """
    run = await Program(program(tmp_path, source), tmp_path, told).run(os.environ, 1.0, told.until_a_line)
    assert (run.ending, run.exit_code, told.stops) == ("interrupted", -signal.SIGINT, 1)
    assert ("tidied up", False) in told.lines
    assert not run.has_crashed
    assert 1.0 <= run.seconds < 20


async def test_the_time_of_a_program_counts_from_when_it_has_begun(tmp_path: Path, told: Told) -> None:
    begun_s: list[float] = []

    async def has_begun() -> None:
        await trio.sleep(1.5)
        begun_s.append(trio.current_time())

    run = await Program(program(tmp_path, "import time; time.sleep(60)"), tmp_path, told).run(
        os.environ, 0.5, has_begun
    )
    assert run.ending == "interrupted"
    assert begun_s, "its time was not over before it had begun"
    assert run.seconds >= 1.9


async def test_a_program_that_never_begins_is_stopped_all_the_same(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_process, "BEGIN_S", 1.0)
    monkeypatch.setattr(program_process, "PROGRESS_S", 0.1)
    source = program(tmp_path, "import time; time.sleep(60)")
    run = await Program(source, tmp_path, told).run(os.environ, 0.5, trio.sleep_forever)
    assert (run.ending, told.stops, told.progress) == ("interrupted", 1, [])
    assert run.seconds >= 0.9


@pytest.mark.parametrize("limit_s", [0.5, 2.0])
async def test_a_slow_start_costs_no_program_its_time(
    limit_s: float, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its limit is longer than what it may take to begin, or shorter."""
    monkeypatch.setattr(program_process, "BEGIN_S", 1.5)
    source = program(tmp_path, "import time; time.sleep(60)")
    run = await Program(source, tmp_path, told).run(os.environ, limit_s, partial(trio.sleep, 1.0))
    assert run.ending == "interrupted"
    assert run.seconds >= 0.9 + limit_s


async def test_a_program_that_heeds_nothing_is_killed(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_process, "INTERRUPT_S", 0.2)
    monkeypatch.setattr(program_process, "TERMINATE_S", 0.2)
    source = """
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("begun", flush=True)
        time.sleep(60)
    """
    run = await Program(program(tmp_path, source), tmp_path, told).run(os.environ, 1.0, told.until_a_line)
    assert (run.ending, run.exit_code) == ("killed", -signal.SIGKILL)


async def test_a_child_that_keeps_the_output_open_delays_nothing_and_is_ended(tmp_path: Path, told: Told) -> None:
    source = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid)
    """
    running = Program(program(tmp_path, source), tmp_path, told)
    run = await running.run(os.environ, 30, at_once)
    child = psutil.Process(int(told.lines[0][0]))
    assert run.seconds < 20
    await running.end_rest()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_an_endless_line_is_taken_in_parts(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_process, "MAX_LINE", 1000)
    await Program(program(tmp_path, "print('x' * 500_000)"), tmp_path, told).run(os.environ, 30, at_once)
    assert sum(len(text) for text, _ in told.lines) == 500_000
    assert len(told.lines) > 1


def test_the_programs_environment_has_nothing_of_the_owners_upbitd(tmp_path: Path) -> None:
    own = {"UPBITD_SECRET_KEY": "real", "UPBITD_AUTOSTART": "0", "PATH": "/bin", "PYTHONPATH": "/own"}
    environment = Place(tmp_path).environment(own, "ws://127.0.0.1:1", "a", "s")
    assert {name: value for name, value in environment.items() if name.startswith("UPBITD_")} == {
        "UPBITD_RUN_DIR": str(tmp_path / "run"),
        "UPBITD_EXCHANGE__WEBSOCKET_URL": "ws://127.0.0.1:1",
        "UPBITD_ACCESS_KEY": "a",
        "UPBITD_SECRET_KEY": "s",
    }
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(HOME), "/own"]
    assert environment["XDG_STATE_HOME"].startswith(str(tmp_path))
    assert environment["PATH"] == "/bin"
    assert (HOME / "upbitd.py").exists()
