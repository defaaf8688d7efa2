"""`upbitd add FILE`."""

import sys
from pathlib import Path
from typing import Final

import click
import msgspec

from actors.commands.options import json_option, run_dir_option
from protocols.errors import SettingsError
from supervisor.commands.options import check_all_run, running_tree
from supervisor.control.client import BadInput, order, status_of
from supervisor.control.messages import MAX_LINE_BYTES, Command
from supervisor.views.waiting import Waiting

STDIN: Final = "-"

MAX_FILE_BYTES: Final = MAX_LINE_BYTES // 2
"""A request has room for it, whatever it takes to write newlines and quotes in JSON."""


@click.command()
@click.argument("file")
@click.option("--group", default="", metavar="GROUP", help="Where those belong that do not say it themselves.")
@json_option
@run_dir_option
def add(file: str, *, group: str, as_json: bool, run_dir: str | None) -> None:
    """Add the children and groups of FILE to the running tree and start them; `-` reads stdin.

    FILE is TOML with [[child]] and [[group]] tables, as in the settings file. All of it is checked before anything is
    added. What is added stays until the supervisor ends, also over `upbitd reload`; write it into the settings file to
    keep it.

    Exit codes: 0 added, 1 one of them did not start (it is tried again, as any child, unless it was stopped meanwhile),
    or FILE could not be checked just now, 2 it cannot be used. What is added to a stopped group starts with it.

    Example: upbitd add mine.toml --group consumers
    """
    socket = running_tree(run_dir).control_socket
    text = read_file(file)
    shown = "stdin" if file == STDIN else file
    before = status_of(socket)
    try:
        names = order(socket, Command("add", text=text, group=group), waiting=Waiting(f"add {shown}")).names
    except BadInput as error:
        raise BadInput("\n".join(f"{shown}: {line}" for line in str(error).splitlines())) from error
    if as_json:
        click.echo(msgspec.json.encode({"names": names}))
    else:
        for name in names:
            click.echo(f"{name}: added")
    check_all_run(socket, list(names), "added", before=before)


def read_file(file: str) -> str:
    """Return the text of a file, or of stdin.

    Raises:
        SettingsError: it cannot be read, is too long, or no UTF-8.
    """
    try:
        if file == STDIN:
            if sys.stdin is None:  # As Python starts with a closed one.
                raise SettingsError("stdin: it is closed; name a TOML file with [[child]] tables")
            data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise SettingsError(f"{file}: longer than {MAX_FILE_BYTES} bytes; add it in parts")
        return data.decode()
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}; name a TOML file with [[child]] tables") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error
