"""What operators may order while the tree runs; the newest order wins."""

from typing import Any

import msgspec
import pytest

from protocols.errors import UsageError
from supervisor.machine.actions import AskToStop, Removed, TreeStopped
from supervisor.machine.core import UnknownChild
from supervisor.specs.spec import SupervisorFlags
from tests.supervisor.machine.world import ERROR, NORMAL, World, child, group

TREE = [child("a"), group("g"), child("b", group="g"), child("c", group="g"), child("d")]


def running(**flags: Any) -> World:
    return World.running(*TREE, **flags)


def changed(world: World, name: str, **changes: Any) -> Any:
    return msgspec.structs.replace(world.machine.member(name).spec, **changes)


# Restart, start, stop


def test_restart_of_a_group_stops_in_reverse_and_starts_in_order() -> None:
    world = running()
    world.call("restart", "g")
    assert world.answer_all() == ["c", "b", "b", "c"]
    assert world.restarts() == {"a": 0, "b": 1, "c": 1, "d": 0}


def test_restart_of_a_child_is_no_business_of_its_siblings() -> None:
    world = running(strategy="one_for_all")
    world.call("restart", "a")
    assert world.answer_all() == ["a", "a"]


def test_restart_begins_budgets_and_delays_anew() -> None:
    world = World.running(child("a"), intensity=1)
    for _ in range(4):
        world.exit("a")
        assert world.state("a") == "starting"
        world.call("restart", "a")
        world.answer_all()


@pytest.mark.parametrize("name", ["b", "g"])
def test_one_that_its_operator_stopped_stays_down_whatever_happens(name: str) -> None:
    world = running(strategy="one_for_all")
    world.call("stop_member", name)
    world.answer_all()
    world.exit("a")
    world.answer_all()
    assert world.state(name) == "stopped"
    assert world.state("d") == "ready"
    world.call("start_member", name)
    world.answer_all()
    assert set(world.states().values()) == {"ready"}


def test_a_member_that_was_stopped_stays_down_when_its_group_is_restarted() -> None:
    world = running()
    world.call("stop_member", "b")
    world.answer_all()
    world.call("restart", "g")
    world.answer_all()
    assert world.states() == {"a": "ready", "g": "ready", "b": "stopped", "c": "ready", "d": "ready"}


@pytest.mark.parametrize("how", ["pending", "backoff", "parked"])
def test_stop_of_a_member_without_a_process_takes_effect_at_once(how: str) -> None:
    world = World.of(child("z"), child("a"), intensity=1 if how == "backoff" else 0)
    world.call("start")
    if how != "pending":
        world.answer_all()
        world.exit("a")
        while world.state("a") == "starting":
            world.exit("a", ERROR) if how == "parked" else world.call("stalled", "a")
            if how == "backoff":
                world.answer("a")
    assert world.state("a") == how
    assert world.call("stop_member", "a") == []
    assert world.state("a") == "stopped"
    world.wait(1000.0)
    assert world.state("a") == "stopped"


def test_the_newest_of_several_orders_wins() -> None:
    world = World.running(child("a"))
    assert world.call("restart", "a") == [AskToStop("a", 2.0)]
    for verb in ["stop_member", "start_member", "restart", "stop_member"]:
        assert world.call(verb, "a") == []
    world.answer_all()
    assert world.state("a") == "stopped"
    world.call("start_member", "a")
    world.call("stop_member", "a")
    world.call("start_member", "a")
    world.answer_all()
    assert world.state("a") == "ready"


def test_start_of_one_that_runs_changes_nothing() -> None:
    world = running()
    for name in ["a", "g"]:
        assert world.call("start_member", name) == []
    assert set(world.states().values()) == {"ready"}


def test_start_of_a_parked_one_tries_it_at_once() -> None:
    world = World.running(child("a"), intensity=0)
    world.exit("a")
    world.call("start_member", "a")
    world.answer_all()
    assert world.state("a") == "ready"


def test_start_in_a_stopped_group_is_refused_and_says_what_to_do() -> None:
    world = running()
    world.call("stop_member", "g")
    world.answer_all()
    with pytest.raises(UsageError, match="b is not started: its group g is stopped; start g"):
        world.call("start_member", "b")


def test_an_order_for_a_member_is_no_error_while_its_group_is_restarted() -> None:
    world = running()
    world.call("stop_member", "b")
    world.answer_all()
    world.call("restart", "g")
    assert world.call("start_member", "b") == []
    assert world.call("restart", "c") == []
    world.answer_all()
    assert set(world.states().values()) == {"ready"}


