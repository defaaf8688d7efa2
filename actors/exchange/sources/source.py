"""What a source of frames needs to know about a connection, and what a connection needs to know about its source."""

from collections.abc import Sequence
from typing import Protocol

from protocols.upbit.requests import Format, Subscription


class Sink(Protocol):
    """One WebSocket connection as a source of frames sees it."""

    format: Format
    access_key: str

    def push(self, payload: bytes) -> None:
        """Send one data frame soon; never blocks. A connection whose buffer is full is cut."""

    async def wait_room(self) -> None:
        """Wait until most of what was pushed is sent; for sources that can wait."""


class Source(Protocol):
    """Where the frames come from: a simulated market, or a recording."""

    async def run(self) -> None:
        """Produce frames until cancelled."""

    def subscribe(self, sink: Sink, subscriptions: Sequence[Subscription]) -> None:
        """Replace everything that `sink` gets by these subscriptions."""

    def leave(self, sink: Sink) -> None:
        """Forget a sink."""

    def markets(self) -> list[tuple[str, str, str]]:
        """Code, Korean name and English name of each market."""
