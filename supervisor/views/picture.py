"""The tree as a picture of its groups and children, and the same nested for programs."""

from collections.abc import Iterator
from typing import Any, Final

from actors.runtime.times import duration
from supervisor.control.status import ChildStatus, GroupStatus, TreeStatus
from supervisor.views.members import ROOT, Member, members_of

BRANCH: Final = ("├── ", "│   ")
LAST_BRANCH: Final = ("└── ", "    ")
"""Before a member itself, and before all below it."""

GAP: Final = "  "


def picture(tree: TreeStatus) -> list[str]:
    """Return the lines of the picture; the columns behind the names stand below one another."""
    rows = list(_rows(tree, ROOT, ""))
    widths = [max((len(cells[column]) for _member, cells in rows), default=0) for column in range(4)]
    title = f"upbitd (pid {tree.pid})  {_policy(tree)}{tree.state}, up {duration(tree.uptime_s)}"
    return [title, *(_line(cells, widths) for _member, cells in rows)]


def styles(tree: TreeStatus) -> list[str]:
    """Return the colour of each line of the picture, empty where it needs none."""
    colours = {"parked": "yellow", "backoff": "yellow", "stopped": "dim", "pending": "dim"}
    return ["", *(colours.get(member.state, "") for member, _cells in _rows(tree, ROOT, ""))]


def _policy(tree: TreeStatus) -> str:
    root = next((group for group in tree.groups if group.name == ROOT), None)
    return "" if root is None else f"{root.strategy}, "


def _rows(tree: TreeStatus, group: str, indent: str) -> Iterator[tuple[Member, tuple[str, ...]]]:
    members = members_of(tree, group)
    for member in members:
        before, below = LAST_BRANCH if member is members[-1] else BRANCH
        yield member, (f"{indent}{before}{member.name}", *_cells(member))
        if isinstance(member, GroupStatus):
            yield from _rows(tree, member.name, indent + below)


def _cells(member: Member) -> tuple[str, str, str, str]:
    """Return state, pid or strategy, restarts, and remarks."""
    restarts = {0: "", 1: "1 restart"}.get(member.restarts, f"{member.restarts:,} restarts")
    if isinstance(member, GroupStatus):
        return member.state, member.strategy, restarts, _remark(member)
    return member.state, "" if member.pid is None else f"pid {member.pid}", restarts, _remark(member)


def _remark(member: Member) -> str:
    if member.reason:
        return " ".join(member.reason.split())
    if member.is_held:
        return "stopped by its operator"
    if isinstance(member, ChildStatus) and member.uptime_s is not None:
        return f"up {duration(member.uptime_s)}"
    return ""


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Put cells below one another; a column that no row needs takes no room."""
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False) if width]
    return GAP.join([*padded, cells[-1]]).rstrip()


def nested(tree: TreeStatus) -> dict[str, Any]:
    """Return the tree as one object: each group has its members inside it."""
    root = next((group for group in tree.groups if group.name == ROOT), None)
    return {
        "pid": tree.pid,
        "state": tree.state,
        "uptime_s": tree.uptime_s,
        "strategy": "" if root is None else root.strategy,
        "members": [_nested(tree, member) for member in members_of(tree)],
    }


def _nested(tree: TreeStatus, member: Member) -> dict[str, Any]:
    common: dict[str, Any] = {
        "name": member.name,
        "kind": "group" if isinstance(member, GroupStatus) else "child",
        "state": member.state,
        "restarts": member.restarts,
        "is_held": member.is_held,
        "reason": member.reason,
    }
    if isinstance(member, GroupStatus):
        inside = [_nested(tree, inner) for inner in members_of(tree, member.name)]
        return {**common, "strategy": member.strategy, "members": inside}
    return {**common, "pid": member.pid, "uptime_s": member.uptime_s}
