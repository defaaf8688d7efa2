"""The terminal of the window: its screen, its size, its keys. What writes may block, and is called in a thread."""

import os
import termios
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import zip_longest
from typing import Final, TextIO

from actors.book.lines import Frame, Line, Style

STDIN_FD: Final = 0
STDOUT_FD: Final = 1

_OPEN: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""The other screen, no cursor, no wrapping at the right margin."""

_CLOSE: Final = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_CLEAR: Final = "\x1b[0m\x1b[2J"
_BEGIN_FRAME, _END_FRAME = "\x1b[?2026h", "\x1b[?2026l"
"""Terminals that know these show a frame at once, the others ignore them."""

# As Korean markets have it: what rises and buys is red, what falls and sells is blue.
_COLOURED: Final[dict[Style, str]] = {"ask": "94", "bid": "91", "rise": "91", "fall": "94", "warn": "1;93"}
_PLAIN: Final[dict[Style, str]] = {"warn": "7", "bold": "1", "dim": "2"}
_UNUSED_KEYS: Final = (termios.VSUSP, termios.VQUIT)


def is_screen(environment: Mapping[str, str]) -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return os.isatty(STDOUT_FD) and environment.get("TERM", "dumb") not in {"dumb", "unknown"}


class Screen:
    """The whole terminal; of each frame only the lines that differ from the one before are written.

    Args:
        file: of the terminal.
        has_colours: whether colours may be used.

    Attributes:
        has_blocks: whether the terminal has block characters.
    """

    def __init__(self, file: TextIO, *, has_colours: bool = True) -> None:
        self._file = file
        self._codes = {**_PLAIN, **(_COLOURED if has_colours else {})}
        self._before = Frame((), (0, 0))
        self.has_blocks = file.encoding.lower().replace("-", "") == "utf8"

    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now."""
        with suppress(OSError):
            found = os.get_terminal_size(self._file.fileno())
            if found.columns > 0 and found.lines > 0:
                return found.columns, found.lines
        return 80, 24

    def open(self) -> None:
        """Switch to the other screen of the terminal."""
        self._write(_OPEN)

    def show(self, frame: Frame) -> bool:
        """Show a frame; return whether anything was different."""
        if frame.size != self._before.size:
            self._before = Frame((), frame.size)
            self._write(_CLEAR)
        changed = [
            f"\x1b[{number};1H{self._coded(line)}"
            for number, (line, old) in enumerate(zip_longest(frame.lines, self._before.lines), 1)
            if line != old
        ]
        self._before = frame
        if changed:
            self._write(f"{_BEGIN_FRAME}{''.join(changed)}{_END_FRAME}")
        return bool(changed)

    def close(self) -> None:
        """Switch back, and leave the terminal as it was."""
        self._write(_CLOSE)

    def _coded(self, line: Line) -> str:
        parts = [f"\x1b[{code}m{text}\x1b[0m" if (code := self._codes.get(style)) else text for text, style in line]
        return "".join(parts)

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


@contextmanager
def single_keys(fd: int = STDIN_FD) -> Iterator[bool]:
    """Let each key come at once and unseen; yields whether there is a terminal to read them from.

    ^C still sends its signal. Those that suspend or abort do not: they would leave the terminal behind as it is now.
    """
    try:
        before = termios.tcgetattr(fd)
    except (termios.error, OSError):
        yield False
        return
    tty.setcbreak(fd, termios.TCSANOW)
    now = termios.tcgetattr(fd)
    for key in _UNUSED_KEYS:
        now[6][key] = b"\0"
    termios.tcsetattr(fd, termios.TCSANOW, now)
    try:
        yield True
    finally:
        with suppress(termios.error):  # The terminal may be gone.
            termios.tcsetattr(fd, termios.TCSANOW, before)
