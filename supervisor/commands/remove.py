"""`upbitd remove NAME`."""

import click

from actors.commands.options import run_dir_option
from supervisor.commands.options import order_member


@click.command()
@click.argument("name")
@run_dir_option
def remove(name: str, run_dir: str | None) -> None:
    """Stop the child or group NAME and forget it; with a group go all its members. Returns when it is gone.

    The settings file stays as it is: one that is written there comes back with the next `upbitd reload`.

    Exit codes: 0 it is gone, 1 it could not be removed, 2 there is none of this name.

    Example: upbitd remove price_monitor
    """
    order_member(run_dir, "remove", name)
    click.echo(f"{name}: removed")
