from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.specs.layout import Layout
from supervisor.specs.spec import ROOT, ChildSpec, GroupSpec


def child(name: str, group: str = ROOT) -> ChildSpec:
    return ChildSpec(name=name, start="package.module:run", group=group)


def group(name: str, group: str = ROOT) -> GroupSpec:
    return GroupSpec(name=name, group=group)


def nested() -> Layout:
    """Read the tree `first, outer(second, inner(third, fourth), fifth), sixth`."""
    children = (
        child("first"),
        child("second", "outer"),
        child("third", "inner"),
        child("fourth", "inner"),
        child("fifth", "outer"),
        child("sixth"),
    )
    return Layout(children, [group("inner", "outer"), group("outer")])


def test_children_without_groups_start_in_the_order_of_the_settings() -> None:
    layout = Layout([child("b"), child("c"), child("a")], [])
    assert layout.members == {ROOT: ["b", "c", "a"]}
    assert list(layout.children()) == ["b", "c", "a"]


def test_a_tree_of_nothing_has_no_members() -> None:
    layout = Layout([], [])
    assert layout.members == {ROOT: []}
    assert list(layout.descendants()) == []


def test_a_group_stands_where_its_first_child_stands() -> None:
    layout = Layout([child("a"), child("b", "pair"), child("c"), child("d", "pair")], [group("pair")])
    assert layout.members == {ROOT: ["a", "pair", "c"], "pair": ["b", "d"]}


def test_an_outer_group_stands_where_the_first_child_within_its_inner_group_stands() -> None:
    children = [child("a"), child("b", "inner"), child("c"), child("d", "outer")]
    layout = Layout(children, [group("outer"), group("inner", "outer")])
    assert layout.members == {ROOT: ["a", "outer", "c"], "outer": ["inner", "d"], "inner": ["b"]}


@pytest.mark.parametrize("groups", [[group("x"), group("y")], [group("y"), group("x")]])
def test_the_order_of_groups_in_the_settings_does_not_matter_when_they_have_children(
    groups: Sequence[GroupSpec],
) -> None:
    layout = Layout([child("a", "y"), child("b", "x")], groups)
    assert layout.members[ROOT] == ["y", "x"]


def test_groups_without_children_stand_at_the_end_in_their_own_order() -> None:
    layout = Layout([child("a", "full"), child("b")], [group("empty"), group("full"), group("vacant")])
    assert layout.members == {ROOT: ["full", "b", "empty", "vacant"], "full": ["a"], "empty": [], "vacant": []}


def test_an_empty_group_stands_at_the_end_of_the_group_that_holds_it() -> None:
    layout = Layout([child("a", "outer"), child("b", "outer")], [group("empty", "outer"), group("outer")])
    assert layout.members == {ROOT: ["outer"], "outer": ["a", "b", "empty"], "empty": []}


def test_descendants_are_told_in_start_order_with_each_group_before_its_members() -> None:
    assert list(nested().descendants()) == ["first", "outer", "second", "inner", "third", "fourth", "fifth", "sixth"]
    assert list(nested().descendants("outer")) == ["second", "inner", "third", "fourth", "fifth"]


def test_children_are_told_in_start_order_and_without_groups() -> None:
    assert list(nested().children()) == ["first", "second", "third", "fourth", "fifth", "sixth"]
    assert list(nested().children("inner")) == ["third", "fourth"]


def test_only_the_name_of_a_group_is_one() -> None:
    layout = nested()
    assert [name for name in ("first", "inner", "outer", "third") if name in layout.members] == ["inner", "outer"]


def test_the_group_of_each_child_and_group_is_known() -> None:
    assert nested().group_of == {
        "first": ROOT,
        "second": "outer",
        "third": "inner",
        "fourth": "inner",
        "fifth": "outer",
        "sixth": ROOT,
        "inner": "outer",
        "outer": ROOT,
    }


def test_a_new_child_comes_at_the_end_of_its_group() -> None:
    layout = nested()
    layout.add(child("late", "inner"))
    assert layout.members["inner"] == ["third", "fourth", "late"]
    assert layout.group_of["late"] == "inner"
    assert "late" not in layout.members


