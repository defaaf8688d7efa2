"""What an operator of a running tree sees: exit codes, a frozen supervisor, a hurried stop."""

import os
import signal
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
