"""The terminal of a view that is drawn again and again: its screen, and its keys."""

import os
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol, TextIO

import trio
from rich.console import Console, RenderableType
from rich.live import Live

from actors.runtime.stdout import OwnStdout
from supervisor.views.usage_table import Look, as_json, as_lines, as_screen

STDIN_FD: Final = 0

QUIT: Final = frozenset(b"qQ\x03\x04\x1b")
"""q, ^C, ^D, and escape, with which the codes of special keys begin too."""

KEY_BYTES: Final = 64


class Screen(Protocol):
    """Something that shows one look after the other. All of it may block, and runs in a thread."""

    def open(self) -> None:
        """Prepare the terminal."""

    def show(self, look: Look) -> None:
        """Show what was seen."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class LiveScreen:
    """The whole terminal, redrawn in place; what was there before comes back at the end."""

    def __init__(self, file: TextIO) -> None:
        self._console = Console(file=file)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def open(self) -> None:
        """Switch to the other screen of the terminal."""
        self._live.start()

    def show(self, look: Look) -> None:
        """Redraw; the size is looked up each time."""
        screen: RenderableType = as_screen(look, width=self._console.width, height=self._console.height)
        self._live.update(screen, refresh=True)

    def close(self) -> None:
        """Switch back."""
        self._live.stop()


class PlainScreen:
    """Lines that are appended, for pipes, files and programs."""

    def __init__(self, file: TextIO, lines: Callable[[Look], list[str]]) -> None:
        self._file = file
        self._lines = lines

    def open(self) -> None:
        """Do nothing: a pipe needs no preparation."""

    def show(self, look: Look) -> None:
        """Append the lines of one look."""
        self._file.write("".join(f"{line}\n" for line in self._lines(look)))
        self._file.flush()

    def close(self) -> None:
        """Do nothing: each line is out already."""


def screen_for_stdout(*, is_json: bool) -> Screen:
    """Choose by what stdout is, and by who reads it."""
    file = OwnStdout()
    if is_json:
        return PlainScreen(file, lambda look: [as_json(look)])
    if file.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}:
        return LiveScreen(file)
    return PlainScreen(file, lambda look: [*as_lines(look), ""])


@contextmanager
def single_keys(fd: int = STDIN_FD) -> Iterator[bool]:
    """Let each key come at once and unseen; yields whether there is a terminal to read them from."""
    try:
        before = termios.tcgetattr(fd)
    except (termios.error, OSError):
        yield False
        return
    tty.setcbreak(fd, termios.TCSANOW)
    try:
        yield True
    finally:
        with suppress(termios.error):  # The terminal may be gone.
            termios.tcsetattr(fd, termios.TCSANOW, before)


async def wait_quit_key(fd: int = STDIN_FD) -> None:
    """Wait until somebody presses a key that ends a view, or the terminal is gone."""
    while True:
        await trio.lowlevel.wait_readable(fd)
        try:
            keys = os.read(fd, KEY_BYTES)
        except OSError:
            return
        if not keys or QUIT & set(keys):
            return
