"""`upbitd restart NAME`."""

import click

from actors.commands.options import run_dir_option
from supervisor.commands.options import check_ready, order_member


@click.command()
@click.argument("name")
@run_dir_option
def restart(name: str, run_dir: str | None) -> None:
    """Stop and start the child or group NAME; returns when it is ready again.

    Its budgets of restarts begin anew, and one that is parked or was stopped is started. Of a group, all members are
    restarted.

    Exit codes: 0 it is ready, 1 it is not, as one that is parked, 2 there is none of this name.

    Example: upbitd restart price_monitor
    """
    reached = order_member(run_dir, "restart", name)
    check_ready(name, reached, "restarted")
    click.echo(f"{name}: {reached.state}")
