"""`upbitd why NAME`."""

from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from actors.commands.options import json_option, run_dir_option
from protocols.errors import SettingsError
from supervisor.commands.options import running_tree
from supervisor.control.client import NoSupervisor, SupervisorUnreachable, ask
from supervisor.control.messages import Command
from supervisor.records.crash_reports import CrashReport, CrashReports
from supervisor.records.story import tell
from supervisor.running.run_dir import RunDir

ANSWER_S: Final = 3.0
"""A supervisor that lives answers at once; the reports of one that does not can be read all the same."""


@click.command()
@click.argument("name")
@click.option("-n", "count", type=click.IntRange(min=1), default=1, show_default=True, help="How many ends to tell.")
@click.option("--full", "is_full", is_flag=True, help="Whole tracebacks and stacks, all messages and log lines.")
@json_option
@run_dir_option
def why(name: str, *, count: int, is_full: bool, as_json: bool, run_dir: str | None) -> None:
    """Tell how the child NAME ended last: cause, traceback, last inputs, last log lines, and what was decided.

    Ends that somebody ordered are not told. Works also when the tree does not run any more.

    Example: upbitd why private -n 3
    """
    reports = find_reports(running_tree(run_dir), name, count)
    if as_json:
        for report in reports:
            click.echo(msgspec.json.encode(report))
    elif reports:
        now = datetime.now(UTC)
        stories = ("\n".join(tell(report, now=now, is_full=is_full)) for report in reports)
        click.echo("\n\n".join(stories))
    else:
        click.echo(f"{name}: no end to tell; those that were ordered are in lifecycle.jsonl")


def find_reports(tree: RunDir, name: str, count: int) -> list[CrashReport]:
    """Ask the supervisor for the newest reports of a child; when it does not answer, read them from its folder.

    Raises:
        UnknownName: the supervisor knows no such child, and there is no report of one.
        SettingsError: no supervisor runs, and there is no report of such a child.
    """
    try:
        return list(ask(tree.control_socket, Command("why", name, count=count), limit_s=ANSWER_S).reports)
    except (NoSupervisor, SupervisorUnreachable) as error:
        kept = CrashReports(tree.crashes, keep=1)  # Only reads.
        reports = kept.last(name, count)
        if kept.unreadable:
            click.echo(f"upbitd: {kept.unreadable} of the reports in {tree.crashes} cannot be read", err=True)
        if not reports:
            raise _no_report(error, name, kept.children(), tree) from error
        if isinstance(error, SupervisorUnreachable):
            click.echo(f"upbitd: {error}; told from its reports", err=True)
        return reports


def _no_report(error: NoSupervisor | SupervisorUnreachable, name: str, known: list[str], tree: RunDir) -> Exception:
    if not known:
        return error
    return SettingsError(f"no report of {name!r} in {tree.crashes}; there are reports of: {', '.join(known)}")
