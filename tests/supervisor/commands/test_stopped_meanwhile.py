"""`upbitd add` and `reload`, when something of what they started is stopped, removed, or done meanwhile."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from supervisor.control.client import NoSupervisor
from supervisor.control.status import LastExit, TreeStatus
from supervisor.running.run_dir import RunDir
from tests.supervisor.commands.own_tree import OwnTree, serving
from tests.supervisor.views.statuses import child, ended, group, tree

Run = Callable[..., int]
Capture = pytest.CaptureFixture[str]

FINISHED = LastExit(0, None, "done")


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (
            tree(ended("private", is_held=True)),
            "private was added and is not ready but stopped; see `upbitd why private`",
        ),
        (
            tree(group("g", state="stopped"), ended("private", group="g", last_exit=FINISHED)),
            "private was added and is not ready but stopped; see `upbitd why private`",
        ),
        (
            tree(child("private", state="starting"), state="stopping"),
            "private was added and is not ready but starting; see `upbitd why private`",
        ),
        (tree(), "private was added and is removed again"),
    ],
    ids=["itself", "its group", "the tree", "removed"],
)
def test_what_was_added_and_is_stopped_before_it_is_ready_is_exit_code_1(
    *, later: TreeStatus, told: str, run_dir: RunDir, upbitd: Run, file: Path, capsys: Capture
) -> None:
    own = OwnTree(tree(group("g")))
    own.seen_later = msgspec.structs.replace(later, children=(child("public"), *later.children))
    with serving(run_dir, own):
        assert upbitd("add", str(file)) == 1
    assert capsys.readouterr() == ("public: added\nprivate: added\n", f"upbitd: {told}\n")


@pytest.mark.parametrize(
    ("before", "later"),
    [
        (tree(group("g", state="stopped")), tree(group("g", state="stopped"), ended("private", group="g"))),
        (
            tree(group("g", state="stopped")),
            tree(group("g", state="stopped"), group("new", group="g", state="stopped"), ended("private", group="new")),
        ),
        (tree(), tree(ended("private", last_exit=FINISHED, reason="ended (cause exit): exit code 0"))),
    ],
    ids=["its group was stopped", "the group around was stopped", "it is done"],
)
def test_what_was_added_and_need_not_run_is_exit_code_0(
    *, before: TreeStatus, later: TreeStatus, run_dir: RunDir, upbitd: Run, file: Path, capsys: Capture
) -> None:
    own = OwnTree(before)
    own.seen_later = msgspec.structs.replace(later, children=(child("public"), *later.children))
    with serving(run_dir, own):
        assert upbitd("add", str(file)) == 0
    assert capsys.readouterr().err == ""


def test_a_supervisor_that_ends_right_after_it_added_something_is_exit_code_1(
    run_dir: RunDir, upbitd: Run, file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_control_socket: Path) -> TreeStatus:
        raise NoSupervisor("no supervisor runs here")

    monkeypatch.setattr("supervisor.commands.options.status_of", ended)
    with serving(run_dir, OwnTree()):
        assert upbitd("add", str(file)) == 1
    told = "upbitd: public, private: added; whether they run is not known: no supervisor runs here\n"
    assert capsys.readouterr() == ("public: added\nprivate: added\n", told)


@pytest.mark.parametrize("was_stopped", [True, False])
def test_reload_minds_one_that_was_stopped_meanwhile_and_not_one_that_was_stopped_before(
    was_stopped: bool, run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    stopped = ended("private", is_held=True)
    own = OwnTree(tree(stopped if was_stopped else child("private")))
    own.seen_later = tree(stopped, child("candles"))
    with serving(run_dir, own):
        assert upbitd("reload") == (0 if was_stopped else 1)
    told = "upbitd: private was started anew and is not ready but stopped; see `upbitd why private`\n"
    assert capsys.readouterr().err == ("" if was_stopped else told)
