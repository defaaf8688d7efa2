"""`upbitd add`, `remove`, `start`, `stop NAME`, `restart` and `reload`, against a tree that is a fake."""

import io
import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from protocols.errors import SettingsError, UsageError
from supervisor.commands.add import MAX_FILE_BYTES
from supervisor.control.status import TreeStatus
from supervisor.running.run_dir import RunDir
from supervisor.specs.problems import SettingsProblems
from tests.supervisor.commands.own_tree import TOML, OwnTree, serving
from tests.supervisor.views.statuses import child, ended, group, tree

Run = Callable[..., int]
Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("verb", "reached"),
    [("start", "ready"), ("stop", "stopped"), ("restart", "ready"), ("remove", "removed")],
)
def test_an_order_that_is_done_is_said_in_a_line(
    verb: str, reached: str, run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    own = OwnTree()
    own.reached = reached
    with serving(run_dir, own):
        assert upbitd(verb, "private") == 0
    assert capsys.readouterr() == (f"private: {reached}\n", "")
    assert own.ordered == [(verb, "private")]


def test_a_group_is_ordered_as_a_child_is(run_dir: RunDir, upbitd: Run, capsys: Capture) -> None:
    own = OwnTree(tree(group("consumers", "book"), child("book", group="consumers")))
    with serving(run_dir, own):
        assert upbitd("restart", "consumers") == 0
    assert capsys.readouterr().out == "consumers: ready\n"


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("start", "private was started and is not ready but backoff (\\x1b[2J no keys); see `upbitd status`"),
        ("restart", "private was restarted and is not ready but backoff (\\x1b[2J no keys); see `upbitd status`"),
        ("stop", "private is not stopped but backoff; see `upbitd status`"),
    ],
)
def test_another_state_than_was_ordered_is_exit_code_1(
    verb: str, told: str, run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    own = OwnTree()
    own.reached, own.reason = "backoff", "\x1b[2J no keys"
    with serving(run_dir, own):
        assert upbitd(verb, "private") == 1
    assert capsys.readouterr() == ("", f"upbitd: {told}\n")


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "remove"])
def test_an_unknown_name_is_exit_code_2_and_a_similar_one_is_suggested(
    verb: str, run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    with serving(run_dir, OwnTree()):
        assert upbitd(verb, "privat") == 2
    assert capsys.readouterr() == ("", "upbitd: no child or group named 'privat'; did you mean private?\n")


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "remove"])
def test_a_name_like_no_other_is_not_guessed_at(verb: str, run_dir: RunDir, upbitd: Run, capsys: Capture) -> None:
    with serving(run_dir, OwnTree()):
        assert upbitd(verb, "zzz\x1b[2J") == 2
    assert capsys.readouterr().err == "upbitd: no child or group named 'zzz\\x1b[2J'\n"


def test_a_group_may_have_been_meant(run_dir: RunDir, upbitd: Run, capsys: Capture) -> None:
    with serving(run_dir, OwnTree(tree(group("consumers")))):
        assert upbitd("stop", "consumer") == 2
    assert capsys.readouterr().err.endswith("; did you mean consumers?\n")


