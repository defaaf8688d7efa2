import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.specs.layout import Layout
from supervisor.specs.plan import LONGEST_VALUE, NEXT_START, Change, Plan, make_plan
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.settings import Settings
from supervisor.specs.spec import ADJUSTABLE, ROOT, ChildSpec, GroupSpec, SupervisorFlags, TreeSpec


def is_empty(plan: Plan) -> bool:
    return all(change.kind == "keep" for change in plan.changes)


def child(name: str = "a", **keys: Any) -> ChildSpec:
    return ChildSpec(name=name, **{"start": "package.module:run", **keys})


def group(name: str, **keys: Any) -> GroupSpec:
    return GroupSpec(name=name, **keys)


def tree(
    *children: ChildSpec, groups: Sequence[GroupSpec] = (), under: SupervisorFlags | None = None, **more: Any
) -> Settings:
    spec = TreeSpec(flags=under or SupervisorFlags(), children=children, groups=tuple(groups))
    return Settings(tree=spec, **more)


def the_change(plan: Plan) -> Change:
    (change,) = (change for change in plan.changes if change.kind != "keep")
    return change


def changed_child(before: dict[str, Any], after: dict[str, Any]) -> Change:
    return the_change(make_plan(tree(child(**before)), tree(child(**after))))


def test_nothing_changed_is_an_empty_plan_that_keeps_everybody() -> None:
    settings = tree(child("a", group="pair"), child("b"), groups=[group("pair")])
    plan = make_plan(settings, copy.deepcopy(settings))
    assert is_empty(plan)
    assert sorted(plan.names("keep")) == ["a", "b", "pair"]
    assert str(plan) == "= 3 unchanged"


def test_a_plan_of_no_changes_at_all_is_empty() -> None:
    assert is_empty(Plan(()))


def test_a_new_child_is_added_and_the_others_are_kept() -> None:
    plan = make_plan(tree(child("a")), tree(child("a"), child("b")))
    assert (plan.names("add"), plan.names("keep")) == (["b"], ["a"])
    assert not is_empty(plan)
    assert str(plan) == "+ b\n= 1 unchanged"


def test_a_child_that_is_no_longer_there_is_removed() -> None:
    plan = make_plan(tree(child("a"), child("b")), tree(child("b")))
    assert str(plan) == "- a\n= 1 unchanged"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shutdown_s", 3.5),
        ("stall_timeout_s", 0),
        ("start_timeout_s", 5),
        ("restart", "temporary"),
        ("significant", True),
    ],
)
def test_a_key_that_needs_no_new_process_is_adjusted(key: str, value: object) -> None:
    assert key in ADJUSTABLE
    assert changed_child({}, {key: value}).kind == "adjust"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("start", "package.other:run"),
        ("memory_limit_mib", 64),
        ("open_files", 64),
        ("secrets", ("UPBITD_ACCESS_KEY",)),
        ("settings", {"code": 1}),
    ],
)
def test_any_other_key_of_a_child_needs_a_restart(key: str, value: object) -> None:
    assert changed_child({}, {key: value}).kind == "restart"
    assert changed_child({key: value}, {}).kind == "restart"


def test_one_key_that_needs_a_restart_is_enough() -> None:
    change = changed_child({"shutdown_s": 2}, {"shutdown_s": 3, "memory_limit_mib": 64})
    assert change.kind == "restart"
    assert str(change) == "~ a (restart): memory_limit_mib: not set -> 64; shutdown_s: 2 -> 3"


def test_a_child_that_moves_to_another_group_is_restarted() -> None:
    groups = [group("pair")]
    here, there = child("b", group="pair"), child("a", group="pair")
    plan = make_plan(tree(child("a"), here, groups=groups), tree(there, here, groups=groups))
    assert str(plan) == '~ a (restart): group: "" -> "pair"\n= 2 unchanged'


def test_a_setting_is_named_by_its_whole_path_with_both_values() -> None:
    before = {"settings": {"limits": {"most": 1, "least": 0}, "url": "ws://x", "old": True}}
    after = {"settings": {"limits": {"most": 2, "least": 0}, "url": "ws://x", "new": [1]}}
    assert changed_child(before, after).what == (
        "settings.limits.most: 1 -> 2",
        "settings.new: not set -> [1]",
        "settings.old: true -> not set",
    )


