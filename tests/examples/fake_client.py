"""A client that the test plays: it notes what is subscribed, and hands the callbacks out."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from actors.client import SubscriptionError


class FakeClient:
    """Takes any subscription, after a moment.

    Attributes:
        asked: the symbols of each subscription.
        callback: of the newest one.
        takes_s: how long a subscription takes.
        refused: symbols that the exchange does not have.
        error: raised by the clean-up.
        cleanups: how often it was cleaned up.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.callback: Callable[[Any], Any] = lambda _event: None
        self.takes_s = 0.0
        self.refused: set[str] = set()
        self.error: Exception | None = None
        self.cleanups = 0

    async def subscribe_ticker(self, symbols: Iterable[str], callback: Callable[[Any], Any]) -> bool:
        found = tuple(symbols)
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        if self.refused.intersection(found):
            raise SubscriptionError(f"the exchange has no market {found}")
        self.asked.append(found)
        self.callback = callback
        return True

    subscribe_orderbook = subscribe_ticker

    async def cleanup(self) -> None:
        self.cleanups += 1
        if self.error is not None:
            raise self.error
