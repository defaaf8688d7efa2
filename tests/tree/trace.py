"""Reads what a trace actor writes, as it comes, in a thread of the test."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LIMIT_S = 30.0

Item = dict[str, Any]


class Trace:
    """Items of one trace actor, over all its lives; waiting for one is waiting for a line, never a sleep."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.items: list[Item] = []
        self._changed = threading.Condition()
        # Open for writing as well, so that the end of a writer is no end of the pipe.
        self._fd = os.open(path, os.O_RDWR)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        rest = b""
        while True:
            chunk = os.read(self._fd, 1 << 20)
            *lines, rest = (rest + chunk).split(b"\n")
            if b"end" in lines:
                return
            with self._changed:
                # A life that was killed may leave half a line.
                for line in lines:
                    with contextlib.suppress(json.JSONDecodeError):
                        self.items.append(json.loads(line))
                self._changed.notify_all()

    def wait_for(self, matches: Callable[[Item], bool], *, start: int = 0, limit_s: float = LIMIT_S) -> Item:
        """The first item from `start` on that matches; waits for it."""
        position = start

        def find() -> Item | None:
            nonlocal position
            while position < len(self.items):
                position += 1
                if matches(self.items[position - 1]):
                    return self.items[position - 1]
            return None

        with self._changed:
            found = self._changed.wait_for(find, limit_s)
            assert found, f"no such item within {limit_s} s; {len(self.items)} items, the last: {self.items[-3:]}"
            return found

    def wait_count(self, count: int, kind: str = "Event", *, limit_s: float = LIMIT_S) -> list[Item]:
        """All items of a kind once there are `count` of them."""
        with self._changed:
            reached = self._changed.wait_for(lambda: sum(item["kind"] == kind for item in self.items) >= count, limit_s)
            found = [item for item in self.items if item["kind"] == kind]
            assert reached, f"{len(found)} of {count} items within {limit_s} s; the last: {self.items[-3:]}"
            return found

    def mark(self) -> int:
        """How many items there are now: a `start` for what comes later."""
        with self._changed:
            return len(self.items)

    def close(self) -> None:
        """End the thread."""
        os.write(self._fd, b"\nend\n")
        self._thread.join(10)
        os.close(self._fd)


@contextlib.contextmanager
def trace(path: Path) -> Iterator[Trace]:
    """A pipe for a trace actor."""
    opened = Trace(path)
    try:
        yield opened
    finally:
        opened.close()


def is_event(topic: str | None = None) -> Callable[[Item], bool]:
    """Matches live events, of one topic or of any."""
    return lambda item: item["kind"] == "Event" and item["origin"] == 0 and topic in {None, item["topic"]}
