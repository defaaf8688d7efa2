"""`upbitd demo`: the whole tree against the simulated exchange, and a live view of it."""

import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import click
import trio

from actors.runtime.logs import Redaction, configure_logs
from supervisor.demo.place import reserved_port, stderr_to, temporary_place
from supervisor.demo.screens import CLOSE_S, Screen, screen_for_stdout
from supervisor.demo.settings import HOST, demo_settings
from supervisor.demo.snapshot import Observer
from supervisor.lifecycle import Lifecycle
from supervisor.name_clash import check_names
from supervisor.run_dir import RunDir, open_run_dir
from supervisor.settings import Settings, default_settings_file, take_environment
from supervisor.signals import stop_on_signals, stop_signals
from supervisor.tree import Tree, run_tree

STDOUT_FD: Final = 1


@click.command()
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds.")
def demo(seconds: float | None) -> None:
    """Run the whole tree against the built-in simulated exchange and show it live, until ^C.

    Nothing of yours is touched: settings, keys and run directory are made for the occasion and gone afterwards.
    """
    check_names()
    take_environment(os.environ)
    screen = screen_for_stdout()
    with temporary_place() as place, reserved_port(HOST) as port:
        settings = demo_settings(default_settings_file(), port)
        opened = open_run_dir(place / "run")
        log_file = place / "log.jsonl"
        with opened.locked(), stderr_to(log_file):
            configure_logs(level=settings.flags.log_level, redaction=Redaction(settings.secrets.values()))
            lifecycle = Lifecycle(opened.lifecycle_file)
            try:
                trio.run(partial(_run, settings, opened, lifecycle, log_file=log_file, screen=screen, seconds=seconds))
            finally:
                lifecycle.close()
    with suppress(OSError):  # Whoever read this may have been the reason for the end.
        os.write(STDOUT_FD, b"upbitd demo: ended; all processes and files are gone\n")


async def _run(
    settings: Settings,
    run_dir: RunDir,
    lifecycle: Lifecycle,
    *,
    log_file: Path,
    screen: Screen,
    seconds: float | None,
) -> None:
    observer = Observer(run_dir, log_file)
    with stop_signals() as signals:
        async with trio.open_nursery() as watching:
            async with trio.open_nursery() as running:
                tree: Tree = await running.start(
                    partial(run_tree, settings, run_dir, lifecycle=lifecycle, stop=trio.Event())
                )
                watching.start_soon(stop_on_signals, signals, tree)
                watching.start_soon(_stop_on_hangup, tree)
                watching.start_soon(observer.run)
                watching.start_soon(_show, observer, screen, tree)
                if seconds is not None:
                    watching.start_soon(_stop_after, seconds, tree)
            watching.cancel_scope.cancel()


async def _show(observer: Observer, screen: Screen, tree: Tree) -> None:
    """Show snapshots until cancelled; stop the tree when the terminal, or the reader of the pipe, is gone."""
    try:
        with suppress(OSError):
            await trio.to_thread.run_sync(screen.open, abandon_on_cancel=True)
            while True:
                await trio.to_thread.run_sync(screen.show, observer.snapshot(), abandon_on_cancel=True)
                await trio.sleep(screen.every_s)
        tree.ask_to_stop()
    finally:
        with trio.move_on_after(CLOSE_S, shield=True), suppress(OSError):
            await trio.to_thread.run_sync(screen.close, abandon_on_cancel=True)


async def _stop_after(seconds: float, tree: Tree) -> None:
    await trio.sleep(seconds)
    tree.ask_to_stop()


async def _stop_on_hangup(tree: Tree) -> None:
    """Stop when the terminal is closed; without this the temporary directory would stay behind."""
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _number in signals:
            tree.ask_to_stop()
