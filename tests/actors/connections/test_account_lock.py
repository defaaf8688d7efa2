"""Two trees never use the same account."""

import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from actors.connections.account_holder import AccountInUse, Holder
from actors.connections.account_lock import AccountLock, find_locks_folder, lock_name
from actors.connections.keys import ACCESS_KEY, SECRET_KEY
from actors.connections.lock_socket import MAX_CALLERS
from protocols.errors import AuthenticationError
from tests.actors.connections.open_files import open_files

URL = "wss://api.example.com/websocket/v1/private"
# Its own in each run: names in the kernel are shared by all that run here, other workers of these tests included.
ACCESS, SECRET = f"ACCESS{uuid.uuid4().hex}", "SECRETfedcba9876543210"
KEYS = {ACCESS_KEY: ACCESS, SECRET_KEY: SECRET}
HOLDER = Holder(pid=os.getpid(), run_dir="/run/one", name="private")
LIMIT_S = 20.0


@contextmanager
def locks(folder: Path, count: int) -> Iterator[list[AccountLock]]:
    made = [AccountLock(str(folder), HOLDER) for _ in range(count)]
    try:
        yield made
    finally:
        for lock in made:
            lock.release()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (URL, "wss://API.example.com:443/websocket/v1/private"),
        (URL, "wss://api.example.com./other"),
        ("ws://localhost/", "ws://localhost:80/websocket/v1"),
    ],
)
def test_spellings_of_one_address_are_one_account(one: str, other: str) -> None:
    assert lock_name(one, ACCESS) == lock_name(other, ACCESS)


@pytest.mark.parametrize(
    ("url", "access_key"),
    [
        (URL, ACCESS + "x"),
        ("wss://sg-api.example.com/websocket/v1/private", ACCESS),
        ("wss://api.example.com:444/websocket/v1/private", ACCESS),
        ("ws://api.example.com/websocket/v1/private", ACCESS),
    ],
    ids=["key", "host", "port", "scheme"],  # The key itself is another one in each process.
)
def test_other_keys_and_other_exchanges_are_other_accounts(url: str, access_key: str) -> None:
    assert lock_name(url, access_key) != lock_name(URL, ACCESS)


def test_a_name_is_a_file_name_without_the_key() -> None:
    name = lock_name(URL, ACCESS)
    assert name.startswith("account-")
    assert len(name) == len("account-.lock") + 16
    assert ACCESS not in name


def test_the_second_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with locks(tmp_path, 2) as (first, second):
        first.take(URL, ACCESS)
        with pytest.raises(AccountInUse) as caught:
            second.take(URL, ACCESS)
    assert str(caught.value) == (
        f"the account is used by 'private' of the tree in /run/one (pid {os.getpid()}); "
        "stop that one (upbitd stop --run-dir /run/one) or use other keys"
    )
    assert isinstance(caught.value, AuthenticationError)


def test_who_holds_it_may_take_it_again(tmp_path: Path) -> None:
    with locks(tmp_path, 1) as (lock,):
        lock.take(URL, ACCESS)
        before = open_files()
        lock.take(URL, ACCESS)
        assert open_files() == before


def test_another_key_is_another_lock_and_frees_the_first(tmp_path: Path) -> None:
    with locks(tmp_path, 2) as (first, second):
        first.take(URL, ACCESS)
        first.take(URL, "another key")
        second.take(URL, ACCESS)
        with pytest.raises(AccountInUse):
            second.take(URL, "another key")


def test_who_is_refused_holds_nothing(tmp_path: Path) -> None:
    with locks(tmp_path, 3) as (first, second, third):
        first.take(URL, ACCESS)
        second.take(URL, "another key")
        with pytest.raises(AccountInUse):
            second.take(URL, ACCESS)
        third.take(URL, "another key")


