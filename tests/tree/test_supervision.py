"""One real tree for each promise of the supervisor."""

import os
import signal
import socket
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from actors.runtime.process import fork_server_guard as guard
from tests.tree.running_tree import LIMIT_S, children, running_tree, upbitd


def test_children_start_in_order_and_stop_in_reverse_with_exit_code_0(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle", "idle", "idle")) as tree:
        tree.wait_for("child_ready", "c")
        assert tree.finish(signal.SIGTERM) == 0
        assert tree.session() == []
        seen = [(event["event"], event["child"]) for event in tree.events]
    assert seen == [
        *[(event, child) for child in "abc" for event in ("child_started", "child_ready")],
        *[("child_stopped", child) for child in "cba"],
        ("supervisor_stopped", None),
    ]
    stopped = [event for event in tree.events if event["event"] == "child_stopped"]
    assert {(event["cause"], event["code"], event["signal"], event["rung"]) for event in stopped} == {
        ("stop", 0, None, "asked")
    }
    times = [event["t_ns"] for event in tree.events]
    assert times == sorted(times)


def test_interrupt_stops_in_order_too(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle", "idle")) as tree:
        tree.wait_for("child_ready", "b")
        os.killpg(tree.process.pid, signal.SIGINT)  # As ^C in a terminal: to the whole group.
        assert tree.finish(signal.SIGCONT) == 0
        assert [event["child"] for event in tree.events if event["event"] == "child_stopped"] == ["b", "a"]
    assert "Traceback" not in tree.log


def test_a_killed_child_comes_back_at_once_each_time_and_leaks_no_descriptor(tmp_path: Path) -> None:
    took_s = []
    with running_tree(tmp_path, children("idle")) as tree:
        pid = tree.wait_for("child_ready")["pid"]
        descriptors = len(list(Path(f"/proc/{tree.process.pid}/fd").iterdir()))
        for _ in range(15):
            killed_s = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            exited = tree.wait_for("child_exited")
            assert (exited["pid"], exited["cause"], exited["code"], exited["signal"]) == (pid, "signal", None, 9)
            pid = tree.wait_for("child_ready")["pid"]
            took_s.append(time.monotonic() - killed_s)
        deadline_s = time.monotonic() + LIMIT_S  # What belonged to the last life is closed behind the restart.
        while len(list(Path(f"/proc/{tree.process.pid}/fd").iterdir())) != descriptors:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        assert tree.status()["a"]["restarts"] == 15
        assert tree.finish() == 0
    print(f"SIGKILL to ready again: median {statistics.median(took_s) * 1000:.0f} ms, max {max(took_s) * 1000:.0f} ms")


def test_a_child_that_always_fails_is_parked_and_the_others_go_on(tmp_path: Path) -> None:
    settings = children("fails", "idle", flags="intensity = 2\nbackoff_first_s = 0.01")
    with running_tree(tmp_path, settings) as tree:
        parked = tree.wait_for("child_parked", "a")
        assert parked["pid"] is None
        assert "ValueError: deliberate" in parked["reason"]
        exits = [event for event in tree.events if event["event"] == "child_exited"]
        assert [(event["cause"], event["code"]) for event in exits] == [("exit", 1)] * 3
        if not any(event["event"] == "child_ready" for event in tree.events):
            tree.wait_for("child_ready", "b")
        status = tree.status()
        assert (status["a"]["state"], status["a"]["pid"]) == ("parked", None)
        assert status["b"]["state"] == "ready"
        assert tree.finish() == 0
    # Each traceback is told once, by the supervisor; the child prints nothing beside its log.
    assert tree.log.count('"event":"child.failed"') == 3
    assert all(line.startswith("{") for line in tree.log.splitlines())


@pytest.mark.parametrize(
    ("entry", "own", "expected"),
    [
        ("ends", "{ code = 3 }", ("exit", 3, None)),
        ("ends", "{ code = 0 }", ("exit", 0, None)),
        ("finishes", "{}", ("exit", 0, None)),
        ("crashes_hard", "{}", ("signal", None, int(signal.SIGSEGV))),
        ("kills_itself", "{}", ("signal", None, int(signal.SIGKILL))),
    ],
)
def test_each_end_of_a_process_is_one_line_that_says_how(
    tmp_path: Path, entry: str, own: str, expected: tuple[str, int | None, int | None]
) -> None:
    settings = children(entry, child=f'restart = "temporary"\nsettings = {own}')
    with running_tree(tmp_path, settings) as tree:
        exited = tree.wait_for("child_exited")
        assert (exited["cause"], exited["code"], exited["signal"]) == expected
        assert tree.finish() == 0
        ends = [event for event in tree.events if event["event"] in {"child_exited", "child_stopped"}]
        assert len(ends) == 1


def test_a_child_that_is_not_ready_in_time_is_killed_with_a_dump_of_its_stacks(tmp_path: Path) -> None:
    settings = children("never_ready", child='start_timeout_s = 1.5\nrestart = "temporary"')
    with running_tree(tmp_path, settings) as tree:
        stopped = tree.wait_for("child_stopped")
        assert (stopped["cause"], stopped["signal"], stopped["rung"]) == ("start_timeout", 9, "sigkill")
        assert tree.finish() == 0
    [report] = tree.reports("a")
    assert "most recent call first" in report.dump
    assert report.decision == "not restarted: temporary"


def test_a_child_that_waits_for_its_owner_is_parked_alive_and_holds_up_nobody(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("parks", "idle")) as tree:
        parked = tree.wait_for("child_parked")
        assert parked["reason"] == "no keys; write them to the keys file"
        if ("child_ready", "b") not in [(event["event"], event["child"]) for event in tree.events]:
            tree.wait_for("child_ready", "b")
        status = tree.status()["a"]
        assert (status["state"], status["pid"], status["reason"]) == ("parked", parked["pid"], parked["reason"])
        assert "a: no keys; write them to the keys file" in tree.ask("status").stdout
        for order, done in (("restart", "restarted"), ("start", "started")):
            ordered = tree.ask(order, "a")
            said = f"upbitd: a was {done} and is not ready but parked ({parked['reason']}); see `upbitd status`\n"
            assert (ordered.returncode, ordered.stdout, ordered.stderr) == (1, "", said)
        assert tree.finish() == 0


@pytest.mark.parametrize("entry", ["ignores_stop", "blocked_in_c", "busy_loop"])
def test_a_child_that_hangs_is_killed_and_the_stop_keeps_its_limit(tmp_path: Path, entry: str) -> None:
    with running_tree(tmp_path, children("idle", entry, child="shutdown_s = 0.4")) as tree:
        tree.wait_for("child_ready", "b")
        began_s = time.monotonic()
        assert tree.finish() == 0
        assert time.monotonic() - began_s <= 15.0
        stopped = [event for event in tree.events if event["event"] == "child_stopped"]
        assert [(event["child"], event["rung"]) for event in stopped] == [("b", "sigkill"), ("a", "asked")]
    [report] = tree.reports("b")
    assert "most recent call first" in report.dump


def test_many_hanging_children_cannot_stretch_the_stop(tmp_path: Path) -> None:
    """One after the other would take them 20 s."""
    with running_tree(
        tmp_path, children(*["ignores_stop"] * 8, flags="shutdown_s = 2.5", child="shutdown_s = 2.5")
    ) as tree:
        tree.wait_for("child_ready", "h")
        began_s = time.monotonic()
        assert tree.finish() == 0
        assert time.monotonic() - began_s <= 15.0


def test_a_second_signal_hurries(tmp_path: Path) -> None:
    with running_tree(
        tmp_path, children("ignores_stop", child="shutdown_s = 60.0", flags="shutdown_s = 120.0")
    ) as tree:
        tree.wait_for("child_ready")
        tree.process.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        # Two pending signals of one kind are one; a stopping supervisor is told by the other kind.
        assert tree.finish(signal.SIGINT) == 0
        assert time.monotonic() - began_s <= 15.0


@pytest.mark.parametrize("entry", ["idle", "blocked_in_c", "busy_loop", "never_ready"])
def test_nothing_outlives_a_killed_supervisor(tmp_path: Path, entry: str) -> None:
    with running_tree(tmp_path, children("idle", entry)) as tree:
        tree.wait_for("child_started", "b")
        if entry != "never_ready":
            tree.wait_for("child_ready", "b")
        pids = [event["pid"] for event in tree.events if event["event"] == "child_started"]
        tree.process.kill()
        deadline_s = time.monotonic() + 1.0
        for pid in pids:
            tree.wait_gone(pid, limit_s=max(0.0, deadline_s - time.monotonic()))


def test_a_child_that_was_just_started_does_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle")) as tree:
        pid = tree.wait_for("child_started")["pid"]
        tree.process.kill()
        tree.wait_gone(pid, limit_s=1.0)


def test_a_second_supervisor_is_refused_with_one_line(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle")) as tree:
        tree.wait_for("child_ready")
        second = tree.ask("run", "-c", str(tmp_path / "upbitd.toml"))
        assert second.returncode == 2
        assert second.stderr.count("\n") == 1
        assert f"is used by another supervisor (pid {tree.process.pid})" in second.stderr
        assert tree.status()["a"]["state"] == "ready"
        assert tree.finish() == 0


def test_after_a_killed_supervisor_the_next_one_starts_in_the_same_directory(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    with running_tree(first, children("idle")) as tree:
        tree.wait_for("child_ready")
        assert tree.finish(signal.SIGKILL) == -signal.SIGKILL
        assert (tree.run_dir / "a.sock").exists()
        (second / "run").symlink_to(tree.run_dir)
        with running_tree(second, children("idle")) as after:
            after.wait_for("child_ready")
            assert after.finish() == 0
        assert sorted(path.name for path in tree.run_dir.iterdir()) == ["lock"]


def test_a_file_for_events_that_cannot_be_opened_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "upbitd.toml"
    config.write_text(children("idle"))
    done = upbitd("run", "-c", str(config), "--run-dir", str(tmp_path / "run"), "--events", "/nonexistent/x")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "upbitd: lifecycle events cannot be written to /nonexistent/x: No such file or directory; choose another file"
    ]


def test_a_pipe_for_events_that_nobody_reads_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    config, fifo = tmp_path / "upbitd.toml", tmp_path / "fifo"
    config.write_text(children("idle"))
    os.mkfifo(fifo)
    done = upbitd("run", "-c", str(config), "--run-dir", str(tmp_path / "run"), "--events", str(fifo))
    assert done.returncode == 2
    problem = "nobody reads this pipe; start its reader first, or choose a file"
    assert done.stderr.splitlines() == [f"upbitd: lifecycle events cannot be written to {fifo}: {problem}"]


def test_a_run_directory_whose_path_is_not_utf_8_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "upbitd.toml"
    config.write_text(children("idle"))
    done = upbitd("run", "-c", str(config), "--run-dir", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"upbitd: the path of run directory {tmp_path}/caf\\xe9 is not UTF-8; choose another by")


def test_a_key_that_is_not_utf_8_is_one_line_without_the_key_and_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "upbitd.toml"
    config.write_text(children("idle"))
    key = os.fsdecode(b"k3y\xffthat-nobody-may-see")
    run = ("run", "-c", str(config), "--run-dir", str(tmp_path / "run"))
    done = upbitd(*run, environment={"UPBITD_ACCESS_KEY": key})
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "upbitd: UPBITD_ACCESS_KEY: not UTF-8; change or unset this environment variable"
    ]


def test_a_socket_that_cannot_be_made_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "upbitd.toml"
    config.write_text(children("idle"))
    (tmp_path / "run" / "a.sock").mkdir(parents=True)
    (tmp_path / "run" / "lock").touch()
    done = upbitd("run", "-c", str(config), "--run-dir", str(tmp_path / "run"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"upbitd: cannot listen on {tmp_path}/run/a.sock: Is a directory" in done.stderr


def test_children_are_reaped_also_when_the_parent_ignores_their_signal(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Inherited by what is started now.
    try:
        with running_tree(tmp_path, children("kills_itself", "idle", child='restart = "temporary"')) as tree:
            signal.signal(signal.SIGCHLD, before)
            exited = tree.wait_for("child_exited", "a")
            assert (exited["cause"], exited["signal"]) == ("signal", 9)
            tree.wait_for("child_ready", "b")
            assert tree.finish() == 0
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_garbage_on_a_control_link_ends_that_child_alone(tmp_path: Path) -> None:
    settings = children("speaks_garbage", "idle", flags="intensity = 1\nbackoff_first_s = 0.01")
    with running_tree(tmp_path, settings) as tree:
        stopped = tree.wait_for("child_stopped", "a")
        assert (stopped["cause"], stopped["signal"]) == ("link_broken", 9)
        assert "control link: message not understood" in stopped["summary"]
        parked = tree.wait_for("child_parked", "a")
        assert "are spent (cause link_broken)" in parked["reason"]
        if ("child_ready", "b") not in [(event["event"], event["child"]) for event in tree.events]:
            tree.wait_for("child_ready", "b")
        assert tree.status()["b"]["state"] == "ready"
        assert tree.finish() == 0


def test_bytes_that_are_no_text_on_the_control_socket_do_not_end_the_tree(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle")) as tree:
        tree.wait_for("child_ready")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tree.run_dir / "control.sock"))
            client.sendall(b'{"verb":"\xff"}\n')
            assert b"request not understood" in client.recv(4096)
        assert tree.status()["a"]["state"] == "ready"
        assert tree.finish() == 0


def test_a_secret_in_a_reason_reaches_neither_the_status_nor_the_history(tmp_path: Path) -> None:
    found, given = "k3y-of-a-keys-file", "k3y-of-the-environment"
    settings = children("parks_with_secrets", child='secrets = ["UPBITD_ACCESS_KEY"]\n' + f'settings.text = "{found}"')
    with running_tree(tmp_path, settings, environment={"UPBITD_ACCESS_KEY": given}) as tree:
        assert tree.wait_for("child_parked")["reason"] == "refused *** and ***"
        shown = tree.ask("status", "--json").stdout
        assert tree.status()["a"]["reason"] == "refused *** and ***"
        assert tree.finish() == 0
    for hidden in (found, given):
        assert hidden not in shown + tree.log + str(tree.events)


def test_bad_settings_start_nothing_and_say_all_that_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "upbitd.toml"
    config.write_text(children("idle", "no_such_actor") + "\ncolour = 1\n[supervisor.more]\nx = 1\n")
    done = upbitd("run", "-c", str(config), "--run-dir", str(tmp_path / "run"))
    assert done.returncode == 2
    assert not (tmp_path / "run" / "lifecycle.jsonl").exists()
    begins = [
        f"upbitd: {config}:12: supervisor.more: unknown setting; known here: ",
        f"upbitd: {config}:11: child b.colour: unknown setting; known here: ",
        f"upbitd: {config}:7: child b: start = 'tests.tree.sample_actors:no_such_actor': ",
    ]
    told = done.stderr.splitlines()
    assert [line[: len(begin)] for line, begin in zip(told, begins, strict=True)] == begins


def test_secrets_reach_their_child_alone_and_nothing_that_can_be_read(tmp_path: Path) -> None:
    key = "k3y-that-must-never-show"
    settings = children("fails", child='secrets = ["UPBITD_ACCESS_KEY"]\nrestart = "temporary"') + (
        '\n[[child]]\nname = "other"\nstart = "tests.tree.sample_actors:idle"\n'
    )
    variables = {"UPBITD_ACCESS_KEY": key, "UPBITD_OTHER__RESTART": "transient"}
    with running_tree(tmp_path, settings, environment=variables) as tree:
        exited = tree.wait_for("child_exited", "a")
        assert exited["summary"] == "ValueError: deliberate  ***"
        tree.wait_for("child_ready", "other")
        for process in tree.session():
            inherited = {name for name in process.environ() if name.startswith("UPBITD_")}
            assert inherited <= {"UPBITD_TREE", guard.VARIABLE, guard.IMPORTS, guard.PATH_BEFORE}
            assert key not in " ".join(process.cmdline())
        assert key not in tree.ask("status", "--json").stdout
        assert tree.finish() == 0
    assert key not in tree.log
    assert '"event":"about.to.fail"' in tree.log
    assert key not in str(tree.events)


def test_restart_and_stop_by_command(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle", "parks")) as tree:
        tree.wait_for("child_ready", "b")
        done = tree.ask("restart", "a")
        assert (done.returncode, done.stdout) == (0, "a: ready\n")
        assert tree.wait_for("child_stopped", "a")["cause"] == "restart"
        unknown = tree.ask("restart", "nobody")
        assert (unknown.returncode, unknown.stderr) == (2, "upbitd: no child or group named 'nobody'; there are a, b\n")
        assert tree.ask("stop").returncode == 0
        assert tree.process.wait(5.0) == 0
        assert "no supervisor runs in" in tree.ask("stop").stderr


def test_a_child_has_no_terminal_and_a_title_of_its_own(tmp_path: Path) -> None:
    with running_tree(tmp_path, children("idle")) as tree:
        pid = tree.wait_for("child_ready")["pid"]
        assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")
        title = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
        assert title.strip() == "upbitd: a"
        assert tree.finish() == 0


def test_a_parked_child_is_tried_again(tmp_path: Path) -> None:
    settings = children("fails", flags="intensity = 0\nprobe_s = 0.2")
    with running_tree(tmp_path, settings) as tree:
        first = tree.wait_for("child_parked")
        second = tree.wait_for("child_parked")
        assert "are spent" in first["reason"]
        assert "failed again when it was tried" in second["reason"]
        assert tree.finish() == 0
