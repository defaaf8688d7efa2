"""Files of one JSON value a line, read in order or at one place."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from protocols.errors import SettingsError
from protocols.upbit.messages import PRIVATE_TYPES

PROGRESS_EVERY: Final = 10_000
"""Lines between two reports of progress."""

Progress = Callable[[int], None]
"""Told how many bytes were read since it was told last."""

Partition = tuple[str, str]
"""Type and code, as far as they can be told without decoding a message; what belongs to an account has no code."""


class RawLine(NamedTuple):
    """One line of a file: its byte offset, its number from 1, its bytes, and whether its end was written."""

    offset: int
    number: int
    data: bytes
    is_whole: bool


def partition(kind: str, code: str) -> Partition:
    """Return the partition of a message with this type and code."""
    return (kind, "") if kind in PRIVATE_TYPES else (kind, code)


def read_raw_lines(path: Path, progress: Progress) -> Iterator[RawLine]:
    """Read a file line by line; empty lines are skipped.

    Raises:
        SettingsError: it cannot be read.
    """
    offset, told = 0, 0
    try:
        with path.open("rb") as file:
            for number, data in enumerate(file, start=1):
                if not data.isspace():
                    yield RawLine(offset, number, data, data.endswith(b"\n"))
                offset += len(data)
                if number % PROGRESS_EVERY == 0:
                    progress(offset - told)
                    told = offset
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    progress(offset - told)


def read_line_at(path: Path, offset: int) -> bytes:
    """Read the line that begins at a byte offset.

    Raises:
        SettingsError: the file cannot be read any more.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.readline()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
