from collections.abc import Sequence
from typing import Any

import pytest

from supervisor.specs.rules import BEATS_TO_STALL, DEAD_MAN_SPARE_S, check_rules
from supervisor.specs.spec import ChildSpec, GroupSpec, SupervisorFlags

ENDS: dict[str, Any] = {"restart": "transient", "significant": True}
LISTENS: dict[str, Any] = {"auto_shutdown": "any_significant"}


def child(name: str = "a", **keys: Any) -> ChildSpec:
    return ChildSpec(name=name, start="package.module:run", **keys)


def group(name: str, **keys: Any) -> GroupSpec:
    return GroupSpec(name=name, **keys)


def flags(**keys: Any) -> SupervisorFlags:
    return SupervisorFlags(**keys)


def found(
    *children: ChildSpec, groups: Sequence[GroupSpec] = (), under: SupervisorFlags | None = None
) -> list[tuple[str, str, str]]:
    return list(check_rules(under or SupervisorFlags(), children, groups))


def places(
    *children: ChildSpec, groups: Sequence[GroupSpec] = (), under: SupervisorFlags | None = None
) -> list[tuple[str, str, str]]:
    """Kind, name and key of each problem, without what is said about it."""
    problems = found(*children, groups=groups, under=under)
    return [(kind, name, problem.partition(":")[0]) for kind, name, problem in problems]


def cycles(*groups: GroupSpec) -> list[tuple[str, str, str]]:
    return [problem for problem in found(child(), groups=groups) if "hold itself" in problem[2]]


@pytest.mark.parametrize(
    ("under", "spec", "groups", "place", "said"),
    [
        (flags(backoff_first_s=31), child(), (), ("supervisor", "", "backoff_first_s"), ("31", "backoff_cap_s = 30")),
        (flags(heartbeat_s=11), child(stall_timeout_s=0), (), ("supervisor", "", "dead_man_s"), ("30", "33 or more")),
        (flags(**LISTENS), child(significant=True), (), ("child", "a", "significant"), ("transient or temporary",)),
        (flags(), child(**ENDS), (), ("child", "a", "significant"), ("[supervisor] is never",)),
        (
            flags(**LISTENS),
            child(group="inner", **ENDS),
            (group("inner"),),
            ("child", "a", "significant"),
            ("group inner is never",),
        ),
        (
            flags(**LISTENS),
            child(group="inner"),
            (group("inner", significant=True),),
            ("group", "inner", "significant"),
            ("transient or temporary",),
        ),
        (
            flags(),
            child(group="inner"),
            (group("inner", **ENDS),),
            ("group", "inner", "significant"),
            ("[supervisor] is never",),
        ),
        (
            flags(),
            child(group="inner"),
            (group("inner", group="outer", **ENDS), group("outer")),
            ("group", "inner", "significant"),
            ("group outer is never",),
        ),
        (flags(), child(group="inner"), (), ("child", "a", "group"), ("no group 'inner'",)),
        (
            flags(),
            child(group="inner"),
            (group("inner", group="outer"),),
            ("group", "inner", "group"),
            ("no group 'outer'",),
        ),
        (flags(), child(shutdown_s=4.5), (), ("child", "a", "shutdown_s"), ("4.5", "(4)")),
        (flags(), child(stall_timeout_s=2.5), (), ("child", "a", "stall_timeout_s"), ("2.5", "3 or more")),
        (flags(), child(stall_timeout_s=29.5), (), ("child", "a", "stall_timeout_s"), ("29.5", "dead_man_s = 30")),
        (flags(), child(), (group("inner"),), ("group", "inner", "name"), ("no members",)),
        (
            flags(),
            child(),
            (group("inner", group="inner"),),
            ("group", "inner", "group"),
            ("cannot hold itself", "inner -> inner"),
        ),
    ],
)
def test_each_rule_that_is_broken_is_told_once_with_its_place_and_the_values(
    under: SupervisorFlags,
    spec: ChildSpec,
    groups: Sequence[GroupSpec],
    place: tuple[str, str, str],
    said: tuple[str, ...],
) -> None:
    ((kind, name, problem),) = found(spec, groups=groups, under=under)
    assert (kind, name, problem.partition(": ")[0]) == place
    assert all(words in problem for words in said), problem


def test_a_tree_that_uses_everything_and_fits_has_no_problem() -> None:
    groups = (group("outer", **LISTENS), group("inner", group="outer", auto_shutdown="all_significant", **ENDS))
    children = (
        child("first"),
        child("second", group="inner", memory_limit_mib=64, **ENDS),
        child("third", group="outer", restart="temporary", significant=True),
    )
    assert found(*children, groups=groups) == []


