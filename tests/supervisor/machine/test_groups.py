"""Groups within groups: order, readiness, ends from within, and what a parent makes of them."""

from typing import Any

import pytest

from supervisor.machine.actions import AskToStop, Record, Spawn, TreeStarted, TreeStopped
from supervisor.specs.spec import SupervisorFlags
from tests.supervisor.machine.tables import rows
from tests.supervisor.machine.world import BAD_SETTINGS, ERROR, KILLED, NORMAL, World, child, group


def asked(world: World) -> list[str]:
    return [action.child for action in world.told if isinstance(action, AskToStop)]


def events(world: World, name: str) -> list[str]:
    return [action.event for action in world.told if isinstance(action, Record) and action.child == name]


def fail_until_down(world: World, name: str) -> None:
    """Let a child fail until its group has given it up."""
    while name in world.processes and not world.processes[name].is_asked:
        world.exit(name)


def test_groups_start_where_their_first_child_stands_and_stop_in_reverse() -> None:
    world = World.of(child("a"), group("g"), child("b", group="g"), child("c", group="g"), child("d"))
    world.call("start")
    assert world.answer_all() == ["a", "b", "c", "d"]
    assert world.told[-1] == TreeStarted()
    assert events(world, "g") == ["group_started", "group_ready"]
    world.call("stop")
    assert world.answer_all() == ["d", "c", "b", "a"]
    assert events(world, "g")[2:] == ["group_stopped"]
    assert world.told[-1] == TreeStopped()


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_one_bad_child_in_a_group_does_not_hold_up_those_outside(strategy: Any) -> None:
    world = World.of(group("g", strategy=strategy), child("a", group="g"), child("b", group="g"), child("c"))
    world.call("start")
    world.exit("a")
    if strategy == "one_for_one":
        world.ready("b")  # Its group's first round is through with it.
    assert world.state("c") == "starting"


def test_those_outside_wait_for_the_first_start_of_everybody_in_the_group_before() -> None:
    world = World.of(group("g"), child("a", group="g"), child("b", group="g"), child("c"))
    world.call("start")
    world.exit("a")
    assert world.states() == {"g": "starting", "a": "starting", "b": "starting", "c": "pending"}
    assert world.count(TreeStarted) == 0
    world.ready("b")
    assert world.states() == {"g": "ready", "a": "starting", "b": "ready", "c": "starting"}
    world.ready("c")
    assert world.count(TreeStarted) == 1


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_those_that_depend_on_a_group_wait_until_all_of_it_is_ready(strategy: Any) -> None:
    members = [group("g", strategy=strategy), child("a", group="g"), child("b", group="g"), child("c")]
    world = World.of(*members, strategy=strategy)
    world.call("start")
    world.exit("a")
    world.ready("a")
    assert world.states() == {"g": "starting", "a": "ready", "b": "starting", "c": "pending"}
    assert world.machine.children["c"].reason == "waits for g"
    world.ready("b")
    assert world.states() == {"g": "ready", "a": "ready", "b": "ready", "c": "starting"}


def test_a_group_without_members_is_ready_at_once() -> None:
    world = World.of(group("g"), strategy="rest_for_one")
    world.call("start")
    assert world.state("g") == "ready"
    assert world.count(TreeStarted) == 1


def test_a_group_is_restarted_as_a_whole_for_a_sibling() -> None:
    members = [child("a"), group("g"), child("b", group="g"), child("c", group="g", restart="temporary")]
    world = World.running(*members, strategy="rest_for_one")
    world.exit("a")
    assert world.answer_all() == ["c", "b", "a", "b", "c"]  # A new life of a group begins with all of its members.
    assert [a.cause for a in world.told if isinstance(a, Record) and a.event == "group_stopped"] == ["sibling"]


def test_a_new_life_of_a_group_begins_with_full_budgets_and_in_order() -> None:
    members = [child("a"), group("g", intensity=1), child("b", group="g"), child("c", group="g")]
    world = World.running(*members, strategy="rest_for_one")
    world.exit("b")
    world.answer_all()
    world.exit("a")
    for name in ["c", "b", "a"]:
        world.answer(name)
    assert world.states() == {"a": "ready", "g": "starting", "b": "starting", "c": "pending"}
    world.answer_all()
    world.exit("b")
    assert world.decision("b") == "restarted at once (cause exit, 1 of 1 within 60 s)"


