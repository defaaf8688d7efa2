"""The result of a check for its reader: each item of a chapter with its verdict, in one language."""

from typing import Any

from msgspec import Struct

from actors.learning.chapters import Chapter
from actors.learning.checking.check import Checked
from actors.learning.course_texts import CourseTexts
from actors.learning.grading.findings import Finding, Verdict


class ItemResult(Struct, frozen=True):
    """One row: `why` is the reason, or the question where the reader decides; `reason` and `facts` are for programs."""

    item: str
    text: str
    verdict: Verdict
    why: str
    reason: str
    facts: dict[str, Any]


class ChapterResult(Struct, frozen=True):
    """One chapter's result; counts are of items."""

    chapter: str
    title: str
    passed: int
    failed: int
    not_judged: int
    items: tuple[ItemResult, ...]

    @property
    def is_passed(self) -> bool:
        """Whether every item that was judged passed."""
        return not self.failed


def result_of(chapter: Chapter, checked: Checked | None, texts: CourseTexts) -> ChapterResult:
    """Put a chapter's verdicts together.

    Args:
        chapter: which one.
        checked: None where no program was run.
        texts: in the reader's language.
    """
    findings = {} if checked is None else checked.findings
    items = tuple(_item_result(chapter, item, findings.get(item), texts) for item in chapter.items)
    counts = {verdict: sum(item.verdict is verdict for item in items) for verdict in Verdict}
    title = texts.chapters[chapter.number].title
    return ChapterResult(
        chapter.number, title, counts[Verdict.PASS], counts[Verdict.FAIL], counts[Verdict.NOT_JUDGED], items
    )


def _item_result(chapter: Chapter, item: str, finding: Finding | None, texts: CourseTexts) -> ItemResult:
    words = texts.chapters[chapter.number].items[item]
    if finding is None:
        why = texts.word("question", question=words.question)
        return ItemResult(item, words.text, Verdict.NOT_JUDGED, why, "question", {})
    return ItemResult(item, words.text, finding.verdict, texts.reason(finding), finding.reason, finding.facts)
