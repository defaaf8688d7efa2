"""Alive is not working: what stands still or grows is ended by the supervisor, and can be explained afterwards."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.tree.running_tree import RunningTree, running_tree
from tests.tree.tree_settings import changed, child, flags, pids

METHODS = ["forkserver", "spawn"]
QUICK: dict[str, Any] = {"heartbeat_s": 0.1, "dead_man_s": 20.0}


def told_by_why(tree: RunningTree, name: str) -> str:
    """The story of the last end, which is written right behind the restart."""
    while not (story := tree.ask("why", name).stdout).startswith(f"{name} ("):
        assert "no end to tell" in story
    return story


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("blocked_in_c", "in blocked_in_c"),
        ("busy_loop", "in busy_loop"),
        ("never_turns", "in never_turns"),
        ("leaves_its_input", "in leaves_its_input"),
    ],
)
def test_a_hang_ends_with_its_stacks_in_the_report_and_a_new_life(
    tmp_path: Path, method: str, entry: str, why: str
) -> None:
    settings = flags(start_method=method, **QUICK) + child("good") + child("a", entry, stall_timeout_s=0.5)
    with running_tree(tmp_path, settings) as tree:
        good = tree.wait_for("child_ready", "good")["pid"]
        hung = tree.wait_for("child_ready", "a")["pid"]
        assert tree.wait_for("child_stopped", "a")["cause"] == "hang"
        assert tree.wait_for("child_ready", "a")["pid"] != hung
        assert pids(tree)["good"] == good
        assert why in told_by_why(tree, "a")
        report = tree.reports("a")[-1]
        assert report.cause == "hang"
        assert "most recent call first" in report.dump


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_process_is_a_hang_and_comes_back(tmp_path: Path, method: str) -> None:
    settings = flags(start_method=method, **QUICK) + child("a", stall_timeout_s=0.5) + child("good")
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "good")
        before = pids(tree)
        os.kill(before["a"], signal.SIGSTOP)
        assert tree.wait_for("child_stopped", "a")["cause"] == "hang"
        tree.wait_for("child_ready", "a")
        assert changed(before, pids(tree)) == {"a"}
        assert tree.finish() == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_child_over_its_memory_limit_is_restarted_with_that_as_the_cause(tmp_path: Path, method: str) -> None:
    settings = flags(start_method=method, **QUICK) + child("good") + child("a", "eats_memory", memory_limit_mib=100)
    with running_tree(tmp_path, settings) as tree:
        good = tree.wait_for("child_ready", "good")["pid"]
        assert tree.wait_for("child_stopped", "a")["cause"] == "memory"
        tree.wait_for("child_ready", "a")
        assert pids(tree)["good"] == good
        assert "limit 100 MiB" in told_by_why(tree, "a")


@pytest.mark.parametrize("method", METHODS)
def test_a_child_over_its_memory_limit_before_it_is_ready_is_ended_for_that(tmp_path: Path, method: str) -> None:
    greedy = child("a", "eats_memory_before_it_is_ready", memory_limit_mib=100, restart="temporary")
    with running_tree(tmp_path, flags(start_method=method, **QUICK) + greedy + child("good")) as tree:
        ended = tree.wait_for("child_stopped", "a")
        assert (ended["cause"], ended["signal"], ended["rung"]) == ("memory", signal.SIGKILL, "sigkill")
        tree.wait_for("child_ready", "good")  # Which waited for nothing but this first attempt.
        assert "limit 100 MiB" in told_by_why(tree, "a")
        (report,) = tree.reports("a")
        assert (report.cause, report.decision) == ("memory", "not restarted: temporary")


def test_a_child_that_hangs_while_it_starts_costs_no_other_child_anything(tmp_path: Path) -> None:
    settings = flags() + child("a", "never_ready", start_timeout_s=0.5) + child("good")
    with running_tree(tmp_path, settings) as tree:
        assert tree.wait_for("child_stopped", "a")["cause"] == "start_timeout"
        tree.wait_for("child_ready", "good")
        assert tree.status()["good"]["restarts"] == 0
        assert "cause      start_timeout" in told_by_why(tree, "a")


@pytest.mark.parametrize(
    ("entry", "where"), [("never_ready", "in never_ready"), ("blocked_before_it_is_ready", "in blocked_before")]
)
def test_a_child_that_was_not_ready_in_time_is_told_with_its_limit_and_where_it_was(
    tmp_path: Path, entry: str, where: str
) -> None:
    settings = flags() + child("a", entry, start_timeout_s=1.5, restart="temporary")
    said = "it did not say that it is ready within 1.5 s (start_timeout_s)"
    with running_tree(tmp_path, settings) as tree:
        assert tree.wait_for("child_stopped", "a")["summary"] == said
        story = told_by_why(tree, "a")
        assert f"said       {said}" in story
        assert where in story
        assert tree.status()["a"]["last_exit"]["summary"] == said
