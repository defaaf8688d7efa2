"""Exit kind x restart type x strategy: who comes back, who is done, and what happens to those beside him."""

import itertools
from typing import Any

import pytest

from tests.supervisor.machine.ends import ENDS
from tests.supervisor.machine.tables import rows
from tests.supervisor.machine.world import KILLED, World, child

FATES = """
ends by              | permanent | transient | temporary | cause in its budget
normal_exit          | back      | done      | done      | exit
stopped_by_operator  | held      | held      | held      |
error_exit           | back      | back      | done      | exit
segfault             | back      | back      | done      | signal
sigkill              | back      | back      | done      | killed
fork_server_lost     | back      | back      | done      | fork_server_lost
hang                 | back      | back      | done      | hang
killed_by_the_kernel | back      | back      | done      | memory
memory_error         | back      | back      | done      | memory
over_memory_limit    | back      | back      | done      | memory
bad_settings         | parked    | parked    | done      |
refused              | back      | back      | done      | refused
start_timeout        | back      | back      | done      | start_timeout
spawn_failed         | back      | back      | done      | spawn_failed
link_broken          | back      | back      | done      | link_broken
"""

SIBLINGS = """
strategy     | it is  | the one before | the one after
one_for_one  | back   | goes on        | goes on
one_for_one  | parked | goes on        | goes on
one_for_one  | done   | goes on        | goes on
one_for_one  | held   | goes on        | goes on
rest_for_one | back   | goes on        | restarted
rest_for_one | parked | goes on        | waits
rest_for_one | done   | goes on        | goes on
rest_for_one | held   | goes on        | goes on
one_for_all  | back   | restarted      | restarted
one_for_all  | parked | waits          | waits
one_for_all  | done   | goes on        | goes on
one_for_all  | held   | goes on        | goes on
"""

RESTARTS = ["permanent", "transient", "temporary"]
STRATEGIES = ["one_for_one", "rest_for_one", "one_for_all"]

fates = {(row[0], restart): fate for row in rows(FATES) for restart, fate in zip(RESTARTS, row[1:4], strict=True)}
causes = {row[0]: row[4] for row in rows(FATES)}
siblings = {(strategy, fate): (before, after) for strategy, fate, before, after in rows(SIBLINGS)}

STATES = {"back": "ready", "parked": "parked", "done": "stopped", "held": "stopped"}


def look(world: World, name: str) -> str:
    record = world.machine.children[name]
    if record.state == "pending" and record.reason == "waits for it":
        return "waits"
    return {("ready", 1): "goes on", ("ready", 2): "restarted"}.get((record.state.value, record.incarnation), "?")


@pytest.mark.parametrize(("how", "restart", "strategy"), list(itertools.product(ENDS, RESTARTS, STRATEGIES)))
def test_what_follows_from_an_end(how: str, restart: Any, strategy: Any) -> None:
    world = World.running(child("before"), child("it", restart=restart), child("after"), strategy=strategy)
    ENDS[how](world, "it")
    fate = fates[how, restart]
    world.answer_all()
    if world.state("it") == "backoff":
        world.settle()
    assert world.state("it") == STATES[fate]
    assert world.machine.children["it"].is_held == (fate == "held")
    assert (look(world, "before"), look(world, "after")) == siblings[strategy, fate]
    if fate == "back":
        assert f"cause {causes[how]}, " in world.decision("it")


CRASHES = [how for how, cause in causes.items() if cause and how not in {"start_timeout", "spawn_failed"}]


@pytest.mark.parametrize("how", CRASHES)
def test_each_cause_has_a_budget_of_its_own_and_parks_when_that_is_spent(how: str) -> None:
    world = World.running(child("it"), intensity=1, killed_intensity=1, stable_s=1000.0)
    others = {causes[other]: other for other in CRASHES if causes[other] != causes[how]}
    for other in (*others.values(), how):
        ENDS[other](world, "it")
        assert world.state("it") in {"starting", "backoff"}, other
        while world.state("it") != "ready":  # Each spends the one restart of its own cause.
            world.answer_all() or world.wait_due()
    ENDS[how](world, "it")
    assert world.state("it") == "parked"
    assert f"are spent (cause {causes[how]})" in world.machine.children["it"].reason


def test_a_child_that_is_never_ready_in_time_is_parked() -> None:
    world = World.of(child("it", start_timeout_s=3.0), intensity=1)
    world.call("start")
    for _ in range(2):
        world.wait(3.0)
        world.exit("it", KILLED)
    assert world.state("it") == "parked"
    assert "(cause start_timeout)" in world.decision("it")


def test_a_child_whose_process_cannot_be_made_is_parked() -> None:
    world = World.of(child("it"), intensity=1)
    world.unmakeable = {"it"}
    world.call("start")
    assert world.state("it") == "parked"
    assert "(cause spawn_failed)" in world.decision("it")


@pytest.mark.parametrize("restart", RESTARTS)
@pytest.mark.parametrize("how", [how for how in ENDS if how not in {"stopped_by_operator", "spawn_failed"}])
def test_an_end_is_recorded_once_with_how_it_ended_and_told_once_with_what_follows(how: str, restart: Any) -> None:
    world = World.running(child("it", restart=restart))
    told = len(world.told)
    ENDS[how](world, "it")
    ended = [a for a in world.told[told:] if getattr(a, "exit", None) is not None and a.cause != "restart"]
    assert [record.event for record in ended] == [
        "child_stopped" if how in {"hang", "over_memory_limit", "start_timeout", "link_broken"} else "child_exited"
    ]
    texts = [a.text for a in world.told[told:] if hasattr(a, "text")]
    assert len(texts) == 1
    told_as = {"back": "restarted at once (", "parked": "parked: ", "done": "not restarted: "}
    assert texts[0].startswith(told_as[fates[how, restart]])
