"""What `/_simulator/state` shows of the past: what a client said, and connections that have ended; both bounded."""

import time
from collections import deque
from typing import Final

import msgspec

KEPT_SAID_BYTES: Final = 512 * 1024
"""Messages of a client that are kept while it is connected; the newest stay."""

KEPT_ENDED_SAID_BYTES: Final = 64 * 1024
"""Of these, what is kept when it has gone."""

KEPT_ENDED: Final = 100
KEPT_ENDED_BYTES: Final = 4 * 1024 * 1024
"""Reports of connections that have ended, as JSON; the newest stay."""

_OVERHEAD_BYTES: Final = 100
"""What a message costs beside its text, so that a flood of empty ones is bounded too."""


class SaidByClient:
    """The newest messages of a client, and how many there were in all."""

    def __init__(self) -> None:
        self.total = 0
        self._newest: deque[tuple[float, str, int]] = deque()
        self._bytes = 0

    def add(self, message: bytes) -> None:
        """Keep a message and the machine's monotonic time."""
        text = message.decode("utf-8", "replace")
        # Not the message's own length: each byte that is no UTF-8 becomes a sign of three.
        cost = len(text.encode()) + _OVERHEAD_BYTES
        self._newest.append((time.monotonic(), text, cost))
        self.total += 1
        self._bytes += cost
        while self._bytes > KEPT_SAID_BYTES:
            self._bytes -= self._newest.popleft()[2]

    def report(self, limit_bytes: int) -> list[dict[str, object]]:
        """The newest messages that fit into `limit_bytes`, oldest first."""
        left = limit_bytes
        fitting: list[dict[str, object]] = []
        for t_s, text, cost in reversed(self._newest):
            left -= cost
            if left < 0:
                break
            fitting.append({"t_s": t_s, "text": text})
        return fitting[::-1]


class EndedConnections:
    """Reports of the connections that ended last, and what all that have ended had been sent.

    Attributes:
        sent_frames: data frames handed to connections that have ended, since the start.
    """

    def __init__(self) -> None:
        self.sent_frames = 0
        self._reports: deque[tuple[dict[str, object], int]] = deque()
        self._bytes = 0

    def add(self, report: dict[str, object], *, sent_frames: int) -> None:
        """Keep the report of a connection that has just ended."""
        self.sent_frames += sent_frames
        size = len(msgspec.json.encode(report))
        self._reports.append((report, size))
        self._bytes += size
        while self._bytes > KEPT_ENDED_BYTES or len(self._reports) > KEPT_ENDED:
            self._bytes -= self._reports.popleft()[1]

    def reports(self) -> list[dict[str, object]]:
        """The reports, oldest first."""
        return [report for report, _ in self._reports]
