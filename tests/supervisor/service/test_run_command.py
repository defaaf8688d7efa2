"""What `upbitd run` reads again at a reload, and what stays as it was at the start."""

import os
import sys
from pathlib import Path

import pytest

from supervisor.commands.run import settings_reader
from supervisor.specs.problems import SettingsProblems
from tests.tree.running_tree import children

SECRET = "SECRETfedcba9876543210"
SETTINGS = children("idle", child='secrets = ["UPBITD_ACCESS_KEY"]')


def test_the_file_is_read_anew_and_variables_overrides_and_secrets_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("UPBITD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setenv("UPBITD_ACCESS_KEY", SECRET)
    monkeypatch.setenv("UPBITD_SUPERVISOR__INTENSITY", "7")
    file = tmp_path / "upbitd.toml"
    file.write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    reread = settings_reader("upbitd.toml", ("supervisor.period_s=9.0",))
    assert not any(name.startswith("UPBITD_") for name in os.environ)
    monkeypatch.chdir("/")
    first = reread(None)
    file.write_text(children("idle", "idle", child='secrets = ["UPBITD_ACCESS_KEY"]'))
    second = reread(first)
    assert [len(settings.children) for settings in (first, second)] == [1, 2]
    for settings in (first, second):
        assert (settings.flags.intensity, settings.flags.period_s) == (7, 9.0)
        assert settings.secrets == {"UPBITD_ACCESS_KEY": SECRET}


def test_a_variable_is_unknown_at_the_start_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("UPBITD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.setenv("UPBITD_FOO", SECRET)
    file = tmp_path / "upbitd.toml"
    file.write_text(children("idle"))
    reread = settings_reader(str(file), ())
    for _ in range(2):  # What was refused was no start.
        with pytest.raises(SettingsProblems, match="UPBITD_FOO: unknown variable"):
            reread(None)
    file.write_text(children("idle", child='secrets = ["UPBITD_FOO"]'))
    running = reread(None)
    file.write_text(children("idle"))
    assert reread(running).children[0].secrets == ()
