"""The rules of OTP's supervisor, by the names of its own suite where that has one.

Source: https://www.erlang.org/doc/apps/stdlib/supervisor.html and lib/stdlib/test/supervisor_SUITE.erl of OTP.
"""

from typing import Any

import pytest

from supervisor.machine.actions import AskToStop, Kill, Record, Spawn, TreeStopped
from tests.supervisor.machine.ends import ENDS
from tests.supervisor.machine.tables import rows
from tests.supervisor.machine.world import ERROR, KILLED, NORMAL, SEGFAULT, SERVER_LOST, World, child, group


def three(strategy: Any, **flags: Any) -> World:
    return World.running(child("a"), child("b"), child("c"), strategy=strategy, **flags)


def lives(world: World) -> dict[str, int]:
    return {name: record.incarnation for name, record in world.machine.children.items()}


def asked(world: World) -> list[str]:
    return [action.child for action in world.told if isinstance(action, AskToStop)]


def spawned(world: World) -> list[str]:
    return [action.child for action in world.told if isinstance(action, Spawn)]


# Strategies


def test_one_for_one_restarts_nobody_but_the_one_that_failed() -> None:
    world = three("one_for_one")
    world.exit("b")
    world.answer_all()
    assert lives(world) == {"a": 1, "b": 2, "c": 1}
    assert asked(world) == []


def test_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() -> None:
    world = three("one_for_all")
    world.exit("b")
    assert world.states() == {"a": "ready", "b": "pending", "c": "stopping"}
    world.exit("c", NORMAL)
    assert world.states() == {"a": "stopping", "b": "pending", "c": "pending"}
    world.exit("a", NORMAL)
    assert world.states() == {"a": "starting", "b": "pending", "c": "pending"}
    assert world.answer_all() == ["a", "b", "c"]
    assert asked(world) == ["c", "a"]


def test_rest_for_one_restarts_those_that_were_started_after_the_one_that_failed() -> None:
    world = World.running(child("a"), child("b"), child("c"), child("d"), strategy="rest_for_one")
    world.exit("b")
    assert asked(world) == ["d"]
    world.answer_all()
    assert asked(world) == ["d", "c"]
    assert spawned(world)[4:] == ["b", "c", "d"]
    assert lives(world) == {"a": 1, "b": 2, "c": 2, "d": 2}


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_other_child_fails_restart_and_both_failures_become_one_round(strategy: Any) -> None:
    world = three(strategy, intensity=5)
    world.exit("a")
    world.answer("c")  # b is asked now, and fails by itself meanwhile.
    world.exit("b", SEGFAULT)
    assert world.states() == {"a": "starting", "b": "pending", "c": "pending"}
    world.exit("a")  # The restart fails as well: a delay, and nobody is started before it.
    assert world.states() == {"a": "backoff", "b": "pending", "c": "pending"}
    world.settle()
    assert spawned(world)[3:] == ["a", "a", "b", "c"]
    assert "child_stopped" in [a.event for a in world.told if isinstance(a, Record) and a.exit == SEGFAULT]


def test_rest_for_one_other_child_fails_restart_makes_the_round_bigger() -> None:
    world = three("rest_for_one")
    world.exit("b")
    world.exit("a")  # While c is asked to stop for b.
    assert world.states() == {"a": "pending", "b": "pending", "c": "stopping"}
    assert world.answer_all() == ["c", "a", "b", "c"]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_delays_run_while_the_others_stop(strategy: Any) -> None:
    world = three(strategy, backoff_first_s=4.0, backoff_cap_s=4.0)
    world.exit("a")
    world.answer_all()
    world.exit("a")
    due_s = world.machine.children["a"].due_s
    assert due_s is not None
    assert world.states() == {"a": "backoff", "b": "ready", "c": "stopping"}
    world.wait(due_s)  # The delay is over, and c is not down yet: nobody is started.
    assert world.states() == {"a": "pending", "b": "ready", "c": "stopping"}
    assert world.answer_all() == ["c", "b", "a", "b", "c"]


def test_temporary_bystander_is_stopped_and_not_restarted() -> None:
    world = World.running(child("a", restart="temporary"), child("b"), child("c"), strategy="one_for_all")
    world.exit("b")
    world.answer_all()
    assert world.states() == {"a": "stopped", "b": "ready", "c": "ready"}


