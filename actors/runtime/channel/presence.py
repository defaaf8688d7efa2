"""Whether the actor that is dialled exists at all: one that is restarted keeps its socket, one without is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from actors.runtime.run_dir import actors_in

ABSENT_AFTER_S: Final = 3.0
"""How long there must be no such actor before that is told; a change of the tree takes well under a second."""

MAX_NAMED: Final = 30
"""Actors that are named; a tree may have hundreds, and this is one line of a status."""


class Presence:
    """Follows the attempts of one link to dial, and tells when the name that it dials leads nowhere.

    Args:
        run_dir: where the sockets of the tree are.
        server: the actor that is dialled.
        named_by: what says that it is to be dialled, for people, such as `price_monitor.source`.
        tell: gets one line when the actor has been absent for long enough, and "" when it is there after all, or
            nobody dials it any more.
    """

    def __init__(self, run_dir: Path, server: str, named_by: str, tell: Callable[[str], None]) -> None:
        self._run_dir = run_dir
        self._server = server
        self._named_by = named_by
        self._tell = tell
        self._since_s: float | None = None
        self._is_told = False

    def no_answer(self, *, now_s: float) -> None:
        """An attempt failed: look whether there is such an actor; told once for each absence.

        Where nobody can look, nothing is known: a process without descriptors dials in vain, and on.
        """
        try:
            there = actors_in(self._run_dir)
        except OSError:
            return
        if self._server in there:
            self.settle()
        elif self._since_s is None:
            self._since_s = now_s
        elif not self._is_told and now_s - self._since_s >= ABSENT_AFTER_S:
            self._is_told = True
            self._tell(self._describe(there))

    def settle(self) -> None:
        """The actor is there, or nobody wants to know any more."""
        self._since_s = None
        if self._is_told:
            self._is_told = False
            self._tell("")

    def _describe(self, there: list[str]) -> str:
        named = ", ".join(there[:MAX_NAMED]) or "none"
        more = f" and {len(there) - MAX_NAMED} more" if len(there) > MAX_NAMED else ""
        return (
            f"{self._named_by} names {self._server!r}, and there is no such actor in {self._run_dir}; there are: "
            f"{named}{more}. Correct the name, or add the actor (`upbitd add`); trying on"
        )
