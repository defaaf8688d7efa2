"""One account, one tree: a lock in the owner's state directory that is held for as long as the account is used.

Two trees with the same keys would each act on the other's orders. The lock is a flock(2) on a file whose name is made
of the exchange and the access key: the kernel frees it when its holder ends, however it ends, and a file that is left
behind says nothing. It holds between all trees of one user on one machine that share this directory; trees of other
users, on other machines, or in containers without a common volume cannot see it, nor does it know two keys of one
account.
"""

import fcntl
import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from protocols.errors import AuthenticationError
from protocols.unreadable import UNREADABLE

NAME_DIGITS: Final = 16
"""Hexadecimal digits of the hash that a file's name shows: 64 bits tell accounts apart and give no key away."""

DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}

_MAX_HOLDER_BYTES: Final = 4096


class AccountInUse(AuthenticationError):
    """Another tree uses the account, or nobody can tell whether one does."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock, as its file says; no key is in it.

    Attributes:
        pid: of the process, in its own container.
        run_dir: of its tree.
        name: the actor's.
    """

    pid: int
    run_dir: str
    name: str

    def __str__(self) -> str:
        return f"{self.name!r} of the tree in {self.run_dir} (pid {self.pid})"


class AccountLock:
    """The lock of the account that this process uses; of one account at a time.

    Args:
        folder: where locks are, made when it is missing; "" for the user's own, `find_locks_folder`.
        holder: what others are told about this process.
    """

    def __init__(self, folder: str, holder: Holder) -> None:
        self._folder = folder
        self._holder = holder
        self._held = ""
        self._fd = -1

    def take(self, websocket_url: str, access_key: str) -> None:
        """Hold the lock of this account; it stays held until another account's is taken, or the process ends.

        Processes that are forked off hold it too.

        Raises:
            AccountInUse: another process holds it, or the lock file cannot be used; then none is held.
        """
        name = lock_name(websocket_url, access_key)
        if name == self._held:
            return
        self.release()
        folder = find_locks_folder(self._folder, os.environ)
        try:
            _make_private(folder)
            self._fd = _lock(folder / name, self._holder)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not a path"
            raise AccountInUse(
                f"the account cannot be locked: {str(folder)!r}: {why}; without the lock two trees could use the same "
                "account: make the directory writable, or set locks_folder"
            ) from None
        self._held = name

    def release(self) -> None:
        """Let others have the account."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._held = -1, ""


def lock_name(websocket_url: str, access_key: str) -> str:
    """Return the name of an account's lock file; spellings of the same address have the same one.

    The path does not count: whoever answers on a host and port knows one set of accounts.
    """
    parts = urlsplit(websocket_url)
    host = (parts.hostname or "").lower().rstrip(".")
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    digest = hashlib.sha256(f"{host}:{port}\n{access_key}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"account-{digest[:NAME_DIGITS]}.lock"


def find_locks_folder(chosen: str, environment: Mapping[str, str]) -> Path:
    """Return the chosen folder, else XDG_STATE_HOME/upbitd/locks, else the same below ~/.local/state; not created.

    Raises:
        AccountInUse: there is no such home directory.
    """
    state = environment.get("XDG_STATE_HOME", "")
    try:
        if chosen:
            return Path(chosen).expanduser()
        if Path(state).is_absolute():  # Others are to be ignored, XDG Base Directory Specification.
            return Path(state) / "upbitd" / "locks"
        return Path.home() / ".local" / "state" / "upbitd" / "locks"
    except RuntimeError:
        raise AccountInUse("the account cannot be locked: no such home directory; set locks_folder") from None


def _make_private(folder: Path) -> None:
    for part in (*reversed(folder.parents), folder):
        part.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(0, "the directory belongs to another user", os.fspath(folder))
    if stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)


def _lock(path: Path, holder: Holder) -> int:
    """Return the locked file's descriptor."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = _read_holder(fd)
        os.close(fd)
        raise AccountInUse(_refusal(who)) from None
    except BaseException:
        os.close(fd)
        raise
    # It is held, whether or not the disk has room for who holds it.
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, msgspec.json.encode(holder) + b"\n", 0)
    return fd


def _read_holder(fd: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(fd, _MAX_HOLDER_BYTES, 0), type=Holder)
    except (OSError, *UNREADABLE):
        return None


def _refusal(who: Holder | None) -> str:
    if who is None:
        return "the account is used by another tree that has not said which; stop that one or use other keys"
    return f"the account is used by {who}; stop that one (upbitd stop --run-dir {who.run_dir}) or use other keys"
