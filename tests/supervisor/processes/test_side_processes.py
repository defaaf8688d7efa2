"""What the sweep for strangers knows of processes that threads make."""

import subprocess
import threading

import pytest

from supervisor.processes.side_processes import SideProcesses

LIMIT_S = 20.0


def make() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def known(beside: SideProcesses) -> set[int] | None:
    with beside.known_nowait() as pids:
        return pids


def test_a_process_is_known_until_it_is_collected() -> None:
    beside = SideProcesses()
    with beside.running(make) as first:
        with beside.running(make) as second:
            assert known(beside) == {first.pid, second.pid}
            second.kill()
        assert known(beside) == {first.pid}
        first.kill()
    assert (known(beside), first.returncode) == (set(), -9)


def test_one_that_cannot_be_made_leaves_nothing_known_and_holds_nobody_up() -> None:
    beside = SideProcesses()
    with pytest.raises(FileNotFoundError), beside.running(lambda: subprocess.Popen(["/no/such/program"])):
        pass
    assert known(beside) == set()


def test_who_are_known_cannot_be_said_while_one_is_being_made() -> None:
    beside, is_making, may_go_on = SideProcesses(), threading.Event(), threading.Event()
    seen = []

    def make_slowly() -> subprocess.Popen[bytes]:
        is_making.set()
        assert may_go_on.wait(LIMIT_S)
        return make()

    def run() -> None:
        with beside.running(make_slowly) as process:
            seen.append(known(beside) == {process.pid})
            process.kill()

    thread = threading.Thread(target=run)
    thread.start()
    assert is_making.wait(LIMIT_S)
    assert known(beside) is None
    may_go_on.set()
    thread.join(LIMIT_S)
    assert seen == [True]


def test_none_is_made_during_a_sweep() -> None:
    beside, is_made = SideProcesses(), threading.Event()

    def make_it() -> subprocess.Popen[bytes]:
        is_made.set()
        return make()

    def run() -> None:
        with beside.running(make_it) as process:
            process.kill()

    thread = threading.Thread(target=run)
    with beside.known_nowait() as pids:
        thread.start()
        assert pids == set()
        assert not is_made.wait(0.05)
    thread.join(LIMIT_S)
    assert is_made.is_set()
