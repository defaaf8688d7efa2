import msgspec

from supervisor.control.status import TreeStatus
from supervisor.views.members import members_of, walk
from tests.supervisor.views.statuses import child, group, tree

NESTED = tree(
    child("first"),
    group("outer", "inner", "last"),
    group("inner", "deep", group="outer"),
    child("deep", group="inner"),
    child("last", group="outer"),
)


def without_groups(whole: TreeStatus) -> TreeStatus:
    return msgspec.structs.replace(whole, groups=())


def test_groups_come_before_their_members_and_all_in_start_order() -> None:
    seen = [(depth, member.name) for depth, member in walk(NESTED)]
    assert seen == [(0, "first"), (0, "outer"), (1, "inner"), (2, "deep"), (1, "last")]


def test_a_supervisor_that_tells_no_groups_has_children_only() -> None:
    flat = without_groups(NESTED)
    assert [(depth, member.name) for depth, member in walk(flat)] == [(0, "first"), (0, "deep"), (0, "last")]
    assert [member.name for member in members_of(flat)] == ["first", "deep", "last"]
    assert members_of(flat, "outer") == []


def test_members_of_a_group_are_its_own_only() -> None:
    assert [member.name for member in members_of(NESTED)] == ["first", "outer"]
    assert [member.name for member in members_of(NESTED, "outer")] == ["inner", "last"]
    assert members_of(NESTED, "nobody") == []


def test_a_tree_without_members_is_walked_in_no_step() -> None:
    assert list(walk(tree())) == []
    assert members_of(tree()) == []
