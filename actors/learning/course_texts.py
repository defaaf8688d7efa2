"""The course's words in one language, from the files beside this module."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from actors.learning.grading.findings import Finding
from actors.learning.language import Language

_TEXTS: Final = files("actors.learning") / "texts"


class ItemText(Struct, frozen=True, forbid_unknown_fields=True):
    """One item of a checklist; `question` is what its reader is asked where no rule judges it."""

    text: str
    question: str = ""


class ChapterText(Struct, frozen=True, forbid_unknown_fields=True):
    """A chapter's title, and its items by their ids."""

    title: str
    items: dict[str, ItemText] = field(default_factory=dict)


class CourseTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in one language but the chapters' own pages.

    Attributes:
        chapters: by number.
        reasons: sentences by the name of a finding's reason, with places for its facts.
        words: what the command says, by name.
    """

    chapters: dict[str, ChapterText]
    reasons: dict[str, str]
    words: dict[str, str]

    def reason(self, finding: Finding) -> str:
        """Tell why a finding is what it is; empty where there is nothing to tell."""
        return self.reasons[finding.reason].format(**finding.facts) if finding.reason else ""

    def word(self, name: str, **facts: object) -> str:
        """What the command says, with its facts put in."""
        return self.words[name].format(**facts)


@cache
def course_texts(language: Language) -> CourseTexts:
    """Load the texts of a language."""
    tables: dict[str, Any] = {}
    for name in ("course", "reasons", "words"):
        tables |= tomllib.loads((_TEXTS / language / f"{name}.toml").read_text("utf-8"))
    return msgspec.convert(tables, CourseTexts)


def chapter_page(number: str, language: Language) -> str:
    """The page of a chapter, as Markdown."""
    return (_TEXTS / language / f"{number}.md").read_text("utf-8")
