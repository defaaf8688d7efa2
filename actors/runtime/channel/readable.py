"""Whether bytes wait in a socket, without reading them."""

import fcntl
import struct
import termios
from typing import Final, Protocol

_COUNT: Final = struct.Struct("i")
_ZERO: Final = _COUNT.pack(0)


class HasDescriptor(Protocol):
    """A socket of the standard library or one that trio has wrapped."""

    def fileno(self) -> int:
        """Return its descriptor; -1 once it is closed."""


def is_readable(sock: HasDescriptor) -> bool:
    """Say whether bytes wait in a stream socket; its end, an error and a closed socket are none. Source: unix(7)."""
    fd = sock.fileno()
    if fd < 0:
        return False
    # Not a poll, which also says yes when the other side is gone and nothing is left to be read.
    (count,) = _COUNT.unpack(fcntl.ioctl(fd, termios.FIONREAD, _ZERO))
    return bool(count > 0)
