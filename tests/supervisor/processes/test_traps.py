"""The known traps of processes under Python and trio, each with the way around it.

Where it costs little a test shows first that the trap is still there. Should such a part fail under a new version of
Python, trio or `multiprocess`, the trap is gone, and the way around it may go too.
"""

import ast
import fcntl
import io
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from multiprocess import reduction

import supervisor
from protocols.control.exit_codes import EXIT_ORPHANED
from protocols.errors import UsageError
from supervisor.machine.causes import Exit
from supervisor.processes.limits import apply_limits
from supervisor.processes.process import ChildProcess
from supervisor.processes.spawning import PIPE_BYTES, Spawner, blocked_signals
from supervisor.processes.watching import watch
from supervisor.specs.spec import ChildSpec
from tests.supervisor.processes.programs import run_python
from tests.supervisor.processes.small_supervisor import parent_of
from tests.supervisor.processes.stage import LIMIT_S, stage
from tests.supervisor.processes.supervisor_process import small_supervisor

FORK_SERVER = pytest.mark.parametrize("spawner_of_module", ["forkserver"], indirect=True)

ARM = "from actors.runtime.process.lifeline import arm_parent_death_signal as arm\n"


async def gone(process: ChildProcess) -> None:
    with trio.fail_after(LIMIT_S):
        await watch(process)


async def discarded(process: ChildProcess) -> None:
    """End and collect a process that no life follows."""
    process.send_signal(signal.SIGKILL)
    if not process.gone.is_set():
        await gone(process)
    process.reap()
    process.close()
    process.close_records()


def test_trap_01_the_parent_death_signal_follows_the_thread_that_made_the_child(spawner: Spawner) -> None:
    program = ARM + (
        "import os, subprocess, sys, threading\n"
        "made = []\n"
        "child = f'from actors.runtime.process.lifeline import arm_parent_death_signal as arm; "
        "arm({os.getpid()}); print(flush=True); input()'\n"
        "def make():\n"
        "    made.append(subprocess.Popen([sys.executable, '-c', child], stdin=-1, stdout=-1))\n"
        "    made[0].stdout.readline()\n"
        "thread = threading.Thread(target=make); thread.start(); thread.join()\n"
        "print(made[0].wait(60))\n"
    )
    assert run_python(program) == "-9"  # Its parent lives.
    with pytest.raises(UsageError, match="main thread"):
        in_thread(partial(spawner.spawn, "a"))


def in_thread(call: Any) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except UsageError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for error in errors:
        raise error


async def test_trap_02_trio_would_make_children_in_a_thread_that_ends(spawner: Spawner) -> None:
    with pytest.raises(UsageError, match="main thread"):
        await trio.to_thread.run_sync(spawner.spawn, "a")
    package = Path(supervisor.__file__).parent
    for file in package.rglob("*.py"):
        calls = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        assert not calls & {"open_process", "run_process"}, file


def test_trap_03_the_parent_death_signal_comes_too_late_for_a_parent_that_is_dead() -> None:
    run_python(ARM + "arm(1 << 22)", expected=EXIT_ORPHANED)  # Above the highest pid: such a parent cannot live.
    run_python(ARM + "import os; arm(os.getppid())")


