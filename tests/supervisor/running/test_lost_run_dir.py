"""A run directory that is removed while its tree runs, and made again by somebody else."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from protocols.errors import SettingsError
from supervisor.running.listeners import Listeners
from supervisor.running.run_dir import RunDir, open_run_dir


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(os.fspath(path))
        except OSError:
            return False
    return True


def removed_and_made_again(run_dir: RunDir) -> RunDir:
    shutil.rmtree(run_dir.path)
    return open_run_dir(run_dir.path)


def test_who_ends_removes_its_own_sockets(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    with Listeners(run_dir) as listeners:
        for name in "ab":
            listeners.open(name)
        listeners.close("a")
        assert [path.name for path in run_dir.path.iterdir()] == ["b.sock"]
    assert list(run_dir.path.iterdir()) == []


def test_who_ends_leaves_the_sockets_of_the_next_tree(tmp_path: Path) -> None:
    first = open_run_dir(tmp_path / "run")
    with Listeners(first) as old:
        for name in "ab":
            old.open(name)
        second = removed_and_made_again(first)
        with Listeners(second) as new:
            for name in "ab":
                new.open(name)
            old.close("a")
            assert answers(second.child_socket("a"))
            old.close("b")
            assert answers(second.child_socket("b"))
        assert list(second.path.iterdir()) == []


def test_a_held_directory_is_lost_when_its_lock_is_gone_or_another_file(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    with run_dir.locked():
        assert not run_dir.is_lost
        run_dir.path.rename(tmp_path / "aside")
        assert run_dir.is_lost
        with open_run_dir(tmp_path / "run").locked():
            assert run_dir.is_lost
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "aside").rename(run_dir.path)
        assert not run_dir.is_lost


def test_nothing_is_made_in_a_directory_that_is_lost(tmp_path: Path) -> None:
    first = open_run_dir(tmp_path / "run")
    with first.locked(), Listeners(first) as old:
        second = removed_and_made_again(first)
        with second.locked(), second.listen(second.child_socket("a")):
            with pytest.raises(SettingsError, match=r"cannot listen on .*/a\.sock: .* is not this tree's any more"):
                old.open("a")
            assert answers(second.child_socket("a"))
