"""`upbitd top` against a tree that is a fake; it runs in the main thread, where signals come."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from supervisor.control.status import TreeStatus
from supervisor.running.run_dir import RunDir
from supervisor.views.usage_table import Look
from tests.supervisor.commands.own_tree import OwnTree, serving
from tests.supervisor.views.statuses import child, ended, tree

Run = Callable[..., int]
Capture = pytest.CaptureFixture[str]

FILE_LEFT_OPEN = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""The copy of stdout is closed with the process, which goes on here."""


class WorkingTree(OwnTree):
    """Its child `public` works for a second more each time that it is looked at, at 50 % of a core."""

    def status(self) -> TreeStatus:
        super().status()
        seconds = float(self.times_seen)
        busy = child("public", uptime_s=100.0 + seconds, cpu_s=0.5 * seconds, progress=1000 * self.times_seen)
        return tree(busy, ended("private", reason="a\x1b[2J"), uptime_s=200.0 + seconds)


class OwnScreen:
    """Notes what it is shown, and then does what the test wants."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.looks: list[Look] = []
        self.is_open = False
        self._then = then

    def open(self) -> None:
        self.is_open = True

    def show(self, look: Look) -> None:
        assert self.is_open
        self.looks.append(look)
        self._then()

    def close(self) -> None:
        self.is_open = False


def call_next(acts: Iterator[Callable[[], object]]) -> None:
    next(acts)()


@FILE_LEFT_OPEN
def test_looks_for_programs_are_one_object_a_line(run_dir: RunDir, upbitd: Run, capfd: Capture) -> None:
    with serving(run_dir, WorkingTree()):
        assert upbitd("top", "-n", "2", "--every", "0.01", "--json") == 0
    first, second = map(json.loads, capfd.readouterr().out.splitlines())
    assert (first["pid"], first["state"], first["uptime_s"]) == (1, "running", 202.0)
    by_name = [{process["name"]: process for process in look["processes"]} for look in (first, second)]
    # Over its life of 102 s at the first look, which is the second time that the tree is asked.
    assert by_name[0]["public"]["cpu_percent"] == pytest.approx(100 * 1.0 / 102)
    assert by_name[0]["public"]["progress_per_s"] == pytest.approx(2000 / 102)
    assert by_name[1]["public"]["cpu_percent"] == pytest.approx(50.0)
    assert by_name[1]["public"]["progress_per_s"] == pytest.approx(1000.0)
    assert by_name[1]["private"]["cpu_percent"] is None


@FILE_LEFT_OPEN
def test_looks_into_a_pipe_are_lines_with_a_blank_one_after_each_look(
    run_dir: RunDir, upbitd: Run, capfd: Capture
) -> None:
    with serving(run_dir, WorkingTree()):
        assert upbitd("top", "-n", "2", "--every", "0.01") == 0
    shown = capfd.readouterr()
    assert shown.err == ""
    assert "\x1b" not in shown.out
    lines = shown.out.splitlines()
    assert [line.split()[0] for line in lines if line] == ["upbitd", "name", "public", "supervisor", "private"] * 2
    assert [number for number, line in enumerate(lines) if not line] == [5, 11]
    assert lines[8].split() == ["public", "ready", "100", "50.0", "20", "MiB", "1,000", "0.2", "s", "-", "0"]


def test_it_goes_on_when_the_supervisor_ends_and_shows_the_next_one(
    run_dir: RunDir, upbitd: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnTree()
    with ExitStack() as served:
        acts = iter((served.close, lambda: served.enter_context(serving(run_dir, own)), lambda: None))
        screen = OwnScreen(lambda: call_next(acts))
        monkeypatch.setattr("supervisor.commands.top.screen_for_stdout", lambda **_options: screen)
        served.enter_context(serving(run_dir, own))
        assert upbitd("top", "-n", "3", "--every", "0.01") == 0
    first, second, third = screen.looks
    assert first.tree == third.tree == own.seen
    assert second.tree is None
    assert second.error.startswith("no supervisor runs in ")


def test_no_supervisor_at_the_start_is_one_line_and_exit_code_2(upbitd: Run, capfd: Capture) -> None:
    assert upbitd("top", "-n", "1") == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("upbitd: no supervisor runs in ")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_exit_code_0_and_the_screen_is_given_back(
    number: int, run_dir: RunDir, upbitd: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = OwnScreen(lambda: os.kill(os.getpid(), number))
    monkeypatch.setattr("supervisor.commands.top.screen_for_stdout", lambda **_options: screen)
    with serving(run_dir, OwnTree()):
        assert upbitd("top", "--every", "60") == 0
    assert len(screen.looks) == 1
    assert not screen.is_open


@pytest.mark.parametrize("options", [("-n", "0"), ("-n", "x"), ("--every", "0"), ("--every", "nan")])
def test_numbers_that_make_no_sense_are_exit_code_2(options: tuple[str, ...], upbitd: Run, capsys: Capture) -> None:
    assert upbitd("top", *options) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("upbitd: Invalid value for ")
    assert shown.count("\n") == 1


@contextmanager
def started(run_dir: RunDir, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "supervisor.main", "top", "--every", "0.05", "--run-dir", str(run_dir.path)]
    with serving(run_dir, WorkingTree()), subprocess.Popen(command, **how) as process:
        try:
            yield process
        finally:
            process.kill()  # One that has ended already is not touched.


def test_a_reader_that_goes_away_ends_it_quietly(run_dir: RunDir) -> None:
    with started(run_dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"upbitd pid 1, running")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(10) == 0


def read_until(fd: int, wanted: bytes) -> bytes:
    shown = b""
    while wanted not in shown:
        assert select.select([fd], [], [], 10)[0], shown
        shown += os.read(fd, 4096)
    return shown


def test_q_ends_it_and_the_terminal_is_as_it_was(run_dir: RunDir) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    environment = {**os.environ, "TERM": "xterm"}
    with started(run_dir, stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment) as process:
        assert read_until(master, b"q or ^C ends").count(b"\x1b[?1049h") == 1
        os.write(master, b"q")
        read_until(master, b"\x1b[?1049l")
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)
