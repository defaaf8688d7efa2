"""`upbitd why`, `tail` and `dump`, against a supervisor that is a fake behind the real control socket."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import pytest
import trio

from protocols.errors import SettingsError, UpbitdError, UsageError
from supervisor.commands import tail as tail_module
from supervisor.commands.dump import dump
from supervisor.commands.tail import tail
from supervisor.commands.why import why
from supervisor.control.client import CommandRefused, NoSupervisor, UnknownName
from supervisor.control.server import serve_control
from supervisor.machine.core import UnknownChild
from supervisor.records.crash_reports import CrashReport, CrashReports, Ends, Losses
from supervisor.running.run_dir import RunDir, open_run_dir
from tests.supervisor.records.reports import report

LINES = ('{"event":"one","level":"info"}', '{"event":"two\\u001b[2J","level":"info"}')


class OwnFollower:
    """Gets one line, and tells when that was sent."""

    def __init__(self) -> None:
        self.lines = [LINES[0]]
        self.sent = trio.Event()

    async def receive(self) -> list[str]:
        if self.lines:
            return [self.lines.pop()]
        self.sent.set()
        return await trio.sleep_forever()

    def close(self) -> None:
        assert self.sent.is_set()


class OwnTree:
    """Knows one child, `private`."""

    def __init__(self, reports: tuple[CrashReport, ...] = (), lost: Losses | None = None) -> None:
        self.reports = reports
        self.lost = lost
        self.left_out = 0
        self.follower = OwnFollower()

    def _check(self, name: str) -> None:
        if name != "private":
            raise UnknownChild(f"no child named {name!r}; there are: private")

    async def why(self, name: str, count: int) -> Ends:
        self._check(name)
        await trio.lowlevel.checkpoint()
        return Ends(list(self.reports[:count]), self.left_out)

    def losses(self, name: str) -> Losses | None:
        self._check(name)
        return self.lost

    def tail(self, name: str, lines: int) -> list[str]:
        self._check(name)
        return list(LINES[-lines:]) if lines else []

    def follow(self, name: str) -> OwnFollower:
        self._check(name)
        return self.follower

    async def dump(self, name: str) -> str:
        self._check(name)
        if not self.reports:
            raise UsageError(f"{name} has no process to look into; see `upbitd why {name}`")
        return "Current thread 0x7f (most recent call first):\n  File \x1b[31m\n"


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return open_run_dir(tmp_path / "run")


@asynccontextmanager
async def serving(run_dir: RunDir, *reports: CrashReport, lost: Losses | None = None) -> AsyncIterator[OwnTree]:
    async with trio.open_nursery() as nursery:
        tree: Any = OwnTree(reports, lost)
        nursery.start_soon(serve_control, run_dir.listen(run_dir.control_socket), tree)
        yield tree
        nursery.cancel_scope.cancel()


async def call(command: click.Command, run_dir: RunDir, *arguments: str) -> None:
    """Run a command as its process would, in a thread; its errors come out as they are."""
    await trio.to_thread.run_sync(call_now, command, run_dir, *arguments)


def call_now(command: click.Command, run_dir: RunDir, *arguments: str) -> None:
    command.main([*arguments, "--run-dir", str(run_dir.path)], standalone_mode=False)


Capture = pytest.CaptureFixture[str]


async def test_why_tells_the_last_end(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir, report(incarnation=4), report(incarnation=3)):
        await call(why, run_dir, "private")
        shown = capsys.readouterr().out.splitlines()
        assert shown[0].startswith("private (pid 123, 4th life) ended ")
        assert shown[-1] == "  decision   restarted at once (cause exit, 1 of 5 within 60 s)"
        await call(why, run_dir, "private", "-n", "2")
        assert capsys.readouterr().out.count("\n\nprivate (pid 123, 3rd life) ended ") == 1


async def test_why_in_full_shows_everything(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir, report(traceback="frame\n" * 100)):
        await call(why, run_dir, "private", "--full")
    assert capsys.readouterr().out.count("    frame\n") == 100


async def test_why_for_programs_is_one_report_a_line(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir, report(incarnation=4), report(incarnation=3)):
        await call(why, run_dir, "private", "-n", "9", "--json")
    assert [json.loads(line)["incarnation"] for line in capsys.readouterr().out.splitlines()] == [4, 3]


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_why_says_how_many_ends_it_does_not_tell_and_where_they_are(
    run_dir: RunDir, capsys: Capture, options: tuple[str, ...]
) -> None:
    async with serving(run_dir, report()) as tree:
        tree.left_out = 1234
        await call(why, run_dir, "private", "-n", "2000", *options)
    told = "private: 1,234 older ends are not told, since their reports do not fit into one answer"
    assert capsys.readouterr().err == f"upbitd: {told}; they are in {run_dir.crashes}\n"


async def test_what_does_not_fit_into_the_answer_is_counted_with_what_was_not_read(
    run_dir: RunDir, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = report(counters={f"counter_{number}": number for number in range(100_000)})
    async with serving(run_dir, long, long, long) as tree:
        tree.left_out = 2
        await call(why, run_dir, "private", "-n", "9", "--json")
    shown = capsys.readouterr()
    told = len(shown.out.splitlines())
    assert 0 < told < 3
    assert f"private: {2 + 3 - told} older ends are not told" in shown.err


async def test_why_of_a_child_that_has_not_ended_says_so(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir):
        await call(why, run_dir, "private")
        assert capsys.readouterr().out == "private: no end to tell; those that were ordered are in lifecycle.jsonl\n"
        await call(why, run_dir, "private", "--json")
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_why_says_that_reports_were_lost_and_where_the_end_is_told(
    run_dir: RunDir, capsys: Capture, options: tuple[str, ...]
) -> None:
    async with serving(run_dir, lost=Losses(3, "[Errno 28] No space left on device")):
        said = (
            r"private: no report of its last 3 ends could be written \(.*No space left on device\); how it ended is in"
        )
        with pytest.raises(UpbitdError, match=said):
            await call(why, run_dir, "private", *options)
    assert capsys.readouterr().out == ""


async def test_why_says_that_what_it_tells_is_not_the_last_end(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir, report(), lost=Losses(1, "full")):
        await call(why, run_dir, "private")
    shown = capsys.readouterr()
    assert shown.out.startswith("private (pid 123, 3rd life) ended ")
    assert shown.err.startswith(
        "upbitd: private: no report of its last end could be written (full); how it ended is in "
    )


@pytest.mark.parametrize("command", [why, tail, dump])
async def test_a_name_that_is_not_known_is_one_clear_error(run_dir: RunDir, command: click.Command) -> None:
    async with serving(run_dir):
        with pytest.raises(UnknownName, match="no child named 'privat'; there are: private"):
            await call(command, run_dir, "privat")


@pytest.mark.parametrize("command", [why, tail, dump])
def test_no_supervisor_is_one_clear_error(run_dir: RunDir, command: click.Command) -> None:
    with pytest.raises(NoSupervisor, match=r"no supervisor runs in .* start one with `upbitd run`"):
        call_now(command, run_dir, "private")


def test_why_without_a_tree_and_without_reports_says_that_there_are_none(run_dir: RunDir) -> None:
    with pytest.raises(NoSupervisor, match=f"there are no reports in {run_dir.crashes}, and no supervisor runs in "):
        call_now(why, run_dir, "private")


def test_why_answers_for_a_tree_that_does_not_run_any_more(run_dir: RunDir, capsys: Capture) -> None:
    reports = CrashReports(run_dir.crashes, keep=5)
    reports.add(report())
    (run_dir.crashes / "20261126T093000250Z.private.9.json").write_text("garbage")
    call_now(why, run_dir, "private")
    shown = capsys.readouterr()
    assert shown.out.startswith("private (pid 123, 3rd life) ended ")
    assert shown.err == f"upbitd: 1 of the reports in {run_dir.crashes} cannot be read\n"
    with pytest.raises(SettingsError, match=r"no report of 'public' in .*; there are reports of: private"):
        call_now(why, run_dir, "public")


def test_why_answers_for_a_supervisor_that_hangs(
    run_dir: RunDir, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.commands.why.ANSWER_S", 0.05)
    CrashReports(run_dir.crashes, keep=5).add(report())
    with run_dir.listen(run_dir.control_socket):
        call_now(why, run_dir, "private")
    shown = capsys.readouterr()
    assert shown.out.startswith("private (pid 123, 3rd life) ended ")
    assert "did not answer within 0.05 s" in shown.err
    assert shown.err.endswith("told from its reports\n")


async def test_tail_shows_lines_for_people(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir):
        await call(tail, run_dir, "private")
        assert capsys.readouterr().out == "info one\ninfo two\\x1b[2J\n"
        await call(tail, run_dir, "private", "-n", "1")
        assert capsys.readouterr().out == "info two\\x1b[2J\n"
        await call(tail, run_dir, "private", "-n", "0")
        assert capsys.readouterr().out == ""


async def test_tail_for_programs_is_the_lines_as_they_were_written(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir):
        await call(tail, run_dir, "private", "--json")
    assert tuple(capsys.readouterr().out.splitlines()) == LINES


@pytest.mark.parametrize("arguments", [["-n", "-1"], ["-n", "501"], ["-n", "x"]])
def test_tail_of_a_number_that_is_not_kept_is_refused(run_dir: RunDir, arguments: list[str]) -> None:
    with pytest.raises(click.BadParameter):
        call_now(tail, run_dir, "private", *arguments)


async def test_tail_goes_on_with_what_comes_until_the_supervisor_ends(run_dir: RunDir, capsys: Capture) -> None:
    async with trio.open_nursery() as nursery, serving(run_dir) as tree:
        nursery.start_soon(call, tail, run_dir, "private", "-n", "1", "-f", "--json")
        with trio.fail_after(10):
            await tree.follower.sent.wait()
    assert tuple(capsys.readouterr().out.splitlines()) == (LINES[1], LINES[0])


def test_who_leaves_by_interrupt_has_not_failed(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def follow(_socket: Path, _name: str, *, count: int) -> Iterator[str]:
        yield from LINES[:1] * count
        raise KeyboardInterrupt

    monkeypatch.setattr(tail_module, "follow", follow)
    call_now(tail, run_dir, "private", "-f", "-n", "2")
    assert capsys.readouterr().out == "info one\ninfo one\n"


async def test_dump_shows_stacks_and_controls_no_terminal(run_dir: RunDir, capsys: Capture) -> None:
    async with serving(run_dir, report()):
        await call(dump, run_dir, "private")
    assert capsys.readouterr().out == "Current thread 0x7f (most recent call first):\n  File \\x1b[31m\n"


async def test_dump_of_a_child_without_a_process_is_refused(run_dir: RunDir) -> None:
    async with serving(run_dir):
        with pytest.raises(CommandRefused, match="private has no process to look into; see `upbitd why private`"):
            await call(dump, run_dir, "private")
