"""The account's keys: from a file that only its owner can read, or handed over by the supervisor; never shown.

The file is TOML with `access_key` and `secret_key`, as the exchange's web page shows them when a key is made. It may be
a credential that the service manager keeps for this service alone, systemd.exec(5).
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from protocols.errors import AuthenticationError

ACCESS_KEY: Final = "UPBITD_ACCESS_KEY"
SECRET_KEY: Final = "UPBITD_SECRET_KEY"  # noqa: S105 - the name of a variable

CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""The service manager's: where it has put what it keeps for this service."""

CREDENTIAL: Final = "keys.toml"
OWN_KEYS_FILE: Final = Path("~/.config/upbitd/keys.toml")

_OPEN_TO_OTHERS: Final = 0o077
_OPEN_TO_OTHERS_OF_CREDENTIALS: Final = 0o037
"""A credential may belong to root and be readable by an access list, whose mask shows as the group's right to read."""


class Keys:
    """An access key and its secret; printing them shows neither."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self.access_key = access_key
        self.secret_key = secret_key

    def __repr__(self) -> str:
        return "Keys(***)"


def find_keys_file(chosen: str | None, environment: Mapping[str, str]) -> Path | None:
    """Return the chosen file, None for none at all; where none is chosen, the service's credential, else the owner's.

    So whoever runs the service names no setting of an actor that the owner's tree may not have.
    """
    if chosen is not None:
        return Path(chosen) if chosen else None
    folder = environment.get(CREDENTIALS_VARIABLE, "")
    credential = Path(folder) / CREDENTIAL
    return credential if folder and _may_be_there(credential) else OWN_KEYS_FILE


def _may_be_there(path: Path) -> bool:
    """Whether there is such a file; one that may not be looked at is told as such when it is opened."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def load_keys(secrets: Mapping[str, str], keys_file: Path | None) -> Keys:
    """Return the keys: those of the environment when both are set, else those of the file; `~` is the owner's home.

    Raises:
        AuthenticationError: there are none, or they cannot be used; the message says where they should be.
    """
    access_key, secret_key = secrets.get(ACCESS_KEY, ""), secrets.get(SECRET_KEY, "")
    if access_key and secret_key:
        return Keys(access_key, secret_key)
    if access_key or secret_key:
        missing = SECRET_KEY if access_key else ACCESS_KEY
        raise AuthenticationError(f"{missing} is not set while the other key is; set both and restart upbitd")
    if keys_file is None:
        raise _no_keys("no keys_file is set")
    try:
        path = keys_file.expanduser()
    except (RuntimeError, ValueError):
        raise AuthenticationError(f"keys file {str(keys_file)!r}: no such home; write the whole path") from None
    return _read_keys(path)


def _no_keys(where: str) -> AuthenticationError:
    return AuthenticationError(
        f"no keys: {where}; write access_key and secret_key there (mode 0600), or set {ACCESS_KEY} and {SECRET_KEY}"
    )


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise _no_keys(f"{path} does not exist") from None
    except ValueError:
        raise AuthenticationError(f"keys file {str(path)!r} is not a path") from None


def _check_private(path: Path, status: os.stat_result) -> None:
    folder = os.environ.get(CREDENTIALS_VARIABLE, "")
    is_credential = bool(folder) and path.parent == Path(folder)
    if stat.S_IMODE(status.st_mode) & (_OPEN_TO_OTHERS_OF_CREDENTIALS if is_credential else _OPEN_TO_OTHERS):
        raise AuthenticationError(f"keys file {path} is open to others; run: chmod 600 {path}")
    if status.st_uid != os.getuid() and not (is_credential and status.st_uid == 0):
        raise AuthenticationError(f"keys file {path} belongs to another user; it must be yours")


def _read_keys(path: Path) -> Keys:
    try:
        with _open(path) as file:
            _check_private(path, os.fstat(file.fileno()))
            content = tomllib.load(file)
    except OSError as error:
        raise AuthenticationError(f"keys file {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):  # No TOML, no UTF-8, too long a number.
        # The parser's own message quotes the line, and the line may hold a key.
        raise AuthenticationError(
            f'keys file {path} is not TOML; write access_key = "..." and secret_key = "..."'
        ) from None
    access_key, secret_key = content.get("access_key"), content.get("secret_key")
    if not (isinstance(access_key, str) and access_key and isinstance(secret_key, str) and secret_key):
        raise AuthenticationError(f"keys file {path} must hold access_key and secret_key, both as text")
    return Keys(access_key, secret_key)
