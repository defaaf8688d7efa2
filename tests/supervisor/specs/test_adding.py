import copy
from collections.abc import Sequence
from typing import Any

import pytest

from supervisor.specs.adding import add_to
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.settings import Settings
from supervisor.specs.spec import ChildSpec, GroupSpec, SupervisorFlags, TreeSpec

IDLE = "tests.tree.sample_actors:idle"
CONFIGURED = "tests.tree.sample_actors:configured"
SHARED = "tests.tree.sample_actors:with_shared_table"
EXCHANGE = {"url": "ws://127.0.0.1:1"}


def child(name: str, **keys: Any) -> ChildSpec:
    return ChildSpec(name=name, start=IDLE, **keys)


def group(name: str, **keys: Any) -> GroupSpec:
    return GroupSpec(name=name, **keys)


def tree(*children: ChildSpec, groups: Sequence[GroupSpec] = (), **more: Any) -> Settings:
    return Settings(tree=TreeSpec(flags=SupervisorFlags(), children=children, groups=tuple(groups)), **more)


def running(**more: Any) -> Settings:
    """Return a tree of one child and one group with another."""
    return tree(child("first"), child("second", group="pair"), groups=[group("pair")], **more)


def names(settings: Settings) -> tuple[list[str], list[str]]:
    return [spec.name for spec in settings.children], [spec.name for spec in settings.groups]


def problems(text: str, to: Settings | None = None, **given: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsProblems) as caught:
        add_to(to or running(), text, **given)
    return caught.value.lines


def test_a_child_and_a_group_are_added_behind_those_that_are_there() -> None:
    text = f"""
    [[group]]
    name = "more"
    strategy = "one_for_all"
    [[child]]
    name = "late"
    start = "{CONFIGURED}"
    group = "more"
    settings = {{ code = 3 }}
    """
    settings = add_to(running(added=frozenset({"first"})), text)
    assert names(settings) == (["first", "second", "late"], ["pair", "more"])
    assert settings.children[-1] == ChildSpec(name="late", start=CONFIGURED, group="more", settings={"code": 3})
    assert settings.groups[-1] == group("more", strategy="one_for_all")
    assert settings.added == {"first", "late", "more"}


def test_the_running_settings_stay_as_they_are() -> None:
    before = running(shared={"exchange": EXCHANGE}, secrets={"UPBITD_X": "v"}, preload=("actors.exchange",))
    untouched = copy.deepcopy(before)
    after = add_to(before, f'[[child]]\nname = "late"\nstart = "{SHARED}"\n')
    assert before == untouched
    assert after.children[:2] == before.children
    assert (after.flags, after.shared, after.secrets) == (before.flags, before.shared, before.secrets)


def test_an_added_child_gets_the_shared_tables_that_it_takes() -> None:
    settings = add_to(
        running(shared={"exchange": EXCHANGE, "other": {}}), f'[[child]]\nname = "late"\nstart = "{SHARED}"\n'
    )
    assert settings.children[-1].settings == {"exchange": EXCHANGE}


def test_the_group_that_is_given_holds_those_that_name_none() -> None:
    text = f"""
    [[group]]
    name = "more"
    [[child]]
    name = "inside"
    start = "{IDLE}"
    [[child]]
    name = "outside"
    start = "{IDLE}"
    group = ""
    [[child]]
    name = "deeper"
    start = "{IDLE}"
    group = "more"
    """
    settings = add_to(running(), text, group="pair")
    assert [spec.group for spec in settings.children[2:]] == ["pair", "", "more"]
    assert settings.groups[-1].group == "pair"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[child", ("not TOML: Expected ']]' at the end of an array declaration",)),
        ("", ("child: nothing to start",)),
        ('[[group]]\nname = "more"\n', ("child: nothing to start",)),
        ("[child]\n", ("child: expected a list of tables",)),
        (
            f'[supervisor]\nintensity = 1\n[exchange]\n[[child]]\nname = "late"\nstart = "{IDLE}"\n',
            ("supervisor: only [[child]] and [[group]] can be added", "exchange: only [[child]] and [[group]]"),
        ),
    ],
)
def test_a_text_that_is_not_of_children_and_groups_is_refused(text: str, expected: tuple[str, ...]) -> None:
    lines = problems(text)
    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True)), lines


def test_names_that_are_taken_are_told_for_children_and_groups_alike() -> None:
    text = f'[[child]]\nname = "pair"\nstart = "{IDLE}"\n[[group]]\nname = "first"\n'
    assert problems(text) == (
        "name: there is a child or group named 'pair' already",
        "name: there is a child or group named 'first' already",
    )


def test_all_that_is_wrong_with_the_new_ones_is_told_at_once_as_for_a_file() -> None:
    text = f"""
    [[child]]
    name = "late"
    start = "no_such_module:run"
    restart = "sometimes"
    [[child]]
    name = "late"
    start = "{CONFIGURED}"
    settings = {{ code = "x" }}
    [[child]]
    start = "{IDLE}"
    [[child]]
    name = "control"
    start = "{IDLE}"
    secrets = ["HOME"]
    """
    lines = problems(text)
    for expected in (
        "child late: start = 'no_such_module:run': no module named 'no_such_module'",
        "child late.restart: Invalid enum value 'sometimes'",
        "child late.name: used twice",
        "late.code: Expected int, got str",
        "the 3rd [[child]]: name: missing",
        "child control.name: 'control' is a word of the settings",
        "child control.secrets: 'HOME' does not begin with UPBITD_",
    ):
        assert any(line.startswith(expected) for line in lines), (expected, lines)
    assert len(lines) == 7, lines


