"""The thread with the links: one for a process, started by its first client and ended after its last.

Why a thread: links are read whatever the user's program does, so a callback that blocks fills no socket and costs no
other client anything; one implementation serves asyncio and trio; and a client can be cleaned up, or forgotten, from
anywhere.
"""

import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import trio

from actors.client.engine.link import Link
from actors.client.engine.place import Place
from actors.client.errors import WebSocketConnectionError
from actors.client.hosts import Host
from actors.client.switchboard import Switchboard
from actors.client.wishes import Server
from protocols.upbit.markets import MarketInfo

LINGER_S: Final = 1.0
"""The next client of a program often follows soon after the last one."""

JOIN_S: Final = 12.0
LOOK_S: Final = 0.25
MAX_THREADS: Final = 200
"""Callbacks that run in threads of their own at the same time."""

ResultT = TypeVar("ResultT")


class Member:
    """One client, as the engine knows it: its switchboard held weakly, its links, the loop that it lives in."""

    def __init__(self, name: str, run_dir: Path, board: Switchboard) -> None:
        self.name = name
        self.run_dir = run_dir
        self.board = weakref.ref(board)
        self.links: dict[Server, Link] = {}
        self.host: Host | None = None
        self.has_left = False


class Engine:
    """The thread, and what the clients ask of it."""

    def __init__(self, predecessor: "Engine | None") -> None:
        self.pid = os.getpid()
        self.members: set[Member] = set()
        self.is_over = False
        self._predecessor = predecessor
        self._ready = threading.Event()
        self._places: dict[Path, Place] = {}
        self._nursery: trio.Nursery
        self._token: trio.lowlevel.TrioToken
        self._stop: trio.Event
        self._threads: trio.CapacityLimiter
        self._alone: trio.Event
        self._thread = threading.Thread(target=self._run_thread, name="upbitd-client", daemon=True)
        self._thread.start()
        self._ready.wait()

    # From any thread.

    def call(self, work: Callable[[], Awaitable[ResultT]]) -> "Future[ResultT]":
        """Run a coroutine function in the engine; its outcome comes by the future."""
        future: Future[ResultT] = Future()
        try:
            self._token.run_sync_soon(self._begin, work, future)
        except trio.RunFinishedError:
            future.set_exception(WebSocketConnectionError("the client library has ended; the program is ending"))
        return future

    def run_in_thread(self, work: Callable[[], None]) -> None:
        """Run a plain function that may block, in a thread; nobody waits for it."""
        self.call(partial(trio.to_thread.run_sync, work, abandon_on_cancel=True, limiter=self._threads))

    def forget(self, member: Member) -> None:
        """A client is gone without a clean-up: free what it wanted. Takes no lock: it is called by the collector."""
        board = member.board()
        if board is not None:
            board.is_closed = True  # Whose callbacks went with it must not be told as a fault.
        self.call(partial(self._forget, member))

    def end(self) -> None:
        """End the thread, and with it a tree that was started for this process; wait for both."""
        self.is_over = True
        try:
            self._token.run_sync_soon(self._stop_soon)
        except trio.RunFinishedError:
            return
        self.wait_ended()

    def wait_ended(self) -> None:
        """Block until the thread has ended, and with it the tree that was started for it."""
        self._thread.join(JOIN_S)

    # In the engine's thread.

    async def open_link(self, member: Member, server: Server) -> None:
        """Attach a client to an actor, unless it is; start a tree where none runs.

        Raises:
            WebSocketConnectionError, AuthenticationError: it cannot be; the message says what to do.
        """
        await self._alone.wait()
        place = self._place(member.run_dir)
        if server not in member.links:
            await place.ensure_tree()
            await place.check_actor(server)
        link = member.links.get(server)  # Another call may have made it meanwhile.
        if link is None:
            board = member.board()
            if board is None or member not in self.members:
                return
            link = member.links[server] = Link(member.run_dir, server, board, f"{member.name} {self.pid}")
            place.links.add(link)
            self._nursery.start_soon(self._hold, place, link)
        del place
        await link.wait_welcome()
        if server == "private":
            await link.wait_keys()

    async def declare(self, member: Member, server: Server) -> None:
        """Declare to one actor what a client wants now; see `Link.declare`."""
        link = member.links.get(server)
        if link is not None:
            await link.declare()

    async def leave(self, member: Member) -> None:
        """Close a client's links; the actors free what it wanted as soon as they see it."""
        self.members.discard(member)
        member.has_left = True
        for link in tuple(member.links.values()):
            await link.close()
        member.links.clear()
        if not self.members:
            self._nursery.start_soon(self._linger)

    async def prepare(self, member: Member, server: Server, name: str, symbols: tuple[str, ...]) -> None:
        """Attach a client to the actor that serves a wish, and see that the exchange has its markets.

        Raises:
            WebSocketConnectionError, AuthenticationError, SubscriptionError: see `open_link`, `Place.check_markets`.
        """
        await self.open_link(member, server)
        await self._place(member.run_dir).check_markets(name, symbols)

    async def ask(self, member: Member, server: Server, method: str) -> object:
        """Ask an actor of a client's tree one question.

        Raises:
            UpbitdError, OSError: it did not answer, or by an error.
        """
        return await self._place(member.run_dir).ask(server, method)

    async def markets(self, member: Member, max_age_s: float) -> tuple[MarketInfo, ...]:
        """Return the exchange's list of markets; start a tree where none runs.

        Raises:
            WebSocketConnectionError: no tree can be reached, or the list cannot be had.
        """
        await self._alone.wait()
        place = self._place(member.run_dir)
        await place.ensure_tree()
        await place.check_actor("public")
        await place.refresh_markets(max_age_s)
        if not place.directory.codes():
            raise WebSocketConnectionError("the exchange's list of markets cannot be had now; ask again")
        return place.directory.markets

    # Inside.

    def _place(self, run_dir: Path) -> Place:
        place = self._places.get(run_dir)
        if place is None:
            place = self._places[run_dir] = Place(run_dir, self._nursery)
            self._nursery.start_soon(place.mind)
        return place

    async def _forget(self, member: Member) -> None:
        board = member.board()
        if board is not None:
            board.mute()
        del board
        await self.leave(member)

    async def _hold(self, place: Place, link: Link) -> None:
        try:
            await link.run()
        finally:
            place.links.discard(link)

    def _run_thread(self) -> None:
        trio.run(self._main)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._stop = trio.Event()
        self._threads = trio.CapacityLimiter(MAX_THREADS)
        self._alone = trio.Event()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._ready.set()
                nursery.start_soon(self._watch_hosts)
                nursery.start_soon(self._await_predecessor)
                await self._stop.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.is_over = True
            for member in self.members:
                member.has_left = True
            with trio.CancelScope(shield=True):
                for place in self._places.values():
                    await place.close()

    async def _await_predecessor(self) -> None:
        """Let the engine before this one end its tree first: who attached to that one now would lose it at once."""
        predecessor, self._predecessor = self._predecessor, None
        if predecessor is not None:
            await trio.to_thread.run_sync(predecessor.wait_ended, abandon_on_cancel=True)
        self._alone.set()

    def _begin(self, work: Callable[[], Awaitable[ResultT]], future: "Future[ResultT]") -> None:
        self._nursery.start_soon(self._work, work, future)

    async def _work(self, work: Callable[[], Awaitable[ResultT]], future: "Future[ResultT]") -> None:
        try:
            result = await work()
        except trio.Cancelled:
            future.set_exception(WebSocketConnectionError("the client library has ended; the program is ending"))
            raise
        except Exception as error:  # noqa: BLE001 - handed to who asked, whatever it is
            future.set_exception(error)
        else:
            future.set_result(result)

    async def _watch_hosts(self) -> None:
        """Free the wants of clients whose loop has ended without a clean-up."""
        while True:
            await trio.sleep(LOOK_S)
            for member in tuple(self.members):
                if member.host is not None and not member.host.is_alive:
                    await self.leave(member)

    async def _linger(self) -> None:
        await trio.sleep(LINGER_S)
        if not self.members and retire(self):
            self._stop.set()

    def _stop_soon(self) -> None:
        self._stop.set()


_lock = threading.Lock()
_engine: Engine | None = None
"""The one that is in use, or the last one that was."""


def join(name: str, run_dir: Path, board: Switchboard) -> tuple[Engine, Member]:
    """Add a client to this process's engine, which is started when there is none."""
    global _engine  # noqa: PLW0603 - one for the process
    member = Member(name, run_dir, board)
    with _lock:
        if _engine is None or _engine.pid != os.getpid():
            _engine = Engine(None)
        elif _engine.is_over:
            _engine = Engine(_engine)
        _engine.members.add(member)
        return _engine, member


def retire(engine: Engine) -> bool:
    """Take an engine without members out of use; False when a client has come meanwhile."""
    with _lock:
        if engine.members:
            return False
        engine.is_over = True
        return True


def _end_at_exit() -> None:
    engine = _engine
    if engine is not None and engine.pid == os.getpid():
        engine.end()


atexit.register(_end_at_exit)
