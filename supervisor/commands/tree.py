"""`upbitd tree`."""

import click
import msgspec
from rich.console import Console
from rich.text import Text

from actors.commands.options import json_option, run_dir_option
from supervisor.commands.options import running_tree
from supervisor.control.client import status_of
from supervisor.records.story import printable
from supervisor.views.picture import nested, picture, styles


@click.command()
@json_option
@run_dir_option
def tree(*, as_json: bool, run_dir: str | None) -> None:
    """Show the tree of groups and children: strategies, states, processes, restarts.

    On a terminal, lines are cut at its width; `upbitd status` has everything in full.

    Example: upbitd tree
    """
    answer = status_of(running_tree(run_dir).control_socket)
    if as_json:
        click.echo(msgspec.json.encode(nested(answer)))
        return
    console = Console()
    if not console.is_terminal:
        click.echo("\n".join(map(printable, picture(answer))))
        return
    for line, style in zip(picture(answer), styles(answer), strict=True):
        console.print(Text(printable(line), style), no_wrap=True, overflow="ellipsis", crop=True)
