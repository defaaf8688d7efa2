"""What an operator of a running tree sees: exit codes, a frozen supervisor, a hurried stop."""

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.tree.running_tree import children, running_tree


def test_an_unknown_name_is_bad_input_for_every_command_and_a_frozen_supervisor_is_said_soon(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle")) as tree:
        tree.wait_for("child_ready", "a")
        for command in (["restart", "nobody"], ["show", "nobody"], ["watch", "x", "--from", "nobody"]):
            done = tree.ask(*command)
            assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
            assert "'nobody'" in done.stderr
        os.kill(tree.process.pid, signal.SIGSTOP)
        try:
            done = tree.ask("status")
        finally:
            os.kill(tree.process.pid, signal.SIGCONT)
        assert done.returncode == 1
        assert "the supervisor did not answer within 3 s" in done.stderr
        assert tree.finish() == 0


def test_neither_orders_of_clients_that_left_nor_followers_keep_anybody_from_stopping_the_tree(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle", "never_ready", child="start_timeout_s = 15.0")) as tree:
        tree.wait_for("child_started", "b")
        address = os.fspath(tree.run_dir / "control.sock")
        for _ in range(33):
            with socket.socket(socket.AF_UNIX) as leaving:
                leaving.connect(address)
                leaving.sendall(b'{"verb":"restart","name":"b"}\n')
        assert tree.ask("tail", "a").returncode == 0
        with contextlib.ExitStack() as followers:
            for _ in range(40):
                follower = followers.enter_context(socket.socket(socket.AF_UNIX))
                follower.connect(address)
                follower.sendall(b'{"verb":"follow","name":"a"}\n')
                follower.settimeout(10)
                follower.recv(1)
            stopped = tree.ask("stop")
        assert (stopped.returncode, stopped.stdout) == (0, "stopped\n"), stopped.stderr


@pytest.mark.parametrize("entry", ["ignores_stop", "idle"])
def test_a_hurried_stop_shows_no_stacks_and_names_the_rung_that_was_needed(tmp_path: Path, entry: str) -> None:
    with running_tree(
        tmp_path, children("idle", entry, "idle", flags="shutdown_s = 30.0", child="shutdown_s = 30.0")
    ) as tree:
        tree.wait_for("child_ready", "c")
        tree.process.send_signal(signal.SIGINT)
        tree.wait_for("child_stopped", "c")  # Signals that come at the same time count once.
        assert tree.finish(signal.SIGINT) == 0
        for event in tree.events:
            if event["event"] == "child_stopped":
                assert (event["rung"] == "sigkill") == (event["signal"] == signal.SIGKILL), event
    assert "most recent call first" not in tree.log
