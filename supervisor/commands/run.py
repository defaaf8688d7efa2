"""`upbitd run`."""

import os
import sys
from functools import partial
from pathlib import Path

import click
import trio

from actors.commands.options import run_dir_option
from actors.runtime.process.logs import Redaction, configure_logs
from actors.runtime.run_dir import find_run_dir
from supervisor.running.lifecycle import Lifecycle
from supervisor.running.run_dir import RunDir, open_run_dir
from supervisor.running.signals import keep_exit_statuses, stop_on_signals, stop_signals
from supervisor.running.tree import Tree, run_tree
from supervisor.specs.settings import Settings, default_settings_file, load_settings, take_environment
from supervisor.startup.name_clash import check_names


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", help="Settings file; the default one comes with upbitd.")
@click.option("--set", "overrides", metavar="TABLE.KEY=VALUE", multiple=True, help="Override one setting; repeatable.")
@click.option("--events", metavar="FILE", help="Where lifecycle events go; default RUN_DIR/lifecycle.jsonl.")
@run_dir_option
def run(file: str | None, overrides: tuple[str, ...], events: str | None, run_dir: str | None) -> None:
    """Run the supervised tree in the foreground until SIGINT, SIGTERM, SIGHUP or `upbitd stop`.

    Settings come from FILE, then from variables such as UPBITD_EXCHANGE__WEBSOCKET_URL, then from --set.
    """
    check_names()
    keep_exit_statuses()
    directory = find_run_dir(run_dir, os.environ)
    variables = take_environment(os.environ)
    path = Path(file) if file else default_settings_file()
    extend_import_path(path)
    settings = load_settings(path, variables=variables, overrides=overrides)
    opened = open_run_dir(directory)
    with opened.locked():
        opened.remove_stale_sockets()
        redaction = Redaction(settings.secrets.values())
        configure_logs(level=settings.flags.log_level, redaction=redaction)
        lifecycle = Lifecycle(Path(events) if events else opened.lifecycle_file, redaction=redaction)
        try:
            trio.run(run_until_signalled, settings, opened, lifecycle, redaction)
        finally:
            lifecycle.close()


def extend_import_path(settings_file: Path) -> None:
    """Find an owner's own actors beside the settings file or in the working directory; installed packages win."""
    for folder in (settings_file.absolute().parent, Path.cwd()):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


async def run_until_signalled(settings: Settings, run_dir: RunDir, lifecycle: Lifecycle, redaction: Redaction) -> None:
    """Run a tree until a signal or a command stops it."""
    with stop_signals() as signals:
        async with trio.open_nursery() as watching:
            async with trio.open_nursery() as running:
                tree: Tree = await running.start(
                    partial(run_tree, settings, run_dir, lifecycle=lifecycle, redaction=redaction, stop=trio.Event())
                )
                watching.start_soon(stop_on_signals, signals, tree)
            watching.cancel_scope.cancel()
