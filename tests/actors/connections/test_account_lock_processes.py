"""Two trees never use the same account: with processes of their own, and with the actor that holds the lock."""

import os
import select
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from actors.connections import private
from actors.connections.account_holder import AccountInUse, Holder
from actors.connections.account_lock import AccountLock
from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.keys import ACCESS_KEY, SECRET_KEY
from actors.connections.private import PrivateSettings
from protocols.control.messages import Parked, Ready, Unparked
from tests.actors.connections.running_actor import ActorRig, accept, running, upgrade_server
from tests.tree.running_tree import child_environment

URL = "wss://api.example.com/websocket/v1/private"
# Its own in each run: names in the kernel are shared by all that run here, other workers of these tests included.
ACCESS, SECRET = f"ACCESS{uuid.uuid4().hex}", "SECRETfedcba9876543210"
KEYS = {ACCESS_KEY: ACCESS, SECRET_KEY: SECRET}
LIMIT_S = 20.0


@contextmanager
def one_lock(folder: Path) -> Iterator[AccountLock]:
    lock = AccountLock(str(folder), Holder(pid=os.getpid(), run_dir="/run/one", name="private"))
    try:
        yield lock
    finally:
        lock.release()


HOLDING = """
import os, sys
from actors.connections.account_holder import Holder
from actors.connections.account_lock import AccountLock
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
    with another_holder(tmp_path) as holder, one_lock(tmp_path) as lock:
        with pytest.raises(AccountInUse, match=f"pid {holder.pid}"):
            lock.take(URL, ACCESS)
        pidfd = os.pidfd_open(holder.pid)
        holder.send_signal(signal.SIGKILL)
        assert select.select([pidfd], [], [], LIMIT_S)[0]
        os.close(pidfd)
        lock.take(URL, ACCESS)


def test_a_removed_folder_lets_no_other_process_in(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    with another_holder(folder) as holder, one_lock(folder) as lock:
        shutil.rmtree(folder)
        with pytest.raises(AccountInUse, match=f"used by process {holder.pid} of user {os.getuid()}"):
            lock.take(URL, ACCESS)


FORKING = """
import os, subprocess, sys
from actors.connections.account_holder import Holder
from actors.connections.account_lock import AccountLock
lock = AccountLock(sys.argv[1], Holder(pid=os.getpid(), run_dir="/run/other", name="private"))
lock.take(sys.argv[2], sys.argv[3])
waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
child = os.fork() if sys.argv[4] == "fork" else subprocess.Popen(waits, close_fds=False).pid
if child:
    print(child, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["fork", "subprocess"])
def test_what_a_holder_has_started_does_not_keep_its_lock(tmp_path: Path, how: str) -> None:
    with (
        one_lock(tmp_path) as lock,
        subprocess.Popen(
            [sys.executable, "-c", FORKING, str(tmp_path), URL, ACCESS, how],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder,
    ):
        assert holder.stdout is not None
        child = os.pidfd_open(int(holder.stdout.readline()))
        with pytest.raises(AccountInUse):
            lock.take(URL, ACCESS)
        holder.kill()
        holder.wait(LIMIT_S)
        lock.take(URL, ACCESS)
        assert not select.select([child], [], [], 0)[0], "it lives on"
        signal.pidfd_send_signal(child, signal.SIGKILL)
        os.close(child)


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
    (tmp_path / "file").touch()
    async with upgrade_server(accept) as server:
        settings = settings_for(server.url, tmp_path / "file" / "locks")
        async with running(partial(private.run, rig.actor, settings)):
            await rig.until(lambda: rig.publisher.link == "parked")
        assert server.heads == []


async def test_an_actor_that_ends_frees_its_account(tmp_path: Path) -> None:
    rig, folder = ActorRig("private", tmp_path, KEYS), tmp_path / "locks"
    async with upgrade_server(accept) as server:
        async with running(partial(private.run, rig.actor, settings_for(server.url, folder))):
            await rig.until(lambda: rig.publisher.link == "up")
            with one_lock(folder) as other, pytest.raises(AccountInUse):
                other.take(server.url, ACCESS)
        with one_lock(folder) as other:
            other.take(server.url, ACCESS)
