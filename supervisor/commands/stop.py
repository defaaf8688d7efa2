"""`upbitd stop`."""

import click

from actors.commands.options import run_dir_option
from supervisor.commands.options import running_tree
from supervisor.control.client import stop_and_wait


@click.command()
@run_dir_option
def stop(run_dir: str | None) -> None:
    """Stop the tree in order; returns when its supervisor is gone."""
    stop_and_wait(running_tree(run_dir).control_socket)
    click.echo("stopped")