def test_a_table_that_appears_is_shown_whole() -> None:
    change = changed_child({}, {"settings": {"exchange": {"url": "ws://x"}}})
    assert change.what == ('settings.exchange: not set -> {"url":"ws://x"}',)


def test_a_changed_group_is_adjusted() -> None:
    before = tree(child(group="pair"), groups=[group("pair")])
    after = tree(child(group="pair"), groups=[group("pair", strategy="one_for_all", intensity=1)])
    assert str(make_plan(before, after)) == (
        '~ pair (no restart): intensity: 5 -> 1; strategy: "one_for_one" -> "one_for_all"\n= 1 unchanged'
    )


def test_a_changed_flag_is_adjusted_under_the_name_of_the_supervisor() -> None:
    plan = make_plan(tree(child()), tree(child(), under=SupervisorFlags(intensity=1)))
    assert the_change(plan) == Change("adjust", "supervisor", ("intensity: 5 -> 1",))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("start_method", "spawn"),
        ("spares", 1),
        ("preload", ("mine",)),
        ("crash_reports", 5),
        ("log_level", "debug"),
        ("heartbeat_s", 2.0),
        ("dead_man_s", 0.0),
    ],
)
def test_a_flag_that_only_a_new_process_follows_says_so(key: str, value: object) -> None:
    assert key in NEXT_START
    flags = SupervisorFlags(**{"probe_s": 5.0, key: value})  # type: ignore[arg-type]  # one key of each type
    change = the_change(make_plan(tree(child()), tree(child(), under=flags)))
    late = [text for text in change.what if text.endswith("(from the next start on)")]
    assert [text.partition(":")[0] for text in late] == [key]
    assert "probe_s: 60.0 -> 5.0" in change.what


def test_a_plan_goes_from_new_groups_over_changes_and_ends_to_new_children() -> None:
    before = tree(
        child("gone"),
        child("inside", group="left"),
        child("mover", group="left"),
        child("same"),
        child("tuned"),
        groups=[group("left"), group("staying", restart="transient")],
    )
    after = tree(
        child("newcomer", group="fresh"),
        child("mover", group="fresh"),
        child("same"),
        child("tuned", shutdown_s=1),
        groups=[group("staying"), group("fresh")],
        under=SupervisorFlags(intensity=1),
    )
    plan = make_plan(before, after)
    steps = [(change.kind, change.name) for change in plan.changes]
    assert steps[0] == ("add", "fresh")
    assert sorted(steps[1:5]) == [
        ("adjust", "staying"),
        ("adjust", "supervisor"),
        ("adjust", "tuned"),
        ("restart", "mover"),
    ]
    assert sorted(steps[5:7]) == [("remove", "gone"), ("remove", "left")]
    assert steps[7:] == [("add", "newcomer"), ("keep", "same")]


def test_new_children_are_added_in_the_order_of_the_settings() -> None:
    plan = make_plan(tree(child("a")), tree(child("z"), child("a"), child("y"), child("x")))
    assert plan.names("add") == ["z", "y", "x"]


def test_a_group_is_removed_as_one_with_all_that_goes_with_it() -> None:
    groups = [group("outer"), group("inner", group="outer")]
    before = tree(child("a"), child("b", group="outer"), child("c", group="inner"), groups=groups)
    assert make_plan(before, tree(child("a"))).names("remove") == ["outer"]


def test_a_member_of_a_removed_group_that_goes_on_elsewhere_leaves_it_before() -> None:
    groups = [group("outer"), group("inner", group="outer")]
    before = tree(child("a"), child("b", group="inner"), groups=groups)
    plan = make_plan(before, tree(child("a"), child("b", group="inner"), groups=[group("inner")]))
    assert [str(change) for change in plan.changes][:2] == ['~ inner (no restart): group: "outer" -> ""', "- outer"]


def test_a_new_group_is_added_before_a_new_group_within_it() -> None:
    after = tree(child("a"), child("b", group="inner"), groups=[group("inner", group="outer"), group("outer")])
    assert make_plan(tree(child("a")), after).names("add") == ["outer", "inner", "b"]


