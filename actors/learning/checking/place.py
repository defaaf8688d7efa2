"""Where a check happens: a temporary folder, and what of it is kept."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from protocols.errors import SettingsError

HOME: Final = Path(__file__).resolve().parents[3]
"""Where the packages are, and `upbitd.py` beside them."""

KEPT: Final = ("journal.jsonl", "stdout.txt", "stderr.txt")

LONGEST_TEMPORARY: Final = 40
"""Of the folder that temporary ones are made in: sockets below it must have paths of 100 bytes at most."""


class Place(Struct, frozen=True):
    """The folder of one check."""

    folder: Path

    @property
    def journal(self) -> Path:
        """What the exchange writes down."""
        return self.folder / "journal.jsonl"

    @property
    def run_dir(self) -> Path:
        """The directory of the tree that the program starts."""
        return self.folder / "run"

    def environment(
        self, own: Mapping[str, str], websocket_url: str, access_key: str, secret_key: str
    ) -> dict[str, str]:
        """The program's environment: the checker's own, with nothing of upbitd in it but this check's.

        Keys are always set, so that the owner's keys file is never looked at.
        """
        kept = {name: value for name, value in own.items() if not name.startswith("UPBITD_")}
        paths = [str(HOME), *filter(None, [own.get("PYTHONPATH", "")])]
        return kept | {
            "UPBITD_RUN_DIR": str(self.run_dir),
            "UPBITD_EXCHANGE__WEBSOCKET_URL": websocket_url,
            "UPBITD_ACCESS_KEY": access_key,
            "UPBITD_SECRET_KEY": secret_key,
            "XDG_STATE_HOME": str(self.folder / "state"),
            "PYTHONPATH": os.pathsep.join(paths),
            # Output comes as it is printed, and in the encoding that it is read in.
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
        }


@contextlib.contextmanager
def checking_place() -> Iterator[Place]:
    """Make a folder of mode 0700, and remove it with all that is in it at the end."""
    above = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="upbitd-learn-", dir=above if len(above) <= LONGEST_TEMPORARY else "/tmp")  # noqa: S108 - mkdtemp makes it private
    try:
        yield Place(Path(folder))
    finally:
        # A tree that is still ending may take its sockets away meanwhile.
        shutil.rmtree(folder, ignore_errors=True)


def prepare_kept(folder: Path) -> None:
    """See that a check can be kept in a folder, before it begins.

    Raises:
        SettingsError: the folder cannot be made, or has one already.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"learn: --keep {folder}: {error.strerror}; choose a folder") from None
    there = [name for name in KEPT if (folder / name).exists()]
    if there:
        raise SettingsError(f"learn: --keep {folder}: {there[0]} is there already; choose a new folder")


def keep(place: Place, folder: Path) -> None:
    """Copy what a check left behind.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        for name in KEPT:
            if (place.folder / name).exists():
                shutil.copy(place.folder / name, folder / name)
    except OSError as error:
        raise SettingsError(f"learn: --keep {folder}: {error.strerror}") from None
