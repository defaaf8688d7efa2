"""One client's link to one connection actor, for as long as the client lives."""

import weakref
from pathlib import Path
from typing import Final, cast

import trio
from structlog.typing import FilteringBoundLogger

from actors.client.delivery.switchboard import Switchboard
from actors.client.engine.log import LinkLog
from actors.client.errors import AuthenticationError, SubscriptionError, WebSocketConnectionError
from actors.client.reports import ErrorReport
from actors.client.wishes import Server
from actors.runtime.channel.dialling import Dial
from actors.runtime.process.counters import Counters
from actors.runtime.run_dir import socket_of
from protocols.channel.messages import Accepted, Down, Up, WantProblem, Welcome

ANSWER_S: Final = 10.0
"""How long an actor may take to answer; one that is being restarted needs well under a second."""

RETRY_S: Final = 1.0

KEYS_S: Final = 10.0
"""How long the first handshake with the keys may take."""


class Link:
    """Reads one link and tells a switchboard what came; declares what that one wants.

    The switchboard is held weakly, so that a forgotten client's link ends.

    Attributes:
        is_closed: whether it has ended, or is to tell nothing more; set from any thread.
        detached_s: since when it does not stand; 0 while it does.
        log: where it tells what is of interest while looking for a fault.
    """

    def __init__(self, run_dir: Path, server: Server, board: Switchboard, client: str) -> None:
        self.server: Server = server
        self.counters = Counters()
        self._board = weakref.ref(board)
        self.log = LinkLog(client)
        self.dial = Dial(
            socket_of(run_dir, server),
            client,
            self.counters,
            cast("FilteringBoundLogger", self.log),
            told=self._hear,
        )
        self.detached_s = 0.0
        self.is_closed = False
        self._accepted = 0
        self._refused: dict[str, str] = {}
        self._news = trio.Event()

    async def run(self) -> None:
        """Read until the client is gone or the link is closed; what fails on the way is told, and is no end."""
        async with self.dial:
            while True:
                try:
                    if not await self._read():
                        return
                except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the links of all others
                    self.log.failure("link.failed", error)
                    self._report(error)
                    await trio.sleep(RETRY_S)

    async def _read(self) -> bool:
        """Take what one read brings; return whether there is more to come."""
        items = await self.dial.receive()
        board = self._client_board()
        if not items or board is None:
            return False
        for item in items:
            if isinstance(item, WantProblem) and not item.is_held:
                self._refused[item.topic] = item.reason
        if board.connections.of(self.server).state == "detached" and self.dial.is_up:
            board.connections.turn(self.server, "live")
        is_served = board.take(self.server, items)
        if any(isinstance(item, Up | Down) for item in items):
            self._tell()
        if is_served and not self.is_closed:
            await self.dial.want(board.wants(self.server))
        return True

    async def close(self) -> None:
        """End the link; the actor frees this client's wants as soon as it sees it."""
        self.is_closed = True
        self._tell()
        await self.dial.aclose()

    async def wait_welcome(self) -> None:
        """Wait until the actor answered for the first time.

        Raises:
            WebSocketConnectionError: it did not in time.
            SubscriptionError: the client was cleaned up meanwhile.
        """
        with trio.move_on_after(ANSWER_S):
            while self.dial.server is None:
                self._check_open()
                await self._news.wait()
            return
        raise WebSocketConnectionError(
            f"the actor {self.server!r} did not answer within {ANSWER_S:g} s; see `upbitd status`"
        )

    async def wait_keys(self) -> None:
        """Wait until it is known whether the exchange takes the keys, or the connection is being tried again.

        Raises:
            AuthenticationError: it does not, or there are none; the reason names their place, never the keys.
            SubscriptionError: the client was cleaned up meanwhile.
        """
        with trio.move_on_after(KEYS_S):
            while (state := self._state()) == "connecting":
                self._check_open()
                await self._news.wait()
            if state == "parked":
                board = self._client_board()
                reason = "" if board is None else board.connections.of(self.server).reason
                raise AuthenticationError(reason or "the account cannot be used; see `upbitd status`")

    async def declare(self) -> None:
        """Declare what the client wants now, and wait until the actor holds it.

        While the tree is away the wants wait for it: then this returns at once, and the link declares them when it
        is back.

        Raises:
            SubscriptionError: the actor refused some topics, the others are held; or the client was cleaned up.
            WebSocketConnectionError: the actor is there but does not answer.
        """
        board = self._client_board()
        if board is None:
            return
        with trio.move_on_after(ANSWER_S) as deadline:
            await self.dial.want(board.wants(self.server))
            version = self.dial.wants_version
            while self._accepted < version and self.dial.is_attached:
                self._check_open()
                await self._news.wait()
        if deadline.cancelled_caught:
            why = f"the actor {self.server!r} does not answer"
            board.connections.turn(self.server, "detached", why)
            raise WebSocketConnectionError(f"{why} for {ANSWER_S:g} s; what was wanted is held until it does")
        await trio.lowlevel.checkpoint()  # Refusals came with the acceptance, and are noted by now.
        if self._refused:
            refused, self._refused = self._refused, {}
            raise SubscriptionError("; ".join(f"{topic}: {why}" for topic, why in sorted(refused.items())))

    def check(self) -> None:
        """Note in the client's state when the link is gone or back; called from time to time."""
        board = self._client_board()
        if board is None:
            return
        if self.dial.is_attached:
            self.detached_s = 0.0
            return
        self._tell()
        if not self.detached_s:
            self.detached_s = trio.current_time()
        elif trio.current_time() - self.detached_s >= 1.0:
            board.connections.turn(self.server, "detached", f"{self.server}: the tree cannot be reached; trying again")

    def _report(self, error: Exception) -> None:
        board = self._client_board()
        if board is not None:
            text = f"client {board.name!r}: its link to {self.server} failed: {type(error).__name__}: {error}"
            board.report(ErrorReport(board.name, "", "", text, None))

    def _check_open(self) -> None:
        if self.is_closed:
            raise SubscriptionError("the client was cleaned up meanwhile; make a new WebSocketClient")

    def _client_board(self) -> Switchboard | None:
        """The client's switchboard; None when the client is gone, or this link is its own no longer."""
        return None if self.is_closed else self._board()

    def _state(self) -> str:
        board = self._client_board()
        return "closed" if board is None else board.connections.of(self.server).state

    def _hear(self, message: Welcome | Accepted) -> None:
        board = self._client_board()
        if isinstance(message, Accepted):
            self._accepted = message.version
        elif board is not None:
            known = board.connections.of(self.server)
            if known.state == "detached":
                board.connections.turn(self.server, "connecting")
            if message.link == "none":
                board.connections.turn(self.server, "live")
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()