@pytest.mark.parametrize(
    ("order", "members"),
    [
        (["new", "a", "b", "c"], ["new", "a", "b", "c"]),
        (["a", "new", "b", "c"], ["a", "new", "b", "c"]),
        (["a", "b", "c", "new"], ["a", "b", "c", "new"]),
        (["a", "gone", "new", "b", "c"], ["a", "new", "b", "c"]),
        (["gone", "new", "late", "b"], ["a", "new", "b", "c"]),
        (["b", "a", "new", "c"], ["a", "b", "new", "c"]),  # The order of those that are there stays as it is.
        (["c", "new", "b", "a"], ["a", "b", "c", "new"]),
        (["new", "c", "b", "a"], ["new", "a", "b", "c"]),
        (["gone", "new", "late"], ["a", "b", "c", "new"]),
        (["a", "b"], ["a", "b", "c", "new"]),
    ],
)
def test_a_new_member_comes_where_an_order_has_it(order: list[str], members: list[str]) -> None:
    layout = Layout([child("a"), child("b"), child("c")], [])
    layout.add(child("new"), order)
    assert layout.members[ROOT] == members


@given(there=st.permutations("abcd"), order=st.permutations("abcdvwxyz"))
def test_new_members_stand_in_their_own_order_wherever_the_others_are(there: list[str], order: list[str]) -> None:
    layout = Layout([child(name) for name in there], [])
    new = [name for name in order if name not in there]
    for name in new:
        layout.add(child(name), order)
    assert [name for name in layout.members[ROOT] if name in new] == new
    assert [name for name in layout.members[ROOT] if name in there] == there


def test_a_new_group_takes_members() -> None:
    layout = nested()
    layout.add(group("new", "outer"))
    layout.add(child("late", "new"))
    assert layout.members["outer"] == ["second", "inner", "fifth", "new"]
    assert list(layout.children("new")) == ["late"]


def test_a_child_that_moves_comes_at_the_end_of_its_new_group() -> None:
    layout = nested()
    layout.move("second", "inner")
    assert layout.members["outer"] == ["inner", "fifth"]
    assert layout.members["inner"] == ["third", "fourth", "second"]
    assert layout.group_of["second"] == "inner"


def test_a_group_moves_with_all_that_belongs_to_it() -> None:
    layout = nested()
    layout.move("inner", ROOT)
    assert list(layout.descendants()) == ["first", "outer", "second", "fifth", "sixth", "inner", "third", "fourth"]


def test_a_member_that_moves_within_its_group_comes_at_the_end() -> None:
    layout = nested()
    layout.move("first", ROOT)
    assert layout.members[ROOT] == ["outer", "sixth", "first"]


def test_a_child_that_is_removed_is_unknown() -> None:
    layout = nested()
    layout.remove("third")
    assert layout.members["inner"] == ["fourth"]
    assert "third" not in layout.group_of


def test_a_group_stays_when_its_last_member_is_removed_and_can_be_removed_then() -> None:
    layout = Layout([child("only", "pair")], [group("pair")])
    layout.remove("only")
    assert layout.members == {ROOT: ["pair"], "pair": []}
    layout.remove("pair")
    assert layout.members == {ROOT: []}
    assert "pair" not in layout.members


@given(st.lists(st.sampled_from([ROOT, "a", "b", "c"]), max_size=8))
def test_siblings_start_in_the_order_of_the_settings_in_any_tree(chosen: list[str]) -> None:
    groups = [group("c", "b"), group("b", "a"), group("a")]
    layout = Layout([child(f"child_{number}", name) for number, name in enumerate(chosen)], groups)
    everybody = list(layout.descendants())
    assert sorted(everybody) == sorted([*(f"child_{number}" for number in range(len(chosen))), "a", "b", "c"])
    for members in layout.members.values():
        places = [_first_child(layout, name) for name in members]
        assert places == sorted(places)


def _first_child(layout: Layout, name: str) -> str:
    """Return who decides a member's place; a group without children stands behind all of them."""
    return next(layout.children(name), "nobody") if name in layout.members else name