def test_transient_bystander_that_had_finished_is_started_again() -> None:
    world = World.running(child("a"), child("b", restart="transient"), strategy="rest_for_one")
    world.exit("b", NORMAL)
    assert world.state("b") == "stopped"
    world.exit("a")
    world.answer_all()
    assert world.states() == {"a": "ready", "b": "ready"}


def test_transient_bystander_that_ends_normally_because_it_was_asked_to_is_started_again() -> None:
    world = World.running(child("a"), child("b", restart="transient"), strategy="rest_for_one")
    world.exit("a")
    world.exit("b", NORMAL)
    world.answer_all()
    assert world.states() == {"a": "ready", "b": "ready"}


def test_temporary_bystander_that_had_ended_is_not_started_again() -> None:
    world = World.running(child("a"), child("b", restart="temporary"), strategy="rest_for_one")
    world.exit("b")
    world.exit("a")
    world.answer_all()
    assert world.states() == {"a": "ready", "b": "stopped"}


@pytest.mark.parametrize("restart", ["transient", "temporary"])
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_an_end_without_a_restart_leaves_the_others_alone(strategy: Any, restart: Any) -> None:
    world = World.running(child("a", restart=restart), child("b"), child("c"), strategy=strategy)
    world.exit("a", NORMAL)
    assert world.states() == {"a": "stopped", "b": "ready", "c": "ready"}
    assert asked(world) == []


def test_a_supervisor_whose_last_child_ended_stays_up() -> None:
    world = World.running(child("a", restart="temporary"))
    world.exit("a", NORMAL)
    assert world.states() == {"a": "stopped"}
    assert not world.machine.is_stopping
    world.call("start_member", "a")
    world.answer_all()
    assert world.state("a") == "ready"


# Intensity


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@pytest.mark.parametrize("when_exhausted", ["escalate", "stop_all"])
def test_escalation_stops_the_others_in_reverse_and_ends_the_tree(strategy: Any, when_exhausted: Any) -> None:
    world = three(strategy, intensity=1, when_exhausted=when_exhausted)
    world.exit("a")
    world.answer_all()
    told = len(asked(world))
    world.exit("a")
    assert world.machine.end == "exhausted"
    world.answer_all()
    assert asked(world)[told:] == ["c", "b"]
    assert world.told[-1] == TreeStopped()
    assert world.decision("a") == "the whole tree stops: the restarts within 60 s are spent (cause exit)"


def test_one_budget_for_all_members_and_causes_where_the_group_gives_up() -> None:
    world = three("one_for_one", intensity=2, when_exhausted="escalate")
    world.exit("a", ERROR)
    world.exit("b", SEGFAULT)
    assert not world.machine.is_stopping
    world.exit("c", KILLED)
    assert world.machine.end == "exhausted"


@pytest.mark.parametrize("ended", [ERROR, KILLED, SERVER_LOST, NORMAL])
@pytest.mark.parametrize("order", ["abc", "cab"])
def test_one_for_all_counts_once_when_all_end_at_once(order: str, ended: Any) -> None:
    world = three("one_for_all", intensity=1, when_exhausted="escalate")
    for name in order:  # The first fails, the second's turn to stop has not come, the third is asked to.
        world.exit(name, ended)
    assert world.machine.end == ""
    assert world.answer_all() == ["a", "b", "c"]
    assert lives(world) == {"a": 2, "b": 2, "c": 2}
    assert world.decision(order[1]) == "starts again with the sibling that failed before it"


def test_rest_for_one_counts_those_that_were_started_before_as_failures_of_their_own() -> None:
    world = three("rest_for_one", intensity=2, when_exhausted="escalate")
    for name in "bac":
        world.exit(name)
    assert world.machine.end == ""
    assert "2 of 2" in world.decision("a")
    assert world.answer_all() == ["a", "b", "c"]


def test_a_sibling_that_ends_for_good_before_its_turn_to_stop_is_not_started_again() -> None:
    members = [child("a", restart="temporary"), child("b"), child("c")]
    world = World.running(*members, strategy="one_for_all", when_exhausted="escalate")
    world.exit("b")
    world.exit("a")
    assert world.decision("a") == "not restarted: temporary"
    world.answer_all()
    assert world.states() == {"a": "stopped", "b": "ready", "c": "ready"}


