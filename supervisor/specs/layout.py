"""Who belongs to whom, and in which order: the shape of a tree, read off its specs."""

from collections.abc import Iterator, Sequence
from typing import Final

from supervisor.specs.spec import ROOT, ChildSpec, GroupSpec


class Layout:
    """Members of each group in start order.

    The children's order in the settings is the only order there is: a group stands where its first child stands, one
    without children at the end. Its specs are checked: every group exists and none holds itself.

    Attributes:
        members: names of children and groups by the name of their group; the outermost one is `ROOT`.
        group_of: the group of each child and group.
    """

    def __init__(self, children: Sequence[ChildSpec], groups: Sequence[GroupSpec]) -> None:
        specs: tuple[ChildSpec | GroupSpec, ...] = (*children, *groups)
        self.group_of: Final = {spec.name: spec.group for spec in specs}
        self.members: Final[dict[str, list[str]]] = {ROOT: [], **{group.name: [] for group in groups}}
        for spec in specs:
            self._place(spec.name)

    def _place(self, name: str) -> None:
        while name != ROOT:
            group = self.group_of[name]
            if name in self.members[group]:
                return
            self.members[group].append(name)
            name = group

    def descendants(self, group: str = ROOT) -> Iterator[str]:
        """Yield every child and group below a group in start order, a group before its members."""
        for name in self.members[group]:
            yield name
            if name in self.members:
                yield from self.descendants(name)

    def children(self, group: str = ROOT) -> Iterator[str]:
        """Yield every child below a group in start order."""
        return (name for name in self.descendants(group) if name not in self.members)

    def add(self, spec: ChildSpec | GroupSpec, order: Sequence[str] = ()) -> None:
        """Put a new child or group into its group: at the end, or where it stands among its neighbours.

        Args:
            spec: of the new one; its group is there.
            order: names of the group in the order of the settings; there may be others, and some may be missing.
        """
        members = self.members[spec.group]
        self.group_of[spec.name] = spec.group
        members.insert(_position(spec.name, members, order), spec.name)
        if isinstance(spec, GroupSpec):
            self.members[spec.name] = []

    def move(self, name: str, group: str) -> None:
        """Put a child or group at the end of another group."""
        self.members[self.group_of[name]].remove(name)
        self.members[group].append(name)
        self.group_of[name] = group

    def remove(self, name: str) -> None:
        """Take out a child, or a group that has no members any more."""
        self.members[self.group_of.pop(name)].remove(name)
        self.members.pop(name, None)


def _position(name: str, members: Sequence[str], order: Sequence[str]) -> int:
    """Return where a name belongs: right after all those before it in an order, else right before all those after it.

    Those who are there may stand in another order than this one, and stay so. Then it counts that a new one starts
    after those that it may need, and that several new ones stand in their own order.
    """
    if name not in order:
        return len(members)
    place = order.index(name)
    before, after = (
        [members.index(other) for other in others if other in members] for others in (order[:place], order[place + 1 :])
    )
    return max(before) + 1 if before else min(after, default=len(members))
