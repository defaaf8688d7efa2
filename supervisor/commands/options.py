"""What several commands about the tree share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from actors.runtime.run_dir import find_run_dir
from protocols.errors import UpbitdError
from supervisor.control.client import (
    CommandRefused,
    NoSupervisor,
    SupervisorUnreachable,
    UnknownName,
    order,
    status_of,
)
from supervisor.control.messages import Answer, Command
from supervisor.control.status import ChildStatus, TreeStatus
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


def check_all_run(control_socket: Path, names: list[str], done: str, *, before: TreeStatus) -> None:
    """See that each of these members that was to start did.

    One that was stopped already before, by itself or with a group around it, was not to start. One that has done its
    work since has started.

    Args:
        control_socket: of the tree.
        names: of children, and of groups, whose members speak for them.
        done: what was done with them.
        before: how the tree was then.

    Raises:
        CommandRefused: one did not; each is told in a line.
    """
    try:
        tree = status_of(control_socket)
    except (NoSupervisor, SupervisorUnreachable) as error:
        raise CommandRefused(f"{', '.join(names)}: {done}; whether they run is not known: {error}") from error
    known = {child.name: child for child in tree.children}
    gone = set(names) - set(names_of(tree))
    failed = [f"{name} was {done} and is removed again" for name in names if name in gone]
    failed += [
        f"{name} was {done} and is not ready but {known[name].state}; see `upbitd why {name}`"
        for name in names
        if name in known and _has_not_started(known[name], tree, before)
    ]
    if failed:
        raise CommandRefused("\n".join(failed))


def _has_not_started(child: ChildStatus, tree: TreeStatus, before: TreeStatus) -> bool:
    if child.state in {"backoff", "parked"}:
        return child.pid is None  # With one it waits for its owner.
    if tree.state == "stopping":
        return child.state != "ready"
    if child.state == "stopped" and child.reason and child.last_exit is not None and child.last_exit.code == 0:
        return False
    return child.state in {"stopping", "stopped"} and not _was_stopped(child, tree, before)


def _was_stopped(child: ChildStatus, tree: TreeStatus, before: TreeStatus) -> bool:
    """Whether a child had been stopped, or a group around it, when the tree was as before."""
    stopped = {one.name for one in before.children if one.state == "stopped"}
    stopped |= {group.name for group in before.groups if group.state == "stopped"}
    outside = {group.name: group.group for group in tree.groups}
    around = {child.name}
    name = child.group
    while name:
        around.add(name)
        name = outside.get(name, "")
    return bool(around & stopped)