def test_a_member_of_a_group_that_stays_down_is_not_started_by_a_restart_around_it() -> None:
    world = World.running(group("g"), group("h", group="g"), child("a", group="h"), child("b", group="g"))
    world.call("stop_member", "h")
    world.answer_all()
    world.call("restart", "g")
    with pytest.raises(UsageError, match="its group h is stopped; start h"):
        world.call("start_member", "a")
    world.answer_all()
    assert world.states() == {"g": "ready", "h": "stopped", "a": "stopped", "b": "ready"}


@pytest.mark.parametrize("verb", ["restart", "start_member", "stop_member", "remove"])
def test_orders_name_what_there_is_when_the_name_is_unknown(verb: str) -> None:
    with pytest.raises(UnknownChild, match="no child or group named 'x'; there are a, g, b, c, d"):
        running().call(verb, "x")


def test_nothing_is_started_or_changed_while_the_tree_stops_and_stops_need_no_more() -> None:
    world = running()
    world.call("stop")
    for verb, argument in [("restart", "a"), ("start_member", "a"), ("add", child("n")), ("replace", child("a"))]:
        with pytest.raises(UsageError, match="the tree is stopping"):
            world.call(verb, argument)
    assert world.call("stop_member", "a") == []
    world.call("remove", "g")
    assert world.answer_all() == ["d", "c", "b", "a"]
    assert world.told[-1] == TreeStopped()


# Add, remove


def test_added_members_start_when_their_group_runs() -> None:
    world = running()
    world.call("add", group("h", group="g"))
    world.call("add", child("n", group="h"))
    assert world.state("n") == "starting"
    world.answer_all()
    assert list(world.states()) == ["a", "g", "b", "c", "h", "n", "d"]
    assert set(world.states().values()) == {"ready"}


def test_what_is_added_where_it_stands_in_the_settings_counts_as_started_before_those_that_follow() -> None:
    world = World.running(child("a"), child("b"), strategy="rest_for_one")
    world.call("add", child("n"), ["a", "n", "b"])
    world.answer_all()
    assert list(world.states()) == ["a", "n", "b"]
    assert world.restarts() == {"a": 0, "n": 0, "b": 0}
    world.exit("n")
    world.answer_all()
    assert world.restarts() == {"a": 0, "n": 1, "b": 1}


