"""What each signal makes of a running tree."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from protocols.errors import SettingsError, UsageError
from supervisor.service.signals import Signalled, act_on_signals, stop_signals
from supervisor.service.terminal import Terminal
from tests.tree.running_tree import child_environment

LIMIT_S = 20.0


class FakeTree:
    """Writes down what it is told; a reload ends when the test lets it."""

    def __init__(self, *, fails: Exception | None = None) -> None:
        self.told: list[str] = []
        self.may_end = trio.Event()
        self.fails = fails

    def stop(self) -> None:
        self.told.append("stop")

    def ask_to_stop(self) -> None:
        self.told.append("ask_to_stop")

    async def reload(self) -> object:
        self.told.append("reload")
        await self.may_end.wait()
        if self.fails is not None:
            raise self.fails
        return "restart private: keys_file"

    def sweep(self) -> None:
        self.told.append("sweep")


def terminal(*, had: bool, has: bool) -> Terminal:
    answers = [had]
    found = Terminal(opens=lambda: answers[0])
    answers[0] = has
    return found


@asynccontextmanager
async def acting(tree: Signalled, terminal: Terminal | None) -> AsyncIterator[trio.MemorySendChannel[int]]:
    send, receive = trio.open_memory_channel[int](100)
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:

            async def act() -> None:
                await act_on_signals(receive, tree, terminal=terminal)

            nursery.start_soon(act)
            yield send
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


NO_TERMINAL = terminal(had=False, has=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_each_request_to_end_reaches_the_tree(number: signal.Signals) -> None:
    tree = FakeTree()
    async with acting(tree, NO_TERMINAL) as signals:
        await signals.send(number)
        await signals.send(signal.SIGTERM)
    assert tree.told == ["stop", "stop"]


@pytest.mark.parametrize(
    ("had", "has", "told"),
    [
        (False, False, "reload"),
        (True, True, "reload"),
        (True, False, "ask_to_stop"),
        (False, True, "reload"),
    ],
)
async def test_a_hangup_reloads_unless_the_terminal_is_gone(had: bool, has: bool, told: str) -> None:
    tree = FakeTree()
    async with acting(tree, terminal(had=had, has=has)) as signals:
        await signals.send(signal.SIGHUP)
    assert tree.told == [told]


async def test_a_terminal_that_was_closed_is_no_hurry() -> None:
    tree = FakeTree()
    async with acting(tree, terminal(had=True, has=False)) as signals:
        for _ in range(3):
            await signals.send(signal.SIGHUP)
    assert tree.told == ["ask_to_stop"] * 3


async def test_where_nothing_can_be_reloaded_a_hangup_stops() -> None:
    tree = FakeTree()
    async with acting(tree, None) as signals:
        await signals.send(signal.SIGHUP)
    assert tree.told == ["ask_to_stop"]


async def test_an_end_of_a_child_sweeps() -> None:
    tree = FakeTree()
    async with acting(tree, NO_TERMINAL) as signals:
        await signals.send(signal.SIGCHLD)
    assert tree.told == ["sweep"]


async def test_a_stop_does_not_wait_for_a_reload() -> None:
    tree = FakeTree()
    async with acting(tree, NO_TERMINAL) as signals:
        await signals.send(signal.SIGHUP)
        await wait_all_tasks_blocked()
        await signals.send(signal.SIGTERM)
        await wait_all_tasks_blocked()
        assert tree.told == ["reload", "stop"]


async def test_hangups_during_a_reload_make_one_more() -> None:
    tree = FakeTree()
    async with acting(tree, NO_TERMINAL) as signals:
        for _ in range(4):
            await signals.send(signal.SIGHUP)
            await wait_all_tasks_blocked()
        assert tree.told == ["reload"]
        tree.may_end.set()
    assert tree.told == ["reload"] * 2


@pytest.mark.parametrize("error", [SettingsError("child a: bad\nchild b: bad"), UsageError("nothing to read")])
async def test_a_reload_that_is_refused_is_logged_and_the_next_one_is_tried(error: Exception) -> None:
    tree = FakeTree(fails=error)
    tree.may_end.set()
    with capture_logs() as logged:
        async with acting(tree, NO_TERMINAL) as signals:
            for _ in range(2):
                await signals.send(signal.SIGHUP)
                await wait_all_tasks_blocked()
    assert [(line["event"], line["problems"]) for line in logged] == [("reload.refused", str(error).splitlines())] * 2


async def test_a_bug_in_a_reload_is_logged_with_its_traceback_and_costs_that_reload_only() -> None:
    bug = KeyError("a")
    tree = FakeTree(fails=bug)
    tree.may_end.set()
    with capture_logs() as logged:
        async with acting(tree, NO_TERMINAL) as signals:
            for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
                await signals.send(number)
                await wait_all_tasks_blocked()
    assert [(line["event"], line["exc_info"]) for line in logged] == [("reload.failed", bug)] * 2
    assert tree.told == ["reload", "reload", "stop"]


async def test_real_signals_are_received() -> None:
    with trio.fail_after(LIMIT_S), stop_signals() as signals:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.raise_signal(number)
            assert await anext(signals) == number


async def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# As processes: what they inherit, and a real terminal.

ON_A_TERMINAL = """
import os, signal, sys
from supervisor.service.terminal import Terminal