def test_files_and_folder_are_the_owners_alone_and_hold_no_key(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "locks"
    with locks(folder, 1) as (lock,):
        lock.take(URL, ACCESS)
        (file,) = folder.iterdir()
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, file)]
        text = file.read_text()
    assert modes == [0o700, 0o700, 0o600]
    assert text == f'{{"pid":{os.getpid()},"run_dir":"/run/one","name":"private"}}\n'


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with locks(tmp_path, 1) as (lock,):
        lock.take(URL, ACCESS)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", [b"", b"\xff", b"{}", b"[" * 5000, b'{"pid":1}'])
def test_a_file_without_a_lock_is_no_obstacle(tmp_path: Path, text: bytes) -> None:
    (tmp_path / lock_name(URL, ACCESS)).write_bytes(text)
    with locks(tmp_path, 1) as (lock,):
        lock.take(URL, ACCESS)


def test_a_holder_whose_file_does_not_say_who_it_is_still_holds_and_is_known_by_its_process(tmp_path: Path) -> None:
    with locks(tmp_path, 2) as (first, second):
        first.take(URL, ACCESS)
        (tmp_path / lock_name(URL, ACCESS)).write_bytes(b"\xff")
        with pytest.raises(AccountInUse, match=f"used by process {os.getpid()} of user {os.getuid()}; stop its tree"):
            second.take(URL, ACCESS)


def test_a_file_of_an_earlier_holder_is_not_blamed(tmp_path: Path) -> None:
    with locks(tmp_path / "one", 1) as (first,), locks(tmp_path / "other", 1) as (second,):
        first.take(URL, ACCESS)
        path = tmp_path / "other" / lock_name(URL, ACCESS)
        path.parent.mkdir()
        path.write_bytes(msgspec.json.encode(Holder(pid=1, run_dir="/run/old", name="private")))
        with pytest.raises(AccountInUse, match=f"used by process {os.getpid()} "):
            second.take(URL, ACCESS)


def remove_file(folder: Path) -> None:
    (folder / lock_name(URL, ACCESS)).unlink()


def replace_file(folder: Path) -> None:
    remove_file(folder)
    (folder / lock_name(URL, ACCESS)).touch()


@pytest.mark.parametrize("remove", [remove_file, replace_file, shutil.rmtree])
def test_a_removed_file_lets_nobody_in_and_comes_back_with_the_next_take(
    tmp_path: Path, remove: Callable[[Path], None]
) -> None:
    folder = tmp_path / "locks"
    with locks(folder, 2) as (first, second):
        first.take(URL, ACCESS)
        before = open_files()
        remove(folder)
        with pytest.raises(AccountInUse, match=f"used by process {os.getpid()} "):
            second.take(URL, ACCESS)
        first.take(URL, ACCESS)
        assert open_files() == before
        with pytest.raises(AccountInUse, match="of the tree in /run/one"):
            second.take(URL, ACCESS)


def test_who_cannot_lock_the_file_has_the_name_no_longer(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    with locks(folder, 1) as (first,), locks(tmp_path / "elsewhere", 1) as (second,):
        first.take(URL, ACCESS)
        shutil.rmtree(folder)
        folder.touch()
        with pytest.raises(AccountInUse, match="cannot be locked"):
            first.take(URL, ACCESS)
        second.take(URL, ACCESS)


def test_callers_that_fill_the_backlog_are_refused_like_all_others(tmp_path: Path) -> None:
    with locks(tmp_path, 2) as (first, second):
        first.take(URL, ACCESS)
        for _ in range(MAX_CALLERS + 5):
            with pytest.raises(AccountInUse, match="of the tree in /run/one"):
                second.take(URL, ACCESS)


def folder_that_is_a_file(folder: Path) -> str:
    (folder / "file").touch()
    return str(folder / "file")


def folder_below_a_file(folder: Path) -> str:
    return f"{folder_that_is_a_file(folder)}/locks"


def folder_with_a_link_in_the_place_of_the_file(folder: Path) -> str:
    (folder / lock_name(URL, ACCESS)).symlink_to(folder / "elsewhere")
    return str(folder)


def folder_that_is_no_path(_folder: Path) -> str:
    return "a\0b"


def folder_that_no_kernel_takes(folder: Path) -> str:
    return str(folder / ("x" * 300))


def folder_of_nobody(_folder: Path) -> str:
    return "~no-such-user-of-this-machine/locks"


@pytest.mark.parametrize(
    "make",
    [
        folder_that_is_a_file,
        folder_below_a_file,
        folder_with_a_link_in_the_place_of_the_file,
        folder_that_is_no_path,
        folder_that_no_kernel_takes,
        folder_of_nobody,
    ],
)
def test_what_cannot_be_locked_is_refused_in_one_line(tmp_path: Path, make: Callable[[Path], str]) -> None:
    lock = AccountLock(make(tmp_path), HOLDER)
    before = open_files()
    with pytest.raises(AccountInUse, match=r"the account cannot be locked: .*set locks_folder") as caught:
        lock.take(URL, ACCESS)
    assert len(str(caught.value).splitlines()) == 1
    assert ACCESS not in str(caught.value)
    assert open_files() == before
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("chosen", "environment", "found"),
    [
        ("/c", {"XDG_STATE_HOME": "/s"}, "/c"),
        ("", {"XDG_STATE_HOME": "/s"}, "/s/upbitd/locks"),
        ("", {"XDG_STATE_HOME": "relative"}, "/home/h/.local/state/upbitd/locks"),
        ("", {}, "/home/h/.local/state/upbitd/locks"),
        ("~/locks", {}, "/home/h/locks"),
    ],
)
def test_where_locks_are(chosen: str, environment: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/h")
    assert find_locks_folder(chosen, environment) == Path(found)
