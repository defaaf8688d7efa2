"""A learner's program in a process group of its own: started, listened to, stopped when its time is over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import trio

from actors.learning.grading.run import Ending, Output, ProgramRun

INTERRUPT_S: Final = 10.0
"""For a program to end after SIGINT: its cleanup, and that of its tree."""

TERMINATE_S: Final = 3.0
BEGIN_S: Final = 30.0
"""For a program to reach the exchange, before its time begins all the same: its imports and its tree, on a busy machine
of one core. One that never gets there has this long, or its time if that is longer."""

REST_S: Final = 1.0
"""After a program's end for its last output; its tree may hold the pipe for longer."""

MAX_LINE: Final = 64 * 1024
"""Bytes of a line; a longer one is taken as several."""

MAX_FILE: Final = 64 * 1024 * 1024
"""Bytes of output that are kept of each stream; what comes after that is graded and not kept."""


class Progress(Protocol):
    """Told how a run goes on."""

    def said(self, text: str, *, is_error: bool) -> None:
        """The program wrote a line."""

    def is_running(self, seconds: int, limit_s: float) -> None:
        """It has run for so many seconds."""

    def is_stopping(self) -> None:
        """Its time is over."""


PROGRESS_S: Final = 5.0


class Program:
    """One run of a program.

    Args:
        path: the program.
        folder: where `stdout.txt` and `stderr.txt` are written.
        progress: told what happens.
    """

    def __init__(self, path: Path, folder: Path, progress: Progress) -> None:
        self._path = path
        self._folder = folder
        self._progress = progress
        self._output = Output()
        self._group = 0

    async def run(
        self, environment: Mapping[str, str], limit_s: float, has_begun: Callable[[], Awaitable[object]]
    ) -> ProgramRun:
        """Run it until it ends, or to its limit and then until it is stopped.

        Args:
            environment: all its variables.
            limit_s: how long it may run from when it has begun; that it starts slowly costs it nothing.
            has_begun: returns when it has begun to do what it is run for.
        """
        process = await trio.lowlevel.open_process(
            [sys.executable, str(self._path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            process_group=0,
        )
        self._group = process.pid
        started_ns = time.monotonic_ns()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, process.stdout, "stdout.txt", self._hear)
                nursery.start_soon(self._listen, process.stderr, "stderr.txt", self._hear_error)
                ending, interrupted_ns = await self._wait(process, limit_s, has_begun)
                ended_ns = time.monotonic_ns()
                nursery.cancel_scope.deadline = trio.current_time() + REST_S
        except BaseException:
            _signal_group(self._group, signal.SIGKILL)
            with trio.CancelScope(shield=True, deadline=trio.current_time() + TERMINATE_S):
                await process.wait()
            raise
        code = process.returncode
        assert code is not None  # noqa: S101 - waited for
        return ProgramRun(ending, code, started_ns, ended_ns, interrupted_ns, self._output)

    async def end_rest(self) -> None:
        """End what is left of its process group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not _signal_group(self._group, number):
                return
            deadline_s = trio.current_time() + TERMINATE_S
            # Nobody tells when the last process of a group is gone.
            while _signal_group(self._group, 0) and trio.current_time() < deadline_s:  # noqa: ASYNC110 - see above
                await trio.sleep(0.05)

    async def _wait(
        self, process: trio.Process, limit_s: float, has_begun: Callable[[], Awaitable[object]]
    ) -> tuple[Ending, int | None]:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._limit, scope, limit_s, has_begun)
                await process.wait()
                nursery.cancel_scope.cancel()
        if process.returncode is not None:
            return "ended", None
        self._progress.is_stopping()
        interrupted_ns = time.monotonic_ns()
        if await self._is_ended_by(process, signal.SIGINT, INTERRUPT_S):
            return "interrupted", interrupted_ns
        if not await self._is_ended_by(process, signal.SIGTERM, TERMINATE_S):
            _signal_group(self._group, signal.SIGKILL)
            await process.wait()
        return "killed", interrupted_ns

    async def _is_ended_by(self, process: trio.Process, number: signal.Signals, wait_s: float) -> bool:
        _signal_group(self._group, number)
        with trio.move_on_after(wait_s):
            await process.wait()
        return process.returncode is not None

    async def _limit(self, scope: trio.CancelScope, limit_s: float, has_begun: Callable[[], Awaitable[object]]) -> None:
        """End a scope so long after the program has begun, and tell how long it runs."""
        scope.deadline = trio.current_time() + max(BEGIN_S, limit_s)
        with trio.move_on_after(BEGIN_S) as starting:
            await has_begun()
        if starting.cancelled_caught:
            return
        begin_s = trio.current_time()
        scope.deadline = begin_s + limit_s
        for number in range(1, int(limit_s / PROGRESS_S) + 1):
            await trio.sleep_until(begin_s + number * PROGRESS_S)
            self._progress.is_running(round(number * PROGRESS_S), limit_s)

    async def _listen(self, stream: trio.abc.ReceiveStream | None, name: str, hear: Callable[[str, int], None]) -> None:
        """Read a stream line by line; its end may never come when a grandchild holds it."""
        assert stream is not None  # noqa: S101 - asked for above
        waiting, written = b"", 0
        with (self._folder / name).open("wb") as file:
            try:
                async for chunk in stream:
                    t_ns = time.monotonic_ns()
                    if written < MAX_FILE:
                        written += file.write(chunk)
                    *lines, waiting = (waiting + chunk).split(b"\n")
                    if len(waiting) > MAX_LINE:
                        lines.append(waiting)
                        waiting = b""
                    for line in lines:
                        hear(line.decode("utf-8", "replace"), t_ns)
            finally:
                if waiting:
                    hear(waiting.decode("utf-8", "replace"), time.monotonic_ns())
                await trio.aclose_forcefully(stream)

    def _hear(self, text: str, t_ns: int) -> None:
        self._output.add_line(text, t_ns)
        self._progress.said(text, is_error=False)

    def _hear_error(self, text: str, _t_ns: int) -> None:
        self._output.add_error_line(text)
        self._progress.said(text, is_error=True)


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group, 0 only to ask; return whether there is one."""
    with suppress(ProcessLookupError, PermissionError):  # The last one is a zombie, or gone.
        os.killpg(group, number)
        return True
    return False
