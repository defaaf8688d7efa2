import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from protocols.errors import ConnectionLost, SettingsError, TemporaryFailure
from supervisor.commands import status as status_command
from supervisor.commands.status import describe_exit, duration
from supervisor.control.status import ChildStatus, LastExit, TreeStatus
from supervisor.main import COMMANDS, run_command, upbitd
from supervisor.startup import name_clash


def test_help_lists_every_command_without_importing_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["dance"], ["run", "--no-such-option"], ["restart"]])
def test_bad_usage_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("upbitd: ")
    assert shown.count("\n") == 1


def test_a_missing_settings_file_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "-c", str(tmp_path / "none.toml"), "--run-dir", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.startswith(f"upbitd: {tmp_path}/none.toml: No such file or directory")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command",
    [["status"], ["status", "--json"], ["stop"], ["restart", "a"], ["show", "a"], ["watch", "ticker", "KRW-BTC"]],
)
@pytest.mark.parametrize("is_file", [False, True])
def test_commands_without_a_supervisor_are_exit_code_2(
    command: list[str], is_file: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if is_file:
        (tmp_path / "run").touch()
    assert run_command([*command, "--run-dir", str(tmp_path / "run")]) == 2
    shown = capsys.readouterr().err
    assert re.match("upbitd: no (supervisor|tree) runs in", shown)
    assert len(shown.splitlines()) == 1


def test_a_tree_cannot_run_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").touch()
    assert run_command(["run", "--run-dir", str(tmp_path / "run")]) == 2
    assert "cannot be used: File exists" in capsys.readouterr().err


def test_no_cell_of_the_status_is_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    name = "n" * 32
    child = ChildStatus(
        name, "starting", 4_000_000, 1000, 1e5, LastExit(None, 15, ""), 10.0, 2**31, 1, {"seen": 10**9}, "r" * 200
    )
    tree = TreeStatus(pid=1, state="running", uptime_s=2.0, run_dir="/r", children=(child,))
    monkeypatch.setattr(status_command, "status_of", lambda _socket: tree)
    monkeypatch.setenv("COLUMNS", "40")
    assert run_command(["status"]) == 0
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith(name))
    expected = ["starting", "4000000", "1000", "1", "d", "3", "h", "10.0", "s", "2048", "MiB", "SIGTERM"]
    assert row.split() == [name, *expected]
    assert f"{name}: {'r' * 200}" in shown
    assert "…" not in shown


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (SettingsError("one\ntwo"), 2, "upbitd: one\nupbitd: two\n"),
        (ConnectionLost("gone"), 1, "upbitd: gone\n"),
        (TemporaryFailure("no room"), 1, "upbitd: no room\n"),
        (ExceptionGroup("nursery", [SettingsError("bad"), TemporaryFailure("no")]), 1, "upbitd: bad\nupbitd: no\n"),
        (ExceptionGroup("nursery", [ExceptionGroup("inner", [SettingsError("deep")])]), 2, "upbitd: deep\n"),
        (click.Abort(), 1, "upbitd: interrupted\n"),
        (click.FileError("f", "no"), 1, "upbitd: Could not open file 'f': no\n"),
    ],
)
def test_expected_errors_are_lines_and_an_exit_code(
    error: Exception, code: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(upbitd, "main", fail)
    assert run_command([]) == code
    assert capsys.readouterr().err == shown


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise ExceptionGroup("nursery", [SettingsError("expected"), ZeroDivisionError("a bug")])

    monkeypatch.setattr(upbitd, "main", fail)
    with pytest.raises(ExceptionGroup):
        run_command([])


def test_our_packages_are_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = importlib.metadata.packages_distributions
    seen: list[str] = []

    def packages_distributions() -> Mapping[str, list[str]]:
        found = asked()
        seen.extend(name for package in name_clash.OUR_PACKAGES for name in found.get(package, []))
        return found

    monkeypatch.setattr("importlib.metadata.packages_distributions", packages_distributions)
    name_clash.check_names()
    assert set(seen) <= {"upbitd"}


def test_another_distribution_with_our_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.metadata.packages_distributions", lambda: {"supervisor": ["upbitd", "supervisor"], "actors": []}
    )
    with pytest.raises(SettingsError, match="'supervisor' also provides the package 'supervisor'; remove it"):
        name_clash.check_names()


def test_a_package_of_the_same_name_from_another_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "supervisor").mkdir()
    (tmp_path / "supervisor" / "__init__.py").touch()
    command = [str(Path(sys.executable).parent / "upbitd"), "status"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "the package 'supervisor' is found in" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "shown"), [(4.24, "4.2 s"), (200, "3 min 20 s"), (18720, "5 h 12 min"), (187200, "2 d 4 h")]
)
def test_time_spans_read_as_people_write_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("ended", "shown"),
    [
        (LastExit(3, None, ""), "code 3"),
        (LastExit(None, 9, ""), "SIGKILL"),
        (LastExit(None, None, "no memory"), "no process"),
    ],
)
def test_last_exits_read_short(ended: LastExit, shown: str) -> None:
    assert describe_exit(ended) == shown
