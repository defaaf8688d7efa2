"""Which errors of the system pass by themselves: nobody who starts the same again does so in vain."""

import errno
from typing import Final

from protocols.errors import SettingsError, TemporaryFailure

SHORTAGES: Final = frozenset(
    {
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOSPC,
    }
)
"""Of room, memory, descriptors, processes; and a device that failed, which is none of the owner's words either."""


def unusable(what: str, error: OSError, todo: str) -> SettingsError:
    """Return the error to raise where something that the owner chose cannot be used, by what the system says of it.

    Args:
        what: what cannot be done.
        error: why.
        todo: what the owner may do about it.
    """
    if error.errno in SHORTAGES:
        return TemporaryFailure(f"{what}: {error.strerror}; start it again when that has passed, or {todo}")
    return SettingsError(f"{what}: {error.strerror}; {todo}")
