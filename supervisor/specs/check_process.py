"""One check process, followed until it answers, ends or hangs."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import click
import msgspec

from actors.runtime.process.logs import are_logs_configured, get_logger
from actors.runtime.settings.check import CheckAnswer, CheckRequest, Importing
from protocols.unreadable import UNREADABLE
from supervisor.machine.causes import signal_name
from supervisor.processes.side_processes import SIDE_PROCESSES
from supervisor.startup.early_signals import ending_by_exit

SLOW_S: Final = 2.0
"""An import that takes longer is told: whoever waits should know for what."""

_CHUNK_BYTES: Final = 65536

_FROM_OUTSIDE: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""Signals that somebody sends; above all the kernel, by SIGKILL, when memory is short."""


class NoAnswer(Exception):
    """The process ended, or there was no time left, before it answered.

    Attributes:
        module: what it imported last; "" when it came to none.
        is_hang: whether it was still at it.
        signal: number of the signal that ended it; 0 when none did.
    """

    def __init__(self, module: str, reason: str, *, is_hang: bool = False, signal: int = 0) -> None:
        super().__init__(reason)
        self.module = module
        self.is_hang = is_hang
        self.signal = signal

    @property
    def may_pass(self) -> bool:
        """Whether the same may work next time; what a module itself does wrong, such as a crash, it does again."""
        return self.is_hang or not self.module or self.signal in _FROM_OUTSIDE


class _Import:
    """What is imported now, told once when it takes long."""

    def __init__(self, deadline_s: float) -> None:
        self.module = ""
        self._deadline_s = deadline_s
        self._slow_s = deadline_s

    def begin(self, module: str) -> None:
        self.module = module
        self._slow_s = min(time.monotonic() + SLOW_S, self._deadline_s)

    def wait_ms(self) -> float:
        """Return how long may be waited until there is something to tell or to end."""
        return max(0.0, 1000 * (self._slow_s - time.monotonic()))

    def tell_when_slow(self) -> None:
        now_s = time.monotonic()
        if now_s < self._slow_s or self._slow_s == self._deadline_s:
            return
        self._slow_s = self._deadline_s
        left_s = max(0.0, self._deadline_s - now_s)
        if are_logs_configured():
            get_logger().warning("settings.import_takes_long", module=self.module, given_up_in_s=round(left_s, 1))
        else:
            click.echo(f"upbitd: importing {self.module} takes long; given up in {left_s:.0f} s", err=True)


def run_check(request: CheckRequest, *, limit_s: float) -> CheckAnswer:
    """Let a process of its own check the children, and return what it found.

    Raises:
        OSError: the interpreter cannot be started.
        NoAnswer: it ended, or took longer than `limit_s`.
    """
    deadline_s = time.monotonic() + limit_s
    current = _Import(deadline_s)
    # Files, not pipes: a module may leave a process behind that holds the other end, and would be waited for.
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as told, ending_by_exit():
        asked.write(msgspec.json.encode(request))
        asked.seek(0)
        with _process(asked, told) as process:
            for line in _lines(process, current, deadline_s):
                message = _read(line, current.module)
                if isinstance(message, CheckAnswer):
                    return message
                current.begin(message.module)
            code = process.poll()
        if code is None:
            raise NoAnswer(current.module, f"not imported within {limit_s:g} s", is_hang=True)
        told.seek(0)
        raise NoAnswer(current.module, _last_words(code, told.read()), signal=max(0, -code))


@contextmanager
def _process(asked: IO[bytes], told: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "actors.runtime.settings.check", str(os.getpid())]
    # The children get the supervisor's import path, so the check must look there too, and nowhere else (-P).
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def make() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=asked, stdout=subprocess.PIPE, stderr=told, env=environment
        )

    with SIDE_PROCESSES.running(make) as process:
        try:
            yield process
        finally:
            # After its answer too: a thread of what it imported may never end.
            process.kill()


def _lines(process: subprocess.Popen[bytes], current: _Import, deadline_s: float) -> Iterator[bytes]:
    """Yield what the process says, until it has ended or the time is over."""
    if process.stdout is None:
        raise AssertionError("the process was started with a pipe")
    out, pending = process.stdout.fileno(), b""
    ended = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(out, select.POLLIN)
        poll.register(ended, select.POLLIN)
        while time.monotonic() < deadline_s:
            ready = {fd for fd, _events in poll.poll(current.wait_ms())}
            current.tell_when_slow()
            if out in ready:
                chunk = os.read(out, _CHUNK_BYTES)
                if not chunk:
                    poll.unregister(out)
                *lines, pending = (pending + chunk).split(b"\n")
                yield from lines
            elif ended in ready:
                return
    finally:
        os.close(ended)


def _read(line: bytes, module: str) -> Importing | CheckAnswer:
    try:
        return msgspec.json.decode(line, type=Importing | CheckAnswer)
    except UNREADABLE as error:
        raise NoAnswer(module, f"it wrote into the answer of the check: {error}") from error


def _last_words(code: int, told: bytes) -> str:
    """Say how the process ended, with the last line that it wrote, where there is one."""
    how = f"exit code {code}" if code >= 0 else signal_name(-code)
    words = told.decode("utf-8", "replace").strip().splitlines()
    return f"the import ended its process ({how})" + (f": {words[-1]}" if words else "")