def test_the_flags_alone_fit_as_they_are() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("under", "spec"),
    [
        (flags(backoff_first_s=30, backoff_cap_s=30), child()),
        (flags(dead_man_s=BEATS_TO_STALL * 8.0, heartbeat_s=8), child(stall_timeout_s=0)),
        (flags(dead_man_s=0, heartbeat_s=50), child(stall_timeout_s=0)),
        (flags(shutdown_s=5), child(shutdown_s=5)),
        (flags(heartbeat_s=2), child(stall_timeout_s=BEATS_TO_STALL * 2.0)),
        (flags(), child(stall_timeout_s=0)),
        (flags(dead_man_s=20), child(stall_timeout_s=20 - DEAD_MAN_SPARE_S)),
        (flags(dead_man_s=0), child(stall_timeout_s=10_000)),
    ],
)
def test_a_value_that_is_just_at_its_limit_or_turned_off_fits(under: SupervisorFlags, spec: ChildSpec) -> None:
    assert found(spec, under=under) == []


@pytest.mark.parametrize(
    ("under", "spec"),
    [
        (flags(heartbeat_s=0.1), child(stall_timeout_s=0.3)),
        (flags(heartbeat_s=1.1, dead_man_s=3.3), child(stall_timeout_s=0)),
    ],
)
def test_three_beats_are_enough_when_they_are_no_whole_seconds(under: SupervisorFlags, spec: ChildSpec) -> None:
    assert found(spec, under=under) == []


def test_a_child_that_never_stalls_fits_a_dead_man_timer_of_less_than_a_second() -> None:
    assert found(child(stall_timeout_s=0), under=flags(heartbeat_s=0.125, dead_man_s=0.5)) == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_cycle_is_told_once_under_its_first_name_and_with_the_whole_way_round(number: int) -> None:
    names = ["alpha", "beta", "gamma"][:number]
    groups = [group(name, group=names[(index + 1) % number]) for index, name in enumerate(names)]
    for order in (groups, groups[::-1]):
        ((kind, name, problem),) = cycles(*order)
        assert (kind, name) == ("group", "alpha")
        assert problem.endswith(" -> ".join([*names, "alpha"]))


def test_two_cycles_are_both_told() -> None:
    groups = (group("a1", group="a2"), group("a2", group="a1"), group("b1", group="b1"))
    assert [name for _kind, name, _problem in cycles(*groups)] == ["a1", "b1"]


def test_a_group_that_hangs_below_a_cycle_is_not_told_as_one() -> None:
    groups = (group("below", group="loop"), group("loop", group="pool"), group("pool", group="loop"))
    ((_kind, name, problem),) = cycles(*groups)
    assert name == "loop"
    assert "below" not in problem


def test_groups_within_one_another_are_no_cycle() -> None:
    assert cycles(group("c", group="b"), group("b", group="a"), group("a")) == []


def test_a_group_that_holds_only_a_group_has_members() -> None:
    groups = (group("outer"), group("inner", group="outer"))
    assert places(child(group="inner"), groups=groups) == []


def test_a_group_name_that_was_misspelt_is_answered_with_the_near_one() -> None:
    problems = found(child("a", group="strategi"), child("b", group="strategy"), groups=[group("strategy")])
    assert problems == [("child", "a", "group: there is no group 'strategi'; did you mean 'strategy'?")]


def test_all_that_is_wrong_is_told_at_once() -> None:
    children = (
        child("first", shutdown_s=99, stall_timeout_s=1, significant=True),
        child("second", group="nowhere", stall_timeout_s=99),
    )
    groups = (group("empty"), group("loop", group="loop"))
    under = flags(backoff_first_s=31, dead_man_s=2)
    assert sorted(places(*children, groups=groups, under=under)) == sorted(
        [
            ("supervisor", "", "backoff_first_s"),
            ("supervisor", "", "dead_man_s"),
            ("child", "first", "significant"),  # It always comes back,
            ("child", "first", "significant"),  # and its group would not listen.
            ("child", "first", "shutdown_s"),
            ("child", "first", "stall_timeout_s"),
            ("child", "second", "group"),
            ("child", "second", "stall_timeout_s"),
            ("group", "empty", "name"),
            ("group", "loop", "group"),
        ]
    )


def test_a_number_that_no_process_can_be_told_is_refused_with_its_child() -> None:
    ((kind, name, problem),) = found(child("a", settings={"x": 2**64}))
    assert (kind, name) == ("child", "a")
    assert problem.startswith("settings: they cannot be sent to its process: ")
