"""The handle of one subscription, as the subscribe methods return it."""

import time
from collections.abc import Collection, Iterable
from typing import Any, Protocol

from actors.client.delivery.lane import Lane
from actors.client.delivery.mailbox import AnyEvent
from actors.client.errors import SubscriptionError
from actors.client.wishes import check_symbols


class Changer(Protocol):
    """What a handle needs of its client."""

    name: str

    async def change(self, lane: Lane, *, added: Collection[str] = (), removed: Collection[str] = ()) -> None:
        """Add markets to a subscription and take some away; without any left it ends."""

    async def end(self, lane: Lane) -> None:
        """End a subscription."""


class Subscription:
    """One subscription of one client; true in a condition, and an async iterator where no callback was given.

        prices = await client.subscribe_ticker(["KRW-BTC"])
        async for ticker in prices:
            print(ticker.symbol, ticker.trade_price)

    A later subscription of the same type (and unit) by the same client takes its place: then this handle is no longer
    active, and what is asked of it does nothing.
    """

    def __init__(self, client: Changer, lane: Lane) -> None:
        self._client = client
        self._lane = lane
        self._generation = lane.generation

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        state = "active" if self.is_active else "ended"
        return f"<Subscription {self.type} of {self._client.name!r}, {len(self.symbols)} symbols, {state}>"

    @property
    def type(self) -> str:
        """The exchange's name of the type, such as `ticker` or `candle.1m`."""
        return self._lane.wish.key.name

    @property
    def unit(self) -> str:
        """A candle's unit, such as `1m`; empty for other types."""
        return self._lane.wish.key.unit

    @property
    def symbols(self) -> frozenset[str]:
        """Its markets; empty once it has ended, and for the account's types."""
        return frozenset(self._lane.wish.symbols) if self.is_active else frozenset()

    @property
    def is_active(self) -> bool:
        """Whether it still delivers."""
        return self._lane.is_active and self._lane.generation == self._generation

    @property
    def envelope(self) -> AnyEvent | None:
        """The event that was delivered last, with its topic, epoch, sequence, times and origin; None before the first.

        Inside a callback it is the event of that call.
        """
        return self._lane.envelope

    async def unsubscribe(self) -> None:
        """End it. Other subscriptions of this client, and of others, go on untouched."""
        if self.is_active:
            await self._client.end(self._lane)

    async def add_symbols(self, symbols: Iterable[str]) -> None:
        """Take more markets; those that were there before go on without a gap and without another snapshot.

        Raises:
            SubscriptionError: no such market, or the subscription has ended, or takes none.
        """
        self._check_changeable("add_symbols")
        await self._client.change(self._lane, added=check_symbols(self.type, symbols))

    async def remove_symbols(self, symbols: Iterable[str]) -> None:
        """Take fewer markets; without any left the subscription ends. One that it does not have is ignored.

        Raises:
            SubscriptionError: the subscription has ended, or takes no symbols.
        """
        self._check_changeable("remove_symbols")
        await self._client.change(self._lane, removed=check_symbols(self.type, symbols))

    async def first_event(self, timeout: float | None = 5.0) -> Any:  # noqa: ANN401, ASYNC109 - both are the course's
        """Wait for the first event that came since the subscription was made or changed.

        Args:
            timeout: in seconds; None for no limit.

        Raises:
            TimeoutError: there was none in time.
            SubscriptionError: the subscription has ended.
        """
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout < 0):
            raise SubscriptionError(f"{self.type}: timeout is {timeout!r}; write seconds, or None for no limit")
        until_s = None if timeout is None else time.monotonic() + timeout
        while self._lane.first is None or not self.is_active:
            left_s = None if until_s is None else max(0.0, until_s - time.monotonic())
            if not self.is_active:
                raise SubscriptionError(f"{self.type}: this subscription has ended; subscribe anew")
            if not await self._lane.arrived.wait(left_s):
                raise TimeoutError(f"{self.type}: no event within {timeout} s; see client.health()")
        return self._lane.first.body

    def __aiter__(self) -> "Subscription":
        if self._lane.callback is not None:
            raise SubscriptionError(f"{self.type}: events go to its callback; subscribe without one to iterate")
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 - one of the exchange's messages
        while True:
            await self._lane.give_way()
            event = self._lane.take()
            if event is not None:
                return event.body
            if not self.is_active or self._lane.is_done:
                raise StopAsyncIteration
            await self._lane.bell.wait()

    def _check_changeable(self, what: str) -> None:
        if self._lane.wish.is_private:
            raise SubscriptionError(f"{what}: {self.type} belongs to the account and takes no symbols")
        if not self.is_active:
            raise SubscriptionError(f"{what}: this subscription of {self.type} has ended; subscribe anew")
