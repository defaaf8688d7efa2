import contextlib
import errno
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import trio
from msgspec.structs import replace
from trio.testing import wait_all_tasks_blocked

from protocols.errors import SettingsError, TemporaryFailure
from supervisor.control import client
from supervisor.control.client import (
    AnswerMissing,
    BadInput,
    CommandRefused,
    NoSupervisor,
    SupervisorUnreachable,
    UnknownName,
    ask,
    stop_and_wait,
)
from supervisor.control.messages import MAX_LINE_BYTES, Answer, Command
from supervisor.control.requests import Reached
from supervisor.control.server import serve_control
from supervisor.control.status import TreeStatus
from supervisor.machine.core import UnknownChild
from supervisor.running.run_dir import RunDir, open_run_dir
from tests.supervisor.views.statuses import child

STATUS = TreeStatus(pid=1, state="running", uptime_s=2.0, run_dir="/r", children=())


class OwnTree:
    """What a tree offers to commands, without processes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.orders_refused = 0
        self.may_finish = trio.Event()
        self.fault: Exception | None = None
        self.counters: dict[str, int | float] = {}

    def status(self) -> TreeStatus:
        self.asked.append("status")
        return replace(STATUS, children=(child("a", counters=self.counters),)) if self.counters else STATUS

    async def restart(self, name: str) -> Reached:
        if self.fault is not None:
            raise self.fault
        if name != "a":
            raise UnknownChild(f"no child named {name!r}")
        self.asked.append("restart")
        await self.may_finish.wait()
        self.asked.append("restarted")
        return Reached("ready")

    async def stop_member(self, name: str) -> Reached:
        self.asked.append(f"stop {name}")
        await trio.lowlevel.checkpoint()
        return Reached("stopped")

    def ask_to_stop(self) -> None:
        self.asked.append("stop")


@contextlib.asynccontextmanager
async def serving(run_dir: RunDir, tree: OwnTree) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_control, run_dir.listen(run_dir.control_socket), tree)
        yield
        nursery.cancel_scope.cancel()


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return open_run_dir(tmp_path / "run")


async def in_thread(run_dir: RunDir, command: Command) -> Answer:
    return await trio.to_thread.run_sync(ask, run_dir.control_socket, command)


async def test_commands_are_answered(run_dir: RunDir) -> None:
    tree = OwnTree()
    tree.may_finish.set()
    async with serving(run_dir, tree):
        assert (await in_thread(run_dir, Command("status"))).status == STATUS
        assert (await in_thread(run_dir, Command("restart", "a"))).state == "ready"
        await in_thread(run_dir, Command("stop"))
        with pytest.raises(UnknownName, match="no child named 'b'"):
            await in_thread(run_dir, Command("restart", "b"))
        with pytest.raises(BadInput, match="is not UTF-8, so nothing in the tree can have that name"):
            await in_thread(run_dir, Command("restart", "\udcff"))
        with pytest.raises(BadInput, match="unknown verb 'dance'; known: status, why, "):
            await in_thread(run_dir, Command("dance"))
    assert tree.asked == ["status", "restart", "restarted", "stop"]


async def test_a_command_that_takes_long_holds_up_no_other(run_dir: RunDir) -> None:
    tree = OwnTree()
    async with serving(run_dir, tree), trio.open_nursery() as nursery:
        nursery.start_soon(in_thread, run_dir, Command("restart", "a"))
        assert (await in_thread(run_dir, Command("status"))).status == STATUS
        tree.may_finish.set()


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        b'{"verb": 5}\n',
        b'{"verb": "status", "colour": 1}\n',
        b"\xff\n",
        b'{"verb":"\xff"}\n',
        b'{"verb":"status","x":' + b"[" * 50_000 + b"\n",
        b"[" * 50_000 + b"\n",
    ],
)
async def test_a_request_that_is_not_understood_is_answered_and_the_client_goes_on(
    run_dir: RunDir, line: bytes
) -> None:
    async with serving(run_dir, OwnTree()):
        stream = await trio.open_unix_socket(os.fspath(run_dir.control_socket))
        async with stream:
            await stream.send_all(line)
            assert b"request not understood" in await stream.receive_some()
            await stream.send_all(b'{"verb":"status"}\n')
            assert msgspec.json.decode(await stream.receive_some(), type=Answer).status == STATUS


async def test_an_endless_line_ends_the_connection(run_dir: RunDir) -> None:
    async with serving(run_dir, OwnTree()):
        stream = await trio.open_unix_socket(os.fspath(run_dir.control_socket))
        async with stream:
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(b"x" * (2 * MAX_LINE_BYTES))
            with contextlib.suppress(trio.BrokenResourceError):
                while await stream.receive_some():
                    pass
        assert (await in_thread(run_dir, Command("status"))).status == STATUS


async def test_a_lack_of_descriptors_only_delays_clients(
    run_dir: RunDir, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(run_dir, OwnTree()):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.fspath(run_dir.control_socket))
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)
            lowest_free = os.dup(0)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limit[1]))
            try:
                while not caplog.records:
                    await trio.lowlevel.checkpoint()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            assert "accept" in caplog.text
            client.sendall(b'{"verb":"status"}\n')
            await trio.lowlevel.wait_readable(client)
            assert msgspec.json.decode(client.recv(4096), type=Answer).status == STATUS


async def test_a_client_that_leaves_gives_up_its_place_and_its_order_goes_on(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.control.server.MAX_CLIENTS", 1)
    tree = OwnTree()
    path = os.fspath(run_dir.control_socket)
    async with serving(run_dir, tree):
        for _ in range(3):
            async with await trio.open_unix_socket(path) as stream:
                # What stands behind the order must not hide that the client has left.
                await stream.send_all(b'{"verb":"restart","name":"a"}\n{"verb":"status"}\n')
                await wait_all_tasks_blocked()
            await wait_all_tasks_blocked()
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(b'{"verb":"restart","name":"a"}\n')
            await wait_all_tasks_blocked()
            assert tree.asked == 4 * ["restart"]
            tree.may_finish.set()
            assert await stream.receive_some() == b'{"state":"ready"}\n'
        assert tree.asked == 4 * ["restart"] + 4 * ["restarted"]


async def test_a_client_that_only_says_nothing_more_gets_its_answer(run_dir: RunDir) -> None:
    tree = OwnTree()
    async with serving(run_dir, tree), await trio.open_unix_socket(os.fspath(run_dir.control_socket)) as stream:
        await stream.send_all(b'{"verb":"restart","name":"a"}\n')
        await stream.send_eof()
        await wait_all_tasks_blocked()
        tree.may_finish.set()
        assert await stream.receive_some() == b'{"state":"ready"}\n'


async def test_an_order_goes_on_and_is_answered_when_nobody_can_be_seen_to_leave(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def epoll() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async with serving(run_dir, tree := OwnTree()):
        tree.may_finish.set()
        monkeypatch.setattr("supervisor.control.server.select.epoll", epoll)
        assert (await in_thread(run_dir, Command("restart", "a"))).state == "ready"


async def test_more_orders_than_the_limit_are_refused_and_counted_but_no_stop(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.control.orders.MAX_ORDERS", 2)
    tree = OwnTree()
    async with serving(run_dir, tree):
        for _ in range(2):
            async with await trio.open_unix_socket(os.fspath(run_dir.control_socket)) as stream:
                await stream.send_all(b'{"verb":"restart","name":"a"}\n')
                await wait_all_tasks_blocked()
        with pytest.raises(CommandRefused, match="'restart' is not taken: 2 orders are carried out or wait already"):
            await in_thread(run_dir, Command("restart", "a"))
        assert tree.orders_refused == 1
        assert (await in_thread(run_dir, Command("stop", "a"))).state == "stopped"
        tree.may_finish.set()
        await wait_all_tasks_blocked()
        assert (await in_thread(run_dir, Command("restart", "a"))).state == "ready"


async def test_a_stop_of_a_member_is_ordered_also_when_the_client_leaves_at_once(run_dir: RunDir) -> None:
    tree = OwnTree()
    async with serving(run_dir, tree):
        async with await trio.open_unix_socket(os.fspath(run_dir.control_socket)) as stream:
            await stream.send_all(b'{"verb":"stop","name":"a"}\n')
        await wait_all_tasks_blocked()
    assert tree.asked == ["stop a"]


async def test_more_clients_than_the_limit_are_turned_away_and_the_others_stay(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.control.server.MAX_CLIENTS", 1)
    tree = OwnTree()
    async with serving(run_dir, tree):
        path = os.fspath(run_dir.control_socket)
        async with await trio.open_unix_socket(path) as first:
            await first.send_all(b'{"verb":"status"}\n')
            await first.receive_some()
            async with await trio.open_unix_socket(path) as second:
                await second.send_all(b'{"verb":"status"}\n{"verb":"status"}\n')
                assert b'"children"' in await second.receive_some()
                assert await second.receive_some() == b""
            async with await trio.open_unix_socket(path) as third:
                await third.send_all(b'{"verb":"restart","name":"a"}\n')
                assert b"1 connections are served already" in await third.receive_some()
                assert await third.receive_some() == b""
            async with await trio.open_unix_socket(path) as stopping:
                await stopping.send_all(b'{"verb":"stop"}\n')
                assert await stopping.receive_some() == b"{}\n"
                assert tree.asked[-1] == "stop"
            monkeypatch.setattr("supervisor.control.server.VISIT_S", 0.05)
            async with await trio.open_unix_socket(path) as fourth:
                assert await fourth.receive_some() == b""  # It says nothing.
            await first.send_all(b'{"verb":"status"}\n')
            assert await first.receive_some() != b""


async def test_another_user_is_not_served(run_dir: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisor.control.server.is_same_user", lambda _connection: False)
    async with serving(run_dir, OwnTree()):
        stream = await trio.open_unix_socket(os.fspath(run_dir.control_socket))
        async with stream:
            assert await stream.receive_some() == b""


def test_no_supervisor_is_one_clear_error(run_dir: RunDir) -> None:
    with pytest.raises(NoSupervisor, match=r"no supervisor runs in .* start one with `upbitd run`"):
        ask(run_dir.control_socket, Command("status"))


def test_a_supervisor_that_does_not_answer_is_given_up(run_dir: RunDir) -> None:
    with run_dir.listen(run_dir.control_socket), pytest.raises(SupervisorUnreachable, match="did not answer"):
        ask(run_dir.control_socket, Command("status"), limit_s=0.05)


@contextlib.contextmanager
def full_backlog(run_dir: RunDir) -> Iterator[socket.socket]:
    """The listening socket of a supervisor that takes no more connections, as when it is stopped."""
    with run_dir.listen(run_dir.control_socket) as listener, contextlib.ExitStack() as waiting:
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client = waiting.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(os.fspath(run_dir.control_socket))
        yield listener


def test_a_supervisor_whose_backlog_is_full_hangs_and_is_there(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CONNECT_S", 0.2)
    with full_backlog(run_dir), pytest.raises(SupervisorUnreachable, match=r"took no connection within 0\.2 s"):
        ask(run_dir.control_socket, Command("status"))


def test_a_supervisor_that_has_room_again_in_time_is_asked(run_dir: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    with full_backlog(run_dir) as listener:
        monkeypatch.setattr(client.time, "sleep", lambda _s: listener.accept()[0].close())
        with pytest.raises(SupervisorUnreachable, match="did not answer"):
            ask(run_dir.control_socket, Command("status"), limit_s=0.05)


class EndingTree(OwnTree):
    """A tree whose supervisor goes on for a moment after it was told to stop, and then ends."""

    def __init__(self, end: Callable[[], None]) -> None:
        super().__init__()
        self._end = end

    def status(self) -> TreeStatus:
        if "stop" not in self.asked:
            return STATUS
        self._end()
        return msgspec.structs.replace(STATUS, state="stopping")


async def test_a_supervisor_of_another_pid_namespace_is_stopped_and_waited_for(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "peer_pid", lambda _connection: 0)  # As SO_PEERCRED tells one that cannot be seen.
    monkeypatch.setattr(client, "PATIENCE_S", 0.05)
    async with trio.open_nursery() as nursery:
        tree = EndingTree(nursery.cancel_scope.cancel)
        nursery.start_soon(serve_control, run_dir.listen(run_dir.control_socket), tree)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(stop_and_wait, run_dir.control_socket)
    assert tree.asked == ["stop"]


@pytest.mark.parametrize("line", [b'{"error":"\xff"}\n', b"[" * 50_000 + b"\n", b"garbage\n", b"\n"])
async def test_an_answer_that_cannot_be_read_is_one_clear_error(run_dir: RunDir, line: bytes) -> None:
    with run_dir.listen(run_dir.control_socket) as listener:

        def answer_badly() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(line)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, answer_badly)
            with pytest.raises(SupervisorUnreachable, match="did not answer"):
                await in_thread(run_dir, Command("status"))


async def test_an_empty_name_is_no_order_to_stop_the_whole_tree(run_dir: RunDir) -> None:
    tree = OwnTree()
    async with serving(run_dir, tree), await trio.open_unix_socket(os.fspath(run_dir.control_socket)) as stream:
        await stream.send_all(b'{"verb":"stop","name":""}\n')
        answer = msgspec.json.decode(await stream.receive_some(), type=Answer)
        assert (answer.is_bad_input, answer.error) == (True, "'stop' needs the name of a child or group")
    assert tree.asked == []


async def test_what_is_not_utf_8_in_an_answer_is_escaped_and_the_rest_arrives(run_dir: RunDir) -> None:
    tree = OwnTree()
    tree.fault = SettingsError("/x/s\udcff.toml: not TOML: 한")
    async with serving(run_dir, tree):
        with pytest.raises(BadInput, match=r"/x/s\\udcff\.toml: not TOML: 한"):
            await in_thread(run_dir, Command("restart", "a"))
        tree.counters = {"left_\ud800": 1}
        status = (await in_thread(run_dir, Command("status"))).status
        assert status is not None
        assert status.children[0].counters == {"left_\\ud800": 1}


async def test_a_bug_in_serving_one_client_costs_this_client_and_nobody_else(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serving(run_dir, OwnTree()):
        with monkeypatch.context() as broken:
            broken.setattr("supervisor.control.server.encode_answer", lambda _answer: 1 / 0)
            with pytest.raises(AnswerMissing):
                await in_thread(run_dir, Command("status"))
        assert (await in_thread(run_dir, Command("status"))).status == STATUS
    shown = "".join(capfd.readouterr())
    assert "control.client_failed" in shown
    assert "ZeroDivisionError" in shown


async def test_what_may_pass_is_no_bad_input(run_dir: RunDir) -> None:
    tree = OwnTree()
    tree.fault = TemporaryFailure("not checked: no memory")
    async with serving(run_dir, tree):
        with pytest.raises(CommandRefused, match=r"^not checked: no memory$"):
            await in_thread(run_dir, Command("restart", "a"))
