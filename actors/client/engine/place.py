"""One run directory, as the clients of this process use it: its tree, and its list of markets."""

import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import trio

from actors.client.engine.link import Link
from actors.client.engine.own_tree import OwnTree
from actors.client.errors import AuthenticationError, SubscriptionError, WebSocketConnectionError
from actors.client.wishes import Server
from actors.runtime.channel.asking import Arguments, ask
from actors.runtime.run_dir import BORROWED, CONTROL_SOCKET, is_served, socket_of, when_removed
from protocols.backoff import Backoff
from protocols.errors import UpbitdError
from protocols.upbit.market_directory import MarketDirectory
from protocols.upbit.markets import MarketInfo

AUTOSTART: Final = "UPBITD_AUTOSTART"

MARKETS_FRESH_S: Final = 60.0
MARKETS_AGAIN_S: Final = 2.0
"""A market that is not in the list may have been listed since; the exchange is asked again at most this often."""

LOST_AFTER_S: Final = 1.0
APPEAR_S: Final = 2.0
LOOK_S: Final = 0.02


class Place:
    """A run directory.

    Attributes:
        links: of all clients of this process.
        directory: the exchange's markets, as far as they are known.
    """

    def __init__(self, run_dir: Path, nursery: trio.Nursery) -> None:
        self.run_dir = run_dir
        self.links: set[Link] = set()
        self.directory = MarketDirectory()
        self._nursery = nursery
        self._tree = OwnTree(run_dir)
        self._starting = trio.Lock()
        self._asking = trio.Lock()

    async def ensure_tree(self) -> None:
        """See to it that a tree runs; start one where none does.

        Raises:
            WebSocketConnectionError: none runs, and none may be started, or could be.
        """
        async with self._starting:
            if is_served(self.run_dir / CONTROL_SOCKET):
                return
            if os.environ.get(AUTOSTART, "1").strip().lower() in {"0", "no", "false", "off"}:
                raise WebSocketConnectionError(
                    f"no tree runs in {self.run_dir}, and {AUTOSTART}=0 forbids to start one; "
                    "start it with `upbitd run`"
                )
            await self._tree.stop()
            await self._tree.start(self._nursery)

    async def check_actor(self, server: Server) -> None:
        """See that the tree has an actor; one that is starting up may need a moment.

        Raises:
            AuthenticationError, WebSocketConnectionError: it has none, or not its socket; which one says what it would
                be needed for.
        """
        with trio.move_on_after(APPEAR_S):
            while not is_served(socket_of(self.run_dir, server)):  # noqa: ASYNC110 - nobody tells when it appears
                await trio.sleep(LOOK_S)
            return
        why = (
            f"the tree in {self.run_dir} has no socket of an actor {server!r}; add one to its settings, or "
            f"{when_removed(server)}"
        )
        raise AuthenticationError(why) if server == "private" else WebSocketConnectionError(why)

    async def check_markets(self, name: str, symbols: tuple[str, ...]) -> None:
        """See that the exchange has these markets, as far as its list can be had.

        Raises:
            SubscriptionError: it does not have one of them; with what was probably meant.
        """
        if not symbols:
            return
        unknown = self.directory.unknown(symbols)
        if not self.directory.is_fresh(trio.current_time(), MARKETS_FRESH_S) or unknown:
            # Without a list the exchange itself has the last word: a want without data is reported.
            with suppress(WebSocketConnectionError):
                await self.refresh_markets(MARKETS_AGAIN_S if unknown else MARKETS_FRESH_S)
            unknown = self.directory.unknown(symbols)
        if unknown and self.directory.codes():
            meant = self.directory.suggest(unknown[0])
            hint = f"did you mean {meant!r}?" if meant else "see `await krw_markets()` for what there is"
            raise SubscriptionError(f"{name}: the exchange has no market {', '.join(map(repr, unknown[:5]))}; {hint}")

    async def refresh_markets(self, max_age_s: float) -> None:
        """Ask for the list of markets unless it is younger than this.

        Raises:
            WebSocketConnectionError: it cannot be had; the one that was there stays.
        """
        async with self._asking:
            if self.directory.is_fresh(trio.current_time(), max_age_s):
                return
            try:
                markets = await self.ask_markets(max_age_s)
            except (UpbitdError, OSError, msgspec.ValidationError) as error:
                raise WebSocketConnectionError(f"the exchange's list of markets cannot be had now: {error}") from None
            if not markets:
                raise WebSocketConnectionError("the exchange's list of markets came empty, which cannot be; ask again")
            self.directory.replace(markets, trio.current_time())

    async def ask_markets(self, max_age_s: float) -> tuple[MarketInfo, ...]:
        """Ask the public actor for the exchange's list of markets.

        Raises:
            UpbitdError, OSError: it could not be had.
        """
        answer = await self.ask("public", "markets", {"max_age_s": max_age_s})
        return msgspec.convert(answer, tuple[MarketInfo, ...])

    async def ask(self, server: Server, method: str, arguments: Arguments | None = None) -> object:
        """Ask an actor one question."""
        return await ask(socket_of(self.run_dir, server), f"client {os.getpid()}", method, arguments)

    async def mind(self) -> None:
        """Start the tree again when one that was started for a program has gone; until cancelled.

        A tree that its owner started is the owner's business: these clients wait for it to come back.
        """
        rng = random.Random()  # noqa: S311 - it spreads attempts over time; nothing secret comes of it
        backoff = Backoff(first_s=0.25, cap_s=30.0, rng=rng, reset_after_s=10.0)
        while True:
            await trio.sleep(LOST_AFTER_S / 4)
            for link in tuple(self.links):
                link.check()
            now_s = trio.current_time()
            is_lost = any(link.detached_s and now_s - link.detached_s >= LOST_AFTER_S for link in self.links)
            if not is_lost or not (self.run_dir / BORROWED).exists():
                continue
            await trio.sleep(backoff.next_delay_s(now_s))
            try:
                await self.ensure_tree()
            except WebSocketConnectionError:
                continue
            backoff.succeeded(trio.current_time())

    async def close(self) -> None:
        """End the tree that was started here, if it was."""
        await self._tree.stop()