@pytest.mark.parametrize(
    "command",
    [("start", "private"), ("stop", "private"), ("restart", "private"), ("remove", "private"), ("reload",)],
)
def test_what_the_supervisor_refuses_is_exit_code_1(
    command: tuple[str, ...], run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    own = OwnTree()
    own.fault = UsageError("the tree is stopping")
    with serving(run_dir, own):
        assert upbitd(*command) == 1
    assert capsys.readouterr() == ("", "upbitd: the tree is stopping\n")


@pytest.mark.parametrize(
    "command",
    [
        ("start", "private"),
        ("stop", "private"),
        ("stop",),
        ("restart", "private"),
        ("remove", "private"),
        ("reload",),
        ("reload", "--dry-run", "--json"),
    ],
)
def test_no_supervisor_is_one_line_and_exit_code_2(command: tuple[str, ...], upbitd: Run, capsys: Capture) -> None:
    assert upbitd(*command) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("upbitd: no supervisor runs in ")
    assert shown.err.count("\n") == 1


def test_an_order_that_takes_long_tells_on_stderr_what_it_waits_for(
    run_dir: RunDir, upbitd: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.control.client.PATIENCE_S", 0.02)

    class SlowTree(OwnTree):
        def status(self) -> TreeStatus:
            self.may_finish.set()
            return super().status()

    own = SlowTree(tree(child("private", state="starting", phase="importing", uptime_s=3.0)))
    own.may_finish = trio.Event()
    with serving(run_dir, own):
        assert upbitd("start", "private") == 0
    shown = capsys.readouterr()
    assert shown.out == "private: ready\n"
    assert shown.err == "upbitd: start private waits for private: starting (importing, up 3 s)\n"


def test_a_supervisor_that_ends_meanwhile_is_exit_code_1(run_dir: RunDir, upbitd: Run, capsys: Capture) -> None:
    begun = threading.Event()

    class EndingTree(OwnTree):
        def _note(self, *order: str) -> None:
            super()._note(*order)
            begun.set()

    own = EndingTree()
    own.may_finish = trio.Event()
    with ExitStack() as served:
        served.enter_context(serving(run_dir, own))

        def end() -> None:
            begun.wait()
            served.close()

        thread = threading.Thread(target=end)
        thread.start()
        assert upbitd("restart", "private") == 1
        thread.join()
    assert capsys.readouterr() == ("", "upbitd: the supervisor did not answer: it ended, or serves too many others\n")


def test_what_was_added_is_said_one_name_a_line(run_dir: RunDir, upbitd: Run, file: Path, capsys: Capture) -> None:
    own = OwnTree()
    with serving(run_dir, own):
        assert upbitd("add", str(file), "--group", "consumers") == 0
    assert capsys.readouterr() == ("public: added\nprivate: added\n", "")
    assert own.ordered == [("add", TOML, "consumers")]


def test_what_was_added_is_one_object_for_programs(run_dir: RunDir, upbitd: Run, file: Path, capsys: Capture) -> None:
    with serving(run_dir, OwnTree()):
        assert upbitd("add", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"names": ["public", "private"]}


def test_children_are_added_from_stdin(
    run_dir: RunDir, upbitd: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'name = "\xec\x97\x85"\n')))
    own = OwnTree()
    with serving(run_dir, own):
        assert upbitd("add", "-") == 0
    assert own.ordered == [("add", 'name = "업"\n', "")]


@pytest.mark.parametrize("state", ["backoff", "parked"])
def test_what_was_added_and_did_not_start_is_exit_code_1(
    state: str, run_dir: RunDir, upbitd: Run, file: Path, capsys: Capture
) -> None:
    own = OwnTree(tree(child("public"), ended("private", state=state), ended("another", state="backoff")))
    with serving(run_dir, own):
        assert upbitd("add", str(file)) == 1
    shown = capsys.readouterr()
    assert shown.out == "public: added\nprivate: added\n"
    assert shown.err == f"upbitd: private was added and is not ready but {state}; see `upbitd why private`\n"


