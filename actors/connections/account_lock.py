"""One account, one tree: a lock in the owner's state directory, and a name in the kernel, held while it is used.

Two trees with the same keys would each act on the other's orders. Each of two locks stops that where the other cannot:

- a file whose name is made of the exchange and the access key (`lock_file`). It holds between all trees that share the
  directory, containers with a common volume included. Who removes it lets another tree in until its holder connects
  the next time and sees it.
- a socket's name, made of the same (`lock_socket`). It holds between all trees on one machine, those of other users
  included, and nothing that is removed undoes it; but it ends at a container that has a network of its own.

The kernel frees both when their holder ends, however it ends, and what is left behind says nothing. Neither is passed
on to processes that the holder starts or forks off. Trees on other machines, and two keys of one account, are unknown
to both.
"""

import hashlib
import os
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from actors.connections.account_holder import AccountInUse, Holder, used_by, used_by_process
from actors.connections.lock_file import LockFile, read_holder
from actors.connections.lock_socket import LockSocket, NameTaken

NAME_DIGITS: Final = 16
"""Hexadecimal digits of the hash that a file's name shows: 64 bits tell accounts apart and give no key away."""

DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}


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
        self._socket: LockSocket | None = None
        self._file: LockFile | None = None
        _LOCKS.add(self)

    def take(self, websocket_url: str, access_key: str) -> None:
        """Hold the lock of this account, or see that it is still held; before each connection.

        It stays held until another account's is taken, or the process ends.

        Raises:
            AccountInUse: another process holds it, or it cannot be locked; then none is held.
        """
        name = lock_name(websocket_url, access_key)
        if name != self._held:
            self.release()
        folder = find_locks_folder(self._folder, os.environ)
        try:
            self._hold(name, folder / name)
        except (OSError, ValueError) as error:
            self.release()
            why = error.strerror if isinstance(error, OSError) else "it is not a path"
            raise AccountInUse(
                f"the account cannot be locked: {str(folder)!r}: {why}; without the lock two trees could use the same "
                "account: make the directory writable, or set locks_folder"
            ) from None
        except AccountInUse:
            self.release()
            raise
        self._held = name

    def release(self) -> None:
        """Let others have the account."""
        for part in (self._file, self._socket):
            if part is not None:
                part.release()
        self._file = self._socket = None
        self._held = ""

    def _hold(self, name: str, path: Path) -> None:
        # The name first: a tree that cannot have it leaves the file alone, which its holder may just be making anew.
        self._socket = self._socket or LockSocket(name)
        try:
            self._socket.take()
        except NameTaken as taken:
            raise _refusal(taken, read_holder(path)) from None
        self._file = self._file or LockFile(path, self._holder)
        self._file.take()


_LOCKS: Final[weakref.WeakSet[AccountLock]] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """Close what a fork has copied: the locks stay held as long as any copy is open, and the parent's are its own."""
    for lock in _LOCKS:
        lock.release()


os.register_at_fork(after_in_child=_let_go_in_child)


def _refusal(taken: NameTaken, who: Holder | None) -> AccountInUse:
    """Say who has the account: what its lock file says, unless that was written by an earlier holder."""
    if who is not None and taken.pid in {who.pid, 0}:
        return used_by(who)
    return used_by_process(taken.pid, taken.uid)


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
