"""Two trees never use the same account."""

import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from actors.connections import private
from actors.connections.account_lock import AccountInUse, AccountLock, Holder, find_locks_folder, lock_name
from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.keys import ACCESS_KEY, SECRET_KEY
from actors.connections.private import PrivateSettings
from protocols.control.messages import Parked, Ready, Unparked
from protocols.errors import AuthenticationError
from tests.actors.connections.running_actor import ActorRig, accept, running, upgrade_server
from tests.tree.running_tree import child_environment

URL = "wss://api.example.com/websocket/v1/private"
ACCESS, SECRET = "ACCESS0123456789abcdef", "SECRETfedcba9876543210"
KEYS = {ACCESS_KEY: ACCESS, SECRET_KEY: SECRET}
HOLDER = Holder(pid=4242, run_dir="/run/one", name="private")
LIMIT_S = 20.0


@contextmanager
def locks(folder: Path, count: int) -> Iterator[list[AccountLock]]:
    made = [AccountLock(str(folder), HOLDER) for _ in range(count)]
    try:
        yield made
    finally:
        for lock in made:
            lock.release()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


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
        "the account is used by 'private' of the tree in /run/one (pid 4242); "
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
    assert text == '{"pid":4242,"run_dir":"/run/one","name":"private"}\n'


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


def test_a_holder_that_has_not_said_who_it_is_still_holds(tmp_path: Path) -> None:
    with locks(tmp_path, 2) as (first, second):
        first.take(URL, ACCESS)
        (tmp_path / lock_name(URL, ACCESS)).write_bytes(b"\xff")
        with pytest.raises(AccountInUse, match="has not said which"):
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


HOLDING = """
import os, sys
from actors.connections.account_lock import AccountLock, Holder
lock = AccountLock(sys.argv[1], Holder(pid=os.getpid(), run_dir="/run/other", name="private"))
lock.take(sys.argv[2], sys.argv[3])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_holder(folder: Path, url: str = URL) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(folder), url, ACCESS],
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_lock_is_free_as_soon_as_the_death_of_its_holder_can_be_noticed(tmp_path: Path) -> None:
    with another_holder(tmp_path) as holder, locks(tmp_path, 1) as (lock,):
        with pytest.raises(AccountInUse, match=f"pid {holder.pid}"):
            lock.take(URL, ACCESS)
        pidfd = os.pidfd_open(holder.pid)
        holder.send_signal(signal.SIGKILL)
        assert select.select([pidfd], [], [], LIMIT_S)[0]
        os.close(pidfd)
        lock.take(URL, ACCESS)


def settings_for(url: str, folder: Path) -> PrivateSettings:
    exchange = ExchangeSettings(websocket_url=url, backoff_first_s=0.001, backoff_cap_s=0.001)
    return PrivateSettings(exchange=exchange, keys_file="", retry_parked_s=0.001, locks_folder=str(folder))


async def test_an_actor_whose_account_is_in_use_dials_nobody_and_begins_when_it_is_free(tmp_path: Path) -> None:
    rig, folder = ActorRig("private", tmp_path, KEYS), tmp_path / "locks"
    async with upgrade_server(accept) as server:
        with another_holder(folder, server.url) as holder:
            async with running(partial(private.run, rig.actor, settings_for(server.url, folder))):
                await rig.until(lambda: rig.publisher.link == "parked")
                assert server.heads == []
                holder.kill()
                await rig.until(lambda: rig.publisher.link == "up")
    reason = next(message.reason for message in rig.told if isinstance(message, Parked))
    assert reason.startswith(f"the account is used by 'private' of the tree in /run/other (pid {holder.pid}); stop")
    assert [type(message) for message in rig.told] == [Ready, Parked, Unparked]


async def test_an_actor_without_a_place_for_its_lock_parks_and_dials_nobody(tmp_path: Path) -> None:
    rig = ActorRig("private", tmp_path, KEYS)
    async with upgrade_server(accept) as server:
        settings = settings_for(server.url, Path(folder_below_a_file(tmp_path)))
        async with running(partial(private.run, rig.actor, settings)):
            await rig.until(lambda: rig.publisher.link == "parked")
        assert server.heads == []


async def test_an_actor_that_ends_frees_its_account(tmp_path: Path) -> None:
    rig, folder = ActorRig("private", tmp_path, KEYS), tmp_path / "locks"
    async with upgrade_server(accept) as server:
        async with running(partial(private.run, rig.actor, settings_for(server.url, folder))):
            await rig.until(lambda: rig.publisher.link == "up")
            with locks(folder, 1) as (other,), pytest.raises(AccountInUse):
                other.take(server.url, ACCESS)
        with locks(folder, 1) as (other,):
            other.take(server.url, ACCESS)
