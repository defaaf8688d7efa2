"""A learner's program as a process: its output, its end, and what it leaves behind."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from actors.learning.checking import program_process
from actors.learning.checking.place import HOME, Place
from actors.learning.checking.program_process import Program
from tests.actors.learning.programs import program


class Told:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bool]] = []
        self.stops = 0

    def said(self, text: str, *, is_error: bool) -> None:
        self.lines.append((text, is_error))

    def is_running(self, seconds: int, limit_s: float) -> None:
        raise AssertionError("these runs are short")

    def is_stopping(self) -> None:
        self.stops += 1


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
    run = await Program(program(tmp_path, source), tmp_path, told).run(os.environ, 30)
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
                await asyncio.sleep(60)
            finally:
                print("tidied up")
        asyncio.run(main())
    """
    run = await Program(program(tmp_path, source), tmp_path, told).run(os.environ, 1.0)
    assert (run.ending, run.exit_code, told.stops) == ("interrupted", -signal.SIGINT, 1)
    assert ("tidied up", False) in told.lines
    assert not run.has_crashed
    assert run.seconds == pytest.approx(1.0, abs=0.5)


async def test_a_program_that_heeds_nothing_is_killed(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_process, "INTERRUPT_S", 0.2)
    monkeypatch.setattr(program_process, "TERMINATE_S", 0.2)
    source = """
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    """
    run = await Program(program(tmp_path, source), tmp_path, told).run(os.environ, 1.0)
    assert (run.ending, run.exit_code) == ("killed", -signal.SIGKILL)


async def test_a_child_that_keeps_the_output_open_delays_nothing_and_is_ended(tmp_path: Path, told: Told) -> None:
    source = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(child.pid)
    """
    running = Program(program(tmp_path, source), tmp_path, told)
    run = await running.run(os.environ, 30)
    child = psutil.Process(int(told.lines[0][0]))
    assert run.seconds < 20
    await running.end_rest()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_an_endless_line_is_taken_in_parts(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_process, "MAX_LINE", 1000)
    await Program(program(tmp_path, "print('x' * 500_000)"), tmp_path, told).run(os.environ, 30)
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