def test_a_temporary_group_is_stopped_for_a_sibling_and_stays_stopped() -> None:
    world = World.running(child("a"), group("g", restart="temporary"), child("b", group="g"), strategy="rest_for_one")
    world.exit("a")
    world.answer_all()
    assert world.states() == {"a": "ready", "g": "stopped", "b": "stopped"}


def test_an_end_within_a_group_is_no_end_of_the_group() -> None:
    world = World.running(child("a"), group("g"), child("b", group="g"), child("c"), strategy="one_for_all")
    world.exit("b")
    world.answer_all()
    assert asked(world) == []


# What a parent makes of a group that ended by itself

GROUP_ENDS = """
restart   | ends by       | then
permanent | escalation    | back
permanent | auto_shutdown | back
transient | escalation    | done
transient | auto_shutdown | done
temporary | escalation    | done
temporary | auto_shutdown | done
"""


def end_from_within(world: World, how: str) -> None:
    """Let group `g` of `grouped` end."""
    if how == "escalation":
        world.exit("b", ERROR)
    else:
        world.exit("c", NORMAL)


def grouped(restart: Any = "permanent", *, significant: bool = False, **flags: Any) -> World:
    policy = {"intensity": 0, "when_exhausted": "escalate", "auto_shutdown": "any_significant"}
    members = [child("b", group="g"), child("c", group="g", restart="transient", significant=True)]
    return World.running(
        child("a"), group("g", restart=restart, significant=significant, **policy), *members, child("d"), **flags
    )


@pytest.mark.parametrize(("restart", "how", "then"), rows(GROUP_ENDS))
@pytest.mark.parametrize("strategy", ["one_for_one", "rest_for_one", "one_for_all"])
def test_a_group_that_ends_by_itself_ends_normally_for_its_parent(
    restart: Any, how: str, then: str, strategy: Any
) -> None:
    world = grouped(restart, strategy=strategy)
    end_from_within(world, how)
    world.answer_all()
    assert "group_ends" in events(world, "g")
    state = "ready" if then == "back" else "stopped"
    assert world.states() == {"a": "ready", "g": state, "b": state, "c": state, "d": "ready"}
    affects = {"one_for_one": 0, "rest_for_one": 1, "one_for_all": 2}[strategy] if then == "back" else 0
    assert len({"a", "d"} & set(asked(world))) == affects
    told = f"cause {how}, 1 of 5" if then == "back" else "not restarted: "
    assert told in world.decision("g")
    reason = world.machine.groups["g"].reason
    assert reason == "" if then == "back" else reason.startswith(f"ended (cause {how}): ")


def test_nested_auto_shutdown_climbs_through_significant_groups() -> None:
    world = grouped("transient", significant=True, auto_shutdown="any_significant")
    world.exit("c", NORMAL)
    world.answer_all()
    assert world.machine.end == "auto_shutdown"
    assert world.told[-1] == TreeStopped()


def test_a_group_that_gives_up_again_and_again_is_parked_and_probed() -> None:
    world = grouped(intensity=1)
    for _ in range(2):
        end_from_within(world, "escalation")
        world.answer_all()
    assert world.states() == {"a": "ready", "g": "parked", "b": "stopped", "c": "stopped", "d": "ready"}
    assert events(world, "g")[-1] == "child_parked"
    world.wait_due()
    world.answer_all()
    assert world.state("g") == "ready"
    end_from_within(world, "escalation")
    world.answer_all()
    assert world.state("g") == "parked"
    assert world.decision("g") == "parked: it failed again when it was tried"


def test_a_probe_of_a_group_that_stays_ready_heals_it() -> None:
    world = grouped(intensity=0)
    end_from_within(world, "escalation")
    world.answer_all()
    assert world.state("g") == "parked"
    world.call("set_flags", SupervisorFlags(intensity=1))
    world.wait_due()
    world.answer_all()
    world.wait(world.machine.flags.stable_s)
    end_from_within(world, "escalation")
    world.answer_all()
    assert world.state("g") == "ready"


def test_bad_settings_end_a_group_that_does_not_park_at_once() -> None:
    world = World.running(group("g", when_exhausted="escalate"), child("a", group="g"))
    world.exit("a", BAD_SETTINGS)
    assert world.decision("a") == "group g ends: its settings cannot be used"


