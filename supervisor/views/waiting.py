"""What an order that takes long waits for, told on stderr."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import click

from supervisor.control.status import ChildStatus, TreeStatus

AGAIN_S: Final = 10.0
"""The same is told again after so long, so that one who waits sees that this lives."""

ON_THE_WAY: Final = frozenset({"pending", "starting", "stopping", "backoff"})

Wait = tuple[str, str, str]


class Waiting:
    """Tells, at each call, what holds up an order; the same thing not more often than every `AGAIN_S`.

    Args:
        what: the order.
        name: the child or group that it is about; empty for the whole tree.
    """

    def __init__(self, what: str, name: str = "", *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._name = name
        self._monotonic_s = monotonic_s
        self._told: list[Wait] | None = None
        self._told_s = 0.0

    def __call__(self, tree: TreeStatus) -> None:
        """Tell what is waited for, as the tree is now."""
        held_up = held_up_by(tree, self._name)
        now = [(child.name, child.state, child.phase) for child in held_up]
        if now == self._told and self._monotonic_s() - self._told_s < AGAIN_S:
            return
        self._told, self._told_s = now, self._monotonic_s()
        what = ", ".join(map(_describe, held_up)) or "its turn"
        click.echo(f"upbitd: {self._what} waits for {what}", err=True)


def held_up_by(tree: TreeStatus, name: str = "") -> list[ChildStatus]:
    """Return the children that an order waits for.

    Those of the member itself; as long as they all wait for their turn, those too that others are busy with.
    """
    inside = set(names_within(tree, name))
    busy = [child for child in tree.children if child.state in ON_THE_WAY]
    own = [child for child in busy if child.name in inside]
    if any(child.state != "pending" for child in own):
        return own
    return own + [child for child in busy if child.name not in inside and child.state != "pending"]


def names_within(tree: TreeStatus, name: str) -> Iterator[str]:
    """Yield the child's own name, or the names of all children of a group; all names for the whole tree."""
    members = {group.name: group.members for group in tree.groups}
    if name == "":
        yield from (child.name for child in tree.children)
    elif name not in members:
        yield name
    for inner in members.get(name, ()):
        yield from names_within(tree, inner)


def _describe(child: ChildStatus) -> str:
    details = [child.phase] if child.phase else []
    if child.uptime_s is not None:
        details.append(f"up {child.uptime_s:.0f} s")
    told = f"{child.name}: {child.state}"
    return f"{told} ({', '.join(details)})" if details else told
