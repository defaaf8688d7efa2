"""The run directory: where one tree has its sockets, its history and its lock. Nobody else may look into it."""

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from actors.runtime.run_dir import BORROWED, CONTROL_SOCKET, socket_of
from protocols.errors import SettingsError
from supervisor.service.shortages import unusable
from supervisor.specs.utf_8 import is_utf_8, spell_bytes

MAX_SOCKET_PATH_BYTES: Final = 100
"""The kernel takes 107 bytes in sockaddr_un.sun_path, unix(7)."""

BACKLOG: Final = 128
"""Dials that wait while an actor restarts."""

BY: Final = "--run-dir or UPBITD_RUN_DIR"
"""Both: whose program has started this tree has no command line of ours."""

ANOTHER: Final = f"choose another by {BY}"

MORE_DESCRIPTORS: Final = (
    "let the supervisor have more (`ulimit -n`, or LimitNOFILE= of its unit) or have fewer children"
)


class RunDir:
    """A checked run directory and the paths in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_fd: int | None = None
        self._is_borrowed = False

    @property
    def control_socket(self) -> Path:
        """Where `upbitd status`, `restart` and `stop` reach the supervisor."""
        return self.path / CONTROL_SOCKET

    @property
    def lifecycle_file(self) -> Path:
        """The history of the tree."""
        return self.path / "lifecycle.jsonl"

    @property
    def crashes(self) -> Path:
        """Reports of how children ended."""
        return self.path / "crashes"

    def child_socket(self, name: str) -> Path:
        """Where an actor serves its channel."""
        return socket_of(self.path, name)

    @property
    def lock_file(self) -> Path:
        """Who has a lock on this file has the directory."""
        return self.path / "lock"

    @property
    def is_lost(self) -> bool:
        """Whether this process holds a lock on a file that is not the one in the directory any more."""
        if self._lock_fd is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._lock_fd), self.lock_file.stat())
        except OSError:
            return True

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for one supervisor.

        Raises:
            SettingsError: another supervisor holds it, or the lock file cannot be used.
            TemporaryFailure: it cannot be used just now, as on a full disk. So it is wherever the system is asked.
        """
        self._lock_fd = self._open_lock()
        try:
            yield
        finally:
            os.close(self._lock_fd)
            self._lock_fd = None

    def retake(self) -> None:
        """Make the directory again where it is gone, and hold it as at the start; `mark_again` comes next.

        Raises:
            SettingsError: it cannot be made, or somebody else has made one there.
        """
        try:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o700)  # Not what is above it: that may be gone because all of it ends.
        except OSError as error:
            raise SettingsError(f"{self.path} is gone and cannot be made again: {error.strerror}") from error
        if self.lock_file.exists():
            raise SettingsError(f"{self.path} was removed and has become another tree's")
        open_run_dir(self.path)
        fd = self._open_lock(os.O_EXCL)
        if self._lock_fd is not None:
            os.close(self._lock_fd)
        self._lock_fd = fd

    def _open_lock(self, how: int = 0) -> int:
        try:
            fd = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
        except OSError as error:
            raise unusable(f"{self.lock_file} cannot be locked", error, ANOTHER) from error
        try:
            self._lock(fd)
        except SettingsError:
            os.close(fd)
            raise
        return fd

    def _lock(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
        except BlockingIOError:
            holder = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            raise SettingsError(
                f"{self.path} is used by another supervisor (pid {holder}); stop it with `upbitd stop` or {ANOTHER}"
            ) from None
        except OSError as error:
            raise unusable(f"{self.lock_file} cannot be locked", error, ANOTHER) from error

    def remove_stale_sockets(self) -> None:
        """Remove every socket that a killed supervisor left; whoever calls this holds the lock and has made none.

        Raises:
            SettingsError: one cannot be removed.
        """
        try:
            for path in self.path.glob("*.sock"):
                if path.is_socket():
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise unusable(f"{error.filename or self.path} cannot be removed", error, ANOTHER) from error

    def mark_borrowed(self, is_borrowed: bool) -> None:
        """Say for the clients whether this tree belongs to a program that started it.

        Raises:
            SettingsError: that cannot be written.
        """
        self._is_borrowed = is_borrowed
        marker = self.path / BORROWED
        try:
            marker.touch(0o600) if is_borrowed else marker.unlink(missing_ok=True)
        except OSError as error:
            raise unusable(f"{marker} cannot be written", error, ANOTHER) from error

    def mark_again(self) -> None:
        """Say once more what `mark_borrowed` said, in a directory that was made again.

        Raises:
            SettingsError: that cannot be written.
        """
        self.mark_borrowed(self._is_borrowed)

    def listen(self, path: Path) -> socket.socket:
        """Return a listening Unix socket of mode 0600; a file that a dead supervisor left is replaced.

        Raises:
            SettingsError: the path is too long for a socket, no socket can be made there, or the directory is lost.
        """
        if self.is_lost:  # What is there may be another tree's.
            raise SettingsError(f"cannot listen on {path}: {self.path} is not this tree's any more; restart the tree")
        _check_length(path)
        try:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:  # Not the directory's fault: no descriptor or no memory is left.
            raise unusable(f"cannot listen on {path}", error, MORE_DESCRIPTORS) from error
        try:
            path.unlink(missing_ok=True)
            listener.bind(os.fspath(path))
            path.chmod(0o600)
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            raise unusable(f"cannot listen on {path}", error, ANOTHER) from error
        return listener


def open_run_dir(path: Path) -> RunDir:
    """Create the directory when it is missing, and check that it is ours alone.

    Raises:
        SettingsError: a path that is no UTF-8 or too long, not a directory, another owner, or it cannot be made.
    """
    if not is_utf_8(os.fspath(path)):  # It goes to the children and into answers, which are UTF-8.
        raise SettingsError(f"the path of run directory {spell_bytes(os.fspath(path))} is not UTF-8; {ANOTHER}")
    run_dir = RunDir(path)
    _check_length(run_dir.control_socket)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        is_private = not stat.S_IMODE(status.st_mode) & 0o077
        if status.st_uid == os.getuid() and not is_private and _is_empty_or_ours(path):
            path.chmod(0o700)
            is_private = True
    except OSError as error:
        raise unusable(f"run directory {path} cannot be used", error, ANOTHER) from error
    if status.st_uid != os.getuid():
        raise SettingsError(f"run directory {path} belongs to user {status.st_uid}; choose one of your own by {BY}")
    if not is_private:
        raise SettingsError(f"run directory {path} is open to other users; chmod 700 it or {ANOTHER}")
    return run_dir


def _is_empty_or_ours(path: Path) -> bool:
    """Whether closing the directory to others can hurt nobody: `--run-dir /tmp` must not take /tmp from everybody."""
    names = {entry.name for entry in path.iterdir()}
    return not names or "lock" in names


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH_BYTES:
        raise SettingsError(
            f"{path} is too long for a Unix socket ({length} bytes, limit {MAX_SOCKET_PATH_BYTES}); "
            f"choose a shorter directory by {BY}"
        )
