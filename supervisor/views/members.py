"""Walking through a tree as its status tells it: groups before their members, all in start order."""

from collections.abc import Iterator

from supervisor.control.status import ChildStatus, GroupStatus, TreeStatus

Member = ChildStatus | GroupStatus

ROOT = ""
"""The name of the outermost group."""


def walk(tree: TreeStatus) -> Iterator[tuple[int, Member]]:
    """Yield every member with how many groups are around it, the outermost one not counted."""
    groups = {group.name: group for group in tree.groups}
    children = {child.name: child for child in tree.children}
    if ROOT not in groups:
        yield from ((0, child) for child in tree.children)
        return

    def below(group: GroupStatus, depth: int) -> Iterator[tuple[int, Member]]:
        for name in group.members:
            if name in groups:
                yield depth, groups[name]
                yield from below(groups[name], depth + 1)
            else:
                yield depth, children[name]

    yield from below(groups[ROOT], 0)


def members_of(tree: TreeStatus, name: str = ROOT) -> list[Member]:
    """Return the members of a group, in start order."""
    if not any(group.name == name for group in tree.groups):
        return list(tree.children) if name == ROOT else []
    known: dict[str, Member] = {child.name: child for child in tree.children}
    known |= {group.name: group for group in tree.groups}
    return [known[member] for member in next(group for group in tree.groups if group.name == name).members]
