"""A tree of this process's own: connection actors only, started when no tree runs, and ended with this process.

The supervisor's stdin is a pipe whose other end is held here. It stops the tree in order when that end is closed,
which the kernel does even when this process is killed.
"""

import os
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Final

import trio

import actors
from actors.client.errors import WebSocketConnectionError
from actors.runtime.run_dir import is_served, socket_of

START_S: Final = 20.0
LOOK_S: Final = 0.02
STOP_S: Final = 6.0
"""The supervisor's own limit for all of its children is 4 s."""

LAST_WORDS_S: Final = 2.0
"""How long the output of a supervisor that has ended is read, should a process that it left behind hold it open."""

LAST_LINES: Final = 20
LINE_BYTES: Final = 4096

_HOME: Final = Path(actors.__file__).resolve().parents[1]


class OwnTree:
    """One supervisor, from its start to its end."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._process: trio.Process | None = None
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._has_said_all = trio.Event()
        self._lifeline = -1

    async def start(self, nursery: trio.Nursery) -> None:
        """Start it, and wait until its public actor can be dialled.

        Raises:
            WebSocketConnectionError: it ended, or it did not come up in time; with its last words.
        """
        self._lines.clear()
        self._has_said_all = trio.Event()
        settings = _HOME / "deploy" / "connections.toml"
        command = [sys.executable, str(_HOME / "upbitd.py"), "run", "--until-eof", "-c", str(settings)]
        try:
            process = await trio.lowlevel.open_process(
                [*command, "--run-dir", str(self._run_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # ^C in a terminal is for the user's program, which then ends this tree.
            )
        except OSError as error:
            raise WebSocketConnectionError(f"no tree could be started in {self._run_dir}: {error.strerror}") from error
        self._process = process
        self._lifeline = _lifeline_of(process)
        nursery.start_soon(self._read_output, process)
        with trio.move_on_after(START_S):
            while not is_served(socket_of(self._run_dir, "public")):
                if process.poll() is None:
                    await trio.sleep(LOOK_S)
                    continue
                with trio.move_on_after(LAST_WORDS_S):
                    await self._has_said_all.wait()
                if self._is_taken():
                    break  # Another program was quicker: its tree is as good.
                raise WebSocketConnectionError(f"no tree could be started in {self._run_dir}: {self._last_words()}")
            return
        raise WebSocketConnectionError(
            f"a tree was started in {self._run_dir} but does not answer: {self._last_words()}"
        )

    async def stop(self) -> None:
        """Ask it to stop, wait, and kill what does not."""
        process, self._process = self._process, None
        if process is None:
            return
        _lifelines.discard(self._lifeline)  # Before its number can be another file's.
        if process.stdin is not None:
            await process.stdin.aclose()
        for send_signal in (process.terminate, process.kill):
            with trio.move_on_after(STOP_S):
                await process.wait()
                return
            send_signal()
        await process.wait()

    def _is_taken(self) -> bool:
        return any("used by another supervisor" in line for line in self._lines)

    def _last_words(self) -> str:
        return self._lines[-1] if self._lines else "it said nothing"

    async def _read_output(self, process: trio.Process) -> None:
        """Keep the last lines; a pipe that nobody reads would stop the tree."""
        rest = b""
        stream = process.stdout
        if stream is None:
            return
        async with stream:
            while chunk := await stream.receive_some():
                *lines, rest = (rest + bytes(chunk)).split(b"\n")
                rest = rest[-LINE_BYTES:]
                self._lines.extend(line[:LINE_BYTES].decode("utf-8", "replace") for line in lines if line.strip())
        self._has_said_all.set()


_lifelines: set[int] = set()
"""Writing ends of the pipes that supervisors watch; a forked copy of this process would keep them open."""


def _lifeline_of(process: trio.Process) -> int:
    if not isinstance(process.stdin, trio.lowlevel.FdStream):
        raise TypeError(f"the stdin of a tree is a pipe, not {process.stdin!r}")
    fd = process.stdin.fileno()
    _lifelines.add(fd)
    return fd


def _close_lifelines() -> None:
    for fd in _lifelines:
        os.close(fd)
    _lifelines.clear()


os.register_at_fork(after_in_child=_close_lifelines)
