"""A name that one process at a time can have, kept by the kernel: no file holds it, so none that is removed frees it.

It is the address of a Unix socket in the abstract namespace, unix(7). That namespace belongs to the network namespace:
all users of a machine share it, containers do not unless they share the network. Nobody can take the name from its
holder; another user who has seen it (`ss -x`) can have it while nobody does, and so keep the account from being used,
which is told with the user and the process. The name is a hash, so it can be seen but not guessed from elsewhere.
"""

import errno
import socket
from contextlib import suppress
from typing import Final

from actors.runtime.channel.peer import peer_pid_and_uid

MAX_CALLERS: Final = 128
"""Callers that ask who has the name are never answered: each stays in the backlog, and the kernel tells it the rest."""


class NameTaken(Exception):
    """Another process has the name.

    Attributes:
        pid, uid: of the process; pid 0 when this one cannot see it, uid -1 when the kernel does not say.
    """

    def __init__(self, pid: int, uid: int) -> None:
        super().__init__(pid, uid)
        self.pid = pid
        self.uid = uid


class LockSocket:
    """One name, held from `take` to `release`; the kernel frees it when its holder ends, however it ends."""

    def __init__(self, name: str) -> None:
        self._address = f"\0upbitd/{name}"
        self._socket: socket.socket | None = None

    def take(self) -> None:
        """Hold the name; to take it again does nothing.

        Raises:
            NameTaken: another process has it.
            OSError: there can be no such socket.
        """
        if self._socket is not None:
            return
        holding = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holding.bind(self._address)
            holding.listen(MAX_CALLERS)
        except OSError as error:
            holding.close()
            if error.errno == errno.EADDRINUSE:
                raise NameTaken(*self._ask()) from None
            raise
        self._socket = holding

    def release(self) -> None:
        """Let others have it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _ask(self) -> tuple[int, int]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.setblocking(False)
            # It may have ended by now, its backlog may be full, or it may be a socket that does not listen.
            with suppress(OSError):
                caller.connect(self._address)
                return peer_pid_and_uid(caller)
        return 0, -1
