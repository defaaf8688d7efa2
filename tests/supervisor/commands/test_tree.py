import json
from collections.abc import Callable

import pytest

from supervisor.running.run_dir import RunDir
from tests.supervisor.commands.own_tree import OwnTree, serving
from tests.supervisor.views.statuses import child, ended, group, tree

Run = Callable[..., int]
Capture = pytest.CaptureFixture[str]

SEEN = tree(
    child("public"),
    group("consumers", "book", state="parked"),
    ended("book", group="consumers", state="parked", reason="it ended\x1b[2J\x07\x9b5 times"),
)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "40"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_the_tree_is_a_picture_and_its_reasons_control_no_terminal(
    run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    with serving(run_dir, OwnTree(SEEN)):
        assert upbitd("tree") == 0
    assert capsys.readouterr().out.splitlines() == [
        "upbitd (pid 1)  rest_for_one, running, up 1 min 40 s",
        "├── public     ready   pid 100      up 10.0 s",
        "└── consumers  parked  one_for_all",
        "    └── book   parked               it ended\\x1b[2J\\x07\\x9b5 times",
    ]


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_lines_are_cut_at_its_width_and_what_is_wrong_has_a_colour(
    run_dir: RunDir, upbitd: Run, capsys: Capture
) -> None:
    with serving(run_dir, OwnTree(SEEN)):
        assert upbitd("tree") == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 4
    assert shown[1] == "├── public     ready   pid 100      up …"
    assert shown[3] == "\x1b[33m    └── book   parked               it …\x1b[0m"


@pytest.mark.usefixtures("terminal")
def test_the_colours_are_the_only_codes_that_a_terminal_gets(
    run_dir: RunDir, upbitd: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with serving(run_dir, OwnTree(SEEN)):
        assert upbitd("tree") == 0
    shown = capsys.readouterr().out.replace("\x1b[33m", "").replace("\x1b[0m", "").replace("\n", "")
    assert "it ended\\x1b[2J\\x07\\x9b5 times" in shown
    assert shown.isprintable()


def test_the_tree_for_programs_is_nested(run_dir: RunDir, upbitd: Run, capsys: Capture) -> None:
    with serving(run_dir, OwnTree(SEEN)):
        assert upbitd("tree", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["strategy"], shown["state"], shown["pid"]) == ("rest_for_one", "running", 1)
    public, consumers = shown["members"]
    assert (public["kind"], public["pid"]) == ("child", 100)
    assert consumers["members"][0]["name"] == "book"


def test_a_tree_that_does_not_run_has_no_picture(upbitd: Run, capsys: Capture) -> None:
    assert upbitd("tree") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("upbitd: no supervisor runs in ")
    assert shown.err.count("\n") == 1
