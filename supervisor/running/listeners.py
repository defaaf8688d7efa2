"""One listening socket for each child, held by the supervisor: it outlives the child, so a dial in between waits."""

import contextlib
import socket
from types import TracebackType
from typing import Self

from supervisor.running.own_socket import OwnSocket
from supervisor.running.run_dir import RunDir


class Listeners:
    """The children's sockets in the run directory; a context manager that closes all of them at its end.

    What it removes is its own; in a directory that was made anew, the file of that name may be another tree's.
    """

    def __init__(self, run_dir: RunDir) -> None:
        self._run_dir = run_dir
        self._sockets: dict[str, OwnSocket] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for name in tuple(self._sockets):
            self.close(name)

    def __getitem__(self, child: str) -> socket.socket:
        return self._sockets[child].listener

    def open(self, *children: str) -> None:
        """Listen for children that are new: for all of them, or for none.

        Raises:
            SettingsError: a socket cannot be made in the run directory; those of the others are gone again.
        """
        with contextlib.ExitStack() as undo:
            for child in children:
                path = self._run_dir.child_socket(child)
                self._sockets[child] = OwnSocket(self._run_dir.listen(path), path)
                undo.callback(self.close, child)
            undo.pop_all()

    def renew(self, child: str) -> None:
        """Listen anew where the file of the socket is gone; for a child that begins a new life.

        Raises:
            SettingsError: a socket cannot be made; the child has the old one.
        """
        old = self._sockets[child]
        if not old.is_there:
            self.open(child)
            old.close()

    def gone(self) -> list[str]:
        """Return the children whose sockets nobody can find any more."""
        return [child for child, own in self._sockets.items() if not own.is_there]

    def close(self, child: str) -> None:
        """Stop listening for a child that is gone for good."""
        own = self._sockets.pop(child, None)
        if own is not None:
            own.close()
