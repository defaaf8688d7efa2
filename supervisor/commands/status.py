"""`upbitd status`."""

import click
import msgspec
from rich.console import Console
from rich.table import Table

from supervisor.commands.options import json_option, run_dir_option, running_tree
from supervisor.control_client import SupervisorUnreachable, ask
from supervisor.control_messages import Command
from supervisor.status import ChildStatus, LastExit, TreeStatus

MIB = 1024 * 1024
SHOWN_COUNTERS = 6


@click.command()
@json_option
@run_dir_option
def status(*, as_json: bool, run_dir: str | None) -> None:
    """Show every child: state, restarts, uptime, last exit, age of the last heartbeat, memory, counters."""
    answer = ask(running_tree(run_dir).control_socket, Command("status")).status
    if answer is None:
        raise SupervisorUnreachable("the supervisor's answer holds no status; is it of another version?")
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        Console().print(status_table(answer))


def status_table(tree: TreeStatus) -> Table:
    """Return the tree as a table for people."""
    table = Table(title=f"upbitd pid {tree.pid}, {tree.state}, up {duration(tree.uptime_s)}, {tree.run_dir}")
    for heading in ("name", "state", "pid"):
        table.add_column(heading, no_wrap=True)
    for heading in ("restarts", "uptime", "heartbeat", "memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("last exit")
    table.add_column("counters, reason", overflow="fold")
    for child in tree.children:
        table.add_row(*_cells(child), style={"parked": "yellow", "backoff": "yellow"}.get(child.state))
    return table


def _cells(child: ChildStatus) -> tuple[str, ...]:
    heartbeat = "-" if child.heartbeat_age_s is None else f"{child.heartbeat_age_s:.1f} s"
    memory = "-" if child.memory_bytes is None else f"{child.memory_bytes / MIB:.0f} MiB"
    return (
        child.name,
        child.state,
        "-" if child.pid is None else str(child.pid),
        str(child.restarts),
        "-" if child.uptime_s is None else duration(child.uptime_s),
        heartbeat,
        memory,
        "-" if child.last_exit is None else describe_exit(child.last_exit),
        child.reason or _counters(child),
    )


def _counters(child: ChildStatus) -> str:
    shown = [f"{name} {value:,.10g}" for name, value in child.counters.items()]
    more = f" and {len(shown) - SHOWN_COUNTERS} more" if len(shown) > SHOWN_COUNTERS else ""
    return ", ".join(shown[:SHOWN_COUNTERS]) + more


def describe_exit(ended: LastExit) -> str:
    """Return how a process ended in a few words."""
    how = f"signal {ended.signal}" if ended.signal is not None else f"code {ended.code}"
    return f"{how}: {ended.summary}" if ended.summary else how


def duration(seconds: float) -> str:
    """Return a time span as people write it: `4.2 s`, `3 min 20 s`, `5 h 12 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