def test_a_member_that_is_added_to_a_stopped_group_starts_with_it() -> None:
    world = running()
    world.call("stop_member", "g")
    world.answer_all()
    world.call("add", child("n", group="g"))
    assert world.state("n") == "stopped"
    world.call("start_member", "g")
    world.answer_all()
    assert world.state("n") == "ready"


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (child("a"), "named 'a' already"),
        (group("g"), "named 'g' already"),
        (child("n", group="x"), "no group named 'x'"),
    ],
)
def test_what_cannot_be_added_is_refused(spec: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        running().call("add", spec)


def test_removed_members_are_gone_when_their_processes_are() -> None:
    world = running()
    assert Removed("a") not in world.call("remove", "a")
    assert world.machine.knows("a")
    assert world.exit("a", NORMAL)[-1] == Removed("a")
    assert not world.machine.knows("a")
    world.call("add", child("a"))
    world.answer_all()
    assert world.state("a") == "ready"


def test_a_group_is_removed_with_all_that_belongs_to_it() -> None:
    world = running()
    world.call("add", group("h", group="g"))
    world.call("remove", "g")
    with pytest.raises(UsageError, match="being removed"):
        world.call("restart", "b")
    with pytest.raises(UsageError, match="being removed"):
        world.call("add", child("n", group="h"))
    world.answer_all()
    assert [action.name for action in world.told if isinstance(action, Removed)] == ["b", "c", "h", "g"]
    assert list(world.states()) == ["a", "d"]


def test_removing_what_others_wait_for_lets_them_start() -> None:
    world = World.running(child("a"), child("b"), strategy="rest_for_one", intensity=0)
    world.exit("a")
    world.answer_all()
    assert Removed("a") in world.call("remove", "a")
    assert world.state("b") == "starting"


# Changed specs


def test_a_spec_that_changes_only_limits_takes_effect_without_a_restart() -> None:
    world = running()
    assert world.call("replace", changed(world, "a", shutdown_s=9.0, stall_timeout_s=0.0, restart="transient")) == []
    world.call("stop_member", "a")
    assert AskToStop("a", 9.0) in world.told


def test_a_spec_that_changes_more_is_followed_by_a_new_process() -> None:
    world = running(strategy="one_for_all")
    world.call("replace", changed(world, "a", settings={"x": 1}))
    assert world.answer_all() == ["a", "a"]


def test_other_secrets_need_a_new_process_although_the_spec_is_the_same() -> None:
    world = running()
    assert world.call("replace", changed(world, "a")) == []
    world.machine.replace(changed(world, "a"), now_s=0.0, anew=True)
    assert world.state("a") == "stopping"


@pytest.mark.parametrize("stopped", ["b", "g"])
def test_one_that_is_stopped_by_its_operator_follows_a_new_spec_when_it_is_started(stopped: str) -> None:
    world = running()
    world.call("stop_member", stopped)
    world.answer_all()
    assert world.call("replace", changed(world, "b", settings={"x": 1})) == []
    assert world.state("b") == "stopped"
    world.call("start_member", stopped)
    world.answer_all()
    assert world.machine.children["b"].spec.settings == {"x": 1}
    assert world.state("b") == "ready"


def test_a_moved_child_is_restarted_at_the_end_of_its_new_group() -> None:
    world = running()
    world.call("replace", changed(world, "a", group="g"))
    world.answer_all()
    assert list(world.states()) == ["g", "b", "c", "a", "d"]
    assert world.restarts() == {"a": 1, "b": 0, "c": 0, "d": 0}
    assert set(world.states().values()) == {"ready"}


def test_a_child_that_is_moved_into_a_stopped_group_stops_and_starts_with_that() -> None:
    world = running()
    world.call("stop_member", "g")
    world.answer_all()
    world.call("replace", changed(world, "a", group="g"))
    world.answer_all()
    assert world.states() == {"g": "stopped", "b": "stopped", "c": "stopped", "a": "stopped", "d": "ready"}
    world.call("start_member", "g")
    world.answer_all()
    assert world.state("a") == "ready"


def test_a_child_that_is_moved_out_of_a_group_that_is_being_removed_goes_on() -> None:
    world = running()
    world.call("remove", "g")
    world.call("replace", changed(world, "b", group=""))
    world.answer_all()
    assert world.states() == {"a": "ready", "d": "ready", "b": "ready"}


def test_a_child_whose_new_group_is_removed_before_it_is_there_is_removed_with_it() -> None:
    world = running()
    world.call("stop_member", "g")
    world.answer_all()
    world.call("replace", changed(world, "a", group="g"))
    world.call("remove", "g")
    world.answer_all()
    assert list(world.states()) == ["d"]


def test_a_moved_group_goes_on_in_a_running_one() -> None:
    world = World.running(group("g"), group("h"), child("a", group="g"), child("b", group="h"))
    world.call("replace", changed(world, "h", group="g"))
    assert world.states() == {"g": "ready", "a": "ready", "h": "ready", "b": "ready"}
    world.call("stop_member", "g")
    assert world.answer_all() == ["b", "a"]


def test_a_group_that_is_moved_out_before_its_turn_to_stop_goes_on() -> None:
    world = World.running(group("g"), group("h", group="g"), child("a", group="h"), child("b", group="g"))
    world.call("stop_member", "g")
    world.call("replace", changed(world, "h", group=""))
    assert world.answer_all() == ["b"]
    assert world.states() == {"g": "stopped", "b": "stopped", "h": "ready", "a": "ready"}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (group("a"), "a child cannot become a group"),
        (child("g"), "a child cannot become a group"),
        (child("a", group="x"), "no group named 'x'"),
        (group("g", group="g"), "would hold itself"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused_and_changes_nothing(spec: Any, why: str) -> None:
    world = running()
    before = world.machine.member(spec.name).spec
    with pytest.raises(UsageError, match=why):
        world.call("replace", spec)
    assert world.machine.member(spec.name).spec is before


def test_another_strategy_lets_those_start_who_waited_by_the_old_one() -> None:
    world = World.running(
        group("g", strategy="rest_for_one", intensity=0), child("a", group="g"), child("b", group="g")
    )
    world.exit("a")
    world.answer_all()
    assert world.state("b") == "pending"
    world.call("replace", changed(world, "g", strategy="one_for_one"))
    assert world.state("b") == "starting"


def test_other_flags_take_effect_at_once_for_strategy_and_budgets() -> None:
    world = World.running(child("a"), child("b"), strategy="rest_for_one", intensity=0)
    world.exit("a")
    world.answer_all()
    assert world.states() == {"a": "parked", "b": "pending"}
    world.call("set_flags", SupervisorFlags(strategy="one_for_one", intensity=1))
    assert world.state("b") == "starting"
    world.call("start_member", "a")
    world.answer_all()
    world.exit("a")
    assert world.decision("a") == "restarted at once (cause exit, 1 of 1 within 60 s)"


def test_failures_under_the_old_policy_of_a_group_do_not_count_under_its_new_one() -> None:
    world = World.running(group("g", intensity=1, period_s=1000.0), child("b", group="g"), child("a"))
    world.exit("b", ERROR)
    world.answer_all()
    world.call("replace", changed(world, "g", period_s=500.0))
    world.exit("b", ERROR)
    world.answer_all()
    assert world.state("b") == "ready"
    world.exit("b", ERROR)
    assert world.state("b") == "parked"
