"""What a supervisor does about a run directory that is removed, with a fake tree, and with a real one."""

import errno
import json
import shutil
import socket
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
import structlog.testing
import trio

from protocols.errors import SettingsError
from supervisor.control.client import ask
from supervisor.control.messages import Command
from supervisor.records.lifecycle import Lifecycle
from supervisor.running.listeners import Listeners
from supervisor.running.run_dir import RunDir, open_run_dir
from supervisor.running.run_dir_watch import REMIND_S, RunDirWatch
from tests.supervisor.running.test_lost_run_dir import answers
from tests.supervisor.views.statuses import tree as tree_status
from tests.tree.running_tree import LIMIT_S, RunningTree, children, running_tree


class NoDescriptorLeft(OSError, SettingsError):
    """Both: the system raises the one, and the run directory makes the other of it."""


def no_descriptor_left(*_args: object) -> None:
    raise NoDescriptorLeft(errno.EMFILE, "Too many open files")


class OwnTree:
    """A tree that is its own operator and its own records."""

    def __init__(self, run_dir: RunDir) -> None:
        self.run_dir = run_dir
        self.lifecycle = Lifecycle(run_dir.lifecycle_file)
        self.log = structlog.get_logger()
        self.applied: list[list[object]] = []
        self.tree = self.records = self

    def apply(self, actions: list[object]) -> None:
        self.applied.append(actions)

    def status(self) -> object:
        return tree_status()


class Rig:
    def __init__(self, run_dir: RunDir, own: OwnTree, listeners: Listeners, watch: RunDirWatch) -> None:
        self.run_dir = run_dir
        self.own = own
        self.listeners = listeners
        self.watch = watch

    def look(self, now_s: float = 0.0) -> list[tuple[str, str]]:
        """Look once; return the events that were logged and the children they are about."""
        with structlog.testing.capture_logs() as logged:
            self.watch.look(now_s=now_s)
        return [(line["event"], line.get("child", "")) for line in logged]

    async def pid_answered(self) -> int:
        answer = await trio.to_thread.run_sync(ask, self.run_dir.control_socket, Command("status"))
        assert answer.status is not None
        return answer.status.pid


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    run_dir = open_run_dir(folder / "run")
    with run_dir.locked(), Listeners(run_dir) as listeners:
        for name in ("a", "b"):
            listeners.open(name)
        async with trio.open_nursery() as services:
            own: Any = OwnTree(run_dir)
            watch = RunDirWatch(own, listeners, services)
            yield Rig(run_dir, own, listeners, watch)
            services.cancel_scope.cancel()
        watch.close()
        own.lifecycle.close()


