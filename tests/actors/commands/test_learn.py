"""`upbitd learn` as a learner meets it; programs here speak to the exchange without a tree."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.learning.chapters import CHAPTERS
from supervisor.main import run_command
from tests.actors.learning.programs import WITHOUT_CLIENT, program
from tests.tree.running_tree import REPOSITORY, UPBITD, child_environment

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def test_list_shows_the_chapters_in_order_with_days_and_numbers_of_items(capsys: Captured) -> None:
    assert run_command(["learn", "list"]) == 0
    rows = [line.strip("│ ").split("│") for line in capsys.readouterr().out.splitlines() if "Day " in line]
    shown = [(row[0].strip(), row[1].strip(), int(row[3])) for row in rows]
    assert shown == [(f"Day {chapter.days}", chapter.number, len(chapter.items)) for chapter in CHAPTERS]
    assert "(read only)" in rows[-1][2]


def test_list_as_json_has_every_item(capsys: Captured) -> None:
    assert run_command(["learn", "list", "--json", "--lang", "ko"]) == 0
    chapters = json.loads(capsys.readouterr().out)
    assert [chapter["chapter"] for chapter in chapters] == ["1.1", "1.2", "2.1", "2.2", "3.1", "3.2", "4.1", "4.2"]
    assert chapters[1]["items"][3] == {"item": "cleanup", "text": "cleanup() 사용법 이해"}
    assert chapters[-1]["is_read_only"]


def test_the_locale_chooses_korean(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    assert run_command(["learn", "show", "2.1"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# 2.1 복합 구독 마스터")
    assert "- [ ] 동일 클라이언트 복합 구독 이해" in shown
    assert shown.rstrip().endswith("upbitd learn check 2.1 my_program.py")


def test_an_output_without_korean_letters_is_no_error() -> None:
    command = [*UPBITD, "learn", "list", "--lang", "ko"]
    environment = child_environment({"PYTHONIOENCODING": "ascii"})
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_show_prints_only_the_program_on_demand(capsys: Captured) -> None:
    assert run_command(["learn", "show", "2.2", "--program"]) == 0
    source = capsys.readouterr().out
    compile(source, "2.2", "exec")
    assert source.startswith("import asyncio\n")


def test_show_says_that_the_last_chapter_has_no_check(capsys: Captured) -> None:
    assert run_command(["learn", "show", "4.2"]) == 0
    assert "comes with the order manager" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "9.9"], "no chapter '9.9'; there are 1.1, 1.2"),
        (["check", "9.9", "x.py"], "no chapter '9.9'"),
        (["check", "2.1"], "name your program: upbitd learn check 2.1 my_program.py"),
        (["check", "2.1", "no/such.py"], "no/such.py: No such file or directory"),
        (["check", "2.1", "."], ". is a directory; name the file of your program"),
        (["check", "2.1", "README.md"], "README.md, line "),
        (["check", "1.1", "x.py"], "chapter 1.1 runs no program"),
        (["check", "4.2", "x.py"], "chapter 4.2 has no check yet: it comes with the order manager"),
        (["check", "2.1", "x.py", "--seconds", "0"], "not a number of seconds above 0"),
        (["show", "4.2", "--program"], "chapter 4.2 has no program"),
        (["check", "1.2", "upbitd.py", "--keep", "README.md"], "--keep README.md: File exists"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], told: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert run_command(["learn", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert told in shown.err


def test_a_chapter_to_read_asks_its_questions_and_judges_nothing(capsys: Captured) -> None:
    assert run_command(["learn", "check", "1.1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [item["verdict"] for item in document["items"]] == ["not_judged"] * 3
    assert all(item["why"].startswith("Confirm yourself: ") for item in document["items"])


def test_a_check_prints_a_table_alone_on_stdout_and_the_programs_output_on_stderr(
    tmp_path: Path, capsys: Captured
) -> None:
    path, kept = program(tmp_path, WITHOUT_CLIENT.replace("SECONDS", "3")), tmp_path / "kept"
    assert run_command(["learn", "check", "1.2", str(path), "--keep", str(kept)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Chapter 1.2: First practice")
    assert shown.out.count("│ pass ") == 8
    assert "8 passed, 0 failed, 0 not judged" in shown.out
    assert "  | KRW-BTC " in shown.err
    assert "KRW-BTC" not in shown.out
    assert sorted(file.name for file in kept.iterdir()) == ["journal.jsonl", "stderr.txt", "stdout.txt"]
    assert run_command(["learn", "check", "1.2", str(path), "--keep", str(kept)]) == 2


def test_a_failed_item_has_its_reason_and_the_exit_code_is_1(tmp_path: Path, capsys: Captured) -> None:
    path = program(tmp_path, "print('hello')\nraise ValueError('nothing works')\n")
    assert run_command(["learn", "check", "1.2", str(path), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["failed"], document["run"]["exit_code"]) == (8, 1)
    reasons = {item["item"]: item["why"] for item in document["items"]}
    assert reasons["client"] == "the source never makes a WebSocketClient(...)"
    assert reasons["write_basic"].endswith("the program said: ValueError: nothing works")


def test_a_check_that_is_interrupted_ends_its_processes_and_says_so(tmp_path: Path) -> None:
    path = program(tmp_path, "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n")
    command = [*UPBITD, "learn", "check", "1.2", str(path)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=child_environment({"LC_ALL": "C", "TMPDIR": str(tmp_path)}),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = next(line for line in process.stderr if line.startswith("  | "))
    process.send_signal(signal.SIGINT)
    told = process.stderr.read().splitlines()
    process.stderr.close()
    assert (process.wait(20), told[-1]) == (1, "upbitd: learn: interrupted; nothing was judged")
    assert not _is_alive(int(line.removeprefix("  | ")))
    assert [path.name for path in tmp_path.iterdir()] == ["my_program.py"]


def _is_alive(pid: int) -> bool:
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    return True


def test_the_texts_are_in_the_packages_that_are_installed() -> None:
    """The wheel takes whole folders; a file that an ignore rule leaves out would be missing there."""
    code = (
        "import pathlib; from hatchling.builders.wheel import WheelBuilder; "
        "names = {file.distribution_path for file in WheelBuilder('.').recurse_included_files()}; "
        "texts = {str(path) for path in pathlib.Path('actors/learning/texts').rglob('*.*')}; "
        "print(len(texts), sorted(texts - names))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert told.stdout == "22 []\n"
