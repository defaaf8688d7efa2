"""`upbitd run`."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import click
import trio

from actors.commands.options import run_dir_option
from actors.commands.signals import wait_for_eof
from actors.runtime.run_dir import find_run_dir
from supervisor.records.records import open_records
from supervisor.running.operator import Operator
from supervisor.running.run_dir import open_run_dir
from supervisor.running.run_tree import run_tree
from supervisor.service.exit_codes import exit_code_of
from supervisor.service.notify import Notifier, take_notifier
from supervisor.service.signals import act_on_signals, stacks_on_request, stop_signals, take_default_dispositions
from supervisor.service.terminal import Terminal
from supervisor.specs.settings import Settings, default_settings_file, load_settings
from supervisor.startup.environment import take_variables
from supervisor.startup.name_clash import check_names


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", help="Settings file; the default one comes with upbitd.")
@click.option("--set", "overrides", metavar="TABLE.KEY=VALUE", multiple=True, help="Override one setting; repeatable.")
@click.option("--events", metavar="FILE", help="Where lifecycle events go; default RUN_DIR/lifecycle.jsonl.")
@click.option("--until-eof", is_flag=True, help="Stop as well when stdin ends: the tree of a program that started it.")
@run_dir_option
def run(
    file: str | None, overrides: tuple[str, ...], events: str | None, *, until_eof: bool, run_dir: str | None
) -> int:
    """Run the supervised tree in the foreground until SIGINT, SIGTERM or `upbitd stop`; SIGHUP reloads the settings.

    Settings come from FILE, then from variables such as UPBITD_EXCHANGE__WEBSOCKET_URL, then from --set.

    Exit codes: 0 stopped in order, 1 failed, also for want of room or memory, 2 bad settings or input, 3 the budget of
    restarts is spent and the settings say that the tree ends then.
    """
    terminal = Terminal()
    check_names()
    take_default_dispositions()
    directory = find_run_dir(run_dir, os.environ)
    with _closing(take_notifier(os.environ)) as notify:
        reread = settings_reader(file, overrides)
        settings = reread(None)
        opened = open_run_dir(directory)
        with opened.locked(), stacks_on_request():
            opened.remove_stale_sockets()
            opened.mark_borrowed(until_eof)
            file_of_events = Path(events) if events else opened.lifecycle_file
            with open_records(settings, events=file_of_events, crashes=opened.crashes) as records:
                run_whole = partial(
                    run_tree, settings, opened, records=records, stop=trio.Event(), reread=reread, notify=notify
                )
                end = trio.run(partial(run_until_stopped, run_whole, terminal, notify, until_eof=until_eof))
    return exit_code_of(end)


def settings_reader(file: str | None, overrides: tuple[str, ...]) -> Callable[[Settings | None], Settings]:
    """Take the variables out of the environment; return what reads the settings, now and for each reload.

    The file is read anew each time; variables and overrides are those of the start, and so are the secrets. What
    reads them takes those of the running tree: what was added to it stays.
    """
    variables = take_variables()
    path = Path(file).absolute() if file else default_settings_file()
    extend_import_path(path)
    of_start: Settings | None = None

    def read(running: Settings | None) -> Settings:
        nonlocal of_start
        settings = load_settings(path, variables=variables, overrides=overrides, of_start=of_start, running=running)
        of_start = of_start or settings
        return settings

    return read


def extend_import_path(settings_file: Path) -> None:
    """Find an owner's own actors beside the settings file or in the working directory; installed packages win."""
    for folder in (settings_file.absolute().parent, Path.cwd()):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


@contextmanager
def _closing(notify: Notifier | None) -> Iterator[Notifier | None]:
    with closing(notify) if notify is not None else nullcontext():
        yield notify


async def run_until_stopped(
    run_whole: Callable[..., Awaitable[None]],
    terminal: Terminal,
    notify: Notifier | None,
    *,
    until_eof: bool = False,
) -> str:
    """Run a tree until a signal, a command, or its own rules stop it; return why it stopped, in the machine's words.

    Args:
        run_whole: `run_tree` with all that it needs, to be started in a nursery.
        terminal: as it was at the start.
        notify: the service manager; None when there is none.
        until_eof: whether the end of stdin stops the tree too.
    """
    with stop_signals() as signals:
        async with trio.open_nursery() as watching:
            async with trio.open_nursery() as running:
                operator: Operator = await running.start(run_whole)
                watching.start_soon(partial(act_on_signals, signals, operator, terminal=terminal))
                if until_eof:
                    watching.start_soon(_stop_at_eof, operator)
            watching.cancel_scope.cancel()
    if notify is not None:
        notify.stopping()
    return operator.tree.machine.end


async def _stop_at_eof(operator: Operator) -> None:
    """Stop the tree in order when whoever holds the other end of stdin is gone, however it ended."""
    await wait_for_eof()
    operator.ask_to_stop()
