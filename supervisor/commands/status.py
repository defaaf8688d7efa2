"""`upbitd status`."""

from collections.abc import Iterator
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from actors.commands.options import json_option, run_dir_option
from actors.runtime.times import duration
from supervisor.commands.options import running_tree
from supervisor.control.client import status_of
from supervisor.control.status import ChildStatus, GroupStatus, LastExit, TreeStatus
from supervisor.machine.causes import signal_name
from supervisor.records.story import printable
from supervisor.views.members import Member, walk

MIB: Final = 1024 * 1024

WIDE: Final = 1000
"""Columns; more than any row has."""

INDENT: Final = "  "

_STYLES: Final = {"parked": "yellow", "backoff": "yellow"}


@click.command()
@json_option
@run_dir_option
def status(*, as_json: bool, run_dir: str | None) -> None:
    """Show every child: state, restarts, uptime, last exit, age of the last heartbeat, memory, counters.

    Members of a group stand below it. Example: upbitd status --json
    """
    answer = status_of(running_tree(run_dir).control_socket)
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return
    # Never cut: a terminal that is narrower breaks the line.
    Console(width=WIDE).print(status_table(answer))
    console = Console()
    for line in remarks(answer):
        console.print(printable(line), soft_wrap=True, highlight=False, markup=False)


def status_table(tree: TreeStatus) -> Table:
    """Return the tree as a table for people."""
    title = f"upbitd pid {tree.pid}, {tree.state}, up {duration(tree.uptime_s)}"
    # Without lines between columns the widest row fits into 80 characters.
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("pid", "restarts", "uptime", "beat", "memory", "last exit"):
        table.add_column(heading, justify="right", no_wrap=True)
    for depth, member in walk(tree):
        table.add_row(*_cells(member, INDENT * depth + member.name), style=_STYLES.get(member.state))
    return table


def remarks(tree: TreeStatus) -> Iterator[str]:
    """Yield what does not fit into a table: reasons, last words, counters, losses; one line each."""
    for _depth, member in walk(tree):
        if member.reason:
            yield f"{member.name}: {member.reason}"
        elif member.is_held:
            yield f"{member.name}: stopped by its operator; `upbitd start {member.name}` starts it"
        elif isinstance(member, ChildStatus) and member.last_exit is not None and member.last_exit.summary:
            yield f"{member.name}: last ended by {member.last_exit.summary}"
        if isinstance(member, ChildStatus) and member.counters:
            yield f"{member.name}: " + ", ".join(f"{name} {value:,.10g}" for name, value in member.counters.items())
    yield from _losses(tree)


def _losses(tree: TreeStatus) -> Iterator[str]:
    """Yield what got lost, and what had to be cleared away, since the supervisor began."""
    counts = {
        "log lines that nobody took in time": tree.log_lines_dropped,
        "log lines that were too long": tree.log_lines_cut,
        "crash reports that could not be written": tree.crash_reports_lost,
        "processes that dead children had left behind": tree.strangers_ended,
        "orders that were refused, since too many waited": tree.orders_refused,
    }
    yield from (f"supervisor: {count:,} {what}" for what, count in counts.items() if count)


def _cells(member: Member, label: str) -> tuple[str, ...]:
    if isinstance(member, GroupStatus):
        return label, member.state, "group", str(member.restarts), "-", "-", "-", "-"
    return (
        label,
        member.state,
        "-" if member.pid is None else str(member.pid),
        str(member.restarts),
        "-" if member.uptime_s is None else duration(member.uptime_s),
        "-" if member.heartbeat_age_s is None else f"{member.heartbeat_age_s:.1f} s",
        "-" if member.memory_bytes is None else f"{member.memory_bytes / MIB:.0f} MiB",
        "-" if member.last_exit is None else describe_exit(member.last_exit),
    )


def describe_exit(ended: LastExit) -> str:
    """Return how a process ended in a few words."""
    if ended.signal is not None:
        return signal_name(ended.signal)
    return "no process" if ended.code is None else f"code {ended.code}"
