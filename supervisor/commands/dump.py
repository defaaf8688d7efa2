"""`upbitd dump NAME`."""

from typing import Final

import click

from actors.commands.options import run_dir_option
from supervisor.commands.options import running_tree
from supervisor.control.client import ask
from supervisor.control.messages import Command
from supervisor.records.story import printable

ANSWER_S: Final = 3.0
"""A dump takes about a second at most."""


@click.command()
@click.argument("name")
@run_dir_option
def dump(name: str, run_dir: str | None) -> None:
    """Show what every thread and task of the child NAME is doing now, also when it is stuck; it goes on undisturbed.

    Example: upbitd dump public
    """
    text = ask(running_tree(run_dir).control_socket, Command("dump", name), limit_s=ANSWER_S).text
    click.echo(printable(text.rstrip()))
