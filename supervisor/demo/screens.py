"""Writing to the terminal. It happens in a thread: a terminal that is stopped (^S) must not stop the supervisor."""

import os
from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.live import Live

from actors.runtime.stdout import OwnStdout
from supervisor.demo.plain import plain_line
from supervisor.demo.snapshot import Snapshot
from supervisor.demo.view import View

CLOSE_S: Final = 1.0


class Screen(Protocol):
    """Something that shows snapshots. All of it may block, and runs in a thread.

    Attributes:
        every_s: how often it wants a new one.
    """

    every_s: float

    def open(self) -> None:
        """Prepare the terminal."""

    def show(self, snapshot: Snapshot) -> None:
        """Show one snapshot."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class LiveScreen:
    """The whole terminal, redrawn in place; what was there before comes back at the end."""

    every_s = 0.25

    def __init__(self, file: TextIO) -> None:
        self._console = Console(file=file)
        self._view = View()
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def open(self) -> None:
        """Switch to the other screen of the terminal."""
        self._live.start()

    def show(self, snapshot: Snapshot) -> None:
        """Redraw; the size is looked up each time."""
        self._live.update(self._view.render(snapshot, height=self._console.height), refresh=True)

    def close(self) -> None:
        """Switch back."""
        self._live.stop()


class PlainScreen:
    """One line for each snapshot, for pipes and files."""

    every_s = 1.0

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def open(self) -> None:
        """Do nothing: a pipe needs no preparation."""

    def show(self, snapshot: Snapshot) -> None:
        """Append one line."""
        self._file.write(plain_line(snapshot) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Do nothing: each line is out already."""


def screen_for_stdout() -> Screen:
    """Choose by what stdout is."""
    file = OwnStdout()
    is_terminal = file.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    return LiveScreen(file) if is_terminal else PlainScreen(file)