def test_when_two_groups_change_places_the_inner_one_moves_out_first() -> None:
    b = child("b", group="lower")
    before = tree(b, groups=[group("upper"), group("lower", group="upper")])
    after = tree(b, groups=[group("upper", group="lower"), group("lower")])
    assert make_plan(before, after).names("adjust") == ["lower", "upper"]


@pytest.mark.parametrize("is_group_before", [True, False])
def test_a_child_and_a_group_cannot_become_one_another(is_group_before: bool) -> None:
    one = tree(child("a"), child("pair"))
    other = tree(child("a", group="pair"), groups=[group("pair")])
    before, after = (other, one) if is_group_before else (one, other)
    with pytest.raises(SettingsProblems) as caught:
        make_plan(before, after)
    assert caught.value.lines == ("pair: a child and a group cannot become one another; choose another name",)


def test_another_secret_restarts_the_child_that_holds_it_and_is_not_shown() -> None:
    children = (child("private", secrets=("UPBITD_SECRET_KEY",)), child("public"))
    before = tree(*children, secrets={"UPBITD_SECRET_KEY": "hidden-before"})
    after = tree(*children, secrets={"UPBITD_SECRET_KEY": "hidden-after"})
    plan = make_plan(before, after)
    assert (plan.names("restart"), plan.names("keep")) == (["private"], ["public"])
    assert "hidden" not in str(plan)
    assert "hidden" not in repr(plan)


@pytest.mark.parametrize(("before", "after"), [({}, {"UPBITD_X": "v"}), ({"UPBITD_X": "v"}, {})])
def test_a_secret_that_comes_or_goes_restarts_its_child(before: dict[str, str], after: dict[str, str]) -> None:
    private = child(secrets=("UPBITD_X",))
    assert make_plan(tree(private, secrets=before), tree(private, secrets=after)).names("restart") == ["a"]


def test_a_secret_is_named_but_not_shown_when_a_child_gets_another_one() -> None:
    secrets = {"UPBITD_X": "hidden-x", "UPBITD_Y": "hidden-y"}
    before, after = child(secrets=("UPBITD_X",)), child(secrets=("UPBITD_Y",))
    text = str(make_plan(tree(before, secrets=secrets), tree(after, secrets=secrets)))
    assert "UPBITD_Y" in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"secret_key": "SHH1"}, {"secret_key": "SHH2"}, "settings.secret_key: *** -> ***"),
        ({"db": {"password": "SHH1"}}, {"db": {"password": "SHH2"}}, "settings.db.password: *** -> ***"),
        ({}, {"db": {"password": "SHH1"}}, 'settings.db: not set -> {"password":"***"}'),
        ({"token": {"of": "SHH1"}}, {"token": {"of": "SHH2"}}, "settings.token: *** -> ***"),
        ({"all": [{"api_key": "SHH1"}]}, {"all": []}, 'settings.all: [{"api_key":"***"}] -> []'),
    ],
)
def test_a_setting_that_says_that_it_is_a_secret_is_never_shown(
    before: dict[str, Any], after: dict[str, Any], shown: str
) -> None:
    change = changed_child({"settings": before}, {"settings": after})
    assert change.kind == "restart"
    assert change.what == (shown,)
    assert "SHH" not in repr(change)


def test_a_long_value_is_shortened() -> None:
    (text,) = changed_child({}, {"settings": {"text": "x" * 1000}}).what
    old, _arrow, shown = text.partition(" -> ")
    assert old == "settings.text: not set"
    assert shown == '"' + "x" * (LONGEST_VALUE - 1) + "..."


def test_a_value_that_just_fits_is_shown_whole() -> None:
    fits = "x" * (LONGEST_VALUE - 2)  # and its quotes
    assert changed_child({}, {"settings": {"text": fits}}).what == (f'settings.text: not set -> "{fits}"',)


def test_a_number_that_becomes_a_truth_value_is_a_change() -> None:
    assert changed_child({"settings": {"x": 1}}, {"settings": {"x": True}}).kind == "restart"


