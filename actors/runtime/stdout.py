"""Stdout whose reader may go away, and which a thread may write that hangs in a stopped terminal."""

import io
import os
import sys
from typing import Final

STDOUT_FD: Final = 1


def forget_output(fd: int = STDOUT_FD) -> None:
    """Let what waits to be written go nowhere: the interpreter would try again at its end, and tell about it."""
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, fd, inheritable=False)
    os.close(null)


class OwnStdout(io.TextIOWrapper):
    """Stdout opened once more.

    The end of the process flushes only `sys.stdout`, so a thread that hangs in a stopped terminal does not hold it up.
    What a reader that went away did not take is forgotten.
    """

    def __init__(self, encoding: str = "utf-8") -> None:
        sys.stdout.flush()
        super().__init__(io.BufferedWriter(io.FileIO(os.dup(STDOUT_FD), "wb")), encoding, "replace")

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