def test_stop_all_ends_the_whole_tree_from_deep_within() -> None:
    world = World.running(
        group("g", intensity=0), group("h", group="g", intensity=0, when_exhausted="stop_all"), child("a", group="h")
    )
    world.exit("a")
    assert world.machine.end == "exhausted"
    assert world.told[-1] == TreeStopped()


def test_a_kill_from_outside_is_restarted_at_once_within_a_groups_budget() -> None:
    world = World.running(
        group("g", intensity=3, when_exhausted="escalate"), child("a", group="g"), backoff_first_s=10.0
    )
    for _ in range(3):
        world.exit("a", KILLED)
        assert world.state("a") == "starting"
    world.exit("a", KILLED)
    assert "group_ends" in events(world, "g")


# Parking where others depend on the one that is parked


@pytest.mark.parametrize(("strategy", "before"), [("one_for_all", "pending"), ("rest_for_one", "ready")])
def test_siblings_of_a_parked_member_wait_and_start_with_its_probe(strategy: Any, before: str) -> None:
    world = World.running(child("a"), child("b"), child("c"), strategy=strategy, intensity=0)
    world.exit("b")
    world.answer_all()
    assert world.states() == {"a": before, "b": "parked", "c": "pending"}
    assert world.machine.children["c"].reason == "waits for b"
    world.wait_due()
    world.answer_all()
    assert world.states() == {"a": "ready", "b": "ready", "c": "ready"}


def test_a_probe_that_was_ready_long_enough_is_healed_also_when_it_is_stopped_for_a_sibling() -> None:
    world = World.running(child("a"), child("b"), strategy="one_for_all", intensity=1, stable_s=10.0)
    world.exit("b")
    world.answer_all()
    world.exit("b")
    assert world.state("b") == "parked"
    world.settle()
    world.wait(10.0)
    world.exit("a")
    world.answer_all()
    world.exit("b")  # It is no probe any more, and its budget is full.
    assert world.decision("b").startswith("restarted at once")


def test_one_that_its_operator_stops_holds_up_nobody() -> None:
    world = World.running(child("a"), child("b"), strategy="rest_for_one", intensity=0)
    world.exit("a")
    world.answer_all()
    assert world.states() == {"a": "parked", "b": "pending"}
    world.call("stop_member", "a")
    assert world.states() == {"a": "stopped", "b": "starting"}


# A stop of the tree


def stopping_late() -> World:
    """Return a tree in which a group waits for its turn to stop."""
    world = World.running(group("g"), child("a", group="g"), child("b", group="g"), child("slow"))
    world.exit("a")
    world.exit("a")
    assert world.state("a") == "backoff"
    return world


def test_nothing_starts_in_a_group_that_waits_for_its_turn_to_stop() -> None:
    world = stopping_late()
    world.call("stop")
    assert world.state("a") == "stopped"
    world.wait(3.0)
    assert world.answer_all() == ["slow", "b"]
    assert world.told[-1] == TreeStopped()


def test_a_restart_that_is_under_way_in_a_group_ends_with_a_stop_of_the_tree() -> None:
    world = stopping_late()
    world.call("restart", "b")
    world.call("stop")
    world.answer("b")
    assert world.states() == {"g": "ready", "a": "stopped", "b": "stopped", "slow": "stopping"}
    world.answer("slow")
    assert world.told[-1] == TreeStopped()


def test_a_round_that_is_under_way_in_a_group_waits_for_the_stop_of_the_tree() -> None:
    world = World.running(
        group("g", strategy="rest_for_one"),
        child("a", group="g"),
        child("b", group="g"),
        child("c", group="g"),
        child("d"),
    )
    world.exit("a")
    world.call("stop")
    assert world.answer_all() == ["c", "d", "b"]
    assert world.told[-1] == TreeStopped()


def test_a_tree_that_was_stopped_before_it_began_starts_nobody() -> None:
    world = World.of(child("a"))
    assert world.call("stop") == [TreeStopped()]
    assert world.call("start") == []
    assert world.count(Spawn) == 0


def test_hurry_kills_all_that_is_left_at_once() -> None:
    world = stopping_late()
    world.call("stop")
    world.call("hurry")
    assert all(process.is_killed for process in world.processes.values())
    world.answer_all()
    assert world.told[-1] == TreeStopped()


def test_the_limit_of_the_whole_stop_counts_for_groups_too() -> None:
    world = stopping_late()
    world.call("stop")
    world.wait(world.machine.flags.shutdown_s)
    assert all(process.is_killed for process in world.processes.values())
