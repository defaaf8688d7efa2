from collections.abc import Callable
from pathlib import Path

import pytest

from supervisor.main import run_command
from supervisor.running.run_dir import RunDir, open_run_dir
from tests.supervisor.commands.own_tree import TOML

Run = Callable[..., int]


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return open_run_dir(tmp_path / "run")


@pytest.fixture
def upbitd(run_dir: RunDir) -> Run:
    """Return what runs one command line about the tree and returns its exit code."""
    return lambda *arguments: run_command([*arguments, "--run-dir", str(run_dir.path)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    return path
