"""What several commands about the tree share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from actors.runtime.run_dir import find_run_dir
from protocols.errors import UpbitdError
from supervisor.control.client import CommandRefused, UnknownName, order, status_of
from supervisor.control.messages import Answer, Command
from supervisor.control.status import TreeStatus
from supervisor.records.story import printable
from supervisor.running.run_dir import RunDir
from supervisor.views.waiting import Waiting


def running_tree(run_dir: str | None) -> RunDir:
    """Return the run directory of a tree that is to be asked something; nothing is created."""
    return RunDir(find_run_dir(run_dir, os.environ))


def order_member(run_dir: str | None, verb: str, name: str) -> Answer:
    """Order something of one child or group and wait until it is done; a long wait is told on stderr.

    Raises:
        UnknownName: there is none of this name; a similar one is suggested.
        CommandRefused: it cannot be done.
    """
    socket = running_tree(run_dir).control_socket
    with names_suggested(socket, name):
        return order(socket, Command(verb, name), waiting=Waiting(f"{verb} {name}", name))


@contextmanager
def names_suggested(control_socket: Path, name: str) -> Iterator[None]:
    """Add to an error about a name which one may have been meant."""
    try:
        yield
    except UnknownName as error:
        raise UnknownName(f"{error}{_suggestion(control_socket, name)}") from error


def _suggestion(control_socket: Path, name: str) -> str:
    try:
        known = names_of(status_of(control_socket))
    except UpbitdError:
        return ""  # The error is clear without it.
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def names_of(tree: TreeStatus) -> list[str]:
    """Return all names of a tree: of its children, and of its groups but the outermost."""
    return [child.name for child in tree.children] + [group.name for group in tree.groups if group.name]


def check_ready(name: str, reached: Answer, done: str) -> None:
    """See that a member reached what was ordered.

    Raises:
        CommandRefused: it is not ready.
    """
    if reached.state != "ready":
        why = f" ({printable(reached.reason)})" if reached.reason else ""
        raise CommandRefused(f"{name} was {done} and is not ready but {reached.state}{why}; see `upbitd status`")


def check_all_run(control_socket: Path, names: list[str], done: str) -> None:
    """See that none of these members failed when it was started.

    Raises:
        CommandRefused: one did; each is told in a line.
    """
    tree = status_of(control_socket)
    failed = [
        f"{child.name} was {done} and is not ready but {child.state}; see `upbitd why {child.name}`"
        for child in tree.children
        if child.name in names and child.pid is None and child.state in {"backoff", "parked"}
    ]
    if failed:
        raise CommandRefused("\n".join(failed))
