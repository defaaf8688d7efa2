"""Sockets of a killed supervisor, and hang-ups, with real processes."""

import os
import signal
import subprocess
from pathlib import Path

from supervisor.running.run_dir import open_run_dir
from tests.tree.running_tree import REPOSITORY, UPBITD, children, running_tree


def test_only_sockets_are_removed(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    for name in ("old", "control"):
        run_dir.listen(run_dir.child_socket(name)).close()
    for name in ("file.sock", "lifecycle.jsonl"):
        (run_dir.path / name).touch()
    run_dir.remove_stale_sockets()
    assert sorted(path.name for path in run_dir.path.iterdir()) == ["file.sock", "lifecycle.jsonl"]


def test_a_new_supervisor_removes_what_a_killed_one_left_and_at_its_end_its_own(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    left = run_dir.listen(run_dir.child_socket("gone_from_settings"))
    with left, running_tree(tmp_path, children("idle")) as tree:
        tree.wait_for("child_ready", "a")
        assert sorted(path.name for path in run_dir.path.glob("*.sock")) == ["a.sock", "control.sock"]
        assert tree.finish() == 0
        assert list(run_dir.path.glob("*.sock")) == []


def test_a_hangup_of_no_terminal_reloads_the_settings_and_stops_nobody(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle", "idle")) as tree:
        tree.wait_for("child_ready", "b")
        os.killpg(tree.process.pid, signal.SIGHUP)  # The children get it too, as they would from the kernel.
        (tmp_path / "upbitd.toml").write_text(children("idle", "idle", "idle"))
        tree.process.send_signal(signal.SIGHUP)
        tree.wait_for("child_ready", "c")
        assert tree.finish() == 0
        stopped = [event for event in tree.events if event["event"] == "child_stopped"]
        assert [(event["child"], event["rung"], event["code"]) for event in stopped] == [
            ("c", "asked", 0),
            ("b", "asked", 0),
            ("a", "asked", 0),
        ]
        assert list(tree.run_dir.glob("*.sock")) == []


def test_a_simulated_exchange_ends_with_0_on_a_hangup() -> None:
    with subprocess.Popen(
        [*UPBITD, "simulate", "--markets", "4"], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0


def test_a_tree_whose_directory_became_another_ones_leaves_that_tree_alone(tmp_path: Path) -> None:
    # It looks after its directory once a heartbeat, and would make it again before the other one comes.
    seldom = children("idle", flags="heartbeat_s = 60\ndead_man_s = 0", child="stall_timeout_s = 0")
    with running_tree(tmp_path, seldom) as first:
        first.wait_for("child_ready", "a")
        first.run_dir.rename(tmp_path / "aside")
        (tmp_path / "second").mkdir()
        with running_tree(tmp_path / "second", children("idle"), run_dir=first.run_dir) as second:
            second.wait_for("child_ready", "a")
            assert first.finish() == 0
            assert set(second.status()) == {"a"}
            assert sorted(path.name for path in second.run_dir.glob("*.sock")) == ["a.sock", "control.sock"]
            assert second.finish() == 0
