"""Choosing a way to make processes, and what happens when the helpers of one end by themselves.

No test here shares a spawner with others: a process has one fork server at a time.
"""

import contextlib
import os
import signal
import tempfile
from pathlib import Path

import multiprocess
import psutil
import pytest
import trio

from supervisor.machine.causes import Cause
from supervisor.processes import fork_server
from supervisor.processes.choosing import make_spawner
from supervisor.processes.fork_server import ForkServer
from supervisor.processes.fresh_interpreter import FreshInterpreter
from supervisor.processes.process import ChildProcess
from supervisor.processes.spares import REFILL_EVERY_S, WithSpares
from supervisor.processes.strangers import own_children
from supervisor.processes.tracker import tracker_pid
from supervisor.processes.watching import STATUS_S, UNKNOWN
from supervisor.specs.spec import SupervisorFlags
from tests.supervisor.processes.small_supervisor import is_there, parent_of
from tests.supervisor.processes.stage import WAYS, nothing_left, open_descriptors, stage, until


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_fork_server_that_does_not_serve_is_replaced(tmp_path: Path, number: signal.Signals) -> None:
    with contextlib.closing(ForkServer(())) as server:
        server.warm()
        (pid,) = server.known_pids() - tracker_pid()
        with nothing_left(server):
            os.kill(pid, number)
            await until(lambda: psutil.Process(pid).status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED})
            async with stage(server, tmp_path) as lives:
                a = await lives.start("idle").ready()
                assert parent_of(a.life.pid) not in {pid, os.getpid()}
    assert not is_there(pid)


async def test_a_fork_server_that_ends_in_the_wrong_moment_costs_one_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(ForkServer(())) as server:
        server.warm()
        (pid,) = server.known_pids() - tracker_pid()
        with nothing_left(server):
            os.kill(pid, signal.SIGKILL)
            await until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
            with monkeypatch.context() as patch:
                patch.setattr(server, "_is_serving", lambda _pid: True)
                patch.setattr(tempfile, "tempdir", str(tmp_path))
                with pytest.raises(OSError, match="the fork server ended while it made a process for a"):
                    server.spawn("a")
            left = list(tmp_path.iterdir())  # noqa: ASYNC240 - a folder in memory
            assert not left, "multiprocess made a fork server of its own, with a socket"
            async with stage(server, tmp_path) as lives:
                await lives.start("idle").ready()
                assert not multiprocess.active_children()


class Closeable:
    """A spawner that makes nothing."""

    def __init__(self) -> None:
        self.is_closed = False

    def spawn(self, name: str) -> ChildProcess:
        raise OSError(f"no process for {name}")

    def refill(self, *, now_s: float) -> None: ...

    def collect(self) -> None: ...

    def known_pids(self) -> set[int]:
        return set()

    def close(self) -> None:
        self.is_closed = True


def test_without_a_process_for_a_spare_the_next_try_is_later() -> None:
    kept = WithSpares(Closeable(), Closeable(), 1)
    with pytest.raises(OSError, match="no process for spare"):
        kept.refill(now_s=0.0)
    kept.refill(now_s=REFILL_EVERY_S / 2)
    with pytest.raises(OSError, match="no process for spare"):
        kept.refill(now_s=REFILL_EVERY_S)


def test_spares_close_what_they_are_made_by() -> None:
    first, second = Closeable(), Closeable()
    WithSpares(first, second, 1).close()
    assert first.is_closed
    assert second.is_closed


@pytest.mark.parametrize(
    ("flags", "kind", "is_kept_ready"),
    [
        (SupervisorFlags(start_method="spawn"), FreshInterpreter, False),
        (SupervisorFlags(start_method="forkserver"), ForkServer, False),
        (SupervisorFlags(start_method="spawn", spares=1), WithSpares, True),
        (SupervisorFlags(start_method="forkserver", spares=1), WithSpares, True),
    ],
)
def test_the_settings_choose_the_way(flags: SupervisorFlags, kind: type, *, is_kept_ready: bool) -> None:
    with contextlib.closing(make_spawner(flags, ("json",))) as spawner:
        assert type(spawner) is kind
        before = spawner.known_pids()
        spawner.refill(now_s=0.0)
        assert len(spawner.known_pids() - before) == int(is_kept_ready)


