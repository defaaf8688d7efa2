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

from actors.client.delivery.switchboard import Switchboard
from actors.client.engine.link import Link
from actors.client.engine.log import LinkLog
from actors.client.engine.loop_thread import LoopThread
from actors.client.engine.place import Place
from actors.client.errors import SubscriptionError
from actors.client.hosts import Host
from actors.client.wishes import Server
from protocols.upbit.markets import MarketInfo

LINGER_S: Final = 1.0
"""The next client of a program often follows soon after the last one."""

JOIN_S: Final = 16.0
RETRY_S: Final = 1.0
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
    """The thread, and what the clients ask of it.

    Raises:
        WebSocketConnectionError: the thread cannot be started.
    """

    def __init__(self, predecessor: "Engine | None") -> None:
        self.members: set[Member] = set()
        self._predecessor = predecessor
        self._leaves = 0
        self._places: dict[Path, Place] = {}
        self.log = LinkLog("engine")
        self.thread = LoopThread(self._begin, self._close, self._note_end)

    # From any thread.

    @property
    def is_usable(self) -> bool:
        """Whether new clients can join: it is of this process, and not ending."""
        return self.thread.pid == os.getpid() and not self.thread.is_over

    def call(self, work: Callable[[], Awaitable[ResultT]]) -> "Future[ResultT]":
        """Run a coroutine function in the engine; its outcome comes by the future."""
        return self.thread.call(work)

    def run_in_thread(self, work: Callable[[], None]) -> None:
        """Run a plain function that may block, in a thread; nobody waits for it.

        When `MAX_THREADS` of them are at work, it waits for one to end; its events wait in their mailbox.
        """
        self.call(partial(trio.to_thread.run_sync, work, abandon_on_cancel=True, limiter=self._limiter))

    def forget(self, member: Member) -> None:
        """A client is gone without a clean-up: free what it wanted. It is called by the collector, anywhere."""
        board = member.board()
        if board is not None:
            board.is_closed = True  # Whose callbacks went with it must not be told as a fault.
        self.call(partial(self._forget, member))

    def abandon(self, member: Member) -> None:
        """The loop of a client has ended: free what it wanted, and tell it nothing of that from now on."""
        member.has_left = True
        for link in tuple(member.links.values()):
            link.is_closed = True
        self.call(partial(self.leave, member))

    def end(self) -> None:
        """End the thread, and with it a tree that was started for this process; wait for both."""
        self.thread.stop_soon()
        self.wait_ended()

    def wait_ended(self) -> None:
        """Block until the thread has ended, and with it the tree that was started for it."""
        self.thread.join(JOIN_S)

    # In the engine's thread.

    async def open_link(self, member: Member, server: Server) -> None:
        """Attach a client to an actor, unless it is; start a tree where none runs.

        Raises:
            WebSocketConnectionError, AuthenticationError: it cannot be; the message says what to do.
            SubscriptionError: the client was cleaned up meanwhile.
        """
        await self._alone.wait()
        place = self._place(member.run_dir)
        if server not in member.links:
            await place.ensure_tree()
            await place.check_actor(server)
        link = member.links.get(server)  # Another call may have made it meanwhile.
        if link is None:
            board = member.board()
            if board is None or board.is_closed:
                raise SubscriptionError(f"client {member.name!r} was cleaned up; make a new WebSocketClient")
            # It may have been taken for one whose loop had ended, just when it came back in another one.
            member.has_left = False
            self.members.add(member)
            link = member.links[server] = Link(member.run_dir, server, board, f"{member.name} {os.getpid()}")
            place.links.add(link)
            self.thread.nursery.start_soon(self._hold, place, link)
        del place
        await link.wait_welcome()
        if server == "private":
            await link.wait_keys()

    async def declare(self, member: Member, server: Server) -> None:
        """Declare to one actor what a client wants now, attached to it or not yet; see `Link.declare`."""
        if server not in member.links:
            await self.open_link(member, server)
        await member.links[server].declare()

    async def leave(self, member: Member) -> None:
        """Close a client's links; the actors free what it wanted as soon as they see it."""
        self.members.discard(member)
        self._leaves += 1
        member.has_left = True
        for link in tuple(member.links.values()):
            await link.close()
        member.links.clear()
        if not self.members:
            self.thread.nursery.start_soon(self._linger)

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
        return place.directory.markets

    # Inside.

    def _place(self, run_dir: Path) -> Place:
        place = self._places.get(run_dir)
        if place is None:
            place = self._places[run_dir] = Place(run_dir, self.thread.nursery)
            self.thread.nursery.start_soon(self._keep, place.mind)
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

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Go on with a task of the engine whatever fails in it: another client's fault is no reason to end for all."""
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - told, and tried again
                self.log.failure("engine.failed", error)
                await trio.sleep(RETRY_S)

    def _begin(self, nursery: trio.Nursery) -> None:
        self._limiter = trio.CapacityLimiter(MAX_THREADS)
        self._alone = trio.Event()
        nursery.start_soon(self._keep, self._watch_hosts)
        nursery.start_soon(self._await_predecessor)

    async def _close(self) -> None:
        for place in self._places.values():
            await place.close()

    def _note_end(self) -> None:
        """Tell the clients that were still attached; what they do next begins with another engine."""
        for member in tuple(self.members):
            member.has_left = True
            board = member.board()
            if board is not None and not board.is_closed:
                for server in tuple(board.connections.known):
                    board.connections.turn(server, "detached", "the client library's thread has ended")

    async def _await_predecessor(self) -> None:
        """Let the engine before this one end its tree first: who attached to that one now would lose it at once."""
        predecessor, self._predecessor = self._predecessor, None
        if predecessor is not None:
            await trio.to_thread.run_sync(predecessor.wait_ended, abandon_on_cancel=True)
        self._alone.set()

    async def _watch_hosts(self) -> None:
        """Free the wants of clients whose loop has ended without a clean-up."""
        while True:
            await trio.sleep(LOOK_S)
            for member in tuple(self.members):
                if member.host is not None and not member.host.is_alive:
                    await self.leave(member)

    async def _linger(self) -> None:
        """End the engine when nobody has come or gone for a while since the last client left."""
        leaves = self._leaves
        await trio.sleep(LINGER_S)
        if self._leaves == leaves and not self.members and retire(self):
            self.thread.stop_soon()


_lock = threading.Lock()
_engine: Engine | None = None
"""The one that is in use, or the last one that was."""


def join(name: str, run_dir: Path, board: Switchboard) -> tuple[Engine, Member]:
    """Add a client to this process's engine, which is started when there is none."""
    global _engine  # noqa: PLW0603 - one for the process
    member = Member(name, run_dir, board)
    with _lock:
        if _engine is None or _engine.thread.pid != os.getpid():
            _engine = Engine(None)
        elif not _engine.is_usable:
            _engine = Engine(_engine)
        _engine.members.add(member)
        return _engine, member


def retire(engine: Engine) -> bool:
    """Take an engine without members out of use; False when a client has come meanwhile."""
    with _lock:
        if engine.members:
            return False
        engine.thread.is_over = True
        return True


def _end_at_exit() -> None:
    engine = _engine
    if engine is not None and engine.thread.pid == os.getpid():
        engine.end()


def _begin_anew() -> None:
    """A forked process has a copy of everything but the thread; the lock may have been held by another one."""
    global _lock, _engine
    _lock, _engine = threading.Lock(), None


atexit.register(_end_at_exit)
os.register_at_fork(after_in_child=_begin_anew)
