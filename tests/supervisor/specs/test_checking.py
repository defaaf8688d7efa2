"""Asking the check process."""

import sys
from pathlib import Path

import pytest

from actors.runtime.settings.check import CheckRequest
from supervisor.specs.checking import ask_check


def test_an_interpreter_that_cannot_be_started_is_one_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    assert ask_check(CheckRequest(children=[], shared={})).problems == [
        f"start: cannot start {python}: No such file or directory"
    ]