@pytest.mark.parametrize("when_exhausted", ["escalate", "stop_all"])
def test_a_lost_fork_server_is_not_charged_to_the_children_that_it_took_along(when_exhausted: Any) -> None:
    names = "abcdef"
    world = World.running(*map(child, names), intensity=0, killed_intensity=6, when_exhausted=when_exhausted)
    for name in names:
        world.exit(name, SERVER_LOST)
        assert world.state(name) == "starting"  # At once: it says nothing about the child.
    world.answer_all()
    assert world.decision("f") == "restarted at once (cause fork_server_lost, 6 of 6 within 60 s)"
    world.exit("a", SERVER_LOST)
    assert world.machine.end == "exhausted"  # A fork server that dies all the time is no way to run a tree.


def test_restarts_are_forgotten_when_the_period_is_over() -> None:
    world = three("one_for_one", intensity=1, period_s=10.0, when_exhausted="escalate")
    for _ in range(5):
        world.exit("a")
        world.settle()
        world.wait(10.1)
    assert not world.machine.is_stopping
    world.exit("a")
    world.settle()
    world.exit("b")
    assert world.machine.is_stopping


def test_an_intensity_of_none_restarts_nobody() -> None:
    world = three("one_for_one", intensity=0, when_exhausted="escalate")
    world.exit("a")
    assert world.machine.end == "exhausted"


def test_each_attempt_counts_also_one_that_never_was_ready() -> None:
    world = World.running(child("a"), intensity=3)
    world.exit("a")
    while world.state("a") != "parked":
        world.exit("a") if world.state("a") == "starting" else world.wait_due()
    assert lives(world) == {"a": 4}


def test_a_start_that_takes_long_and_fails_is_no_recovery() -> None:
    world = World.of(child("a", start_timeout_s=100.0), intensity=2, period_s=1000.0, stable_s=10.0)
    world.call("start")
    for _ in range(3):
        if world.state("a") == "backoff":
            world.wait_due()
        world.wait(50.0)
        world.exit("a")
    assert world.state("a") == "parked"


def test_intensities_multiply_along_the_tree() -> None:
    world = World.running(
        group("outer", group="", intensity=2, when_exhausted="escalate"),
        group("inner", group="outer", intensity=2, when_exhausted="escalate"),
        child("a", group="inner"),
        intensity=0,
        when_exhausted="escalate",
    )
    while not world.machine.is_stopping:
        world.exit("a") if world.processes else world.wait_due()
    assert lives(world) == {"a": 3 * 3}


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_hanging_restart_loop_is_none_and_a_stop_gets_through(strategy: Any) -> None:
    world = three(strategy)
    world.unmakeable = {"a"}
    actions = world.exit("a")
    world.answer_all()
    assert sum(isinstance(action, Spawn) for action in actions) <= 2
    assert world.state("a") == "backoff"
    world.call("stop")
    world.answer_all()
    assert world.told[-1] == TreeStopped()
    assert set(world.states().values()) == {"stopped"}


# Significant children and auto_shutdown

AUTO_SHUTDOWN = """
auto_shutdown   | restart   | ends by             | the tree
never           | transient | normal_exit         | stays
never           | temporary | error_exit          | stays
any_significant | transient | normal_exit         | ends
any_significant | transient | error_exit          | stays
any_significant | transient | sigkill             | stays
any_significant | transient | hang                | stays
any_significant | transient | bad_settings        | stays
any_significant | transient | stopped_by_operator | stays
any_significant | temporary | normal_exit         | ends
any_significant | temporary | error_exit          | ends
any_significant | temporary | sigkill             | ends
any_significant | temporary | hang                | ends
any_significant | temporary | bad_settings        | ends
any_significant | temporary | stopped_by_operator | stays
all_significant | transient | normal_exit         | stays until the other has ended too
all_significant | transient | error_exit          | stays
all_significant | transient | stopped_by_operator | stays
all_significant | temporary | normal_exit         | stays until the other has ended too
all_significant | temporary | error_exit          | stays until the other has ended too
all_significant | temporary | stopped_by_operator | stays
"""


