"""Where in a settings file a table or a key stands, which the TOML parser does not tell."""

import re
from typing import Final

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_NAME: Final = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY: Final = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_QUOTES: Final = ('"""', "'''")


class Places:
    """Line numbers of the tables and keys of one TOML text, counted from 1.

    A path is the names on the way: `("supervisor", "strategy")`, `("child", 2, "name")` for the third `[[child]]`.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str | int, ...], int] = {}
        self._counts: dict[tuple[str | int, ...], int] = {}
        self._table: tuple[str | int, ...] = ()
        self._read(text)

    def line_of(self, *path: str | int) -> int | None:
        """Return where the path, or the innermost part of it that the file has, stands; None when it has none."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def _read(self, text: str) -> None:
        quote, depth = "", 0
        for number, line in enumerate(text.splitlines(), 1):
            if not quote and depth <= 0:
                self._read_line(line, number)
            quote, depth = _after(line, quote, depth)

    def _read_line(self, line: str, number: int) -> None:
        if header := _HEADER.match(line):
            path = self._resolve(_split(header[2]))
            if header[1] == "[[":
                index = self._counts[path] = self._counts.get(path, -1) + 1
                path = (*path, index)
            self._table = path
            self._lines.setdefault(path, number)
        elif key := _KEY.match(line):
            self._lines.setdefault((*self._table, *_split(key[1])), number)

    def _resolve(self, names: list[str]) -> tuple[str | int, ...]:
        """Add to each name of a list of tables the number of the newest one."""
        path: tuple[str | int, ...] = ()
        for position, name in enumerate(names):
            path = (*path, name)
            if path in self._counts and position < len(names) - 1:
                path = (*path, self._counts[path])
        return path


def _split(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', dotted)]


def _after(line: str, quote: str, depth: int) -> tuple[str, int]:
    """Return whether a string of several lines is open behind this line, and how many brackets of a value are."""
    is_value = bool(quote) or depth > 0
    position = 0
    while position < len(line):
        rest = line[position:]
        if quote:
            end = rest.find(quote)
            if end < 0:
                return quote, depth
            quote, position = "", position + end + 3
        elif rest.startswith(_QUOTES):
            quote, position = rest[:3], position + 3
        elif rest[0] in "\"'":
            position += 1 + _string_length(rest)
        elif rest[0] == "#":
            break
        else:
            is_value = is_value or rest[0] == "="
            depth += (rest[0] in "[{") - (rest[0] in "]}") if is_value else 0
            position += 1
    return quote, depth


def _string_length(text: str) -> int:
    """Return how many characters behind its opening quote a string of one line has, with the closing one."""
    mark = text[0]
    position = 1
    while position < len(text) and text[position] != mark:
        position += 2 if text[position] == "\\" and mark == '"' else 1
    return position
