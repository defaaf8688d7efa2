"""The chapters in the order of the course: what each has to confirm, and how it is checked."""

from typing import Final

from msgspec import Struct

from actors.learning.grading.rules import RULES
from protocols.errors import SettingsError


class Chapter(Struct, frozen=True):
    """One chapter.

    Attributes:
        number: as the course counts, such as `2.1`.
        level: 1 to 4.
        days: of the two weeks' plan.
        items: ids of its checklist, in order: the chapter's goals, then those of the level's conditions that its
            program shows.
        seconds: how long a program is let run for a check.
        is_read_only: whether there is no check yet.
    """

    number: str
    level: int
    days: str
    items: tuple[str, ...]
    seconds: float = 20.0
    is_read_only: bool = False

    @property
    def judged(self) -> frozenset[str]:
        """Items that a rule judges; the others are for the reader to confirm."""
        return frozenset(RULES.get(self.number, {}))


CHAPTERS: Final = (
    Chapter("1.1", 1, "1-2", ("usage", "reference", "scenarios")),
    Chapter(
        "1.2",
        1,
        "1-2",
        ("client", "subscribe", "callback", "cleanup", "write_basic", "use_callback", "cleanup_works", "monitor"),
    ),
    Chapter("2.1", 2, "3-4", ("one_client", "types", "callbacks", "compose")),
    # The course's own program takes 40 s.
    Chapter("2.2", 2, "3-4", ("replace", "several", "watch", "distinguish", "handle_several", "errors"), seconds=45.0),
    Chapter("3.1", 3, "5-7", ("clients", "state", "private", "tidy", "architecture", "private_works"), seconds=30.0),
    Chapter("3.2", 3, "8-10", ("optimise", "batch", "memory", "async", "optimised", "long_run")),
    Chapter("4.1", 4, "11-14", ("complete", "quality", "system", "independent")),
    Chapter("4.2", 4, "11-14", ("application", "recovery", "performance", "production"), is_read_only=True),
)


def find_chapter(number: str) -> Chapter:
    """Return a chapter.

    Raises:
        SettingsError: there is none of this number.
    """
    for chapter in CHAPTERS:
        if chapter.number == number:
            return chapter
    known = ", ".join(chapter.number for chapter in CHAPTERS)
    raise SettingsError(f"learn: no chapter {number!r}; there are {known}")
