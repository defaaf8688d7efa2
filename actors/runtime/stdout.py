"""Stdout whose reader may go away, and which a thread may write that hangs in a stopped terminal."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT_FD: Final = 1

_NAME: Final = "<stdout>"
"""What a failed write of stdout is about. Without it, a broken pipe or a full disk may be anybody's."""


def forget_output(fd: int = STDOUT_FD) -> None:
    """Let what waits to be written go nowhere: the interpreter would try again at its end, and tell about it."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, fd, inheritable=False)
    os.close(null)


def is_about_stdout(error: OSError) -> bool:
    """Whether it is a write of stdout that failed, by `OwnStdout` or within `marked_stdout`."""
    return bool(error.filename == _NAME)


class _MarkedFile(io.FileIO):
    """Stdout's descriptor, which puts its name into its own failures."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much as the descriptor takes."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = _NAME
            raise


@contextmanager
def marked_stdout() -> Iterator[None]:
    """Let `sys.stdout` mark its failures within; one that is no file of the system's stays as it is."""
    before = sys.stdout
    marked = _marked(before) if isinstance(before, io.TextIOWrapper) else None
    sys.stdout = before if marked is None else marked
    try:
        yield
    finally:
        sys.stdout = before


def _marked(stdout: io.TextIOWrapper) -> io.TextIOWrapper | None:
    is_buffered = isinstance(stdout.buffer, io.BufferedWriter)  # Not so under `python -u`.
    if not isinstance(stdout.buffer.raw if isinstance(stdout.buffer, io.BufferedWriter) else stdout.buffer, io.FileIO):
        return None
    file = _MarkedFile(stdout.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(file) if is_buffered else file,
        stdout.encoding,
        stdout.errors,
        line_buffering=stdout.line_buffering,
        write_through=stdout.write_through,
    )


class OwnStdout(io.TextIOWrapper):
    """Stdout opened once more.

    The end of the process flushes only `sys.stdout`, so a thread that hangs in a stopped terminal does not hold it up.
    What a reader that went away did not take is forgotten.
    """

    def __init__(self, encoding: str = "utf-8") -> None:
        sys.stdout.flush()
        super().__init__(io.BufferedWriter(_MarkedFile(os.dup(STDOUT_FD), "wb")), encoding, "replace")

    def write(self, text: str, /) -> int:
        """Write to the buffer, or through it when it is full."""
        try:
            return super().write(text)
        except OSError:
            forget_output(self.fileno())
            raise

    def flush(self) -> None:
        """Write out what waits."""
        try:
            super().flush()
        except OSError:
            forget_output(self.fileno())
            raise
