"""Where in a settings file a table or a key stands, which the TOML parser does not tell."""

import re
import tomllib
from typing import Final

_NAME: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_PATH: Final = rf"({_NAME}(?:\s*\.\s*{_NAME})*)"
_HEADER: Final = re.compile(rf"^\s*(\[\[?)\s*{_PATH}\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(rf"^\s*{_PATH}\s*=")
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
        # Not by `splitlines`: TOML knows one end of a line, and editors count that.
        for number, line in enumerate(text.split("\n"), 1):
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
    return [_unquoted(part) for part in re.findall(_NAME, dotted)]


def _unquoted(name: str) -> str:
    return str(tomllib.loads(f"name = {name}")["name"]) if name[0] in "\"'" else name


def _after(line: str, quote: str, depth: int) -> tuple[str, int]:
    """Return whether a string of several lines is open behind this line, and how many brackets of a value are."""
    is_value = bool(quote) or depth > 0
    position = 0
    while position < len(line):
        rest = line[position:]
        if quote:
            end = _end_of(quote, rest)
            if end is None:
                return quote, depth
            quote, position = "", position + end
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


def _end_of(quote: str, text: str) -> int | None:
    """Return where a string of several lines ends in a text, behind its closing quotes."""
    position = 0
    while position < len(text):
        if text.startswith(quote, position):
            return position + len(quote)
        position += 2 if text[position] == "\\" and quote == _QUOTES[0] else 1
    return None


def _string_length(text: str) -> int:
    """Return how many characters behind its opening quote a string of one line has, with the closing one."""
    mark = text[0]
    position = 1
    while position < len(text) and text[position] != mark:
        position += 2 if text[position] == "\\" and mark == '"' else 1
    return position
