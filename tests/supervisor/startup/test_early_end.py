"""Commands that are ended before they have begun, or whose output goes nowhere, as processes."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.startup.early_signals import (
    end_quietly_on_signals,
    is_ignored,
    noted_signals,
    runs_until_signalled,
)
from tests.tree.running_tree import REPOSITORY, child_environment

COMMAND = [sys.executable, str(REPOSITORY / "upbitd.py")]
ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

SIGNAL_AT_AN_IMPORT = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Signaller(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Signaller())
import upbitd
upbitd.main()
"""
"""An import is a moment that can be named: no sleep has to hit it."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the demo's sockets lie below it."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as name:
        yield Path(name)


def end_at(module: str, number: int, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    program = SIGNAL_AT_AN_IMPORT.format(module=module, number=int(number))
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=child_environment({"TMPDIR": str(folder), "UPBITD_RUN_DIR": str(folder / "run")}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["run"], "click"),
        (["run"], "trio"),
        (["demo"], "supervisor.main"),
        (["demo"], "rich.live"),
        (["simulate"], "actors.commands.simulate"),
        (["watch", "ticker", "KRW-BTC"], "actors.commands.watch"),
    ],
)
def test_a_signal_before_a_command_has_begun_ends_it_quietly_with_0(
    arguments: list[str], module: str, ending: signal.Signals, folder: Path
) -> None:
    done = end_at(module, ending, arguments, folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "is_meant"),
    [
        ([], False),
        (["status"], False),
        (["status", "-f"], False),
        (["run", "-c", "file"], True),
        (["top"], True),
        (["tail", "a"], False),
        (["tail", "a", "-f"], True),
        (["tail", "--follow", "a"], True),
    ],
)
def test_a_signal_is_how_some_commands_are_meant_to_end(arguments: list[str], is_meant: bool) -> None:
    assert runs_until_signalled(arguments) is is_meant


def test_an_interrupt_of_another_command_is_one_line() -> None:
    done = end_at("click", signal.SIGINT, ["status"], Path("/tmp"))
    assert (done.returncode, done.stderr) == (1, "upbitd: interrupted\n")


SIGNAL_WHILE_A_CHILD_IS_CHECKED = """
import os, signal
os.kill(os.getppid(), signal.{name})
signal.pause()
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_signal_while_settings_are_checked_ends_run_and_check_quietly(ending: signal.Signals, folder: Path) -> None:
    (folder / "pausing.py").write_text(SIGNAL_WHILE_A_CHILD_IS_CHECKED.format(name=ending.name))
    settings = folder / "upbitd.toml"
    settings.write_text('[[child]]\nname = "a"\nstart = "pausing:run"\n')
    done = subprocess.run(
        [*COMMAND, "run", "-c", str(settings), "--run-dir", str(folder / "run")],
        env=child_environment(),
        capture_output=True,  # Ends only when the check process has ended too.
        text=True,
        timeout=40,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SIGNAL_WHEN_THE_PLACE_IS_MADE = """
import os, signal, sys, tempfile
make = tempfile.mkdtemp

def make_and_signal(*arguments, **options):
    place = make(*arguments, **options)
    os.kill(os.getpid(), {number})
    return place

tempfile.mkdtemp = make_and_signal
import upbitd
sys.argv[1:] = ["demo"]
upbitd.main()
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_signal_at_the_moment_that_a_demo_makes_its_place_leaves_nothing(
    ending: signal.Signals, folder: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL_WHEN_THE_PLACE_IS_MADE.format(number=int(ending))],
        env=child_environment({"TMPDIR": str(folder)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"], ["simulate", "--markets", "4"]])
def test_a_full_disk_behind_stdout_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (1, "upbitd: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["simulate", "--markets", "4"]])
def test_a_reader_that_went_away_is_no_failure(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *arguments], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_command_at_all_prints_the_help() -> None:
    bare, helped = (
        subprocess.run([*COMMAND, *given], capture_output=True, text=True, timeout=60, check=False)
        for given in ([], ["--help"])
    )
    assert (bare.returncode, bare.stdout, bare.stderr) == (0, helped.stdout, "")


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "x"])
def test_a_demo_refuses_what_is_no_time_span(seconds: str) -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--seconds", seconds], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"{seconds!r} is not a number of seconds above 0" in done.stderr


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = {number: signal.getsignal(number) for number in ENDINGS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        end_quietly_on_signals(["run"])
        assert is_ignored(signal.SIGHUP)
        with noted_signals() as noted:
            os.kill(os.getpid(), signal.SIGTERM)
            assert is_ignored(signal.SIGHUP)
        assert noted == [signal.SIGTERM]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
