"""A lock on a file, by itself: between containers that share no network it is the only one."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.connections import lock_file
from actors.connections.account_holder import AccountInUse, Holder
from actors.connections.lock_file import LockFile, read_holder
from tests.actors.connections.open_files import open_files

FIRST, SECOND = (Holder(pid, f"/run/{pid}", "private") for pid in (1, 2))


@contextmanager
def two_on(path: Path) -> Iterator[tuple[LockFile, LockFile]]:
    pair = LockFile(path, FIRST), LockFile(path, SECOND)
    try:
        yield pair
    finally:
        for lock in pair:
            lock.release()


def test_the_second_is_refused_until_the_first_is_released(tmp_path: Path) -> None:
    with two_on(tmp_path / "lock") as (first, second):
        first.take()
        with pytest.raises(AccountInUse, match="pid 1"):
            second.take()
        first.release()
        second.take()
        assert read_holder(tmp_path / "lock") == SECOND


def test_a_holder_makes_a_removed_file_again_and_holds_that_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with two_on(path) as (first, second):
        first.take()
        before = open_files()
        shutil.rmtree(path.parent)
        first.take()
        assert (read_holder(path), open_files()) == (FIRST, before)
        with pytest.raises(AccountInUse, match="pid 1"):
            second.take()


def test_a_holder_whose_file_was_removed_is_refused_when_another_has_locked_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with two_on(path) as (first, second):
        first.take()
        path.unlink()
        second.take()
        for _ in range(2):
            with pytest.raises(AccountInUse, match="pid 2"):
                first.take()
        assert read_holder(path) == SECOND, "who was refused writes nothing"


def removing(path: Path, times: int) -> Callable[[Path], int]:
    """Open and lock as usual, and lose the file just then, this many times."""
    lock_once = lock_file._lock_once
    left = [times]

    def lock_and_remove(at: Path) -> int:
        fd = lock_once(at)
        if left[0]:
            left[0] -= 1
            path.unlink()
        return fd

    return lock_and_remove


def test_a_file_that_is_removed_while_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    with two_on(path) as (first, second):
        monkeypatch.setattr(lock_file, "_lock_once", removing(path, 3))
        first.take()
        with pytest.raises(AccountInUse, match="pid 1"):
            second.take()


def test_a_file_that_is_removed_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, before = tmp_path / "lock", open_files()
    with two_on(path) as (first, _second):
        monkeypatch.setattr(lock_file, "_lock_once", removing(path, lock_file.MAX_ATTEMPTS))
        with pytest.raises(OSError, match="removed again and again"):
            first.take()
    assert open_files() == before


@pytest.mark.parametrize("content", [None, b"", b"\xff", b'{"pid":1}'])
def test_a_file_that_names_nobody_is_no_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "lock").write_bytes(content)
    assert read_holder(tmp_path / "lock") is None


def test_a_pipe_in_the_place_of_the_file_holds_up_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    assert read_holder(tmp_path / "lock") is None
