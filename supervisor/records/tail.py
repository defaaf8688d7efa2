"""The last of what a child printed, and those who follow it."""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import trio

from supervisor.records.lines import utc_now

KEPT_LINES: Final = 500
KEPT_BYTES: Final = 256 * 1024

FOLLOWER_LINES: Final = 1000
FOLLOWER_BYTES: Final = 1024 * 1024
"""What a follower may be behind; then it loses the oldest lines and is told how many. Fits into one answer."""


class Line(NamedTuple):
    """One line: a JSON object without its newline, and the process that wrote it."""

    pid: int
    data: bytes

    def __str__(self) -> str:
        return self.data.decode("utf-8", "replace")


class BoundedLines:
    """The newest lines, up to a number and a size; the newest one is kept whatever its size.

    Attributes:
        lost: how many were pushed out.
    """

    def __init__(self, max_lines: int, max_bytes: int) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self.lost = 0

    def add(self, line: Line) -> None:
        """Keep a line, and push out the oldest when there are too many."""
        self._lines.append(line)
        self._bytes += len(line.data)
        while len(self._lines) > self._max_lines or (self._bytes > self._max_bytes and len(self._lines) > 1):
            self._bytes -= len(self._lines.popleft().data)
            self.lost += 1

    def all(self) -> list[Line]:
        """Return them, the oldest first."""
        return list(self._lines)

    def clear(self) -> None:
        """Forget them, and how many were lost."""
        self._lines.clear()
        self._bytes = self.lost = 0


class Follower:
    """One who follows a child's lines as they come; close it when done.

    Attributes:
        child: whom it follows.
    """

    def __init__(self, child: str, leave: Callable[["Follower"], None]) -> None:
        self.child = child
        self._leave = leave
        self._lines = BoundedLines(FOLLOWER_LINES, FOLLOWER_BYTES)
        self._news = trio.Event()

    def put(self, line: Line) -> None:
        """Queue a line; when the follower is too far behind, its oldest is lost."""
        self._lines.add(line)
        self._news.set()

    async def receive(self) -> list[str]:
        """Wait for lines and return all that are there; when some were lost, the first line says how many."""
        await self._news.wait()
        self._news = trio.Event()
        lines, lost = [str(line) for line in self._lines.all()], self._lines.lost
        self._lines.clear()
        return [notice(self.child, "follow.lost", lines=lost), *lines] if lost else lines

    def close(self) -> None:
        """Follow no more."""
        self._leave(self)


class Tail:
    """The last lines of one child, over all its lives, and those who follow it.

    Attributes:
        has_lived: a life writes into it, or has; else it waits for the first one with those who follow.
    """

    def __init__(self, followers: set[Follower] | None = None) -> None:
        self.lines = BoundedLines(KEPT_LINES, KEPT_BYTES)
        self.followers = set() if followers is None else followers
        self.has_lived = False

    def add(self, line: Line) -> None:
        """Keep a line and hand it on."""
        self.lines.add(line)
        for follower in self.followers:
            follower.put(line)

    def last(self, count: int, pid: int | None = None) -> list[str]:
        """Return the newest lines, the oldest of them first; those of one life when its `pid` is given."""
        lines = [line for line in self.lines.all() if pid in {None, line.pid}]
        return [str(line) for line in lines[-count:]] if count > 0 else []


def notice(child: str, event: str, **fields: object) -> str:
    """Return a line of our own among those of a child."""
    whole = {"actor": "supervisor", "child": child, "event": event, "level": "warning", "time": utc_now(), **fields}
    return msgspec.json.encode(whole).decode()
