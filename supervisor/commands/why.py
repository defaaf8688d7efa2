"""`upbitd why NAME`."""

from datetime import UTC, datetime
from typing import Final

import click
import msgspec

from actors.commands.options import json_option, run_dir_option
from protocols.errors import SettingsError, UpbitdError
from supervisor.commands.options import running_tree
from supervisor.control.client import NoSupervisor, SupervisorUnreachable, ask
from supervisor.control.messages import Command
from supervisor.records.crash_reports import CrashReport, CrashReports, Losses
from supervisor.records.story import printable, tell
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

    Ends that somebody ordered are not told, and of those whose reports could not be written only that there were some.
    Works also when the tree does not run any more.

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
        UpbitdError: it has ended, and no report of that could be written.
    """
    try:
        answer = ask(tree.control_socket, Command("why", name, count=count), limit_s=ANSWER_S)
        if answer.lost is not None:
            _tell_lost(name, answer.lost, is_all=not answer.reports)
        if answer.left_out:
            text = (
                f"{name}: {answer.left_out:,} older ends are not told, since their reports do not fit into one answer"
            )
            click.echo(f"upbitd: {text}; they are in {tree.crashes}", err=True)
        return list(answer.reports)
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


def _tell_lost(name: str, lost: Losses, *, is_all: bool) -> None:
    ends = "its last end" if lost.count == 1 else f"its last {lost.count:,} ends"
    text = (
        f"{name}: no report of {ends} could be written ({printable(lost.why)}); how it ended is in the log of the tree"
    )
    if is_all:
        raise UpbitdError(text)
    click.echo(f"upbitd: {text}; told is what was before", err=True)


def _no_report(error: NoSupervisor | SupervisorUnreachable, name: str, known: list[str], tree: RunDir) -> Exception:
    if not known:  # It may never have been a run directory, so the way to start a tree is told too.
        return type(error)(f"there are no reports in {tree.crashes}, and {error}")
    return SettingsError(f"no report of {name!r} in {tree.crashes}; there are reports of: {', '.join(known)}")
