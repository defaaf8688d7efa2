"""`upbitd run` under a service manager: what it says, what its signals do, and what its exit codes mean."""

import os
import pty
import signal
import sys
from pathlib import Path

import psutil
import pytest

from supervisor.service.exit_codes import EXIT_BAD_INPUT, EXIT_EXHAUSTED, EXIT_STOPPED
from tests.supervisor.service.service_process import LIMIT_S, environment_of, service
from tests.tree.running_tree import children


def test_the_service_manager_hears_of_the_whole_life_of_a_tree(tmp_path: Path) -> None:
    with service(tmp_path, children("idle", "parks"), watchdog="2000000") as running:
        running.wait_for("READY=1")
        running.wait_for("STATUS=1 of 2 ready; b parked: no keys; write them to the keys file")
        running.wait_for("WATCHDOG=1")
        running.config.write_text(children("idle", "parks", "idle"))
        running.supervisor.send_signal(signal.SIGHUP)
        running.wait_for("RELOADING=1\nMONOTONIC_USEC=")
        running.wait_for("READY=1")
        running.wait_for("STATUS=2 of 3 ready; b parked")
        assert running.end() == EXIT_STOPPED
        running.wait_for("STOPPING=1")
        said = [message.split("\n")[0] for message in running.manager.said]
    phases = [message for message in said if message.split("=")[0] in {"READY", "RELOADING", "STOPPING"}]
    assert phases == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_a_reload_that_is_refused_leaves_the_tree_as_it_is(tmp_path: Path) -> None:
    with service(tmp_path, children("idle")) as running:
        running.wait_for("READY=1")
        before = running.supervisor.children(recursive=True)
        running.config.write_text("[supervisor]\nstrategy = 7\n")
        running.supervisor.send_signal(signal.SIGHUP)
        running.wait_for("RELOADING=1")
        running.wait_for("READY=1")
        assert all(process.is_running() for process in before)
        assert running.end() == EXIT_STOPPED
        assert '"event":"reload.refused"' in running.log


def test_no_child_can_speak_to_the_service_manager(tmp_path: Path) -> None:
    with service(tmp_path, children("idle"), watchdog="60000000") as running:
        running.wait_for("READY=1")
        for process in running.supervisor.children(recursive=True):
            named = {name for name in environment_of(process.pid) if name.startswith(("NOTIFY_", "WATCHDOG_"))}
            assert named == set(), process
        assert running.end() == EXIT_STOPPED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_tree_that_is_stopped_by_a_signal_ends_with_0(tmp_path: Path, number: int) -> None:
    with service(tmp_path, children("idle", "idle")) as running:
        running.wait_for("READY=1")
        assert running.end(number) == EXIT_STOPPED


def test_a_tree_that_is_stopped_while_it_starts_was_never_ready(tmp_path: Path) -> None:
    with service(tmp_path, children("never_ready")) as running:
        running.wait_for("STATUS=0 of 1 ready; a starting")
        assert running.end() == EXIT_STOPPED
        running.wait_for("STOPPING=1")
        assert "READY=1" not in running.manager.said


def test_a_tree_whose_budget_is_spent_ends_with_3_when_the_settings_say_so(tmp_path: Path) -> None:
    flags = 'when_exhausted = "stop_all"\nintensity = 1'
    with service(tmp_path, children("idle", "kills_itself", flags=f"{flags}\nkilled_intensity = 1")) as running:
        assert running.process.wait(LIMIT_S) == EXIT_EXHAUSTED


def test_a_tree_that_ends_by_auto_shutdown_ends_with_0(tmp_path: Path) -> None:
    settings = children("idle", flags='auto_shutdown = "any_significant"') + (
        '\n[[child]]\nname = "work"\nstart = "tests.tree.sample_actors:finishes"\n'
        'restart = "transient"\nsignificant = true\n'
    )
    with service(tmp_path, settings) as running:
        assert running.process.wait(LIMIT_S) == EXIT_STOPPED


ON_A_TERMINAL = """
import os, sys
os.open(sys.argv[1], os.O_RDWR)  # The leader of a session gets the first terminal that it opens.
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_tree_whose_terminal_is_closed_ends_in_order_with_0(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    wrapper = (sys.executable, "-c", ON_A_TERMINAL, os.ttyname(slave))
    with service(tmp_path, children("idle"), wrapper=wrapper) as running:
        running.wait_for("READY=1")
        running.supervisor.send_signal(signal.SIGHUP)
        running.wait_for("RELOADING=1")  # The terminal is still there.
        running.wait_for("READY=1")
        os.close(slave)
        os.close(master)
        assert running.process.wait(LIMIT_S) == EXIT_STOPPED
        running.wait_for("STOPPING=1")


def test_the_supervisors_stacks_are_shown_on_request_and_it_goes_on(tmp_path: Path) -> None:
    with service(tmp_path, children("idle")) as running:
        running.wait_for("READY=1")
        running.supervisor.send_signal(signal.SIGUSR1)
        running.supervisor.send_signal(signal.SIGHUP)
        running.wait_for("RELOADING=1")
        assert "most recent call first" in running.log
        assert running.end() == EXIT_STOPPED


def test_a_watchdog_that_ends_a_stuck_supervisor_finds_its_stacks_and_no_process_of_it(tmp_path: Path) -> None:
    with service(tmp_path, children("idle")) as running:
        running.wait_for("READY=1")
        tree = running.supervisor.children(recursive=True)
        assert running.end(signal.SIGABRT) == -signal.SIGABRT
        assert "most recent call first" in running.log
        gone, left = psutil.wait_procs(tree, timeout=LIMIT_S)
        assert (len(gone), left) == (len(tree), [])


def test_bad_settings_end_with_2_and_nothing_is_said(tmp_path: Path) -> None:
    with service(tmp_path, "[supervisor]\nstrategy = 7\n") as running:
        assert running.process.wait(LIMIT_S) == EXIT_BAD_INPUT
        assert running.manager.hear() == []
