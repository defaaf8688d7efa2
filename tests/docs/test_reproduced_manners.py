"""Every manner of the exchange in the document has a test that exists, or a reason."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs" / "simulated-exchange.md"
REASONS = ("not reproduced: ", "not a manner but a load: ")


def rows() -> list[tuple[str, str]]:
    part = DOCUMENT.read_text().partition("## What is reproduced")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.+) \| (.+) \|$", part, re.MULTILINE)
    return [(manner, held) for manner, held in lines if held != "held by"]


def all_tests() -> set[str]:
    folders = [REPOSITORY / "tests" / name for name in ("actors/exchange", "protocols/upbit", "clients")]
    files = [path for folder in folders for path in folder.rglob("test_*.py")]
    return {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())}


def test_every_manner_has_a_test_or_a_reason() -> None:
    assert len(rows()) > 60
    assert [manner for manner, held in rows() if not held.startswith(("`test_", *REASONS))] == []


def test_every_test_that_is_named_exists() -> None:
    known = all_tests()
    named = {name for _, held in rows() for name in re.findall(r"`(test_\w+)`", held)}
    assert sorted(named - known) == []
