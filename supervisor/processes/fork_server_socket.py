"""Where `multiprocess` makes the socket of a fork server: in a folder that is gone at once, or nowhere."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Final

import multiprocess

_NOWHERE: Final = "/proc/self/fd/-1"
"""A folder that cannot be: where `multiprocess` would make the socket of a fork server of its own."""


@contextlib.contextmanager
def folder_of_socket() -> Iterator[None]:
    """Let the fork server's socket be made in a folder that is deleted at once, with the socket's name.

    Whoever holds a descriptor of the socket still reaches it, by /proc. The folder is named by its descriptor too: the
    path of a socket is limited to 107 bytes, unix(7), and a temporary folder's may be longer.
    """
    with tempfile.TemporaryDirectory(prefix="upbitd-") as folder:
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with _sockets_in(f"/proc/self/fd/{fd}"):
                yield
        finally:
            os.close(fd)


def no_sockets() -> contextlib.AbstractContextManager[None]:
    """Keep `multiprocess` from starting a fork server by itself: it can make no socket for one."""
    return _sockets_in(_NOWHERE)


@contextlib.contextmanager
def _sockets_in(folder: str) -> Iterator[None]:
    """Let `multiprocess` make its sockets in a folder; in one that is not there it can make none."""
    config = multiprocess.current_process()._config  # noqa: SLF001 - `tempfile.tempdir` would be everybody's
    before = config.get("tempdir")
    config["tempdir"] = folder
    try:
        yield
    finally:
        config["tempdir"] = before
