"""`upbitd demo`: the whole tree against the simulated exchange, and a live view of it."""

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import click
import trio

from actors.commands.options import Seconds
from supervisor.demo.place import reserved_port, stderr_to, temporary_place
from supervisor.demo.screens import CLOSE_S, Screen, screen_for_stdout
from supervisor.demo.settings import HOST, demo_settings
from supervisor.demo.snapshot import Observer
from supervisor.records.records import open_records
from supervisor.running.operator import Operator
from supervisor.running.run_dir import open_run_dir
from supervisor.running.run_tree import run_tree
from supervisor.service.signals import act_on_signals, stop_signals, take_default_dispositions
from supervisor.specs.settings import Settings, default_settings_file
from supervisor.startup.early_signals import noted_signals
from supervisor.startup.environment import take_variables
from supervisor.startup.name_clash import check_names

STDOUT_FD: Final = 1


@click.command()
@click.option("--seconds", type=Seconds(), help="End after so many seconds.")
def demo(seconds: float | None) -> None:
    """Run the whole tree against the built-in simulated exchange and show it live, until ^C.

    Nothing of yours is touched: settings, keys and run directory are made for the occasion and gone afterwards.
    """
    check_names()
    take_default_dispositions()
    take_variables()
    screen = screen_for_stdout()
    # From here on there is something to remove, so signals no longer end the process, not even during the removal.
    with reserved_port(HOST) as port, noted_signals() as noted, temporary_place() as place:
        settings = demo_settings(default_settings_file(), port, locks=place / "locks")
        _run_in(place, settings, screen, seconds, noted)
    with suppress(OSError):  # Whoever read this may have been the reason for the end.
        os.write(STDOUT_FD, b"upbitd demo: ended; all processes and files are gone\n")


def _run_in(place: Path, settings: Settings, screen: Screen, seconds: float | None, noted: list[int]) -> None:
    opened = open_run_dir(place / "run")
    log_file = place / "log.jsonl"
    with (
        opened.locked(),
        stderr_to(log_file),
        open_records(settings, events=opened.lifecycle_file, crashes=opened.crashes) as records,
    ):
        tree = partial(run_tree, settings, opened, records=records, stop=trio.Event())
        trio.run(_run, tree, partial(Observer, opened, log_file), screen, seconds, noted)


async def _run(
    run: Callable[..., Awaitable[None]],
    observing: Callable[[], Observer],
    screen: Screen,
    seconds: float | None,
    noted: list[int],
) -> None:
    """Run the tree by `run`, with all that belongs to a demo around it; not at all when a signal was `noted` before."""
    observer = observing()
    with stop_signals() as signals:
        if noted:
            return
        async with trio.open_nursery() as watching:
            async with trio.open_nursery() as running:
                operator: Operator = await running.start(run)
                watching.start_soon(act_on_signals, signals, operator)
                watching.start_soon(observer.run)
                watching.start_soon(_show, observer, screen, operator)
                if seconds is not None:
                    watching.start_soon(_stop_after, seconds, operator)
            watching.cancel_scope.cancel()


async def _show(observer: Observer, screen: Screen, operator: Operator) -> None:
    """Show snapshots until cancelled; stop the tree when the terminal, or the reader of the pipe, is gone."""
    try:
        with suppress(OSError):
            await trio.to_thread.run_sync(screen.open, abandon_on_cancel=True)
            while True:
                await trio.to_thread.run_sync(screen.show, observer.snapshot(), abandon_on_cancel=True)
                await trio.sleep(screen.every_s)
        operator.ask_to_stop()
    finally:
        with trio.move_on_after(CLOSE_S, shield=True), suppress(OSError):
            await trio.to_thread.run_sync(screen.close, abandon_on_cancel=True)


async def _stop_after(seconds: float, operator: Operator) -> None:
    await trio.sleep(seconds)
    operator.ask_to_stop()
