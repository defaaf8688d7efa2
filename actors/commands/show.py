"""`upbitd show`: what an actor says of itself."""

import os
from typing import Any, Final

import click
import msgspec
import trio
from rich.console import Console

from actors.commands.options import json_option, run_dir_option
from actors.commands.state_tables import state_tables
from actors.runtime.channel.asking import ask
from actors.runtime.run_dir import find_actor, find_run_dir
from protocols.errors import ChannelError

PIPE_WIDTH: Final = 120
"""Columns when the output is no terminal, which has none of its own."""


@click.command()
@click.argument("actor")
@json_option
@run_dir_option
def show(actor: str, *, as_json: bool, run_dir: str | None) -> None:
    """Show the state of ACTOR: prices and alerts, open orders and balances, top turnover, or how its link stands."""
    path = find_actor(find_run_dir(run_dir, os.environ), actor)
    state: Any = trio.run(ask, path, f"show {os.getpid()}", "state")
    if as_json:
        click.echo(msgspec.json.encode(state))
        return
    if not isinstance(state, dict):
        raise ChannelError(f"{actor} answered 'state' with no table but {state!r}; use --json")
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    for table in state_tables(actor, state):
        console.print(table)
