"""A running tree is changed by an operator: what is meant changes, and nobody else notices."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.control.messages import VERBS
from tests.tree.exchange_process import simulated_exchange
from tests.tree.running_tree import LIMIT_S, REPOSITORY, UPBITD, RunningTree, child_environment, running_tree
from tests.tree.tree_settings import changed, child, flags, group, history, pids


@contextlib.contextmanager
def asking(tree: RunningTree, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Ask something of a tree and go on."""
    words = [*UPBITD, *command, "--run-dir", str(tree.run_dir)]
    with subprocess.Popen(
        words,
        cwd=REPOSITORY,
        env=child_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


SETTINGS = flags() + group("g") + child("a", "configured", group="g", code=1) + child("b", group="g") + child("c")


def test_a_reload_shows_its_plan_and_changes_only_what_is_different(tmp_path: Path) -> None:
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        before = pids(tree)
        new = flags() + group("g") + child("a", "configured", group="g", code=2) + child("b", group="g", shutdown_s=1.0)
        (tmp_path / "upbitd.toml").write_text(new + child("d"))
        plan = tree.ask("reload", "--dry-run").stdout
        assert changed(before, pids(tree)) == set()
        done = tree.ask("reload")
        assert (done.returncode, done.stdout) == (0, plan)
        for expected in ("a", "code: 1 -> 2", "shutdown_s: 2.0 -> 1.0", "c", "d"):
            assert expected in plan
        after = pids(tree)
        assert changed(before, after) == {"a", "c", "d"}
        assert set(after) == {"a", "b", "d"}
        assert tree.status()["a"]["counters"]["code"] == 2
        assert tree.ask("reload").stdout == "= 4 unchanged\n"
        assert tree.finish() == 0


def test_a_reload_of_bad_settings_changes_nothing_and_says_where_they_are_bad(tmp_path: Path) -> None:
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        before = pids(tree)
        (tmp_path / "upbitd.toml").write_text(SETTINGS + child("d", restart="sometimes") + child("c"))
        done = tree.ask("reload")
        assert done.returncode == 2
        assert "child d.restart: Invalid enum value 'sometimes'" in done.stderr
        assert "child c.name: used twice" in done.stderr
        assert f"{tmp_path / 'upbitd.toml'}:" in done.stderr
        assert pids(tree) == before


def test_children_are_added_to_a_group_survive_a_reload_and_are_removed(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text(child("d") + group("h", strategy="one_for_all") + child("e", group="h"))
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        before = pids(tree)
        assert tree.ask("add", str(tmp_path / "more.toml"), "--group", "g").returncode == 0
        assert changed(before, pids(tree)) == {"d", "e"}
        members = {found["name"]: found["group"] for found in json.loads(tree.ask("status", "--json").stdout)["groups"]}
        assert members == {"": "", "g": "", "h": "g"}
        again = tree.ask("add", str(tmp_path / "more.toml"))
        assert (again.returncode, "there is a child or group named 'd' already" in again.stderr) == (2, True)
        assert tree.ask("reload").returncode == 0
        assert tree.ask("remove", "h").returncode == 0
        assert tree.ask("remove", "d").returncode == 0
        assert pids(tree) == before
        assert not (tree.run_dir / "d.sock").exists()
        assert tree.finish() == 0


def test_a_reload_brings_an_added_child_what_its_shared_table_says_now(tmp_path: Path) -> None:
    shared = child("a", "with_shared_table")
    (tmp_path / "more.toml").write_text(child("late", "with_shared_table"))
    with running_tree(tmp_path, '[exchange]\nurl = "old"\n' + shared) as tree:
        tree.wait_for("child_ready", "a")
        assert tree.ask("add", str(tmp_path / "more.toml")).returncode == 0
        before = pids(tree)
        (tmp_path / "upbitd.toml").write_text('[exchange]\nurl = "new"\n' + shared)
        change = 'settings.exchange.url: "old" -> "new"'
        assert tree.ask("reload").stdout.splitlines() == [
            *(f"~ {name} (restart): {change}" for name in ("a", "late")),
            "= 0 unchanged",
        ]
        assert changed(before, pids(tree)) == {"a", "late"}
        assert tree.ask("reload").stdout == "= 2 unchanged\n"
        (tmp_path / "upbitd.toml").write_text(child("a"))
        done = tree.ask("reload")
        assert (done.returncode, "late.exchange: missing; late was added" in done.stderr) == (2, True)
        assert tree.finish() == 0


def test_what_an_operator_stopped_stays_stopped_until_it_is_started(tmp_path: Path) -> None:
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        before = pids(tree)
        assert tree.ask("stop", "a").returncode == 0
        assert tree.ask("restart", "g").returncode == 0
        status = tree.status()
        assert (status["a"]["state"], status["b"]["state"]) == ("stopped", "ready")
        assert tree.ask("start", "a").returncode == 0
        assert tree.status()["a"]["state"] == "ready"
        assert pids(tree)["c"] == before["c"]
        assert tree.finish() == 0


def test_commands_about_the_same_child_wait_for_one_another_and_none_is_refused(tmp_path: Path) -> None:
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        command = [*UPBITD, "restart", "a", "--run-dir", str(tree.run_dir)]
        asking = [
            subprocess.Popen(command, cwd=REPOSITORY, env=child_environment(), stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        assert [process.communicate(timeout=LIMIT_S)[0] for process in asking] == ["a: ready\n"] * 4
        assert [process.returncode for process in asking] == [0] * 4
        # Those that came while another one waited are done by that one.
        assert 1 <= tree.status()["a"]["restarts"] <= 4
        assert tree.finish() == 0


def test_a_name_that_is_still_being_removed_is_added_when_it_is_gone(tmp_path: Path) -> None:
    slow = child("d", "ignores_stop", shutdown_s=1.5)
    with running_tree(tmp_path, SETTINGS + slow) as tree:
        before = tree.wait_for("child_ready", "d")["pid"]
        (tmp_path / "upbitd.toml").write_text(SETTINGS)
        with asking(tree, "reload") as removing:
            while tree.status()["d"]["state"] != "stopping":
                assert removing.poll() is None
            (tmp_path / "upbitd.toml").write_text(SETTINGS + child("d"))
            done = tree.ask("reload")
        assert (done.returncode, done.stderr) == (0, "")
        assert pids(tree)["d"] not in {before, None}
        assert tree.ask("reload").stdout == "= 5 unchanged\n"
        assert tree.ask("remove", "d").returncode == 0
        assert [report.rung for report in tree.reports("d")] == ["sigkill"]  # An end that was obeyed is not told.
        assert tree.finish() == 0


def test_a_stop_does_not_wait_for_a_restart_that_takes_long_nor_for_those_behind_it(tmp_path: Path) -> None:
    with running_tree(tmp_path, flags() + child("a", "never_ready", start_timeout_s=60.0) + child("b")) as tree:
        tree.wait_for("child_started", "a")
        with asking(tree, "restart", "a") as first, asking(tree, "restart", "a") as second:
            while tree.status()["a"]["restarts"] == 0:
                assert first.poll() is None
            assert tree.ask("stop", "a").stdout == "a: stopped\n"
            assert {first.wait(LIMIT_S), second.wait(LIMIT_S)} == {1}
        assert tree.status()["a"]["state"] == "stopped"
        assert tree.finish() == 0


@pytest.mark.parametrize("stop", [("stop", "slow"), ("stop",)], ids=["child", "tree"])
def test_an_addition_that_is_stopped_before_it_is_ready_is_no_success(tmp_path: Path, stop: tuple[str, ...]) -> None:
    (tmp_path / "more.toml").write_text(child("slow", "never_ready", start_timeout_s=60.0))
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        with asking(tree, "add", str(tmp_path / "more.toml")) as adding:
            tree.wait_for("child_started", "slow")
            assert tree.ask(*stop).returncode == 0
            assert adding.wait(LIMIT_S) == 1


def test_a_removal_does_not_wait_for_a_start_that_takes_long(tmp_path: Path) -> None:
    with running_tree(tmp_path, flags() + child("a", "never_ready", start_timeout_s=60.0) + child("b")) as tree:
        tree.wait_for("child_started", "a")
        with asking(tree, "restart", "a") as restarting:
            while tree.status()["a"]["restarts"] == 0:
                assert restarting.poll() is None
            assert tree.ask("remove", "a").stdout == "a: removed\n"
            assert restarting.wait(LIMIT_S) == 1
        assert set(pids(tree)) == {"b"}
        assert tree.finish() == 0


def test_a_secret_that_is_named_by_a_reload_is_masked_too(tmp_path: Path) -> None:
    environment = {"UPBITD_ACCESS_KEY": "late-secret-value"}
    settings = flags() + child("b")
    with running_tree(tmp_path, settings + child("a", restart="temporary"), environment=environment) as tree:
        tree.wait_for("child_ready", "a")
        late = child("a", "prints_secrets", restart="temporary").replace(
            "restart =", 'secrets = ["UPBITD_ACCESS_KEY"]\nrestart ='
        )
        (tmp_path / "upbitd.toml").write_text(settings + late)
        assert tree.ask("reload").returncode == 0
        deadline_s = time.monotonic() + LIMIT_S
        while "I know" not in (lines := tree.ask("tail", "a").stdout):
            assert time.monotonic() < deadline_s
        assert "late-secret-value" not in lines + tree.log


@pytest.mark.parametrize(
    ("entry", "event"), [("fails", "child_exited"), ("never_ready", "child_started")], ids=["backoff", "start"]
)
def test_a_stop_interrupts_a_delay_and_a_start_at_once(tmp_path: Path, entry: str, event: str) -> None:
    settings = flags(backoff_first_s=30.0, backoff_cap_s=30.0) + child("a", entry, start_timeout_s=25.0) + child("b")
    with running_tree(tmp_path, settings) as tree:
        for _ in range(2 if entry == "fails" else 1):  # The first restart is at once, the second one waits.
            tree.wait_for(event, "a")
        began_s = time.monotonic()
        assert tree.finish() == 0
        assert time.monotonic() - began_s < LIMIT_S


def test_a_dump_shows_what_a_child_does_and_leaves_it_alone(tmp_path: Path) -> None:
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        before = pids(tree)
        stacks = tree.ask("dump", "b").stdout
        assert "most recent call first" in stacks
        assert "in run_process" in stacks
        assert pids(tree) == before
        assert tree.finish() == 0
        assert history(tree, "child_exited") == []


def test_two_trees_with_the_same_keys_never_use_the_account_at_the_same_time(tmp_path: Path) -> None:
    """The second one is parked and says who has the account; it takes over when the first one is killed."""
    settings = (REPOSITORY / "deploy" / "upbitd.toml").read_text("utf-8")
    with simulated_exchange("--rate", "50", "--access-key", "AK", "--secret-key", "SK") as exchange:
        environment = {
            "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
            "UPBITD_ACCESS_KEY": "AK",
            "UPBITD_SECRET_KEY": "SK",
            "UPBITD_PRIVATE__LOCKS_FOLDER": str(tmp_path / "locks"),
            "UPBITD_PRIVATE__RETRY_PARKED_S": "0.2",
        }
        folders = [tmp_path / "1", tmp_path / "2"]
        for folder in folders:
            folder.mkdir()
        with running_tree(folders[0], settings, environment=environment) as first:
            first.wait_for("child_ready", "private")
            with running_tree(folders[1], settings, environment=environment) as second:
                second.wait_for("child_ready", "private")
                holder = first.status()["private"]["pid"]
                _wait_for_reason(second, f"pid {holder}")
                first.process.kill()
                _wait_for_reason(second, "")
                assert second.finish() == 0


def _wait_for_reason(tree: RunningTree, reason: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        private = tree.status()["private"]
        if reason in private["reason"] and bool(reason) == bool(private["reason"]):
            return
        assert time.monotonic() < deadline_s, private


def test_the_program_of_the_document_about_the_control_socket_runs_as_it_stands(tmp_path: Path) -> None:
    document = (REPOSITORY / "docs" / "control.md").read_text("utf-8")
    program = document.partition("```python\n")[2].partition("```")[0]
    program += (
        "import sys\nprint(restart_and_look(Path(sys.argv[1]), 'a'))\nprint(restart_and_look(Path(sys.argv[1]), 'x'))"
    )
    with running_tree(tmp_path, SETTINGS) as tree:
        tree.wait_for("child_ready", "c")
        done = subprocess.run(
            [sys.executable, "-c", program, str(tree.run_dir)],
            capture_output=True,
            text=True,
            check=True,
            timeout=LIMIT_S,
        )
        assert done.stdout.splitlines() == [
            "a is ready after 1 restarts",
            "no child or group named 'x'; there are g, a, b, c",
        ]
        assert tree.finish() == 0


def test_the_document_about_the_control_socket_names_every_verb() -> None:
    document = (REPOSITORY / "docs" / "control.md").read_text("utf-8")
    assert [verb for verb in VERBS if f"| `{verb}` |" not in document] == []


def test_a_signal_from_outside_is_no_end_of_a_childs_work(tmp_path: Path) -> None:
    with running_tree(tmp_path, flags() + child("a", restart="transient")) as tree:
        os.kill(tree.wait_for("child_ready", "a")["pid"], signal.SIGTERM)
        ended = tree.wait_for("child_exited", "a")
        assert (ended["cause"], ended["code"], ended["signal"]) == ("signal", None, signal.SIGTERM)
        tree.wait_for("child_ready", "a")
        assert tree.finish() == 0
