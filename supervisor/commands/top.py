"""`upbitd top`."""

import itertools
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Final

import click
import trio

from actors.commands.options import Seconds, json_option, run_dir_option
from protocols.errors import UpbitdError
from supervisor.commands.options import running_tree
from supervisor.control.client import status_of
from supervisor.startup.early_signals import ENDING, is_ignored
from supervisor.views.rates import Rates
from supervisor.views.terminal import LiveScreen, Screen, screen_for_stdout, single_keys, wait_quit_key
from supervisor.views.usage_table import Look

CLOSE_S: Final = 1.0

EVERY_S: Final = 1.0
"""Processor time is counted in hundredths of a second, so a shorter time shows little."""

Observe = Callable[[], Look]


@click.command()
@click.option("--every", "every_s", type=Seconds(), default=EVERY_S, show_default=True, help="Seconds between looks.")
@click.option("-n", "count", type=click.IntRange(min=1), help="End after so many looks.")
@json_option
@run_dir_option
def top(*, every_s: float, count: int | None, as_json: bool, run_dir: str | None) -> None:
    """Show who uses the machine, again and again, the busiest first; q or ^C ends it.

    Columns: processor time in percent of one core, resident memory, inputs consumed a second, age of the last sign of
    life, how long input has waited untouched, restarts. The first look shows averages over the life of each process,
    the others what happened since the look before. When stdout is no terminal, each look is some lines of text.

    It goes on when the supervisor ends, and shows the next one. Exit codes: 0, 2 when no supervisor runs at the start.

    Example: upbitd top --every 5
    """
    socket = running_tree(run_dir).control_socket
    status_of(socket)  # At the start, no supervisor is an error of whoever asks.
    screen = screen_for_stdout(is_json=as_json)
    with single_keys() if isinstance(screen, LiveScreen) else nullcontext(enter_result=False) as has_keys:
        trio.run(_run, screen, partial(_look, socket, Rates()), every_s, count, has_keys)


def _look(socket: Path, rates: Rates) -> Look:
    """Look at the tree; a supervisor that cannot be asked is something to show, too."""
    try:
        tree = status_of(socket)
    except UpbitdError as error:
        return Look(None, (), str(error))
    return Look(tree, tuple(rates.take(tree)))


async def _run(screen: Screen, observe: Observe, every_s: float, count: int | None, has_keys: bool) -> None:
    """Show looks until they are all shown, or until a signal, a key, or the end of the output says so."""
    ending = [number for number in ENDING if not is_ignored(number)]
    with trio.open_signal_receiver(*ending) as signals:
        async with trio.open_nursery() as nursery:

            async def end_on_signal() -> None:
                await anext(aiter(signals))
                nursery.cancel_scope.cancel()

            async def end_on_key() -> None:
                await wait_quit_key()
                nursery.cancel_scope.cancel()

            nursery.start_soon(end_on_signal)
            if has_keys:
                nursery.start_soon(end_on_key)
            await _show(screen, observe, every_s, count)
            nursery.cancel_scope.cancel()


async def _show(screen: Screen, observe: Observe, every_s: float, count: int | None) -> None:
    """Show looks at a steady pace; the terminal is given back whatever ends it."""
    try:
        await trio.to_thread.run_sync(screen.open, abandon_on_cancel=True)
        due_s = trio.current_time()
        for number in itertools.count(1):
            look = await trio.to_thread.run_sync(observe, abandon_on_cancel=True)
            await trio.to_thread.run_sync(screen.show, look, abandon_on_cancel=True)
            if number == count:
                return
            due_s = max(due_s + every_s, trio.current_time())
            await trio.sleep_until(due_s)
    finally:
        with trio.move_on_after(CLOSE_S, shield=True), suppress(OSError):
            await trio.to_thread.run_sync(screen.close, abandon_on_cancel=True)
