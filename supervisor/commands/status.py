"""`upbitd status`."""

import signal
from collections.abc import Iterator
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from actors.commands.options import json_option, run_dir_option
from supervisor.commands.options import running_tree
from supervisor.control.client import SupervisorUnreachable, ask
from supervisor.control.messages import Command
from supervisor.control.status import ChildStatus, LastExit, TreeStatus

MIB: Final = 1024 * 1024

WIDE: Final = 1000
"""Columns; more than any row has."""

ANSWER_S: Final = 3.0
"""A supervisor that lives answers at once."""


@click.command()
@json_option
@run_dir_option
def status(*, as_json: bool, run_dir: str | None) -> None:
    """Show every child: state, restarts, uptime, last exit, age of the last heartbeat, memory, counters."""
    answer = ask(running_tree(run_dir).control_socket, Command("status"), limit_s=ANSWER_S).status
    if answer is None:
        raise SupervisorUnreachable("the supervisor's answer holds no status; is it of another version?")
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return
    # Never cut: a terminal that is narrower breaks the line.
    Console(width=WIDE).print(status_table(answer))
    console = Console()
    for line in remarks(answer):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def status_table(tree: TreeStatus) -> Table:
    """Return the tree as a table for people."""
    title = f"upbitd pid {tree.pid}, {tree.state}, up {duration(tree.uptime_s)}"
    # Without lines between columns the widest row fits into 80 characters.
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("pid", "restarts", "uptime", "beat", "memory", "last exit"):
        table.add_column(heading, justify="right", no_wrap=True)
    for child in tree.children:
        table.add_row(*_cells(child), style={"parked": "yellow", "backoff": "yellow"}.get(child.state))
    return table


def remarks(tree: TreeStatus) -> Iterator[str]:
    """Yield what does not fit into a table: reasons, last words, counters; one line each."""
    for child in tree.children:
        if child.reason:
            yield f"{child.name}: {child.reason}"
        elif child.last_exit is not None and child.last_exit.summary:
            yield f"{child.name}: last ended by {child.last_exit.summary}"
        if child.counters:
            yield f"{child.name}: " + ", ".join(f"{name} {value:,.10g}" for name, value in child.counters.items())


def _cells(child: ChildStatus) -> tuple[str, ...]:
    return (
        child.name,
        child.state,
        "-" if child.pid is None else str(child.pid),
        str(child.restarts),
        "-" if child.uptime_s is None else duration(child.uptime_s),
        "-" if child.heartbeat_age_s is None else f"{child.heartbeat_age_s:.1f} s",
        "-" if child.memory_bytes is None else f"{child.memory_bytes / MIB:.0f} MiB",
        "-" if child.last_exit is None else describe_exit(child.last_exit),
    )


def describe_exit(ended: LastExit) -> str:
    """Return how a process ended in a few words."""
    if ended.signal is not None:
        return signal.Signals(ended.signal).name
    return "no process" if ended.code is None else f"code {ended.code}"


def duration(seconds: float) -> str:
    """Return a time span as people write it: `4.2 s`, `3 min 20 s`, `5 h 12 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
