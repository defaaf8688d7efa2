"""What a real tree keeps of its children's ends."""

import json
import time
from pathlib import Path

import pytest

from supervisor.commands.why import why
from supervisor.records.crash_reports import CrashReport, CrashReports
from tests.tree.running_tree import LIMIT_S, children, running_tree

TALKER = """
[[child]]
name = "talker"
start = "tests.supervisor.records.talking_actor:talks_and_fails"
restart = "temporary"
"""


def only_report(run_dir: Path, child: str) -> CrashReport:
    (report,) = CrashReports(run_dir / "crashes", keep=1).last(child, 9)
    return report


def test_what_a_child_prints_is_in_the_log_and_its_error_in_a_report(tmp_path: Path) -> None:
    with running_tree(tmp_path, TALKER) as tree:
        tree.wait_for("child_exited", "talker")
        assert tree.finish() == 0
        logged = [json.loads(line) for line in tree.log.splitlines()]
        told = {(line.get("stream", ""), line["event"]) for line in logged if line.get("actor") == "talker"}
    assert told == {
        ("stdout", "printed"),
        ("stderr", "wrong"),
        ("stdout", "bytes � that are no text"),
        ("", "logged"),
        ("stdout", "no newline at the end"),
    }
    report = only_report(tree.run_dir, "talker")
    assert (report.code, report.signal, report.cause, report.incarnation) == (1, None, "exit", 1)
    assert "ValueError: first" in report.traceback
    assert "KeyError: 'second'" in report.traceback
    assert {json.loads(line)["event"] for line in report.log_tail} == {event for _stream, event in told}
    assert report.decision == "not restarted: temporary"


def test_a_secret_that_was_quoted_is_nowhere(tmp_path: Path) -> None:
    settings = TALKER.replace("talks_and_fails", "quotes_its_secret") + 'secrets = ["UPBITD_SECRET_KEY"]\n'
    with running_tree(tmp_path, settings, environment={"UPBITD_SECRET_KEY": 'tr"ick\\y-secret'}) as tree:
        exited = tree.wait_for("child_exited", "talker")
        assert exited["summary"] == "KeyError: '***'"
        told = tree.ask("why", "talker").stdout
        assert tree.finish() == 0
    (report,) = (tree.run_dir / "crashes").iterdir()
    everything = [tree.log, json.dumps(tree.events), report.read_text(), told]
    assert [text for text in everything if "ick" in text or "k3y-of-the-client" in text] == []
    assert all(beginning in tree.log for beginning in ('"printed": "***"', '"event":"logged"'))


def test_the_stacks_of_a_segmentation_fault_are_told_after_the_tree_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_tree(tmp_path, children("crashes_hard", child='restart = "temporary"')) as tree:
        tree.wait_for("child_exited", "a")
        assert tree.finish() == 0
    assert only_report(tree.run_dir, "a").signal == 11
    why.main(["a", "--run-dir", str(tree.run_dir)], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(": signal SIGSEGV")
    stacks = next(index for index, line in enumerate(lines) if line.startswith("  stacks"))
    assert lines[stacks + 1] == "    Fatal Python error: Segmentation fault"
    assert any("in crashes_hard" in line for line in lines[stacks + 1 :])


def test_an_end_whose_report_could_not_be_written_is_told_as_lost(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "run" / "crashes").touch()  # As good as a full disk.
    with running_tree(tmp_path, TALKER) as tree:
        tree.wait_for("child_exited", "talker")
        deadline_s = time.monotonic() + LIMIT_S
        while "crash_report.lost" not in tree.log:
            assert time.monotonic() < deadline_s, tree.log
            time.sleep(0.02)
        done = tree.ask("why", "talker")
        assert tree.finish() == 0
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("upbitd: talker: no report of its last end could be written ([Errno ")
