"""What a source of frames needs to know about a connection, and what a connection needs to know about its source."""

from collections.abc import Sequence
from typing import Final, Protocol

from protocols.upbit.requests import Format, Subscription

StreamKey = tuple[str, str]
"""Type and code of a data frame, such as `("ticker", "KRW-BTC")`; the code is empty for what belongs to an account."""

NO_STREAM: Final[StreamKey] = ("", "")
"""Of frames that are no data: status, errors, the list of subscriptions."""


class Sink(Protocol):
    """One WebSocket connection as a source of frames sees it."""

    format: Format
    access_key: str

    def push(self, payload: bytes, stream: StreamKey = NO_STREAM) -> None:
        """Send one frame of a stream soon; never blocks. A connection whose buffer is full is cut."""

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
