"""An actor's own output: pipes of the supervisor, written without ever waiting for it.

Descriptors 1 and 2 are pipes that the supervisor reads all the time. Should it stand still, a pipe of 1 MiB fills, and
then whoever prints would stand still too. So `print`, tracebacks and the log go through descriptors of their own on the
same pipes, which do not block: what does not fit is dropped and counted. Only code that writes to descriptors 1 and 2
itself can be held up.
"""

import io
import os
import select
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, cast

from actors.runtime.process.counters import Counters

if TYPE_CHECKING:
    from typing import Any

ATOMIC_BYTES: Final = select.PIPE_BUF
"""So much is written to a pipe in one piece or not at all, pipe(7)."""

DROPPED: Final = "log_lines_dropped"


class PipeWriter(io.RawIOBase):
    """Writes lines to a pipe without blocking; those that do not fit are dropped and counted.

    A line is written in one piece, so that it mixes with no other, unless it is longer than `ATOMIC_BYTES`. Of such a
    line the end may be dropped; what follows begins a new line all the same.

    Args:
        stream: the descriptor of the pipe, 1 or 2.
        counters: where dropped lines are counted.
    """

    def __init__(self, stream: int, counters: Counters) -> None:
        super().__init__()
        self._stream = stream
        # A new description of the same pipe, so that not blocking is this one's alone.
        self._fd = os.open(f"/proc/self/fd/{stream}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._counters = counters
        self._is_within_line = False
        self._is_cut = False
        # Threads write too; and a handler of a signal, in the middle of a write of the same thread.
        self._lock = threading.RLock()

    def writable(self) -> bool:
        """Say that this can be written."""
        return True

    def fileno(self) -> int:
        """Return the pipe's own descriptor, which a program that is started with it may wait for."""
        return self._stream

    def write(self, data: "Any", /) -> int:  # noqa: ANN401 - anything with the buffer interface
        """Write as many lines as fit; always says that all is written."""
        text = bytes(data)
        with self._lock:
            begin = 0
            while begin < len(text):
                end = _end_of_piece(text, begin)
                piece = b"\n" + text[begin:end] if self._is_cut else text[begin:end]
                if not self._write_piece(piece):
                    self._counters.add(DROPPED, text.count(b"\n", begin) or 1)
                    self._is_cut = self._is_within_line
                    break
                self._is_cut = False
                self._is_within_line = not piece.endswith(b"\n")
                begin = end
        return len(text)

    def _write_piece(self, piece: bytes) -> bool:
        try:
            os.write(self._fd, piece)
        except OSError:  # It is full, or its reader is gone.
            return False
        return True

    def write_line(self, line: bytes) -> None:
        """Write one line of the log."""
        self.write(line)


def _end_of_piece(text: bytes, begin: int) -> int:
    """Return the end of the next piece: behind the last line that fits whole, or within one that does not."""
    limit = begin + ATOMIC_BYTES - 1  # One byte is kept for the line break behind a line that was cut.
    if limit >= len(text):
        return len(text)
    return text.rfind(b"\n", begin, limit) + 1 or limit


def redirect_output(counters: Counters) -> PipeWriter:
    """Let `print` and everything else that writes to `sys.stdout` and `sys.stderr` write so; return stderr's writer."""
    stdout, stderr = PipeWriter(1, counters), PipeWriter(2, counters)
    # Nothing is buffered between the two: a buffer would split lines where it is full.
    sys.stdout, sys.stderr = _text(stdout), _text(stderr)
    return stderr


def _text(writer: PipeWriter) -> io.TextIOWrapper:
    return io.TextIOWrapper(cast("io.BufferedWriter", writer), "utf-8", "backslashreplace", line_buffering=True)


def report_uncaught(report: Callable[[str, BaseException], None]) -> None:
    """Report errors that end a thread, or that Python cannot raise anywhere, each with its whole traceback."""

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            name = "?" if arguments.thread is None else arguments.thread.name
            report(f"thread {name}", arguments.exc_value)

    def unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        if arguments.exc_value is not None:
            report(arguments.err_msg or "ignored", arguments.exc_value)

    def uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        report("uncaught", error)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    sys.excepthook = uncaught
