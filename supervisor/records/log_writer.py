"""The supervisor's own stderr, written by a thread: a reader that stands still never holds up the tree."""

import os
import select
import signal
import threading
from collections import deque
from types import TracebackType
from typing import Final, Self

import msgspec

from supervisor.records.lines import utc_now

STDERR_FD: Final = 2
MAX_QUEUED_BYTES: Final = 4 * 1024 * 1024

LOOK_S: Final = 0.25
"""How often the thread looks for lines. It is not woken by each: whoever writes a line is doing something that matters
more, such as a restart, and the thread would take a core and the interpreter from that."""

MANY_BYTES: Final = 64 * 1024
"""When so much waits it is woken: what comes so fast would soon not fit."""

FLUSH_S: Final = 1.0
"""How long the end of the program may wait for a slow reader."""

ATOMIC_BYTES: Final = select.PIPE_BUF
"""So much goes into a pipe in one piece, pipe(7): lines that share a write never mix with those of another writer."""


class LogWriter:
    """Writes whole lines in order; when its queue is full the oldest are dropped, counted, and that is told.

    Short lines that piled up share a write, because each write may cost the thread a wait for the interpreter; only a
    line that is longer than `ATOMIC_BYTES` may take several. A context manager: at its end, what is queued is written
    for at most `flush_s` seconds.

    Args:
        fd: where to write; it may be in blocking mode or not.
        max_bytes: how much may be queued.
        flush_s: how long the end may take.

    Attributes:
        dropped: lines that were lost so far.
    """

    def __init__(self, fd: int = STDERR_FD, *, max_bytes: int = MAX_QUEUED_BYTES, flush_s: float = FLUSH_S) -> None:
        self._fd = fd
        self._max_bytes = max_bytes
        self._flush_s = flush_s
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._untold = 0
        self._is_closing = False
        self._wakeup = threading.Condition()
        # A daemon: a reader that never reads again must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._writable = select.poll()
        self._writable.register(fd, select.POLLOUT)
        self.dropped = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with self._wakeup:
            self._is_closing = True
            self._wakeup.notify()
        self._thread.join(self._flush_s)

    def write(self, line: bytes) -> None:
        """Queue one line, with its newline; never blocks."""
        with self._wakeup:
            self._lines.append(line)
            self._bytes += len(line)
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._lines.popleft())
                self.dropped += 1
                self._untold += 1
            if self._bytes > MANY_BYTES:
                self._wakeup.notify()

    def _run(self) -> None:
        # Signals are the main thread's business, and wake its loop only when they are delivered there.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while batch := self._next_batch():
            self._write_batch(batch)

    def _next_batch(self) -> list[bytes]:
        """Wait for lines and return the oldest; none once the end has come and all are written."""
        with self._wakeup:
            while not self._lines and not self._is_closing:
                self._wakeup.wait(LOOK_S)
            batch: list[bytes] = []
            size = 0
            while self._lines and (not batch or size + len(self._lines[0]) <= ATOMIC_BYTES):
                batch.append(self._lines.popleft())
                size += len(batch[-1])
            self._bytes -= size
            return batch

    def _write_batch(self, batch: list[bytes]) -> None:
        """Write some lines; a reader that is gone, or a full disk, costs these lines and nothing else."""
        with self._wakeup:
            untold, self._untold = self._untold, 0
        try:
            if untold:
                self._write_all(_notice(untold))
            self._write_all(b"".join(batch))
        except OSError:
            with self._wakeup:
                self.dropped += len(batch)
                self._untold += untold + len(batch)

    def _write_all(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                # The descriptor is shared with others, one of whom made it so.
                self._writable.poll()


def _notice(lines: int) -> bytes:
    notice = {"actor": "supervisor", "event": "log.dropped", "level": "warning", "lines": lines, "time": utc_now()}
    return msgspec.json.encode(notice) + b"\n"