def test_a_name_that_is_a_list_is_one_line() -> None:
    (line,) = problems(f'[[child]]\nname = []\nstart = "{IDLE}"\n')
    assert line == "the 1st [[child]]: name: Expected str, got array"


@pytest.mark.parametrize(
    ("group_key", "default", "named"),
    [('group = "pairs"', "", "pairs"), ("", "pairs", "pairs"), ("", "first", "first")],
)
def test_a_group_that_does_not_exist_is_refused(group_key: str, default: str, named: str) -> None:
    (line,) = problems(f'[[child]]\nname = "late"\nstart = "{IDLE}"\n{group_key}\n', group=default)
    assert line.startswith(f"child late.group: there is no group '{named}'")


def test_in_a_tree_without_groups_it_is_said_how_there_can_be_one() -> None:
    (line,) = problems(f'[[child]]\nname = "late"\nstart = "{IDLE}"\n', tree(child("first")), group="more")
    wanted = "there is no group 'more', nor any other; add a [[group]] of that name, or name none"
    assert line == f"child late.group: {wanted}"


def test_what_does_not_fit_the_tree_is_refused() -> None:
    text = f"""
    [[group]]
    name = "empty"
    [[child]]
    name = "late"
    start = "{IDLE}"
    shutdown_s = 99
    """
    slow, empty = problems(text)
    assert slow == "child late.shutdown_s: 99 is more than the whole tree has (4)"
    assert empty.startswith("group empty.name: it has no members")


def test_a_group_that_lost_its_last_member_does_not_stand_in_the_way() -> None:
    left = running().without("second")
    assert names(add_to(left, f'[[child]]\nname = "late"\nstart = "{IDLE}"\n')) == (["first", "late"], ["pair"])


def test_what_was_added_goes_on_under_settings_that_are_read_again() -> None:
    before = tree(
        child("first"),
        child("late", group="more", secrets=("UPBITD_X",)),
        child("later", group="pair"),
        groups=[group("pair"), group("more", group="pair")],
        added=frozenset({"late", "later", "more"}),
        secrets={"UPBITD_X": "of-late", "UPBITD_Y": "of-nobody-now"},
    )
    after = running(secrets={"UPBITD_Z": "of-the-file"}).with_added_of(before, {})
    assert names(after) == (["first", "second", "late", "later"], ["pair", "more"])
    assert after.added == {"late", "later", "more"}
    assert after.secrets == {"UPBITD_X": "of-late", "UPBITD_Z": "of-the-file"}


def test_a_secret_that_was_read_again_wins_over_that_of_an_added_child() -> None:
    before = tree(child("late", secrets=("UPBITD_X",)), added=frozenset({"late"}), secrets={"UPBITD_X": "old"})
    assert running(secrets={"UPBITD_X": "new"}).with_added_of(before, {}).secrets == {"UPBITD_X": "new"}


def test_what_the_file_has_is_not_taken_from_the_running_tree() -> None:
    before = tree(child("first", shutdown_s=1), child("gone"), child("second"), added=frozenset({"second"}))
    after = running().with_added_of(before, {})
    assert after == running()


def test_what_was_added_to_a_group_that_is_gone_goes_with_it_at_any_depth() -> None:
    before = tree(
        child("first"),
        child("second", group="old"),
        child("kept"),
        child("lost", group="old"),
        child("deeper", group="inner"),
        groups=[group("inner", group="middle"), group("middle", group="old"), group("old")],
        added=frozenset({"kept", "lost", "deeper", "inner", "middle"}),
    )
    after = running().with_added_of(before, {})
    assert names(after) == (["first", "second", "kept"], ["pair"])
    assert after.added == {"kept"}


def test_what_was_added_to_a_group_whose_name_is_a_child_now_has_lost_its_group() -> None:
    before = tree(
        child("first"), child("late", group="more"), groups=[group("more")], added=frozenset({"late", "more"})
    )
    assert names(tree(child("more")).with_added_of(before, {})) == (["more"], [])


def test_settings_without_a_child_have_everybody_else() -> None:
    before = running(added=frozenset({"first", "second"}), secrets={"UPBITD_X": "v"})
    after = before.without("first")
    assert names(after) == (["second"], ["pair"])
    assert after.added == {"second"}
    assert names(before) == (["first", "second"], ["pair"])


def test_settings_without_a_group_have_nothing_that_belongs_to_it() -> None:
    before = tree(
        child("first"),
        child("second", group="outer"),
        child("third", group="inner"),
        child("fourth", group="other"),
        groups=[group("inner", group="outer"), group("outer"), group("other")],
        added=frozenset({"third", "fourth", "inner"}),
    )
    after = before.without("outer")
    assert names(after) == (["first", "fourth"], ["other"])
    assert after.added == {"fourth"}


def test_what_was_removed_can_be_added_again() -> None:
    after = add_to(running().without("first"), f'[[child]]\nname = "first"\nstart = "{IDLE}"\n')
    assert names(after)[0] == ["second", "first"]
    assert after.added == {"first"}
