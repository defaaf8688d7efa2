"""`upbitd stop [NAME]`."""

import click

from actors.commands.options import run_dir_option
from protocols.errors import SettingsError
from supervisor.commands.options import order_member, running_tree
from supervisor.control.client import CommandRefused, stop_and_wait
from supervisor.views.waiting import Waiting


@click.command()
@click.argument("name", required=False)
@run_dir_option
def stop(name: str | None, run_dir: str | None) -> None:
    """Stop the whole tree in order, or only the child or group NAME.

    Without NAME: returns when the supervisor is gone. With NAME: returns when the child is stopped, or all of the
    group; it stays so, whatever its restart type, until `upbitd start NAME` or `upbitd restart NAME`.

    Exit codes: 0 stopped, 1 it could not be stopped, 2 there is none of this name, or no tree.

    Example: upbitd stop price_monitor
    """
    if name is None:
        stop_and_wait(running_tree(run_dir).control_socket, waiting=Waiting("stop"))
        click.echo("stopped")
        return
    if not name:
        raise SettingsError("the name is empty; leave it out to stop the whole tree")
    state = order_member(run_dir, "stop", name).state
    if state != "stopped":
        raise CommandRefused(f"{name} is not stopped but {state}; see `upbitd status`")
    click.echo(f"{name}: {state}")