def test_a_module_that_is_not_inherited_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(make_spawner(SupervisorFlags(), ("there_is_no_such_module",))):
        said = capsys.readouterr()
        assert "there_is_no_such_module" in said.out + said.err


@pytest.mark.parametrize("way", WAYS)
async def test_a_resource_tracker_that_was_killed_is_replaced_and_signals_stay_blocked(
    tmp_path: Path, way: str
) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with contextlib.closing(WAYS[way]()) as spawner:
        (pid,) = tracker_pid()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        with nothing_left(spawner):
            async with stage(spawner, tmp_path) as lives:
                await lives.start("idle").ready()
        assert tracker_pid() != {pid}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


@pytest.mark.parametrize("way", WAYS)
async def test_helpers_that_were_killed_are_collected_without_a_start(way: str) -> None:
    with contextlib.closing(WAYS[way]()) as spawner:
        before = open_descriptors()
        helpers = spawner.known_pids()
        for pid in helpers:
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)  # type: ignore[misc]
        spawner.collect()
        assert not [pid for pid in helpers if is_there(pid)]
        assert spawner.known_pids() == set()
        assert len(open_descriptors()) < len(before)
        spawner.collect()


@pytest.mark.parametrize("content", ["import os; os._exit(3)", "import threading; threading.Event().wait()"])
async def test_a_fork_server_that_does_not_get_through_its_imports_is_followed_by_one_that_imports_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / "never_through.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fork_server, "FIRST_IMPORTS_S", 2.0)
    before = open_descriptors()
    with contextlib.closing(ForkServer(("json", "never_through"), essential=("json",))) as server:
        assert server.warm() == ["no answer from the fork server"]
        async with stage(server, tmp_path) as lives:
            await lives.start("idle").ready()
        said = capsys.readouterr()
        assert "never_through" in said.out + said.err
    assert len(open_descriptors()) == len(before)
    assert own_children() == set()


async def test_a_later_fork_server_may_not_hold_up_the_supervisor_by_its_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, once = tmp_path / "through_once.py", tmp_path / "once"
    module.write_text(
        f"import pathlib, threading\nonce = pathlib.Path({str(once)!r})\n"
        "if once.exists():\n    threading.Event().wait()\nonce.touch()"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fork_server, "IMPORTS_S", 2.0)
    with contextlib.closing(ForkServer(("through_once",))) as server:
        assert server.warm() == []
        (pid,) = server.known_pids() - tracker_pid()
        os.kill(pid, signal.SIGKILL)
        await until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        with pytest.raises(OSError, match="the fork server ended while it made a process for a"):
            server.spawn("a")
        async with stage(server, tmp_path) as lives:
            await lives.start("idle").ready()


async def test_children_of_a_lost_fork_server_end_for_that_and_for_nothing_of_their_own(tmp_path: Path) -> None:
    with contextlib.closing(ForkServer(())) as server:
        server.warm()
        (pid,) = server.known_pids() - tracker_pid()
        async with stage(server, tmp_path) as lives:
            children = [await lives.start("idle", name).ready() for name in "abc"]
            os.kill(pid, signal.SIGKILL)
            assert [(await child.ended()).cause for child in children] == [Cause.FORK_SERVER_LOST] * 3


async def test_a_stopped_fork_server_that_tells_no_ends_holds_up_nobody(tmp_path: Path) -> None:
    with contextlib.closing(ForkServer(())) as server:
        server.warm()
        (pid,) = server.known_pids() - tracker_pid()
        async with stage(server, tmp_path) as lives:
            children = [await lives.start("idle", name).ready() for name in "abc"]
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
            began_s = trio.current_time()
            for child in children:
                child.kill(signal.SIGTERM)
                ended = await child.ended()
                assert (ended.code, ended.signal, ended.summary) == (None, None, UNKNOWN)
            assert trio.current_time() - began_s < len(children) * STATUS_S / 2


def test_a_long_path_of_temporary_files_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with contextlib.closing(ForkServer(())) as server:
        assert server.warm() == []
        assert list(folder.iterdir()) == []
