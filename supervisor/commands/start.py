"""`upbitd start NAME`."""

import click

from actors.commands.options import run_dir_option
from supervisor.commands.options import check_ready, order_member


@click.command()
@click.argument("name")
@run_dir_option
def start(name: str, run_dir: str | None) -> None:
    """Start the child or group NAME, which was stopped, has ended, or is parked; returns when it is ready.

    One that runs already goes on untouched.

    Exit codes: 0 it is ready, 1 it is not, as one that is parked, 2 there is none of this name.

    Example: upbitd start price_monitor
    """
    reached = order_member(run_dir, "start", name)
    check_ready(name, reached, "started")
    click.echo(f"{name}: {reached.state}")
