"""A lock on a file that stays one also when its file is removed: a holder sees that, and locks the one in its place.

flock(2) belongs to the inode and not to the path. Once the path is gone, whoever comes next makes another file there,
and locks that one beside the holder of the first. So a lock counts only as long as its file is the one at its path.
"""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from actors.connections.account_holder import Holder, used_by
from protocols.unreadable import UNREADABLE

MAX_ATTEMPTS: Final = 10
"""How often the file may be gone just after it was locked; one attempt takes far below a millisecond."""

_MAX_HOLDER_BYTES: Final = 4096


class LockFile:
    """One lock file, held from `take` to `release`; the kernel frees it when its holder ends, however it ends.

    Args:
        path: of the file; folders that are missing are made, for the owner only.
        holder: what others are told about this process.
    """

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder
        self._fd = -1

    def take(self) -> None:
        """Hold the lock, or see that it is still held: a file that was removed or replaced is made and locked anew.

        Raises:
            AccountInUse: another process holds it. One that was held before stays so until `release`.
            OSError: the file cannot be used.
        """
        if self._fd >= 0 and _is_at(self._fd, self._path):
            return
        newer = _lock(self._path, self._holder)
        self.release()
        self._fd = newer

    def release(self) -> None:
        """Let others have it."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def read_holder(path: Path) -> Holder | None:
    """Return who the file names, whether or not that one holds it still; None when it cannot be told."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return _read_holder(fd)
    finally:
        os.close(fd)


def _lock(path: Path, holder: Holder) -> int:
    """Return the descriptor of the file that is at this path, locked."""
    for _ in range(MAX_ATTEMPTS):
        _make_private(path.parent)
        fd = _lock_once(path)
        if _is_at(fd, path):
            # It is held, whether or not the disk has room for who holds it.
            with suppress(OSError):
                os.ftruncate(fd, 0)
                os.pwrite(fd, msgspec.json.encode(holder) + b"\n", 0)
            return fd
        os.close(fd)  # Removed or replaced between the opening and the lock: others would lock another one.
    raise FileNotFoundError(0, "its file is removed again and again", os.fspath(path))


def _lock_once(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = _read_holder(fd)
        os.close(fd)
        raise used_by(who) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _is_at(fd: int, path: Path) -> bool:
    """Whether an open file is the one at this path."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _make_private(folder: Path) -> None:
    for part in (*reversed(folder.parents), folder):
        part.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(0, "the directory belongs to another user", os.fspath(folder))
    if stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)


def _read_holder(fd: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(fd, _MAX_HOLDER_BYTES, 0), type=Holder)
    except (OSError, *UNREADABLE):
        return None