os.open(sys.argv[1], os.O_RDWR)  # The leader of a session gets the first terminal that it opens.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
terminal = Terminal()
for _ in range(2):
    print(terminal.is_gone(), flush=True)
    signal.sigwait({signal.SIGHUP})
print(terminal.is_gone(), flush=True)
"""


def test_a_terminal_that_is_closed_is_told_from_a_signal_that_was_sent() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, os.ttyname(slave)],
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip()]
        process.send_signal(signal.SIGHUP)
        said.append(process.stdout.readline().strip())
        os.close(slave)
        os.close(master)
        said.append(process.stdout.readline().strip())
        assert process.wait(LIMIT_S) == 0
    assert said == ["False", "False", "True"]


WITH_WHAT_IS_INHERITED = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP})
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""

WITH_DEFAULTS = """
import os, signal, subprocess, sys
from supervisor.service.signals import take_default_dispositions
take_default_dispositions()
print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), subprocess.run([sys.executable, "-c", "exit(7)"]).returncode)
"""


def test_signals_that_a_parent_ignored_or_blocked_are_heard() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_WHAT_IS_INHERITED, WITH_DEFAULTS],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "set() 7\n"


STUCK = """
import os, sys, threading
from supervisor.service.signals import stacks_on_request

def stuck_here():
    print("stuck", flush=True)
    threading.Event().wait()

with stacks_on_request():
    stuck_here()
"""


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_fatal_signal_leaves_the_stacks(number: signal.Signals) -> None:
    with stuck() as process:
        process.send_signal(number)
        _, stacks = process.communicate(timeout=LIMIT_S)
    assert process.returncode == -number
    assert "in stuck_here" in stacks


def stuck(stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], env=child_environment(), stdout=subprocess.PIPE, stderr=stderr, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    return process


def test_the_stacks_are_shown_on_request_and_the_program_goes_on() -> None:
    with stuck() as process:
        process.send_signal(signal.SIGUSR1)
        assert process.stderr is not None
        assert any("in stuck_here" in line for line in process.stderr)
        assert process.poll() is None
        process.kill()


LOGGING = """
import os, signal
from supervisor.records.log_writer import LogWriter
from supervisor.service.signals import stacks_on_request

def dumping():
    os.kill(os.getpid(), signal.SIGUSR1)

with stacks_on_request():
    for number in range(3):
        with LogWriter() as log:
            log.write(b'{"number": %d, "long": "%s"}\\n' % (number, b"x" * 2000))
        dumping()
"""


def test_stacks_and_log_do_not_write_over_each_other_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:  # As a shell opens it for `2> FILE`.
        subprocess.run(
            [sys.executable, "-c", LOGGING], env=child_environment(), stderr=file, check=True, timeout=LIMIT_S
        )
    lines = path.read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines if line.startswith("{")] == [0, 1, 2]
    assert sum("most recent call first" in line for line in lines) == 3
    assert sum(line.endswith("in dumping") for line in lines) == 3


def test_a_reader_of_stderr_that_is_stuck_does_not_hold_up_the_stacks() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    with stuck(write) as process:
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == -signal.SIGTERM
    os.close(read)
    os.close(write)