async def test_nothing_is_said_of_a_directory_that_is_there(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        assert own.look() == []
        assert (own.watch.trouble, own.own.applied) == ("", [])
        assert await own.pid_answered() == tree_status().pid
    assert sorted(path.name for path in own.run_dir.path.iterdir()) == ["lifecycle.jsonl", "lock"]


async def test_a_directory_that_is_gone_is_made_again_and_commands_reach_the_tree(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        own.run_dir.mark_borrowed(True)
        shutil.rmtree(own.run_dir.path)
        assert own.look() == []
        assert not own.run_dir.path.exists()  # Whoever removes it may be at it still.
        assert own.look() == [("run_dir.made_again", ""), ("run_dir.socket_gone", "a"), ("run_dir.socket_gone", "b")]
        assert stat.S_IMODE(own.run_dir.path.stat().st_mode) == 0o700
        assert await own.pid_answered() == tree_status().pid
        with pytest.raises(Exception, match="another supervisor"), open_run_dir(own.run_dir.path).locked():
            pass
        assert (own.run_dir.path / "started-by-a-program").exists()
        own.own.lifecycle.write("later", child=None, pid=None)
        assert json.loads(own.run_dir.lifecycle_file.read_text())["event"] == "later"
        assert own.look() == []


@pytest.mark.parametrize("failing", [(RunDir, "listen"), (socket.socket, "dup"), (RunDir, "mark_borrowed")])
async def test_a_directory_that_is_made_again_in_two_attempts_is_whole(
    failing: tuple[type, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path) as own:
        own.run_dir.mark_borrowed(True)
        shutil.rmtree(own.run_dir.path)
        assert own.look() == []
        with monkeypatch.context() as patch:
            patch.setattr(*failing, no_descriptor_left)
            assert own.look() == [("run_dir.lost", "")]
            assert not own.run_dir.is_lost  # It came so far.
        assert own.look()[0] == ("run_dir.made_again", "")
        assert own.watch.trouble == ""
        assert await own.pid_answered() == tree_status().pid
        assert (own.run_dir.path / "started-by-a-program").exists()
        own.own.lifecycle.write("later", child=None, pid=None)
        assert json.loads(own.run_dir.lifecycle_file.read_text())["event"] == "later"
        assert own.look() == []


async def test_a_history_that_cannot_be_begun_anew_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path) as own:
        own.run_dir.lifecycle_file.unlink()
        assert own.look() == []
        with monkeypatch.context() as patch:
            patch.setattr(Lifecycle, "_open", no_descriptor_left)
            assert own.look() == [("lifecycle.lost", "")]
        assert own.look() == []
        own.own.lifecycle.write("later", child=None, pid=None)
        assert json.loads(own.run_dir.lifecycle_file.read_text())["event"] == "later"


async def test_a_lock_that_was_removed_is_taken_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        own.run_dir.lock_file.unlink()
        assert own.look() == []
        assert own.look() == [("run_dir.made_again", "")]
        assert not own.run_dir.is_lost


async def test_a_control_socket_that_was_removed_is_made_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        own.run_dir.control_socket.unlink()
        assert own.look() == own.look() == []
        assert await own.pid_answered() == tree_status().pid


async def test_a_child_that_begins_anew_has_a_socket_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        own.run_dir.child_socket("a").unlink()
        assert own.look() == [("run_dir.socket_gone", "a")]
        before = own.listeners["b"]
        for name in ("a", "b"):
            own.listeners.renew(name)
        assert answers(own.run_dir.child_socket("a"))
        assert own.listeners["b"] is before
        assert own.look() == []


async def test_a_directory_of_another_tree_is_left_alone_and_told_rarely(tmp_path: Path) -> None:
    async with rig(tmp_path) as own:
        own.run_dir.path.rename(tmp_path / "aside")
        with open_run_dir(own.run_dir.path).locked():
            assert own.look(4.0) == []
            assert own.look(5.0) == [("run_dir.lost", "")]
            assert "restart" in own.watch.trouble
            assert own.own.applied == [[]]  # Who waits for changes hears of it.
            assert own.look(6.0) == own.look(4.0 + REMIND_S) == []
            assert own.look(5.0 + REMIND_S) == [("run_dir.lost", "")]
            assert [path.name for path in own.run_dir.path.iterdir()] == ["lock"]
        shutil.rmtree(own.run_dir.path)
        (tmp_path / "aside").rename(own.run_dir.path)
        assert own.look(6.0 + REMIND_S) == [("run_dir.back", "")]
        assert (own.watch.trouble, own.own.applied) == ("", [[], []])
        assert await own.pid_answered() == tree_status().pid


async def test_a_directory_that_cannot_be_made_again_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with rig(tmp_path / "session") as own:
        shutil.rmtree(tmp_path / "session")  # As at a logout: what is above it is not ours to make.
        assert own.look() == []
        with structlog.testing.capture_logs() as logged:
            own.watch.look(now_s=0.0)
        (line,) = logged
        assert (line["event"], line["log_level"]) == ("run_dir.lost", "error")
        assert line["why"].endswith("is gone and cannot be made again: No such file or directory")
        assert line["what_to_do"].endswith("restart the tree")
        assert not (tmp_path / "session").exists()


def wait_until_served(tree: RunningTree) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not answers(tree.run_dir / "control.sock"):
        assert time.monotonic() < deadline_s, tree.log
        time.sleep(0.05)


def test_a_real_tree_can_be_reached_again_and_a_restart_gives_a_child_its_socket_back(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle", flags="heartbeat_s = 0.2")) as tree:
        pid = tree.wait_for("child_started", "a")["pid"]
        tree.wait_for("child_ready", "a")
        shutil.rmtree(tree.run_dir)
        wait_until_served(tree)
        assert tree.status()["a"]["pid"] == pid
        assert not answers(tree.run_dir / "a.sock")
        assert tree.ask("restart", "a").returncode == 0
        assert answers(tree.run_dir / "a.sock")
        assert tree.finish() == 0
        assert list(tree.run_dir.glob("*.sock")) == []
    events = [json.loads(line)["event"] for line in tree.log.splitlines()]
    assert events.count("run_dir.made_again") == events.count("run_dir.socket_gone") == 1
