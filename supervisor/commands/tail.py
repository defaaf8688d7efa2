"""`upbitd tail NAME`."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Final

import click

from actors.commands.options import json_option, run_dir_option
from supervisor.commands.options import running_tree
from supervisor.control.client import ask, follow
from supervisor.control.messages import Command
from supervisor.records.story import plain_lines
from supervisor.records.tail import KEPT_LINES

ANSWER_S: Final = 3.0
"""A supervisor that lives answers at once."""


@click.command()
@click.argument("name")
@click.option(
    "-n", "count", type=click.IntRange(0, KEPT_LINES), default=50, show_default=True, help="How many of the last lines."
)
@click.option("-f", "--follow", "is_following", is_flag=True, help="Go on with what comes, until ^C.")
@json_option
@run_dir_option
def tail(name: str, *, count: int, is_following: bool, as_json: bool, run_dir: str | None) -> None:
    """Show the last lines that the child NAME wrote in all its lives: its log, and whatever else it printed.

    Example: upbitd tail public -n 20 -f
    """
    socket = running_tree(run_dir).control_socket
    show = _show_json if as_json else _show_plain
    if not is_following:
        show_all(ask(socket, Command("tail", name, count=count), limit_s=ANSWER_S).lines, show)
        return
    # ^C is how one who follows leaves; it is no failure.
    with contextlib.suppress(KeyboardInterrupt):
        show_all(follow(socket, name, count=count), show)


def show_all(lines: Iterable[str], show: Callable[[str], None]) -> None:
    """Show each line as soon as it is there."""
    for line in lines:
        show(line)


def _show_json(line: str) -> None:
    click.echo(line)


def _show_plain(line: str) -> None:
    for part in plain_lines(line):
        click.echo(part)
