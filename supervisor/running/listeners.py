"""One listening socket for each child, held by the supervisor: it outlives the child, so a dial in between waits."""

import contextlib
import socket
from types import TracebackType
from typing import Self

from supervisor.running.run_dir import RunDir


class Listeners:
    """The children's sockets in the run directory; a context manager that closes and removes all of them at its end."""

    def __init__(self, run_dir: RunDir) -> None:
        self._run_dir = run_dir
        self._sockets: dict[str, socket.socket] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for name in tuple(self._sockets):
            self.close(name)

    def __getitem__(self, child: str) -> socket.socket:
        return self._sockets[child]

    def open(self, child: str) -> None:
        """Listen for a child that is new.

        Raises:
            SettingsError: a socket cannot be made in the run directory.
        """
        self._sockets[child] = self._run_dir.listen(self._run_dir.child_socket(child))

    def close(self, child: str) -> None:
        """Stop listening for a child that is gone for good."""
        with contextlib.suppress(KeyError):
            self._sockets.pop(child).close()
            self._run_dir.child_socket(child).unlink(missing_ok=True)
