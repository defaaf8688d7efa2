"""The programs of a document: each fenced block that is tagged `python`, with the output that a `text` block shows.

The tag may be followed by one word: `notebook` for a cell, which may use `await` at its top level and goes on where the
cell before it stopped, and `own-tree` for a program that is to find no running tree. A block that is tagged
`text outage-public` or `text outage-private` shows the output with an outage of that connection in between.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]

_LINE = re.compile(r"^(?:```(?P<tag>[\w ./-]*)|#+ (?P<heading>.*))$")


class Block(NamedTuple):
    """One program; of a notebook, all cells of one section.

    Attributes:
        document, heading, line: where it stands.
        kind: `program`, `notebook` or `own-tree`.
        cells: its code; one piece, but for a notebook.
        shown: the lines of the text block that follows, none where there is none.
        outage, shown_in_outage: the connection that is lost meanwhile, and the lines that are shown then.
    """

    document: str
    heading: str
    line: int
    kind: str
    cells: tuple[str, ...]
    shown: tuple[str, ...] = ()
    outage: str = ""
    shown_in_outage: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line} ({self.heading})"


def blocks_of(path: Path) -> list[Block]:
    """The programs of one document, in order."""
    found: list[Block] = []
    heading = ""
    may_show = False
    lines = iter(enumerate(path.read_text("utf-8").splitlines(), 1))
    for number, line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        if match["heading"] is not None:
            heading, may_show = match["heading"], False
            continue
        language, _, word = match["tag"].partition(" ")
        text = _until_fence(lines)
        if language == "python":
            _add(found, Block(path.name, heading, number, word or "program", ("\n".join(text) + "\n",)))
        elif language == "text" and word:
            found[-1] = found[-1]._replace(outage=word.removeprefix("outage-"), shown_in_outage=tuple(text))
        elif language == "text" and may_show:
            found[-1] = found[-1]._replace(shown=tuple(text))
        may_show = language == "python"
    return found


def _add(found: list[Block], block: Block) -> None:
    last = found[-1] if found else None
    if last is not None and block.kind == last.kind == "notebook" and block.heading == last.heading:
        found[-1] = last._replace(cells=last.cells + block.cells)
    else:
        found.append(block)


def _until_fence(lines: Iterator[tuple[int, str]]) -> list[str]:
    text: list[str] = []
    for _, line in lines:
        if line == "```":
            return text
        text.append(line)
    raise AssertionError("a fenced block has no end")