@pytest.mark.parametrize(("auto_shutdown", "restart", "how", "then"), rows(AUTO_SHUTDOWN))
def test_auto_shutdown(auto_shutdown: Any, restart: Any, how: str, then: str) -> None:
    members = [child("a", restart=restart, significant=True), child("b", restart="temporary", significant=True)]
    world = World.running(*members, child("c"), auto_shutdown=auto_shutdown)
    ENDS[how](world, "a")
    assert world.machine.end == ("auto_shutdown" if then == "ends" else "")
    if "until" in then:
        world.exit("b", ERROR)
        assert world.machine.end == "auto_shutdown"
        assert "the tree ends with it (auto_shutdown all_significant)" in world.decision("b")
    if then != "stays":
        world.answer_all()
        assert world.told[-1] == TreeStopped()


@pytest.mark.parametrize("auto_shutdown", ["any_significant", "all_significant"])
def test_significant_bystander_that_is_stopped_for_another_ends_nothing(auto_shutdown: Any) -> None:
    world = World.running(
        child("a", restart="temporary", significant=True),
        child("b"),
        strategy="one_for_all",
        auto_shutdown=auto_shutdown,
    )
    world.exit("b")
    world.answer_all()
    assert world.states() == {"a": "stopped", "b": "ready"}
    assert not world.machine.is_stopping


def test_all_significant_does_not_count_one_that_its_operator_stopped() -> None:
    members = [child(name, restart="transient", significant=True) for name in "ab"]
    world = World.running(*members, auto_shutdown="all_significant")
    world.call("stop_member", "a")
    world.answer_all()
    world.exit("b", NORMAL)
    assert world.machine.end == "auto_shutdown"


def test_all_significant_waits_for_one_that_is_about_to_be_restarted() -> None:
    members = [child(name, restart="transient", significant=True) for name in "ab"]
    world = World.running(*members, auto_shutdown="all_significant")
    world.exit("a")
    world.exit("a")
    assert world.state("a") == "backoff"
    world.exit("b", NORMAL)
    assert not world.machine.is_stopping
    world.settle()
    world.exit("a", NORMAL)
    assert world.machine.end == "auto_shutdown"


def test_an_insignificant_child_ends_nothing() -> None:
    world = World.running(child("a", restart="transient"), child("b"), auto_shutdown="any_significant")
    world.exit("a", NORMAL)
    assert not world.machine.is_stopping


# Start and stop


def test_a_child_that_ends_unexpectedly_while_it_is_stopped_is_recorded_with_its_exit() -> None:
    world = three("one_for_one")
    world.call("stop")
    actions = world.exit("c", SEGFAULT)
    assert actions[0] == Record("child_stopped", "c", cause="stop", exit=SEGFAULT)


def test_one_that_dies_before_its_turn_in_a_stop_is_recorded_and_told() -> None:
    world = three("one_for_one")
    world.call("stop")
    actions = world.exit("a", SEGFAULT)
    assert actions[0] == Record("child_exited", "a", cause="signal", exit=SEGFAULT)
    assert world.decision("a") == "not restarted: the tree is being stopped"


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_dependents_are_not_started_before_the_one_that_they_depend_on_is_ready(strategy: Any) -> None:
    world = World.of(child("a"), child("b"), strategy=strategy)
    world.call("start")
    world.exit("a")
    world.exit("a")
    assert world.states() == {"a": "backoff", "b": "pending"}
    assert world.machine.children["b"].reason == "waits for a"
    world.settle()
    assert world.states() == {"a": "ready", "b": "ready"}


def test_a_child_with_no_time_to_stop_is_ended_at_once_and_each_has_its_own_time() -> None:
    world = World.running(child("a", shutdown_s=0.0), child("b", shutdown_s=7.0))
    world.call("stop")
    world.answer_all()
    assert [action for action in world.told if isinstance(action, AskToStop)] == [
        AskToStop("b", 7.0),
        AskToStop("a", 0.0),
    ]


def test_a_group_has_all_the_time_that_its_children_take() -> None:
    world = World.running(group("g"), child("a", group="g", shutdown_s=100.0), child("b", group="g"))
    world.call("stop_member", "g")
    world.wait(1000.0)
    assert world.state("g") == "stopping"
    assert world.count(Kill) == 0
