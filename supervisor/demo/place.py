"""Where a demo happens: a temporary directory that is gone afterwards, with the run directory and the log in it."""

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

STDERR_FD: Final = 2

LONGEST_TEMPORARY: Final = 40
"""Of the directory that temporary ones are made in: sockets below it must have paths of 100 bytes at most."""

LAST_WORDS_LINES: Final = 10


@contextlib.contextmanager
def temporary_place() -> Iterator[Path]:
    """Make a directory of mode 0700 and remove it with all that is in it at the end."""
    above = tempfile.gettempdir()
    place = Path(tempfile.mkdtemp(prefix="upbitd-demo-", dir=above if len(above) <= LONGEST_TEMPORARY else "/tmp"))  # noqa: S108 - mkdtemp makes it private
    try:
        yield place
    finally:
        shutil.rmtree(place)


@contextlib.contextmanager
def stderr_to(file: Path) -> Iterator[None]:
    """Send what this process and its children write to stderr to a file.

    When the body fails, the end of the file is printed: it may say why.
    """
    sys.stderr.flush()
    before = os.dup(STDERR_FD)
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, STDERR_FD)
    os.close(log)
    try:
        yield
    except BaseException:
        os.dup2(before, STDERR_FD)
        os.write(STDERR_FD, b"".join(last_lines(file, LAST_WORDS_LINES)))
        raise
    finally:
        sys.stderr.flush()
        os.dup2(before, STDERR_FD)
        os.close(before)


def last_lines(file: Path, count: int, *, max_bytes: int = 16_384) -> list[bytes]:
    """Return the last complete lines of a file, of which only the end is read; none when it is not there."""
    try:
        with file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(size - max_bytes, 0))
            lines = log.read().splitlines(keepends=True)
    except OSError:
        return []
    if size > max_bytes:
        lines = lines[1:]
    return [line for line in lines if line.endswith(b"\n")][-count:]


@contextlib.contextmanager
def reserved_port(host: str) -> Iterator[int]:
    """Hold a free TCP port for a child that will listen on it.

    The port is bound but not listened on, so the kernel gives it to nobody else, while a listener that sets
    SO_REUSEADDR, as trio's do, can still bind it, also again after a restart. Source: socket(7), ip(7).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, 0))
        yield int(holder.getsockname()[1])
