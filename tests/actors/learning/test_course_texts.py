"""Every word of the course is there in both languages, and what it promises is there."""

import ast
import re
import string
from pathlib import Path

import pytest

from actors.commands.learn import program_of
from actors.learning import grading
from actors.learning.chapters import CHAPTERS, Chapter
from actors.learning.course_texts import chapter_page, course_texts
from actors.learning.grading.findings import failed
from actors.learning.grading.rules import RULES
from actors.learning.grading.source import facts_of
from actors.learning.language import LANGUAGES, Language, language_of
from protocols.errors import SettingsError

WITH_PROGRAM = [chapter for chapter in CHAPTERS if chapter.judged]


def reasons_used() -> dict[str, set[str]]:
    """Every reason that a rule can give, with the facts that it hands over."""
    used: dict[str, set[str]] = {}
    for path in Path(grading.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"failed", "not_judged"}
            ):
                assert isinstance(node.args[0], ast.Constant)
                facts = {word.arg for word in node.keywords if word.arg is not None}
                assert used.setdefault(str(node.args[0].value), facts) == facts, node.args[0].value
    return used


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_sentence_with_places_for_its_facts_and_there_are_no_others(language: Language) -> None:
    assert {name: places(text) for name, text in course_texts(language).reasons.items()} == reasons_used()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chapter_has_its_items_and_what_no_rule_judges_has_a_question(language: Language) -> None:
    texts = course_texts(language)
    assert list(texts.chapters) == [chapter.number for chapter in CHAPTERS]
    for chapter in CHAPTERS:
        items = texts.chapters[chapter.number].items
        assert tuple(items) == chapter.items
        assert {name for name, item in items.items() if item.question} == set(chapter.items) - chapter.judged


def test_every_rule_belongs_to_an_item_of_its_chapter() -> None:
    items = {chapter.number: set(chapter.items) for chapter in CHAPTERS}
    assert all(set(rules) <= items[number] for number, rules in RULES.items())


def test_the_command_says_the_same_in_both_languages() -> None:
    korean, english = (course_texts(language).words for language in LANGUAGES)
    assert {name: places(text) for name, text in korean.items()} == {
        name: places(text) for name, text in english.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.number)
def test_every_page_begins_with_its_number_and_names_only_files_that_exist(
    chapter: Chapter, language: Language
) -> None:
    page = chapter_page(chapter.number, language)
    assert page.startswith(f"# {chapter.number} ")
    assert bool(re.search("[가-힣]", page)) == (language == "ko")
    home = Path(__file__).resolve().parents[3]
    named = re.findall(r"`((?:docs/)?[\w-]+\.md)`", page)
    assert [name for name in named if not (home / name).exists()] == []


@pytest.mark.parametrize("chapter", WITH_PROGRAM, ids=lambda chapter: chapter.number)
def test_the_program_of_a_page_is_the_same_in_both_languages_and_does_what_is_checked(chapter: Chapter) -> None:
    programs = {program_of(chapter_page(chapter.number, language), chapter.number) for language in LANGUAGES}
    (program,) = programs
    compile(program, chapter.number, "exec")
    facts = facts_of(program)
    assert facts.clients
    assert facts.is_guarded
    assert facts.subscriptions
    assert all(queue.is_bounded for queue in facts.queues)


def test_a_page_without_a_program_says_so() -> None:
    with pytest.raises(SettingsError, match=r"chapter 1\.1 has no program"):
        program_of(chapter_page("1.1", "en"), "1.1")


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "C", "LC_ALL": "ko"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": ""}, "ko"),
        ({"LANG": "C.UTF-8"}, "en"),
    ],
)
def test_the_locale_chooses_the_language(environment: dict[str, str], language: Language) -> None:
    assert language_of(environment) == language


def test_a_reason_is_told_with_its_facts() -> None:
    finding = failed("still_in", kept="[KRW-BTC]", expected="[KRW-ETH]")
    assert "[KRW-BTC]" in course_texts("ko").reason(finding)
    assert course_texts("en").reason(finding).endswith("expected [KRW-ETH]")
