"""A whole check with the client library: the program, its tree, the simulated exchange, and the verdicts.

About 5 to 12 s each: an exchange, a tree and the program's own waits.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import actors.client
from actors.commands.learn import program_of
from actors.learning.chapters import CHAPTERS
from actors.learning.course_texts import chapter_page
from supervisor.main import run_command
from tests.actors.learning.programs import (
    BASIC,
    BASIC_WITHOUT_OUTPUT_AND_CLEANUP,
    MANAGING,
    MANAGING_WITH_TWO_CLIENTS,
    program,
)

pytestmark = pytest.mark.skipif(
    not hasattr(actors.client, "WebSocketClient"), reason="the client library is not in this tree"
)


def check(capsys: pytest.CaptureFixture[str], number: str, path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    code = run_command(["learn", "check", number, str(path), "--json", "--lang", "en", *options])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, document


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {item["item"]: item["verdict"] for item in document["items"]}


def why(document: dict[str, Any], item: str) -> str:
    return str(next(found["why"] for found in document["items"] if found["item"] == item))


def test_a_right_program_of_1_2_passes_every_item(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = check(capsys, "1.2", program(tmp_path, BASIC))
    assert set(verdicts(document).values()) == {"pass"}, document
    assert (code, document["run"]["ending"], document["run"]["exit_code"]) == (0, "ended", 0)


def test_a_right_program_of_1_2_passes_also_when_it_is_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = program(tmp_path, BASIC.replace("sleep(8)", "sleep(100)"))
    code, document = check(capsys, "1.2", path, "--seconds", "8")
    assert set(verdicts(document).values()) == {"pass"}, document
    assert (code, document["run"]["ending"]) == (0, "interrupted")


def test_a_wrong_program_of_1_2_fails_for_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = check(capsys, "1.2", program(tmp_path, BASIC_WITHOUT_OUTPUT_AND_CLEANUP))
    found = verdicts(document)
    assert code == 1
    assert found["client"] == found["subscribe"] == "pass"
    assert {found[item] for item in ("callback", "use_callback", "monitor", "cleanup", "cleanup_works")} == {"fail"}
    assert "nothing was printed" in why(document, "callback")


def test_a_right_program_of_2_2_passes_every_item(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = check(capsys, "2.2", program(tmp_path, MANAGING))
    assert set(verdicts(document).values()) == {"pass"}, document
    assert code == 0


def test_two_clients_in_2_2_accumulate_and_are_told_what_was_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = check(capsys, "2.2", program(tmp_path, MANAGING_WITH_TWO_CLIENTS))
    assert code == 1
    assert verdicts(document)["replace"] == verdicts(document)["distinguish"] == "fail"
    assert "still had [KRW-BTC] of ticker" in why(document, "replace")
    assert "expected [KRW-ETH]" in why(document, "replace")


@pytest.mark.parametrize(
    "chapter", [chapter for chapter in CHAPTERS if chapter.judged], ids=lambda chapter: chapter.number
)
def test_the_program_of_each_page_fails_no_item_of_its_chapter(
    chapter: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = chapter_page(chapter.number, "en")
    path = program(tmp_path, _in_a_hurry(program_of(page, chapter.number)))
    code, document = check(capsys, chapter.number, path)
    unpassed = {item["item"]: item["why"] for item in document["items"] if item["verdict"] != "pass"}
    # No rule for these, and a long run takes minutes.
    assert set(unpassed) == (set(chapter.items) - chapter.judged) | ({"long_run"} & set(chapter.items)), unpassed
    assert code == 0


def _in_a_hurry(source: str) -> str:
    """The same program, which waits 3 s where a person watches for longer."""
    return re.sub(r"asyncio\.sleep\(\d+\)", "asyncio.sleep(3)", source)
