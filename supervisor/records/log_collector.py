"""What the children print: read at once, made lines of JSON, passed on, and the last of it kept."""

import fcntl
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import trio

from actors.runtime.process.logs import Redaction, get_logger
from supervisor.records.lines import LineSplitter, Wrapper, utc_now
from supervisor.records.tail import Follower, Line, Tail, notice

READ_BYTES: Final = 16 * 1024
"""Of one read. It may be as many lines, all of them empty."""

LINES_A_TURN: Final = 200
"""A millisecond of work, whatever their length; then the others have their turn."""

DRAIN_S: Final = 0.2
"""How long the end of a dead child's pipes is waited for; a grandchild may hold them open for ever."""


class Reading:
    """The task that reads one life's output.

    Args:
        pid: whose output it is.
        pipes: of stdout and stderr.
        tail: of its child; held here, since the child may be forgotten before all is read.
    """

    def __init__(self, pid: int, pipes: tuple[trio.lowlevel.FdStream, ...], tail: Tail) -> None:
        self.pid = pid
        self.pipes = pipes
        self.tail = tail
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self._taken = dict.fromkeys(pipes, 0)
        self._in_hand = dict.fromkeys(pipes, 0)
        self._turn = trio.Event()

    def take(self, pipe: trio.lowlevel.FdStream, count: int) -> None:
        """Count bytes that were read, and whose lines are passed on now."""
        self._in_hand[pipe] = count

    def took(self, pipe: trio.lowlevel.FdStream) -> None:
        """Count them as done with."""
        self._taken[pipe] += self._in_hand[pipe]
        self._in_hand[pipe] = 0
        self._wake()

    def end_pipe(self, pipe: trio.lowlevel.FdStream) -> None:
        """Expect nothing more of a pipe."""
        del self._taken[pipe]
        self._wake()

    async def catch_up(self) -> None:
        """Wait until all that is in the pipes now was read and passed on."""
        due = {pipe: taken + self._in_hand[pipe] + _unread(pipe.fileno()) for pipe, taken in self._taken.items()}
        while any(taken < due[pipe] for pipe, taken in self._taken.items()):
            await self._turn.wait()

    def _wake(self) -> None:
        self._turn.set()
        self._turn = trio.Event()


class LogCollector:
    """Reads the output of every life of every child.

    Args:
        nursery: where the readers run.
        redaction: masks secrets in every line.
        write: takes each line, with its newline; it must not block.

    Attributes:
        lines_cut: how many lines were longer than a line may be.
    """

    def __init__(self, nursery: trio.Nursery, *, redaction: Redaction, write: Callable[[bytes], None]) -> None:
        self._nursery = nursery
        self._redaction = redaction
        self._write = write
        self._tails: dict[str, Tail] = {}
        self._reading: dict[int, Reading] = {}
        self.lines_cut = 0

    def attach(self, child: str, pid: int, output: tuple[int, int]) -> None:
        """Read a new life's stdout and stderr from here on; the descriptors are closed at their end."""
        tail = self._tails.setdefault(child, Tail())
        tail.has_lived = True
        wrapper = Wrapper(child, pid, self._redaction)
        # Owned from here on, also when the tree is cancelled before the task has begun.
        self._reading[pid] = reading = Reading(pid, tuple(trio.lowlevel.FdStream(fd) for fd in output), tail)
        self._nursery.start_soon(self._read_life, reading, wrapper)

    async def drain(self, pid: int, count: int = 0) -> list[str]:
        """Read all that a dead life has printed, and what others print there for `DRAIN_S`; then close its pipes.

        Returns its last `count` lines, also when its child was forgotten meanwhile.
        """
        reading = self._reading.pop(pid, None)
        if reading is None:
            return []
        with trio.move_on_after(DRAIN_S):
            await reading.ended.wait()
        # On a busy machine the reader may not have had its turn.
        await reading.catch_up()
        reading.scope.cancel()
        await reading.ended.wait()
        return reading.tail.last(count, pid)

    def tail(self, child: str, count: int) -> list[str]:
        """Return the last lines of a child, each a JSON object."""
        return self._tails[child].last(count) if child in self._tails else []

    def follow(self, child: str) -> Follower:
        """Return what gets each line of a child from now on, also when it is removed and added again."""
        tail = self._tails.setdefault(child, Tail())
        follower = Follower(child, self._leave)
        tail.followers.add(follower)
        return follower

    def forget(self, child: str) -> None:
        """Keep nothing more of a child that is gone for good; those who follow it are told, and may wait on."""
        tail = self._tails.pop(child, None)
        if tail is None or not tail.followers:
            return
        # A last life that is still read keeps the old one, and the same followers.
        self._tails[child] = Tail(tail.followers)
        for follower in tail.followers:
            follower.put(Line(0, notice(child, "child.removed").encode()))

    def _leave(self, follower: Follower) -> None:
        tail = self._tails.get(follower.child)
        if tail is None:
            return
        tail.followers.discard(follower)
        if not tail.followers and not tail.has_lived:
            del self._tails[follower.child]  # Its child may never come.

    async def _read_life(self, reading: Reading, wrapper: Wrapper) -> None:
        try:
            with reading.scope:
                async with trio.open_nursery() as nursery:
                    for stream, pipe in zip(("stdout", "stderr"), reading.pipes, strict=True):
                        nursery.start_soon(self._read, stream, reading, pipe, wrapper)
        finally:
            reading.ended.set()

    async def _read(self, stream: str, reading: Reading, pipe: trio.lowlevel.FdStream, wrapper: Wrapper) -> None:
        splitter = LineSplitter()
        lines: deque[bytes] = deque()

        def pass_on(count: int, at: str) -> None:
            for _ in range(min(count, len(lines))):
                wrapped = wrapper.wrap(lines.popleft(), stream, at)
                self._write(wrapped + b"\n")
                reading.tail.add(Line(reading.pid, wrapped))

        try:
            async with pipe:
                try:
                    while chunk := await pipe.receive_some(READ_BYTES):
                        reading.take(pipe, len(chunk))
                        lines += splitter.feed(chunk)
                        at = utc_now()
                        pass_on(LINES_A_TURN, at)
                        while lines:
                            await trio.lowlevel.checkpoint()
                            pass_on(LINES_A_TURN, at)
                        reading.took(pipe)
                finally:
                    reading.end_pipe(pipe)
        except trio.BrokenResourceError as error:
            # Costs the rest of what one life prints, and nothing else.
            log: Any = get_logger(actor="supervisor")
            log.warning("log.unreadable", child_pid=reading.pid, stream=stream, error=str(error.__cause__ or error))
        finally:
            lines += splitter.end()
            pass_on(len(lines), utc_now())  # A tree that is cancelled waits for nothing more, and loses nothing.
            self.lines_cut += splitter.cut


def _unread(fd: int) -> int:
    """Return how many bytes wait in a pipe."""
    answer = fcntl.ioctl(fd, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)
