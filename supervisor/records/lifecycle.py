"""The history of the tree: one JSON object a line in RUN_DIR/lifecycle.jsonl, for programs that watch or test it."""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from actors.runtime.process.logs import Redaction, get_logger
from protocols.errors import SettingsError
from supervisor.service.shortages import unusable

ROTATE_BYTES: Final = 16 * 1024 * 1024
"""At this size the file is renamed to `.1`, which replaces an older one: 32 MiB of history at most."""


class Lifecycle:
    """Appends events; every line is written with one system call, in the order in which things happened.

    The file may be a pipe with a name. A reader that reads no more holds up nothing: what finds no room is lost.

    Raises:
        SettingsError: the file cannot be opened, or is a pipe that nobody reads.
    """

    def __init__(
        self,
        path: Path,
        *,
        redaction: Redaction | None = None,
        rotate_bytes: int = ROTATE_BYTES,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._path = path
        self._redaction = Redaction() if redaction is None else redaction
        self._rotate_bytes = rotate_bytes
        self._monotonic_ns = monotonic_ns
        self._lost = 0
        self._is_torn = False
        try:
            self._fd = self._open()
        except OSError as error:
            what = f"lifecycle events cannot be written to {path}"
            if error.errno == errno.ENXIO and path.is_fifo():
                todo = "nobody reads this pipe; start its reader first, or choose a file"
                raise SettingsError(f"{what}: {todo}") from error
            raise unusable(what, error, "choose another file") from error

    def _open(self) -> int:
        # Without O_NONBLOCK a pipe would hold up the whole supervisor; for a file it means nothing.
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)

    def write(
        self, event: str, *, child: str | None, pid: int | None, at_ns: int | None = None, **fields: object
    ) -> None:
        """Append one event with the monotonic time `t_ns`; extra `fields` follow. No secret gets out.

        Args:
            event: what happened.
            child: to whom.
            pid: the process that it happened to.
            at_ns: when, if that was before now.
            fields: what else there is to say.
        """
        t_ns = self._monotonic_ns() if at_ns is None else at_ns
        common = {"event": event, "child": child, "pid": pid, "t_ns": t_ns}
        line = msgspec.json.encode(self._redaction.fields({**common, **fields})) + b"\n"
        try:
            if os.fstat(self._fd).st_size + len(line) > self._rotate_bytes:
                self._rotate()
            self._append(line)
        except OSError as error:
            # A full disk, or a pipe that nobody reads, must not end the tree: the same facts are in the log.
            self._lost += 1
            get_logger(actor="supervisor").error("lifecycle.lost", lost=self._lost, error=str(error))

    def _append(self, line: bytes) -> None:
        """Write a line; one that follows half a line begins a new one."""
        whole = b"\n" + line if self._is_torn else line
        try:
            self._is_torn = os.write(self._fd, whole) < len(whole)
        except BlockingIOError as error:
            raise OSError(error.errno, "the pipe is full; its reader does not read") from None
        if self._is_torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _rotate(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # The last attempt came no further.
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        full, self._fd = self._fd, self._open()
        os.close(full)

    @property
    def is_gone(self) -> bool:
        """Whether the file was removed while it is written. A pipe is never gone: its reader has it still."""
        try:
            self._path.stat()
        except FileNotFoundError:
            return stat.S_ISREG(os.fstat(self._fd).st_mode)
        except OSError:
            return False  # As far as anybody can tell.
        return False

    def reopen(self) -> None:
        """Go on in a new file where the old one is gone."""
        if not self.is_gone:
            return
        try:
            gone, self._fd = self._fd, self._open()
        except OSError as error:
            self._lost += 1
            get_logger(actor="supervisor").error("lifecycle.lost", lost=self._lost, error=str(error))
        else:
            os.close(gone)

    def close(self) -> None:
        """Close the file; further writes are an error."""
        os.close(self._fd)
