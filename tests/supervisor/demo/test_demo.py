"""`upbitd demo` as an owner calls it: in a process of its own, into a pipe and into a terminal."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.tree.running_tree import REPOSITORY, UPBITD, child_environment

LIMIT_S = 40.0


class Demo:
    """A running demo; `out` is where its output is read."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], stdout: int, out: int) -> None:
        self.folder = folder
        self.out = out
        self.process = subprocess.Popen(
            [*UPBITD, "demo", *arguments],
            cwd=REPOSITORY,
            env=child_environment({"TMPDIR": str(folder), "TERM": "xterm-256color"}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(stdout)
        self.text = ""

    def read_until(self, pattern: str) -> None:
        deadline_s = time.monotonic() + LIMIT_S
        while not re.search(pattern, self.text, re.DOTALL):
            assert time.monotonic() < deadline_s, self.text
            chunk = self._read()
            assert chunk, f"ended before {pattern!r}: {self.text}"

    def read_to_end(self) -> None:
        while self._read():
            pass

    def _read(self) -> bytes:
        try:
            chunk = os.read(self.out, 65536)
        except OSError:  # A terminal whose other end is closed.
            return b""
        self.text += chunk.decode("utf-8", "replace")
        return chunk

    def close_out(self) -> None:
        if self.out >= 0:
            os.close(self.out)
            self.out = -1

    def assert_nothing_is_left(self) -> None:
        left = []
        for process in psutil.process_iter():
            with contextlib.suppress(ProcessLookupError, psutil.Error):
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    left.append(process)
        assert left == []
        assert list(self.folder.iterdir()) == []


@contextlib.contextmanager
def demo(*arguments: str, terminal: tuple[int, int] | None = None) -> Iterator[Demo]:
    if terminal is None:
        out, stdout = os.pipe()
    else:
        out, stdout = pty.openpty()
        fcntl.ioctl(stdout, termios.TIOCSWINSZ, struct.pack("4H", terminal[1], terminal[0], 0, 0))
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        running = Demo(Path(folder), arguments, stdout, out)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.process.kill()
            running.process.communicate()
            running.close_out()


def test_a_demo_ends_by_itself_and_leaves_nothing() -> None:
    with demo("--seconds", "9") as running:
        running.read_to_end()
        assert running.process.wait(LIMIT_S) == 0
        assert "up=" in running.text
        assert "\x1b" not in running.text
        assert running.process.stderr is not None
        assert running.process.stderr.read() == b""
        running.assert_nothing_is_left()


def test_a_demo_shows_moving_prices_of_the_whole_tree_until_an_interrupt_ends_it_in_order() -> None:
    with demo() as running:
        running.read_until("up=6/6")
        running.read_until(r"KRW-BTC +([\d,]+) .*KRW-BTC +(?!\1 )[\d,]+ ")
        running.process.send_signal(signal.SIGINT)
        running.read_to_end()
        assert running.process.wait(LIMIT_S) == 0
        running.assert_nothing_is_left()


def test_a_demo_ends_when_its_reader_goes_away() -> None:
    with demo() as running:
        running.read_until("up=")
        running.close_out()
        assert running.process.wait(LIMIT_S) == 0
        running.assert_nothing_is_left()


def test_in_a_terminal_the_screen_is_redrawn_and_given_back() -> None:
    with demo(terminal=(80, 24)) as running:
        running.read_until(r"KRW-BTC[^\n]*\d+,\d{3},\d{3}.*KRW-BTC")
        assert "\x1b[?1049h" in running.text
        running.process.send_signal(signal.SIGINT)
        running.read_to_end()
        assert running.process.wait(LIMIT_S) == 0
        assert running.text.count("\x1b[?1049l") == 1
        running.assert_nothing_is_left()