async def test_trap_04_a_grandchild_keeps_pipes_and_sockets_open(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("forks").ready()
        left = os.pidfd_open(int((tmp_path / "grandchild").read_text()))
        output = os.dup(lives.outputs[0][0])
        a.kill(signal.SIGKILL)
        assert (await a.ended()).signal == signal.SIGKILL
        with pytest.raises(BlockingIOError):  # No end of file, though the child is dead.
            os.read(output, 1)
        signal.pidfd_send_signal(left, signal.SIGKILL)
        await trio.lowlevel.wait_readable(left)
        os.close(left)
        os.close(output)


@FORK_SERVER
async def test_trap_05_the_parent_of_the_actors_is_the_fork_server(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        server = parent_of(a.life.pid)
        assert server != os.getpid()
        assert parent_of(server) == os.getpid()
    # That the chain holds is shown with each way to kill a supervisor, in test_orphans.py.


def test_trap_06_the_end_of_a_fork_server_looks_like_the_end_of_its_children(tmp_path: Path) -> None:
    with small_supervisor("forkserver", "fork_server_killed", tmp_path) as running:
        running.introduced()
        ends, _is_new, _strangers = running.said()
        assert ends == [[None, signal.SIGKILL]] * 2  # Never 255.
        assert running.process.wait() == 0


def test_trap_07_a_fork_server_says_nothing_of_what_it_cannot_import(tmp_path: Path) -> None:
    (tmp_path / "raises_when_imported.py").write_text("raise ValueError")
    (tmp_path / "only_on_the_path_of_now.py").write_text("")
    names = ("json", "raises_when_imported", "there_is_no_such_module", "only_on_the_path_of_now")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from supervisor.processes.fork_server import ForkServer\n"
        f"server = ForkServer({names!r}); print(*server.warm()); server.close()"
    )
    assert run_python(program) == "raises_when_imported there_is_no_such_module"


@FORK_SERVER
async def test_trap_08_a_fork_server_keeps_the_environment_of_its_start(
    spawner: Spawner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SET_AFTER_ITS_START", "1")
    async with stage(spawner, tmp_path) as lives:
        await lives.start("tells_about_itself").ready()
    environment = told_in(tmp_path)["environment"]
    assert "SET_AFTER_ITS_START" not in environment
    assert not [name for name in environment if name.startswith("UPBITD_FORK_SERVER")]
    assert environment.get("PYTHONPATH") == os.environ.get("PYTHONPATH")


def told_in(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode((folder / "told.json").read_bytes())
    return told


async def test_trap_09_the_first_start_lets_blocked_signals_through(spawner: Spawner, tmp_path: Path) -> None:
    program = (
        "import signal; from multiprocess import resource_tracker as tracker\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}); tracker.ensure_running()\n"
        "print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
        "from supervisor.processes.tracker import end_tracker; end_tracker()"
    )
    # `multiprocess` has a source for each version of Python; those since 3.12 put the mask back.
    assert run_python(program) == str(sys.version_info >= (3, 12))
    with blocked_signals():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        async with stage(spawner, tmp_path) as lives:
            lives.start("idle", "first")
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
            await lives.start("tells_about_itself").ready()
    assert told_in(tmp_path)["blocked"] == []  # The mask came with the process; its handlers are there by now.


async def test_trap_10_an_interrupt_from_the_terminal_reaches_every_child(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        early, ready = lives.start("idle", "a"), await lives.start("idle", "b").ready()
        for _ in range(20):
            early.kill(signal.SIGINT)
            ready.kill(signal.SIGINT)
        for child in (await early.ready(), ready):
            await child.life.stop(LIMIT_S)
            assert await child.ended() == Exit(code=0, signal=None)


async def test_trap_11_a_blocked_loop_does_not_hear_a_signal(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.blocked()
        with trio.fail_after(LIMIT_S):
            await a.life.stop(0.1)
        assert (await a.ended()).signal == signal.SIGKILL
        assert a.life.rung == "sigkill"


@pytest.mark.parametrize("way", ["spawn", "forkserver"])
def test_trap_12_the_interpreter_waits_at_its_end_for_every_child(tmp_path: Path, way: str) -> None:
    with small_supervisor(way, "returns", tmp_path) as running:
        running.introduced()
        assert running.process.wait(LIMIT_S) == 0  # Its child is stopped: it would be waited for without end.


async def test_trap_13_a_daemonic_process_may_have_no_children(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        await lives.start("tells_about_itself").ready()
    assert told_in(tmp_path)["daemon"] is False


async def test_trap_14_large_arguments_block_the_start_until_the_child_reads(
    spawner: Spawner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def dump(obj: object, file: io.BytesIO, protocol: int | None = None) -> None:
        real_dump(obj, file, protocol)
        sizes.append(file.tell())

    real_dump = reduction.dump
    monkeypatch.setattr(reduction, "dump", dump)
    async with stage(spawner, tmp_path) as lives:
        children = [lives.start("tells_about_itself", name, text="x" * 1_000_000) for name in "ab"]  # One is no spare.
        for child in children:
            await child.ready()
    assert 0 < max(sizes) < 8192  # Of the 65536 of a pipe.


async def test_trap_15_who_waits_for_a_descriptor_that_is_closed_waits_for_ever(
    spawner: Spawner, tmp_path: Path
) -> None:
    async with stage(spawner, tmp_path):
        process = spawner.spawn("a")
        with pytest.raises(UsageError, match="is still there"):
            process.reap()  # So it is closed only after whoever waits for it was woken.
        await discarded(process)


async def test_trap_16_one_sigchld_may_stand_for_many_deaths(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        children = [await lives.start("idle", name).ready() for name in "abcdef"]
        for child in children:
            child.kill(signal.SIGKILL)
        assert [(await child.ended()).signal for child in children] == [signal.SIGKILL] * 6


async def test_trap_17_descriptor_0_of_a_child_is_that_of_the_supervisor(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        assert descriptor(a.life.pid, 0) == os.devnull


def descriptor(pid: int, number: int) -> str:
    return str(Path(f"/proc/{pid}/fd/{number}").readlink())


async def test_trap_18_the_output_of_a_child_is_that_of_the_supervisor(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        for number, ours in zip((1, 2), lives.outputs[0], strict=True):
            assert descriptor(a.life.pid, number) == descriptor(os.getpid(), ours)
            assert fcntl.fcntl(ours, fcntl.F_GETPIPE_SZ) == PIPE_BYTES


async def test_trap_19_signals_can_be_received_in_the_main_thread_only() -> None:
    async def receive() -> None:
        with trio.open_signal_receiver(signal.SIGUSR2):
            pass

    with pytest.raises(RuntimeError, match="main thread"):
        await trio.to_thread.run_sync(trio.run, receive)
    # That the supervisor receives them before its first child is shown by tests/supervisor/startup.


def test_trap_20_the_resource_tracker_outlives_those_who_used_it() -> None:
    program = (
        "from supervisor.processes.{way} import {name}\n"
        "from supervisor.processes.strangers import own_children\n"
        "spawner = {name}(()); print(len(spawner.known_pids() & own_children()))\n"
        "spawner.close(); print(len(own_children()))"
    )
    for way, name in (("fork_server", "ForkServer"), ("fresh_interpreter", "FreshInterpreter")):
        assert run_python(program.format(way=way, name=name)).split() == ["1", "0"]


async def test_trap_21_a_number_may_belong_to_another_process_by_now(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path):
        process = spawner.spawn("a")
        process.pid = os.getpid()
        process.send_signal(signal.SIGKILL)  # It reaches the child all the same.
        await gone(process)
        process.send_signal(signal.SIGKILL)  # And nobody, now.
        await discarded(process)


def test_trap_22_what_a_dead_child_leaves_goes_to_process_1(tmp_path: Path) -> None:
    with small_supervisor("spawn", "grandchildren", tmp_path) as running:
        running.introduced()
        _untouched, was_ended, is_left, _ended = running.said()
        assert was_ended
        assert not is_left


def test_trap_23_the_clock_on_the_wall_jumps() -> None:
    package = Path(supervisor.__file__).parent
    for room in ("machine", "processes", "running"):
        for file in (package / room).rglob("*.py"):
            attributes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)]
            wall = {f"{ast.unparse(node)}" for node in attributes} & {"time.time", "time.time_ns", "time.localtime"}
            assert not wall, file


def test_trap_24_what_a_child_imports_first_is_part_of_every_restart() -> None:
    program = "import sys; import actors.runtime.process.child; print(*sys.modules)"
    heavy = {"trio", "structlog", "msgspec", "asyncio", "logging", "multiprocess", "typing_extensions", "click"}
    assert not heavy & set(run_python(program).split())


async def test_trap_25_limits_need_no_code_in_the_child(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        apply_limits(a.life.pid, ChildSpec(name="a", start="x:y", open_files=64, memory_limit_mib=100))
        assert limits_of(a.life.pid)["Max open files"] == "64"
        assert limits_of(a.life.pid)["Max data size"] == str((2 * 100 + 64) * 1024 * 1024)


def limits_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[0] for line in lines}
