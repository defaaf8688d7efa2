"""The window at work: one client's two subscriptions, keys that change them, and frames."""

import os
import signal
import time
from pathlib import Path
from typing import Any, Final

import trio

from actors.book.levels import level_problem, supported_levels
from actors.book.pace import FramePace
from actors.book.prompt import Command, Go, Prompt, Quit, Step, read_keys
from actors.book.shown import Arrival, Shown
from actors.book.views import View
from actors.client import ErrorReport, StateReport, Subscription, SubscriptionError, WebSocketClient, krw_markets
from protocols.channel.messages import CACHED, Event
from protocols.errors import UpbitdError
from protocols.upbit.messages import Orderbook, Ticker

TICK_S: Final = 1.0
"""How often ages are brought up to date when nothing else changes."""

KEY_BYTES: Final = 256


class Window:
    """One order book on show.

    Args:
        client: whose subscriptions they are; cleaned up by its owner.
        symbol: the first market.
        units, level: depth and price step of the book, as the exchange has them.
        run_dir: of the client's tree.

    Attributes:
        shown: what is known.
        prompt: what is being typed.
        draws: frames so far.
    """

    def __init__(
        self, client: WebSocketClient, symbol: str, *, units: int, level: float, run_dir: Path | None = None
    ) -> None:
        self._client = client
        self._units, self._level, self._run_dir = units, level, run_dir
        self._books: Subscription | None = None
        self._is_whole = True
        self._has_changed = trio.Event()
        self._goal, self._steps = "", 0
        self._has_goal = trio.Event()
        self.shown = Shown(symbol, now_s=time.monotonic())
        self.prompt = Prompt()
        self.draws = 0
        client.on_state(self._take_state)
        client.on_error(self._take_error)

    async def subscribe(self, symbol: str) -> None:
        """Subscribe a market's book and ticker in the place of the ones before.

        The first market must have the level that was asked for; a later one that does not is shown without.

        Raises:
            UpbitdError: one of the two cannot be; the other one may be of this market already.
        """
        is_first = self._books is None
        level = await self._level_of(symbol, is_strict=is_first)
        self._books = await self._client.subscribe_orderbook(
            [symbol], self._take_book, units=self._units, level=level, delivery="latest"
        )
        envelope = self._books.envelope
        if is_first and envelope is not None:
            self.shown.take_book(
                envelope.body, _arrival(envelope)
            )  # It came before there was a handle to ask about it.
        await self._client.subscribe_ticker([symbol], self._take_ticker, delivery="latest")

    async def switch(self, symbol: str) -> None:
        """Show another market; a market that cannot be shown is told, and the one before stays."""
        before = self.shown.market.symbol
        if symbol == before and self._is_whole:
            return
        self.shown.begin_switch(symbol)
        self.change()
        try:
            await self.subscribe(symbol)
        except UpbitdError as error:
            outcome = await self._go_back(before, symbol)
            self.shown.fail_switch(f"{error}; {outcome}: type a market to try again")
        else:
            self._is_whole = True
            self.shown.end_switch()
        self.change()

    async def _go_back(self, before: str, symbol: str) -> str:
        """Subscribe the market that is still shown, where the other one took its place; return how that ended."""
        held = self._client.get_active_symbols("orderbook") | self._client.get_active_symbols("ticker")
        if symbol in held:
            self._is_whole = False
        if symbol != before and not self._is_whole:
            try:
                await self.subscribe(before)
            except UpbitdError as error:
                return f"{before} could not be had back either ({error})"
            self._is_whole = True
        return f"{before} goes on" if self._is_whole else f"{before} is not whole"

    async def _level_of(self, symbol: str, *, is_strict: bool) -> float:
        """Return the price step to subscribe a market's book with; 0 and a notice when it does not have the wished one.

        Raises:
            SubscriptionError: it does not have it, and `is_strict`.
        """
        levels = await supported_levels(symbol, run_dir=self._run_dir) if self._level else None
        if levels is None or self._level in levels:
            return self._level
        if is_strict:
            raise SubscriptionError(f"{level_problem(symbol, self._level, levels)}, or leave it out")
        self.shown.notice = f"{level_problem(symbol, self._level, levels)}; shown without"
        return 0.0

    def change(self) -> None:
        """Have a frame drawn as soon as one may be."""
        self._has_changed.set()

    async def draw(self, view: View, fps: float) -> None:
        """Draw after each change, at most `fps` times a second; until cancelled."""
        pace = FramePace(fps, now_s=trio.current_time())
        while True:
            await self._has_changed.wait()
            await trio.sleep_until(pace.due_s)
            self._has_changed = trio.Event()
            self.draws += 1
            await view.show(view.compose(self.shown, self.prompt, now_s=time.monotonic()))
            pace.drawn(now_s=trio.current_time())

    async def tick(self) -> None:
        """Bring ages up to date, until cancelled."""
        due_s = trio.current_time()
        while True:
            due_s += TICK_S
            await trio.sleep_until(due_s)
            self.change()

    async def watch_size(self) -> None:
        """Draw anew when the terminal's size changes, until cancelled."""
        with trio.open_signal_receiver(signal.SIGWINCH) as signals:
            async for _number in signals:
                self.change()

    async def read_keys(self, fd: int) -> None:
        """Do what the keys say, until one says to leave, or the terminal is gone."""
        while True:
            await trio.lowlevel.wait_readable(fd)
            try:
                data = os.read(fd, KEY_BYTES)
            except OSError:
                return
            if not data:
                return
            self.shown.notice = ""
            for key in read_keys(data):
                command = self.prompt.take(key)
                if isinstance(command, Quit):
                    return
                self.obey(command)
            self.change()

    def obey(self, command: Command | None) -> None:
        """Have a command done by `follow`."""
        if isinstance(command, Go):
            self._goal, self._steps = command.symbol, 0
        elif isinstance(command, Step):
            self._steps += command.by
        self._has_goal.set()

    async def follow(self) -> None:
        """Do the commands, until cancelled; what was wished for while a switch was on its way is done in one."""
        while True:
            await self._has_goal.wait()
            self._has_goal = trio.Event()
            goal, steps = self._goal or self.shown.market.symbol, self._steps
            self._goal, self._steps = "", 0
            try:
                await self.switch(await self._neighbour(goal, steps) if steps else goal)
            except UpbitdError as error:
                self.shown.notice = str(error)
                self.change()

    async def _neighbour(self, symbol: str, steps: int) -> str:
        markets = await krw_markets(run_dir=self._run_dir)
        if symbol not in markets:
            return next(iter(markets), symbol)
        return markets[(markets.index(symbol) + steps) % len(markets)]

    def _take_book(self, book: Orderbook) -> None:
        envelope = None if self._books is None else self._books.envelope
        arrival = Arrival(time.monotonic()) if envelope is None else _arrival(envelope)
        if self.shown.take_book(book, arrival):
            self.change()

    def _take_ticker(self, ticker: Ticker) -> None:
        if self.shown.take_ticker(ticker):
            self.change()

    def _take_state(self, report: StateReport) -> None:
        self.shown.take_state(report, now_s=time.monotonic())
        self.change()

    def _take_error(self, report: ErrorReport) -> None:
        self.shown.notice = report.text
        self.change()


def _arrival(envelope: Event[Any]) -> Arrival:
    is_fresh = envelope.origin != CACHED
    lag_ms = (time.monotonic_ns() - envelope.received_ns) / 1e6 if is_fresh else None
    return Arrival(envelope.received_ns / 1e9, envelope.epoch, lag_ms)
