"""Asking the check process."""

import sys
from pathlib import Path

import pytest

from actors.runtime.settings.check import CheckRequest
from supervisor.specs import checking
from supervisor.specs.checking import ask_check


def test_an_interpreter_that_cannot_be_started_is_one_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    assert ask_check(CheckRequest(children=[], shared={})).problems == [
        f"start: cannot start {python}: No such file or directory"
    ]


MODULES = {
    "fine": "VALUE = 1",
    "raises": "raise RuntimeError('no licence')",
    "starts_a_thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "opens_a_file": "import os\nKEPT = open(os.devnull)",
    "hangs": "import time\ntime.sleep(600)",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in MODULES.items():
        (tmp_path / f"{name}_when_imported.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fine", ""),
        ("raises", "import failed: RuntimeError: no licence"),
        ("missing", "no module named 'missing_when_imported'"),
        ("starts_a_thread", "starts a thread or opens a file when it is imported"),
        ("opens_a_file", "starts a thread or opens a file when it is imported"),
    ],
)
def test_modules_for_the_fork_server_are_tried_before_anything_starts(modules: None, name: str, problem: str) -> None:
    problems = ask_check(CheckRequest(children=[], shared={}, preload=[f"{name}_when_imported"])).problems
    if not problem:
        assert problems == []
        return
    (found,) = problems
    assert found.startswith(f"supervisor.preload: '{name}_when_imported'")
    assert problem in found


def test_one_that_hangs_while_it_is_imported_is_given_up(modules: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LIMIT_S", 3.0)
    (problem,) = ask_check(CheckRequest(children=[], shared={}, preload=["hangs_when_imported"])).problems
    assert "not imported within 3 s" in problem
