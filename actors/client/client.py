"""`WebSocketClient`: the exchange's data in an owner's own program, on asyncio and on trio alike."""

import os
import time
import weakref
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from actors.client.delivery.callbacks import AnyCallback, Callback
from actors.client.delivery.lane import Lane
from actors.client.delivery.switchboard import Switchboard
from actors.client.errors import RateLimitExceededError, SubscriptionError, WebSocketConnectionError
from actors.client.health import ClientHealth, health_of, state_of
from actors.client.hosts import Host, current_host
from actors.client.reports import ErrorReport, GapReport, Report, StateReport
from actors.client.subscribing import Subscribing
from actors.client.subscription import Subscription
from actors.client.wishes import Key, Server, Wish, check_connection, check_symbols, check_type
from actors.runtime.run_dir import find_run_dir
from protocols.errors import UpbitdError
from protocols.upbit.messages import SubscriptionEntry

if TYPE_CHECKING:
    from actors.client.engine.engine import Engine, Member

CALLBACK_END_S: Final = 2.0
"""How long a clean-up waits for callbacks that it has cancelled, or that run in threads and cannot be."""


class WebSocketClient(Subscribing):
    """One client of the running tree: subscriptions that live and end together.

        client = WebSocketClient("price_monitor")
        await client.subscribe_ticker(["KRW-BTC"], lambda ticker: print(ticker.trade_price))
        ...
        await client.cleanup()

    Or `async with WebSocketClient("price_monitor") as client:`. Making one does nothing yet, so it may be done outside
    a loop; the first subscription attaches it to the tree of the run directory, and starts one of this process's own,
    with connection actors only, where none runs (`UPBITD_AUTOSTART=0` forbids that).

    Subscriptions are told apart by type, and candles by unit as well. A second one of the same kind replaces the first
    one's markets and callback at one point in time; others are not touched. All clients of all programs share one
    connection to the exchange. After an outage, of the exchange, an actor or the whole tree, a client is attached
    again with all that it wanted, and `on_gap` tells what it missed.

    Callbacks run in the program's own loop, one at a time for each subscription, in order. What they raise is counted
    and logged, and harms nobody. One that takes long should be async, or run in a thread (`in_thread=True`).

    Args:
        name: for logs and reports; two clients may have the same.
        run_dir: of the tree; `UPBITD_RUN_DIR` or the user's own when it is not given.

    Raises:
        ValueError: the name is empty, or no text.
    """

    def __init__(self, name: str, *, run_dir: str | Path | None = None) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"a client needs a name, such as WebSocketClient('price_monitor'); got {name!r}")
        self.name = name.strip()
        if not (run_dir is None or isinstance(run_dir, str | Path)):
            raise ValueError(f"run_dir is {run_dir!r}; write a path as text, or leave it out")
        self._run_dir = find_run_dir(None if run_dir is None else os.fspath(run_dir), os.environ)
        self._began_ns = time.monotonic_ns()
        self._board = Switchboard(self.name)
        self._engine: Engine | None = None
        self._member: Member | None = None
        self._finalizer: weakref.finalize[..., WebSocketClient] | None = None
        self._calls = 0
        self._held: dict[Key, int] = {}
        self._left: Any = None

    def __repr__(self) -> str:
        return (
            f"<WebSocketClient {self.name!r}, {state_of(self._board)}, {self.get_subscription_count()} subscriptions>"
        )

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cleanup()  # noqa: ASYNC102 - what it does is done before it waits; see there

    async def unsubscribe_symbols(self, symbols: Iterable[str], type: str | None = None) -> None:  # noqa: A002 - the exchange's word
        """Take these markets out of all subscriptions of this client, or of those of one type.

        Args:
            symbols: markets; those that it does not have are ignored.
            type: such as `ticker` or `candle.1m`; all when it is not given.
        """
        gone, type = set(check_symbols("unsubscribe_symbols", symbols)), check_type(type)  # noqa: A001 - as above
        self._check_open()
        for lane in [lane for key, lane in self._board.lanes.items() if type in {None, key.type, key.name}]:
            if not gone.isdisjoint(lane.wish.symbols):
                await self.change(lane, removed=gone)

    # Asking.

    def get_active_symbols(self, type: str | None = None) -> frozenset[str]:  # noqa: A002 - the exchange's word
        """Return the markets of all subscriptions of this client, or of those of one type.

        Raises:
            SubscriptionError: there is no such type.
        """
        type = check_type(type)  # noqa: A001 - as above
        return frozenset(
            symbol
            for key, lane in tuple(self._board.lanes.items())
            if type in {None, key.type, key.name}
            for symbol in lane.wish.symbols
        )

    def get_subscription_count(self) -> int:
        """Return how many subscriptions this client has: one for each type, and for each unit of candles."""
        return len(self._board.lanes)

    async def list_subscriptions(self, connection: Server = "public") -> tuple[SubscriptionEntry, ...]:
        """Ask the exchange what it sends on the connection that all clients share.

        Args:
            connection: `public` or `private`.

        Raises:
            SubscriptionError: no such connection, or the client was cleaned up.
            AuthenticationError: `private` without keys, or with keys that the exchange refuses.
            RateLimitExceededError: no request is left in this second or minute.
            WebSocketConnectionError: there is no connection, or no answer.
        """
        connection = check_connection(connection)
        host, engine, member = self._attach()
        await host.result_of(engine.call(partial(engine.open_link, member, connection)))
        try:
            answer = await host.result_of(engine.call(partial(engine.ask, member, connection, "list_subscriptions")))
        except (UpbitdError, OSError) as error:
            raise WebSocketConnectionError(f"{connection}: {error}") from None
        listed = msgspec.convert(answer, Listed)
        if listed.retry_after_s is not None:
            raise RateLimitExceededError(
                f"{connection}: the exchange takes no request for {listed.retry_after_s:.1f} s; ask again then",
                retry_after_s=listed.retry_after_s,
            )
        return listed.entries

    def is_connected(self) -> bool:
        """Return whether every connection that this client uses works; False before it uses one."""
        return state_of(self._board) == "live"

    def health(self) -> ClientHealth:
        """Return the client's figures, as they are now."""
        engine, member = self._engine, self._member
        links = () if member is None else tuple(member.links.values())
        return health_of(
            self._board,
            began_ns=self._began_ns,
            merged_on_the_way=sum(link.dial.continuity.merged for link in links),
            unlogged_on_the_way=sum(link.log.unwritten for link in links)
            + (0 if engine is None else engine.log.unwritten),
        )

    # Being told.

    def on_gap(self, callback: AnyCallback) -> None:
        """Call this with a `GapReport` whenever events were missed: after an outage, or by a callback too slow."""
        self._listen(GapReport, callback)

    def on_state(self, callback: AnyCallback) -> None:
        """Call this with a `StateReport` whenever a connection changes its state."""
        self._listen(StateReport, callback)

    def on_error(self, callback: AnyCallback) -> None:
        """Call this with an `ErrorReport` whenever a callback fails or a subscription is not served."""
        self._listen(ErrorReport, callback)

    # Ending.

    async def cleanup(self) -> None:
        """End all subscriptions; no callback begins after this. Twice is fine, and so is being cancelled.

        Callbacks that are waiting for something are cancelled. The client cannot be used again; make a new one.
        """
        busy = self._board.close()
        engine, member = self._engine, self._member
        if engine is None or member is None:
            return
        if self._finalizer is not None:
            self._finalizer.detach()
        if self._left is None:
            self._left = engine.call(partial(engine.leave, member))
        with suppress(WebSocketConnectionError):  # The engine has ended: then nothing is left to be freed.
            await current_host().result_of(self._left)
        until_s = time.monotonic() + CALLBACK_END_S
        for lane in busy:
            while lane.is_busy and await lane.rested.wait(max(0.0, until_s - time.monotonic())):
                pass

    # For `Subscription`.

    async def change(self, lane: Lane, *, added: Collection[str] = (), removed: Collection[str] = ()) -> None:
        """Add markets to a subscription and take some away; without any left it ends."""
        host, engine, member = self._attach()
        generation, new = lane.generation, tuple(symbol for symbol in added if symbol not in lane.wish.symbols)
        wish = lane.wish
        await host.result_of(engine.call(partial(engine.prepare, member, wish.server, wish.key.name, new)))
        if lane.is_active and lane.generation == generation:
            # Only now: another change may have been made meanwhile.
            symbols = (symbol for symbol in (*lane.wish.symbols, *added) if symbol not in removed)
            self._board.change_lane(lane, lane.wish.with_symbols(symbols))
            await self._declare(host, engine, member, lane.wish.server)

    async def end(self, lane: Lane) -> None:
        """End a subscription."""
        host, engine, member = self._attach()
        self._board.end_lane(lane)
        await self._declare(host, engine, member, lane.wish.server)

    # Inside.

    def _listen(self, kind: type[Report], callback: AnyCallback) -> None:
        self._check_open()
        self._board.announcer.listeners[kind].append(partial(_tell, Callback(callback, self)))

    async def _subscribe(self, wish: Wish, callback: object, *, in_thread: bool) -> Subscription:
        self._check_open()
        known = self._board.lanes.get(wish.key)
        if not wish.topics:
            if known is None:
                raise SubscriptionError(f"{wish.key.name}: no symbols; name at least one, such as ['KRW-BTC']")
            self._calls = self._held[wish.key] = self._calls + 1
            subscription = Subscription(self, known)
            await self.end(known)
            return subscription
        call = None if callback is None else Callback(callback, self)  # type: ignore[arg-type]  # it checks that itself
        if in_thread and (call is None or call.is_async):
            raise SubscriptionError(f"{wish.key.name}: in_thread needs a plain callback; an async one needs no thread")
        self._calls = call_number = self._calls + 1
        host, engine, member = self._attach()
        await host.result_of(engine.call(partial(engine.prepare, member, wish.server, wish.key.name, wish.symbols)))
        before = self._board.lanes.get(wish.key)
        if (
            before is not None
            and before.wish.preference != wish.preference
            and call_number > self._held.get(wish.key, 0)
        ):
            # Another part of the stream is wanted: its topics begin anew, with their last known state.
            self._board.end_lane(before)
            await self._declare(host, engine, member, wish.server)
        self._check_open()
        lane = Lane(self._board, host, wish, call, in_thread=in_thread)
        if call_number < self._held.get(wish.key, 0):
            # A later call was quicker: that one holds.
            lane.end()
            return Subscription(self, lane)
        self._held[wish.key] = call_number
        lane.is_held = True
        lane = self._board.set_lane(lane)
        subscription = Subscription(self, lane)
        try:
            await self._declare(host, engine, member, wish.server)
        finally:
            lane.is_held = False
            self._board.wake()
        return subscription

    async def _declare(self, host: Host, engine: "Engine", member: "Member", server: Server) -> None:
        await host.result_of(engine.call(partial(engine.declare, member, server)))

    def _attach(self) -> tuple[Host, "Engine", "Member"]:
        self._check_open()
        host = current_host()
        self._board.bind(host)
        if self._engine is not None and self._member is not None and self._member.host is not host:
            self._engine.abandon(self._member)  # It went with its loop.
        if self._engine is None or self._member is None or self._member.has_left or not self._engine.is_usable:
            from actors.client.engine.engine import join  # noqa: PLC0415 - what it imports takes a while

            self._engine, self._member = join(self.name, self._run_dir, self._board)
            self._board.run_in_thread = self._engine.run_in_thread
            if self._finalizer is not None:
                self._finalizer.detach()
            self._finalizer = weakref.finalize(self, self._engine.forget, self._member)
            self._finalizer.atexit = False
            self._member.host = host
            for server in {lane.wish.server for lane in tuple(self._board.lanes.values())}:
                self._engine.call(partial(self._engine.declare, self._member, server))
        self._member.host = host
        return host, self._engine, self._member

    def _check_open(self) -> None:
        if self._board.is_closed:
            raise SubscriptionError(f"client {self.name!r} was cleaned up; make a new WebSocketClient")


def _tell(listener: Callback, report: Report) -> object:
    """Hand a report to a listener that may be gone: methods of who holds the client are held weakly."""
    function = listener.get()
    return None if function is None else function(report)


class Listed(msgspec.Struct, frozen=True):
    """An actor's answer to `list_subscriptions`: the exchange's list, or when to ask again."""

    entries: tuple[SubscriptionEntry, ...] = ()
    retry_after_s: float | None = None
