"""`upbitd reload`."""

import click
import msgspec

from actors.commands.options import json_option, run_dir_option
from supervisor.commands.options import check_all_run, running_tree
from supervisor.control.client import order, status_of
from supervisor.control.messages import Command
from supervisor.specs.plan import Plan
from supervisor.views.waiting import Waiting


@click.command()
@click.option("--dry-run", "is_dry", is_flag=True, help="Only show what would be changed.")
@json_option
@run_dir_option
def reload(*, is_dry: bool, as_json: bool, run_dir: str | None) -> None:
    """Read the settings file again, show what is different, and change only that.

    The new settings are checked as a whole first; when anything in them cannot be used, nothing is changed. Shown is
    one line for each difference: + added, - removed, ~ changed (and whether that needs a restart), = left as it is.

    Exit codes: 0 done, 1 one that was started anew is not ready (it is tried again, unless it was stopped meanwhile),
    or the settings could not be checked just now, 2 they cannot be used. What was stopped before stays so.

    Example: upbitd reload --dry-run
    """
    socket = running_tree(run_dir).control_socket
    command = Command("plan" if is_dry else "reload")
    before = status_of(socket)
    plan = Plan(order(socket, command, waiting=Waiting("reload")).changes)
    if as_json:
        click.echo(msgspec.json.encode({"is_applied": not is_dry, "changes": plan.changes}))
    else:
        click.echo(str(plan))
    if not is_dry:
        check_all_run(socket, plan.names("add", "restart"), "started anew", before=before)
