"""The subscribe methods of a client: what each takes, checked, and handed on as one wish."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from actors.client.delivery.callbacks import AnyCallback
from actors.client.subscription import Subscription
from actors.client.wishes import Wish, wish_of_account, wish_of_market


class Subscribing(ABC):
    """Each method takes a callback or, without one, gives something to iterate over; see `Subscription`."""

    async def subscribe_ticker(
        self,
        symbols: Iterable[str],
        callback: AnyCallback | None = None,
        stream_preference: str = "both",
        *,
        delivery: str | None = None,
        sample_ms: int = 0,
        in_thread: bool = False,
    ) -> Subscription:
        """Subscribe the state of markets after each trade.

        Args:
            symbols: markets such as `KRW-BTC`; an empty list ends this client's subscription of the type.
            callback: called with each event; may be any callable, plain or async.
            stream_preference: `both`: the last known state at once, then each change; `snapshot_only`: the state
                once; `realtime_only`: changes alone.
            delivery: `every`, `latest` (a newer event of a market replaces one that waits), or `sampled` (latest, at
                most once in `sample_ms`). When it is not said: every one, as long as the callback keeps up; then the
                newest of each market, or for trades and the account's types, up to 100,000 that wait.
            sample_ms: interval of `sampled`, in milliseconds.
            in_thread: call the callback in a thread of its own, where it may block.

        Raises:
            SubscriptionError: an argument cannot be, or the exchange has no such market; nothing was changed.
            WebSocketConnectionError: no tree can be reached.
        """
        wish = wish_of_market("ticker", symbols, preference=stream_preference, delivery=delivery, sample_ms=sample_ms)
        return await self._subscribe(wish, callback, in_thread=in_thread)

    async def subscribe_trade(
        self,
        symbols: Iterable[str],
        callback: AnyCallback | None = None,
        stream_preference: str = "both",
        *,
        delivery: str | None = None,
        sample_ms: int = 0,
        in_thread: bool = False,
    ) -> Subscription:
        """Subscribe executions: one event each, told apart by `sequential_id`; arguments as `subscribe_ticker`."""
        wish = wish_of_market("trade", symbols, preference=stream_preference, delivery=delivery, sample_ms=sample_ms)
        return await self._subscribe(wish, callback, in_thread=in_thread)

    async def subscribe_orderbook(
        self,
        symbols: Iterable[str],
        callback: AnyCallback | None = None,
        stream_preference: str = "both",
        *,
        units: int = 30,
        level: float = 0,
        delivery: str | None = None,
        sample_ms: int = 0,
        in_thread: bool = False,
    ) -> Subscription:
        """Subscribe order books; each event is the whole book.

        `units` is the depth: 1, 5, 15 or 30 prices a side; `level` the price step in KRW that the book is grouped by,
        0 for none. Other arguments and errors as `subscribe_ticker`.
        """
        wish = wish_of_market(
            "orderbook",
            symbols,
            preference=stream_preference,
            delivery=delivery,
            sample_ms=sample_ms,
            units=units,
            level=level,
        )
        return await self._subscribe(wish, callback, in_thread=in_thread)

    async def subscribe_candle(
        self,
        symbols: Iterable[str],
        unit: str | AnyCallback | None = "1m",
        callback: AnyCallback | str | None = None,
        stream_preference: str = "both",
        *,
        delivery: str | None = None,
        sample_ms: int = 0,
        in_thread: bool = False,
    ) -> Subscription:
        """Subscribe candles of one unit; each unit is a subscription of its own.

        `unit` is 1s, 1m, 3m, 5m, 10m, 15m, 30m, 60m (1h) or 240m (4h); it may stand behind the callback, too. Other
        arguments and errors as `subscribe_ticker`.
        """
        if callable(unit):
            unit, callback = callback or "1m", unit
        wish = wish_of_market(
            "candle", symbols, unit=unit, preference=stream_preference, delivery=delivery, sample_ms=sample_ms
        )
        return await self._subscribe(wish, callback, in_thread=in_thread)

    async def subscribe_my_order(
        self,
        callback: AnyCallback | None = None,
        stream_preference: str = "both",
        *,
        delivery: str | None = None,
        sample_ms: int = 0,
        in_thread: bool = False,
    ) -> Subscription:
        """Subscribe each step in the life of the account's orders; arguments as `subscribe_ticker`.

        Raises:
            AuthenticationError: there are no keys, or the exchange refuses them. Public data go on.
        """
        wish = wish_of_account("myOrder", preference=stream_preference, delivery=delivery, sample_ms=sample_ms)
        return await self._subscribe(wish, callback, in_thread=in_thread)

    async def subscribe_my_asset(
        self,
        callback: AnyCallback | None = None,
        stream_preference: str = "both",
        *,
        delivery: str | None = None,
        sample_ms: int = 0,
        in_thread: bool = False,
    ) -> Subscription:
        """Subscribe changes of the account's balances; arguments and errors as `subscribe_my_order`."""
        wish = wish_of_account("myAsset", preference=stream_preference, delivery=delivery, sample_ms=sample_ms)
        return await self._subscribe(wish, callback, in_thread=in_thread)

    @abstractmethod
    async def _subscribe(self, wish: Wish, callback: object, *, in_thread: bool) -> Subscription:
        """Hold this wish from now on, in the place of the one of its key."""
