"""docs/performance.md: text by people, and between two marks the tables of each part of the bench."""

from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def write_part(name: str, tables: str, document: Path = DOCUMENT) -> None:
    """Replace the tables of one part; the rest of the document stays as it is.

    Raises:
        ValueError: the document has no such part.
    """
    begin, end = f"<!-- written by make bench: {name} -->\n", f"<!-- end of {name} -->"
    head, found_begin, rest = document.read_text("utf-8").partition(begin)
    _old, found_end, tail = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"{document} has no part {name!r}")
    document.write_text(f"{head}{begin}\n{tables.strip()}\n\n{end}{tail}", "utf-8")
