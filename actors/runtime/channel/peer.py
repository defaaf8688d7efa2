"""Who is at the other end of a Unix socket, as the kernel knows it."""

import os
import socket
import struct
from typing import Final, Protocol

_CREDENTIALS: Final = struct.Struct("3i")
"""pid, uid, gid: `struct ucred` of unix(7)."""


class HasOptions(Protocol):
    """A socket of the standard library or one that trio has wrapped."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Read an option that is a structure."""


def is_same_user(raw: HasOptions) -> bool:
    """Whether the peer runs as this user (or root); read from the kernel, not from the peer."""
    _pid, uid, _gid = _credentials(raw)
    return uid in {os.getuid(), 0}


def peer_pid(raw: HasOptions) -> int:
    """Return the peer's process id at the time when it connected or began to listen."""
    pid, _uid, _gid = _credentials(raw)
    return pid


def peer_pid_and_uid(raw: HasOptions) -> tuple[int, int]:
    """Return the same, and whose process it is; the process id is 0 for one of another container."""
    pid, uid, _gid = _credentials(raw)
    return pid, uid


def _credentials(raw: HasOptions) -> tuple[int, int, int]:
    pid, uid, gid = _CREDENTIALS.unpack(raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid, gid