def test_a_setting_that_is_no_number_in_both_files_is_no_change() -> None:
    before, after = (tree(child(settings={"x": float("nan")})) for _ in range(2))
    assert is_empty(make_plan(before, after))


def test_what_was_added_while_the_tree_ran_is_kept_by_new_settings_that_do_not_name_it() -> None:
    running = tree(child("a"), child("late", group="more"), groups=[group("more")], added=frozenset({"late", "more"}))
    plan = make_plan(running, tree(child("a")).with_added_of(running, {}))
    assert is_empty(plan)
    assert sorted(plan.names("keep")) == ["a", "late", "more"]


def test_new_settings_win_over_what_was_added_under_the_same_name() -> None:
    running = tree(child("a"), child("late"), added=frozenset({"late"}))
    new = tree(child("a"), child("late", shutdown_s=1))
    assert make_plan(running, new.with_added_of(running, {})).names("adjust") == ["late"]


def test_what_was_added_to_a_group_goes_with_it() -> None:
    running = tree(
        child("a"),
        child("b", group="pair"),
        child("late", group="pair"),
        groups=[group("pair")],
        added=frozenset({"late"}),
    )
    assert str(make_plan(running, tree(child("a")).with_added_of(running, {}))) == "- pair\n= 1 unchanged"


@st.composite
def trees(draw: st.DrawFn) -> Settings:
    """Draw a tree whose groups stand before those within them."""
    names = draw(st.lists(st.sampled_from(["left", "middle", "right"]), unique=True).map(sorted))
    groups = [
        group(name, group=draw(st.sampled_from([ROOT, *names[:position]])), intensity=draw(st.integers(0, 1)))
        for position, name in enumerate(names)
    ]
    children = [
        child(
            name,
            group=draw(st.sampled_from([ROOT, *names])),
            shutdown_s=draw(st.integers(1, 2)),
            settings=draw(st.dictionaries(st.sampled_from("xy"), st.integers(0, 1))),
        )
        for name in draw(st.lists(st.sampled_from("abcd"), unique=True))
    ]
    return tree(*children, groups=groups, under=SupervisorFlags(intensity=draw(st.integers(0, 1))))


def _specs(settings: Settings) -> dict[str, ChildSpec | GroupSpec]:
    specs: tuple[ChildSpec | GroupSpec, ...] = (*settings.groups, *settings.children)
    return {spec.name: spec for spec in specs}


@given(trees())
def test_the_plan_of_equal_settings_is_empty(settings: Settings) -> None:
    assert is_empty(make_plan(settings, copy.deepcopy(settings)))


def test_a_new_group_is_added_with_its_members_unless_one_that_is_there_moves_into_it() -> None:
    groups = [group("inner", group="outer"), group("outer")]
    new = [child("b", group="outer"), child("c", group="inner"), child("d", group="outer")]
    plan = make_plan(tree(child("a"), child("z")), tree(child("a"), *new, groups=groups))
    assert [change.name for change in plan.changes] == ["z", "outer", "b", "inner", "c", "d", "a"]
    plan = make_plan(tree(child("a"), child("z")), tree(*new, child("a", group="inner"), groups=groups))
    assert [change.name for change in plan.changes] == ["outer", "inner", "a", "z", "b", "c", "d"]


@given(trees(), trees())
def test_a_plan_names_those_that_differ_and_nobody_else(old: Settings, new: Settings) -> None:
    before, after = _specs(old), _specs(new)
    plan = make_plan(old, new)
    both = before.keys() & after.keys()
    differ = {name for name in both if before[name] != after[name]}
    flags = {"supervisor"} if old.flags != new.flags else set()
    assert sorted(plan.names("adjust", "restart")) == sorted(differ | flags)
    assert sorted(plan.names("keep")) == sorted(both - differ)
    assert sorted(plan.names("add")) == sorted(after.keys() - before.keys())
    removed = plan.names("remove")
    below = {inner for name in removed for inner in _below(old, name)}
    assert sorted({*removed, *below} - after.keys()) == sorted(before.keys() - after.keys())
    assert not any(before[name].group in removed for name in removed)


def _below(settings: Settings, name: str) -> list[str]:
    layout = Layout(settings.children, settings.groups)
    return list(layout.descendants(name)) if name in layout.members else []
