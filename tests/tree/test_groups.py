"""Groups, strategies and budgets with real processes, over both ways of making them."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.tree.running_tree import running_tree
from tests.tree.tree_settings import changed, child, flags, group, history, pids

METHODS = ["forkserver", "spawn"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("strategy", "victim", "restarted"),
    [
        ("one_for_one", "b", {"b"}),
        ("one_for_all", "b", {"a", "b", "c"}),
        ("rest_for_one", "b", {"b", "c"}),
        ("rest_for_one", "a", {"a", "b", "c"}),
    ],
)
def test_who_is_restarted_with_a_killed_child_is_what_the_strategy_says(
    tmp_path: Path, method: str, strategy: str, victim: str, restarted: set[str]
) -> None:
    members = "".join(child(name, group="g") for name in "abc")
    settings = flags(start_method=method) + group("g", strategy=strategy) + members + child("outside")
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "outside")
        before = pids(tree)
        os.kill(before[victim], signal.SIGKILL)
        tree.wait_for("child_ready", max(restarted))
        assert changed(before, pids(tree)) == restarted
        last = history(tree, "child_exited", "child_stopped", "child_ready")[-2 * len(restarted) :]
        others = sorted(restarted - {victim}, reverse=True)
        assert last == [
            ("child_exited", victim),
            *(("child_stopped", name) for name in others),
            *(("child_ready", name) for name in sorted(restarted)),
        ]
        assert tree.finish() == 0


def test_groups_within_groups_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    settings = (
        flags()
        + group("outer")
        + group("inner", group="outer")
        + child("a", group="inner")
        + child("b", group="outer")
        + child("c")
    )
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "c")
        assert tree.finish() == 0
        assert history(tree, "child_ready", "child_stopped") == [
            *(("child_ready", name) for name in "abc"),
            *(("child_stopped", name) for name in "cba"),
        ]


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
def test_a_lost_fork_server_is_no_crash_loop_of_those_that_it_took_along(tmp_path: Path, strategy: str) -> None:
    settings = flags(strategy=strategy, intensity=1, when_exhausted="escalate") + "".join(map(child, "abcd"))
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "d")
        before = pids(tree)
        os.kill(psutil.Process(before["a"]).ppid(), signal.SIGKILL)
        assert {tree.wait_for("child_ready")["child"] for _ in "abcd"} == set("abcd")
        assert changed(before, pids(tree)) == set("abcd")
        assert tree.finish() == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_group_that_spends_its_budget_ends_and_its_own_group_starts_it_again(tmp_path: Path, method: str) -> None:
    settings = (
        flags(start_method=method)
        + group("g", intensity=1, when_exhausted="escalate")
        + child("helper", group="g")
        + child("fails", "finishes", group="g")
        + child("outside")
    )
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "outside")
        outside = pids(tree)["outside"]
        tree.wait_for("group_ends", "g")
        tree.wait_for("child_stopped", "helper")
        tree.wait_for("group_started", "g")
        tree.wait_for("child_ready", "helper")
        assert pids(tree)["outside"] == outside
        assert tree.finish() == 0


def test_a_significant_child_that_is_done_ends_its_group_and_nothing_else(tmp_path: Path) -> None:
    settings = (
        flags()
        + group("job", restart="temporary", auto_shutdown="any_significant")
        + child("helper", group="job")
        + child("worker", "ends", group="job", restart="transient", significant=True, after_s=0.1)
        + child("outside")
    )
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("group_stopped", "job")
        status = tree.status()
        assert {name: child["state"] for name, child in status.items()} == {
            "helper": "stopped",
            "worker": "stopped",
            "outside": "ready",
        }
        assert tree.finish() == 0


def test_a_finished_transient_child_starts_again_when_its_group_does(tmp_path: Path) -> None:
    settings = (
        flags()
        + group("g", strategy="one_for_all")
        + child("job", "finishes", group="g", restart="transient")
        + child("service", group="g")
    )
    with running_tree(tmp_path, settings) as tree:
        tree.wait_for("child_ready", "service")
        assert tree.status()["job"]["state"] == "stopped"
        os.kill(pids(tree)["service"], signal.SIGKILL)
        tree.wait_for("child_ready", "job")
        tree.wait_for("child_ready", "service")
        assert tree.finish() == 0


def test_a_crash_loop_is_parked_costs_nobody_anything_and_heals_when_its_cause_is_gone(tmp_path: Path) -> None:
    marker = tmp_path / "broken"
    marker.touch()
    settings = (
        flags(intensity=2, backoff_first_s=0.01, probe_s=0.2, stable_s=0.3)
        + child("loop", "fails_while_there_is", file=str(marker))
        + child("good")
    )
    with running_tree(tmp_path, settings) as tree:
        parked = tree.wait_for("child_parked", "loop")
        assert "its restarts within 60 s are spent (cause exit)" in parked["reason"]
        good = pids(tree)["good"]
        marker.unlink()
        tree.wait_for("child_ready", "loop")
        assert pids(tree)["good"] == good
        restarts = tree.status()["loop"]["restarts"]
        assert tree.status()["good"]["restarts"] == 0
        assert restarts >= 3  # Two by its budget, and at least one to try it.
        assert tree.finish() == 0
