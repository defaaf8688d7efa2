"""`upbitd book`: a market's order book, live in the terminal."""

import logging
import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final

import click
import trio
from msgspec import Struct

from actors.book.prompt import market_of
from actors.book.terminal import STDIN_FD, Screen, is_screen, single_keys
from actors.book.views import PlainView, TerminalView
from actors.book.window import Window
from actors.client import SubscriptionError, WebSocketClient
from actors.commands.options import Seconds, run_dir_option
from actors.commands.signals import run_until_signalled
from actors.runtime.run_dir import CONTROL_SOCKET, find_run_dir, is_served
from actors.runtime.stdout import OwnStdout, forget_output
from protocols.errors import SettingsError
from protocols.upbit.topics import FULL_DEPTH, ORDERBOOK_UNITS

MAX_FPS: Final = 240


class Wished(Struct, frozen=True):
    """What the command line asked for."""

    symbol: str
    units: int
    level: float
    fps: float
    seconds: float
    run_dir: Path


@click.command()
@click.argument("market")
@click.option(
    "--units",
    type=click.Choice([str(units) for units in ORDERBOOK_UNITS]),
    default=str(FULL_DEPTH),
    show_default=True,
    help="Prices a side that the exchange sends; as many are shown as fit.",
)
@click.option(
    "--level",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Price step in KRW to group the book by, of those that the market has.",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, max=MAX_FPS, min_open=True),
    default=60.0,
    show_default=True,
    help="Most frames a second.",
)
@click.option("--seconds", type=Seconds(), default=None, help="End after so many seconds.")
@run_dir_option
def book(market: str, *, units: str, level: float, fps: float, seconds: float | None, run_dir: str | None) -> None:
    """Show a market's order book, live: asks above, bids below, the best of both in the middle.

    Keys: n and p, or arrows, go through the KRW markets; a market's name and Enter goes there (KRW- may be left out; /
    begins a name that begins with n, p or q); q leaves. When stdout is no terminal, each change prints a line.

    It attaches to the tree that runs; where none does it starts connections of its own for as long as it is open.

    Example: upbitd book KRW-BTC
    """
    path = find_run_dir(run_dir, os.environ)
    symbol = market_of(market)
    wished = Wished(symbol, int(units), level, fps, float("inf") if seconds is None else seconds, path)
    # What concerns the trader is on the screen; the library's log would be written across it.
    logging.getLogger("upbitd.client").addHandler(logging.NullHandler())
    if not is_served(path / CONTROL_SOCKET):
        click.echo(f"upbitd book: no tree runs in {path}; it needs connections of its own", err=True)
    screen = (
        Screen(OwnStdout(sys.stdout.encoding), has_colours=not os.environ.get("NO_COLOR"))
        if is_screen(os.environ)
        else None
    )
    try:
        with nullcontext(enter_result=False) if screen is None else single_keys() as has_keys:
            trio.run(run_until_signalled, partial(_run, wished, screen, has_keys))
    except* BrokenPipeError:
        forget_output()  # The reader went away, as `head` does.


async def _run(wished: Wished, screen: Screen | None, has_keys: bool) -> None:
    """Show the book until the time is over, a key says so, or a signal cancels it."""
    async with WebSocketClient("book", run_dir=wished.run_dir) as client:
        window = Window(client, wished.symbol, units=wished.units, level=wished.level, run_dir=wished.run_dir)
        # Before the screen is taken over: what goes wrong here is a line on stderr.
        await _subscribe_first(window, wished.symbol)
        with trio.move_on_after(wished.seconds):
            if screen is None:
                await window.draw(PlainView(OwnStdout(sys.stdout.encoding)), wished.fps)
            else:
                await _run_on_screen(window, TerminalView(screen), wished.fps, has_keys)


async def _subscribe_first(window: Window, symbol: str) -> None:
    try:
        await window.subscribe(symbol)
    except SubscriptionError as error:
        raise SettingsError(f"book: {error}") from None


async def _run_on_screen(window: Window, view: TerminalView, fps: float, has_keys: bool) -> None:
    try:
        await view.open()
        async with trio.open_nursery() as nursery:
            for work in (window.follow, window.tick, window.watch_size):
                nursery.start_soon(work)
            nursery.start_soon(window.draw, view, fps)
            if has_keys:
                await window.read_keys(STDIN_FD)
                nursery.cancel_scope.cancel()
    finally:
        await view.close()  # noqa: ASYNC102 - it shields itself, for a limited time
