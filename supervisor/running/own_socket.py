"""A listening socket together with its file, which may be removed or become another tree's while it is open."""

import os
import socket
from pathlib import Path


class OwnSocket:
    """A socket that listens at a path.

    Args:
        listener: bound to `path` by this process.
        path: of its file.

    Attributes:
        listener: the same, open until `close`.
    """

    def __init__(self, listener: socket.socket, path: Path) -> None:
        self.listener = listener
        self._path = path
        self._made = _status(path)

    @property
    def is_there(self) -> bool:
        """Whether the file at the path is still the one that this socket was bound to."""
        found = _status(self._path)
        return found is not None and self._made is not None and os.path.samestat(found, self._made)

    def close(self) -> None:
        """Remove the file if it is still its own, and close the socket."""
        # In this order: as long as the socket is open, no other file can get the number of its inode.
        if self.is_there:
            self._path.unlink(missing_ok=True)
        self.listener.close()


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
