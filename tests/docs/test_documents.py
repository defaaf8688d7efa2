"""What the documents say is what the project does."""

import re
from pathlib import Path

import pytest

from supervisor.main import COMMANDS
from tests.docs import fault_reference
from tests.docs.settings_reference import BEGIN, DOCUMENT, all_tables

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def test_the_settings_reference_is_what_the_types_say() -> None:
    assert DOCUMENT.read_text().partition(BEGIN)[2] == all_tables()


def test_the_fault_reference_is_what_the_types_say() -> None:
    made = fault_reference.DOCUMENT.read_text().partition(fault_reference.BEGIN)[2]
    assert made == fault_reference.table()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"(?:`|^\$ )(?:\.venv/bin/)?upbitd ([a-z]+)\b", document.read_text(), re.MULTILINE))
    assert named <= set(COMMANDS), document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(document: Path) -> None:
    text = document.read_text()
    named = re.findall(r"`((?:docs|deploy|tests|bench|protocols|actors|supervisor|requirements)/[\w./-]*\w)`", text)
    missing = [name for name in named if not (REPOSITORY / name).exists()]
    assert missing == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        assert set(re.findall(r"`make ([a-z]+)", document.read_text())) <= targets, document


def test_the_readme_lists_every_command() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    assert [name for name in COMMANDS if f"upbitd {name}" not in readme] == []


def test_the_first_words_of_the_architecture_tree_exist() -> None:
    """Each folder and module of the picture is there."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text().partition("## Where things are")[2]
    picture = text.split("```")[1]
    package = room = ""
    for line in picture.strip().splitlines():
        words = line.split("  ")[0] if not line.startswith(" ") else line.strip()
        first = words.split()[0]
        if not line.startswith(" "):
            package = first if first.endswith("/") else ""
            assert (REPOSITORY / first).exists(), first
        elif line.startswith("    "):
            assert (REPOSITORY / package / room / first.rstrip(",")).exists(), line
        elif first.endswith("/"):
            room = first.rstrip(",")
            assert (REPOSITORY / package / room).exists(), line
