"""A terminal that understands what the window writes, and nothing else."""

import re
from typing import Final

from rich.cells import cell_len

_PART: Final = re.compile(r"\x1b\[(?P<parameters>[?0-9;]*)(?P<final>[@-~])|(?P<text>[^\x1b]+)")


class Emulator:
    """Keeps the lines of a screen.

    Attributes:
        is_other: whether the other screen is shown, which programs of the whole terminal use.
        modes: private modes that are on.
        writes: pieces of text so far.
        frames: synchronized frames so far.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._cells = [[" "] * width for _ in range(height)]
        self._row = self._column = 0
        self.modes = {"?7", "?25"}
        self.writes = self.frames = 0

    @property
    def is_other(self) -> bool:
        return "?1049" in self.modes

    @property
    def lines(self) -> list[str]:
        return ["".join(row) for row in self._cells]

    def feed(self, data: str) -> None:
        at = 0
        while at < len(data):
            part = _PART.match(data, at)
            assert part is not None, f"not understood: {data[at : at + 20]!r}"
            at = part.end()
            if part["text"] is not None:
                self._write(part["text"])
            else:
                self._obey(part["parameters"], part["final"])

    def _obey(self, parameters: str, final: str) -> None:
        if final == "h":
            self.modes.add(parameters)
            self.frames += parameters == "?2026"
        elif final == "l":
            self.modes.discard(parameters)
        elif final == "H":
            row, column = map(int, parameters.split(";"))
            self._row, self._column = row - 1, column - 1
        elif final == "J":
            assert parameters == "2"
            self._cells = [[" "] * self._width for _ in range(self._height)]
        else:
            assert final == "m", f"not understood: {parameters}{final}"

    def _write(self, text: str) -> None:
        if not self.is_other:
            return  # The shell's own screen.
        self.writes += 1
        assert self._column + cell_len(text) <= self._width, f"too long for the terminal: {text!r}"
        for char in text:
            self._cells[self._row][self._column] = char
            self._column += cell_len(char)