def test_problems_of_a_file_are_one_line_each_with_its_name(
    run_dir: RunDir, upbitd: Run, file: Path, capsys: Capture
) -> None:
    own = OwnTree()
    own.fault = SettingsProblems(["line 1: no name", "line 9: unknown key 'colour'"])
    with serving(run_dir, own):
        assert upbitd("add", str(file)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"upbitd: {file}: line 1: no name\nupbitd: {file}: line 9: unknown key 'colour'\n"


def test_problems_of_stdin_are_told_as_such(
    run_dir: RunDir, upbitd: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    own = OwnTree()
    own.fault = SettingsError("nothing in it")
    with serving(run_dir, own):
        assert upbitd("add", "-") == 2
    assert capsys.readouterr().err == "upbitd: stdin: nothing in it\n"


def test_a_closed_stdin_is_exit_code_2(
    run_dir: RunDir, upbitd: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    own = OwnTree()
    with serving(run_dir, own):
        assert upbitd("add", "-") == 2
    told = "upbitd: stdin: it is closed; name a TOML file with [[child]] tables\n"
    assert (capsys.readouterr().err, own.ordered) == (told, [])


def test_a_file_that_is_missing_is_exit_code_2(upbitd: Run, tmp_path: Path, capsys: Capture) -> None:
    assert upbitd("add", f"{tmp_path}/none.toml") == 2
    shown = f"upbitd: {tmp_path}/none.toml: No such file or directory; name a TOML file with [[child]] tables\n"
    assert capsys.readouterr().err == shown


def test_a_directory_is_no_file_to_add(upbitd: Run, tmp_path: Path, capsys: Capture) -> None:
    assert upbitd("add", str(tmp_path)) == 2
    assert capsys.readouterr().err.startswith(f"upbitd: {tmp_path}: Is a directory; ")


def test_a_file_that_is_not_utf8_is_exit_code_2(upbitd: Run, file: Path, capsys: Capture) -> None:
    file.write_bytes(b'name = "\xff"\n')
    assert upbitd("add", str(file)) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"upbitd: {file}: not TOML: ")
    assert shown.count("\n") == 1


def test_the_longest_file_is_taken_whole(run_dir: RunDir, upbitd: Run, file: Path) -> None:
    text = f"{TOML}#".ljust(MAX_FILE_BYTES, '"')
    file.write_text(text)
    own = OwnTree()
    with serving(run_dir, own):
        assert upbitd("add", str(file)) == 0
    assert own.ordered == [("add", text, "")]


@pytest.mark.parametrize(
    "text",
    [
        "#" * (MAX_FILE_BYTES + 1),
        "é" * MAX_FILE_BYTES,
    ],
    ids=["ASCII", "longer letters"],
)
def test_a_file_that_is_too_long_is_exit_code_2(text: str, upbitd: Run, file: Path, capsys: Capture) -> None:
    file.write_text(text)
    assert upbitd("add", str(file)) == 2
    assert capsys.readouterr().err == f"upbitd: {file}: longer than {MAX_FILE_BYTES} bytes; add it in parts\n"


def test_a_file_without_a_supervisor_is_exit_code_2(upbitd: Run, file: Path, capsys: Capture) -> None:
    assert upbitd("add", str(file)) == 2
    assert capsys.readouterr().err.startswith("upbitd: no supervisor runs in ")


PLANNED = (
    "+ candles\n"
    "~ private (restart): heartbeat_s: 1.0 -> 2.0\n"
    "~ public (no restart): shutdown_s: 5.0 -> 9.0\n"
    "- scanner\n"
    "= 1 unchanged\n"
)


@pytest.mark.parametrize(("options", "asked"), [((), "reload"), (("--dry-run",), "plan")])
def test_reload_shows_each_difference_and_a_dry_run_changes_nothing(
    options: tuple[str, ...], asked: str, run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    own = OwnTree()
    with serving(run_dir, own):
        assert upbitd("reload", *options) == 0
    assert capsys.readouterr() == (PLANNED, "")
    assert own.ordered == [(asked,)]


@pytest.mark.parametrize(("options", "is_applied"), [((), True), (("--dry-run",), False)])
def test_reload_tells_programs_what_is_changed(
    options: tuple[str, ...], is_applied: bool, run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    with serving(run_dir, OwnTree()):
        assert upbitd("reload", "--json", *options) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["is_applied"] is is_applied
    assert [change["kind"] for change in shown["changes"]] == ["add", "restart", "adjust", "remove", "keep"]
    assert shown["changes"][1] == {"kind": "restart", "name": "private", "what": ["heartbeat_s: 1.0 -> 2.0"]}


def test_reload_is_exit_code_1_when_what_it_started_anew_failed(run_dir: RunDir, upbitd: Run, capsys: Capture) -> None:
    own = OwnTree(
        tree(
            ended("candles", state="parked"),
            ended("private", state="backoff"),
            ended("public", state="backoff"),
        )
    )
    with serving(run_dir, own):
        assert upbitd("reload") == 1
        assert capsys.readouterr().err.splitlines() == [
            "upbitd: candles was started anew and is not ready but parked; see `upbitd why candles`",
            "upbitd: private was started anew and is not ready but backoff; see `upbitd why private`",
        ]
        assert upbitd("reload", "--dry-run") == 0


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_settings_that_cannot_be_used_are_exit_code_2(
    options: tuple[str, ...], run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    own = OwnTree()
    own.fault = SettingsProblems(["upbitd.toml: line 3: no entry", "upbitd.toml: line 8: no such group"])
    with serving(run_dir, own):
        assert upbitd("reload", *options) == 2
    assert capsys.readouterr() == (
        "",
        "upbitd: upbitd.toml: line 3: no entry\nupbitd: upbitd.toml: line 8: no such group\n",
    )


def test_an_empty_name_does_not_stop_the_whole_tree(upbitd: Run, capsys: Capture) -> None:
    assert upbitd("stop", "") == 2
    assert capsys.readouterr().err == "upbitd: the name is empty; leave it out to stop the whole tree\n"
