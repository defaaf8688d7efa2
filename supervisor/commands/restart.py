"""`upbitd restart NAME`."""

import click

from actors.commands.options import run_dir_option
from supervisor.commands.options import running_tree
from supervisor.control.client import CommandRefused, ask
from supervisor.control.messages import Command


@click.command()
@click.argument("name")
@run_dir_option
def restart(name: str, run_dir: str | None) -> None:
    """Stop and start the child NAME; returns when it is ready again."""
    state = ask(running_tree(run_dir).control_socket, Command("restart", name)).state
    if state != "ready":
        raise CommandRefused(f"{name} was restarted and is not ready but {state}; see `upbitd status`")
    click.echo(f"{name}: {state}")
