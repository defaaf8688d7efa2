import random
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import UsageError
from supervisor.machine.machine import Machine
from supervisor.machine.machine_types import (
    ALIVE,
    NEXT_STATE,
    Action,
    AskToStop,
    ChildInput,
    ChildState,
    Exit,
    Kill,
    Record,
    Spawn,
    TreeStarted,
    TreeStopped,
    next_state,
)
from supervisor.running.status_report import describe_child
from supervisor.specs.spec import ChildSpec, Restart, SupervisorFlags

NORMAL = Exit(code=0, signal=None)
ERROR = Exit(code=1, signal=None)
BAD_SETTINGS = Exit(code=2, signal=None)
SEGFAULT = Exit(code=None, signal=signal.SIGSEGV)
KILLED = Exit(code=None, signal=signal.SIGKILL)

FLAGS = SupervisorFlags()


def make_machine(*restarts: Restart, flags: SupervisorFlags = FLAGS) -> Machine:
    specs = [ChildSpec(name=f"c{n}", start="m:run", restart=restart) for n, restart in enumerate(restarts)]
    return Machine(specs, flags, random.Random(1))


def one_ready(restart: Restart = "permanent", flags: SupervisorFlags = FLAGS) -> Machine:
    machine = make_machine(restart, flags=flags)
    machine.start(now_s=0.0)
    machine.ready("c0", now_s=0.5)
    return machine


def records(actions: list[Action]) -> list[str]:
    return [action.event for action in actions if isinstance(action, Record)]


def spawns(actions: list[Action]) -> list[str]:
    return [action.child for action in actions if isinstance(action, Spawn)]


@pytest.mark.parametrize(
    ("restart", "ended", "comes_back"),
    [
        ("permanent", NORMAL, True),
        ("permanent", ERROR, True),
        ("permanent", SEGFAULT, True),
        ("permanent", KILLED, True),
        ("transient", NORMAL, False),
        ("transient", ERROR, True),
        ("transient", SEGFAULT, True),
        ("transient", KILLED, True),
        ("temporary", NORMAL, False),
        ("temporary", ERROR, False),
        ("temporary", SEGFAULT, False),
        ("temporary", KILLED, False),
    ],
)
def test_restart_type_decides_by_the_kind_of_exit(restart: Restart, ended: Exit, comes_back: bool) -> None:
    machine = one_ready(restart)
    actions = machine.exited("c0", ended, now_s=10.0)
    assert records(actions) == ["child_exited"]
    assert spawns(actions) == (["c0"] if comes_back else [])
    assert machine.children["c0"].state is (ChildState.STARTING if comes_back else ChildState.STOPPED)


def test_a_pair_that_is_not_in_the_table_is_an_error_that_names_both() -> None:
    with pytest.raises(UsageError, match="STOPPED cannot accept READY"):
        next_state(ChildState.STOPPED, ChildInput.READY)


def test_every_state_can_be_left() -> None:
    assert {state for state, _happened in NEXT_STATE} == set(ChildState)


def test_children_start_in_order_each_when_the_one_before_is_ready() -> None:
    machine = make_machine("permanent", "permanent", "permanent")
    assert spawns(machine.start(now_s=0.0)) == ["c0"]
    assert spawns(machine.ready("c0", now_s=1.0)) == ["c1"]
    assert spawns(machine.ready("c1", now_s=2.0)) == ["c2"]
    assert machine.ready("c2", now_s=3.0) == [Record("child_ready", "c2"), TreeStarted()]


def test_a_child_that_fails_at_its_first_start_does_not_hold_up_the_others() -> None:
    machine = make_machine("permanent", "permanent")
    machine.start(now_s=0.0)
    assert spawns(machine.exited("c0", ERROR, now_s=0.1)) == ["c0", "c1"]


def test_a_child_that_is_not_ready_in_time_is_killed_and_that_counts_as_a_failure() -> None:
    machine = make_machine("permanent", "permanent")
    machine.start(now_s=0.0)
    assert machine.next_check_s() == 30.0
    assert machine.tick(now_s=29.9) == []
    assert machine.tick(now_s=30.0) == [Kill("c0")]
    stopped, *rest = machine.exited("c0", KILLED, now_s=30.1)
    assert stopped == Record("child_stopped", "c0", cause="start_timeout", exit=KILLED)
    assert spawns(rest) == ["c0", "c1"]


def test_first_restart_is_at_once_and_the_next_ones_wait() -> None:
    machine = one_ready()
    assert spawns(machine.exited("c0", ERROR, now_s=1.0)) == ["c0"]
    machine.ready("c0", now_s=1.5)
    assert spawns(machine.exited("c0", ERROR, now_s=2.0)) == []
    due_s = machine.next_check_s()
    assert due_s is not None
    assert 2.0 < due_s <= 2.0 + FLAGS.backoff_first_s
    assert spawns(machine.tick(now_s=due_s)) == ["c0"]


def test_delays_begin_anew_after_a_stable_time() -> None:
    machine = one_ready()
    machine.exited("c0", ERROR, now_s=1.0)
    machine.ready("c0", now_s=2.0)
    assert spawns(machine.exited("c0", ERROR, now_s=2.0 + FLAGS.stable_s)) == ["c0"]


def exhaust(machine: Machine, ended: Exit) -> float:
    """Fail until parked and return the time of it."""
    now_s = 1.0
    for _ in range(1000):
        machine.exited("c0", ended, now_s=now_s)
        if machine.children["c0"].state is ChildState.PARKED:
            return now_s
        due_s = machine.next_check_s()
        if machine.children["c0"].state is ChildState.BACKOFF and due_s is not None:
            now_s = due_s
            machine.tick(now_s=now_s)
    raise AssertionError("never parked")


def test_a_spent_budget_parks_the_child_and_probes_it_later() -> None:
    machine = one_ready()
    parked_s = exhaust(machine, ERROR)
    child = machine.children["c0"]
    assert child.restarts == FLAGS.intensity
    assert "restarts within 60 s are spent" in child.reason
    assert "exit code 1" in child.reason
    assert machine.next_check_s() == parked_s + FLAGS.probe_s
    assert spawns(machine.tick(now_s=parked_s + FLAGS.probe_s)) == ["c0"]
    again = machine.exited("c0", ERROR, now_s=parked_s + FLAGS.probe_s + 1)
    assert records(again) == ["child_exited", "child_parked"]
    assert child.state is ChildState.PARKED


def test_a_probe_that_stays_ready_heals_the_child() -> None:
    machine = one_ready()
    parked_s = exhaust(machine, ERROR)
    machine.tick(now_s=parked_s + FLAGS.probe_s)
    machine.ready("c0", now_s=parked_s + FLAGS.probe_s)
    late_s = parked_s + FLAGS.probe_s + FLAGS.stable_s
    assert spawns(machine.exited("c0", ERROR, now_s=late_s)) == ["c0"]


def test_bad_settings_park_at_once() -> None:
    machine = one_ready()
    assert records(machine.exited("c0", BAD_SETTINGS, now_s=1.0)) == ["child_exited", "child_parked"]
    assert "settings cannot be used" in machine.children["c0"].reason


def test_a_kill_from_outside_restarts_at_once_far_beyond_the_budget_of_a_crash() -> None:
    machine = one_ready()
    for n in range(100):
        assert spawns(machine.exited("c0", KILLED, now_s=1.0 + n / 10)) == ["c0"]
        machine.ready("c0", now_s=1.05 + n / 10)


def test_even_kills_from_outside_have_an_end() -> None:
    machine = one_ready(flags=SupervisorFlags(killed_intensity=3))
    exhaust(machine, KILLED)
    assert machine.children["c0"].restarts == 3


def test_causes_have_budgets_of_their_own() -> None:
    machine = one_ready(flags=SupervisorFlags(intensity=1))
    machine.exited("c0", ERROR, now_s=1.0)
    machine.exited("c0", SEGFAULT, now_s=1.0)
    assert machine.children["c0"].state is ChildState.BACKOFF


def test_stop_goes_in_reverse_order_one_after_the_other() -> None:
    machine = make_machine("permanent", "permanent")
    machine.start(now_s=0.0)
    machine.ready("c0", now_s=1.0)
    machine.ready("c1", now_s=2.0)
    assert machine.stop(now_s=3.0) == [AskToStop("c1", 2.0)]
    assert machine.exited("c1", NORMAL, now_s=3.1) == [
        Record("child_stopped", "c1", cause="stop", exit=NORMAL),
        AskToStop("c0", 2.0),
    ]
    assert machine.exited("c0", NORMAL, now_s=3.2)[-1] == TreeStopped()
    assert machine.stop(now_s=4.0) == []


def test_stop_interrupts_start_up_and_backoff_at_once() -> None:
    machine = make_machine("permanent", "permanent", "permanent")
    machine.start(now_s=0.0)
    machine.exited("c0", ERROR, now_s=0.1)
    machine.exited("c0", ERROR, now_s=0.2)
    assert machine.children["c0"].state is ChildState.BACKOFF
    assert machine.stop(now_s=0.3) == [AskToStop("c1", 2.0)]
    assert machine.children["c0"].state is ChildState.STOPPED
    assert machine.children["c2"].state is ChildState.STOPPED
    assert machine.exited("c1", NORMAL, now_s=0.4)[-1] == TreeStopped()


def test_the_whole_stop_has_a_limit_whatever_the_children_allow() -> None:
    machine = make_machine("permanent", "permanent")
    machine.start(now_s=0.0)
    machine.ready("c0", now_s=1.0)
    machine.ready("c1", now_s=1.0)
    machine.stop(now_s=2.0)
    assert machine.next_check_s() == 2.0 + FLAGS.shutdown_s
    assert machine.tick(now_s=2.0 + FLAGS.shutdown_s) == [Kill("c1"), Kill("c0", dump=False)]
    machine.exited("c0", KILLED, now_s=6.1)
    assert machine.exited("c1", KILLED, now_s=6.2)[-1] == TreeStopped()


def test_a_child_that_crashes_while_the_tree_stops_is_reported_and_not_restarted() -> None:
    machine = make_machine("permanent", "permanent")
    machine.start(now_s=0.0)
    machine.ready("c0", now_s=1.0)
    machine.stop(now_s=2.0)
    assert records(machine.exited("c0", SEGFAULT, now_s=2.1)) == ["child_exited"]
    assert machine.children["c0"].state is ChildState.STOPPED


def test_an_operators_restart_stops_and_starts_and_forgets_failures() -> None:
    machine = one_ready()
    exhaust(machine, ERROR)
    assert spawns(machine.restart("c0", now_s=100.0)) == ["c0"]
    machine.ready("c0", now_s=101.0)
    assert machine.restart("c0", now_s=102.0) == [AskToStop("c0", 2.0)]
    assert machine.restart("c0", now_s=102.1) == []
    actions = machine.exited("c0", NORMAL, now_s=103.0)
    assert actions == [Record("child_stopped", "c0", cause="restart", exit=NORMAL), Spawn("c0", 8)]


def test_restart_of_an_unknown_child_or_a_stopping_tree_is_refused() -> None:
    machine = one_ready()
    with pytest.raises(UsageError, match="no child named 'x'; there are c0"):
        machine.restart("x", now_s=1.0)
    machine.stop(now_s=2.0)
    with pytest.raises(UsageError, match="the tree is stopping"):
        machine.restart("c0", now_s=3.0)


def test_a_child_that_waits_for_its_owner_stays_alive_and_says_why() -> None:
    machine = one_ready()
    assert machine.waits("c0", "no keys") == [Record("child_parked", "c0", reason="no keys")]
    assert machine.children["c0"].state is ChildState.READY
    machine.works("c0")
    assert machine.children["c0"].reason == ""


def test_each_word_of_a_child_about_its_owner_replaces_the_one_before() -> None:
    machine = one_ready()
    record = machine.children["c0"]
    seen = []
    for reason in ("no keys", "bad keys", "", "no keys", ""):
        if reason:
            machine.waits("c0", reason)
        else:
            machine.works("c0")
        status = describe_child(record, None, now_s=1.0)
        seen.append((status.state, status.reason))
    assert seen == [("parked", "no keys"), ("parked", "bad keys"), ("ready", ""), ("parked", "no keys"), ("ready", "")]
    machine.waits("c0", "no keys")
    machine.restart("c0", now_s=2.0)
    assert describe_child(record, None, now_s=2.0).state == "stopping"
    machine.exited("c0", NORMAL, now_s=3.0)
    machine.ready("c0", now_s=4.0)
    assert (describe_child(record, None, now_s=4.0).state, record.reason) == ("ready", "")


def test_a_child_that_breaks_its_link_is_killed_and_that_counts_as_a_failure() -> None:
    machine = one_ready(flags=SupervisorFlags(intensity=1))
    assert machine.link_broken("c0", now_s=1.0) == [Kill("c0")]
    assert machine.link_broken("c0", now_s=1.0) == []
    stopped, *rest = machine.exited("c0", KILLED, now_s=1.1)
    assert stopped == Record("child_stopped", "c0", cause="link_broken", exit=KILLED)
    assert spawns(rest) == ["c0"]
    machine.link_broken("c0", now_s=2.0)
    machine.exited("c0", KILLED, now_s=2.1)
    assert machine.children["c0"].state is ChildState.PARKED


def test_a_probe_that_was_healed_before_its_link_broke_is_restarted() -> None:
    machine = one_ready(flags=SupervisorFlags(intensity=0, probe_s=1.0, stable_s=10.0))
    machine.exited("c0", ERROR, now_s=1.0)
    machine.tick(now_s=3.0)
    machine.ready("c0", now_s=3.5)
    machine.link_broken("c0", now_s=100.0)
    machine.exited("c0", KILLED, now_s=100.1)
    assert "are spent" in machine.children["c0"].reason


def test_a_process_that_cannot_be_made_is_tried_again() -> None:
    machine = make_machine("permanent")
    machine.start(now_s=0.0)
    assert spawns(machine.spawn_failed("c0", "no more processes", now_s=0.1)) == ["c0"]
    machine.spawn_failed("c0", "no more processes", now_s=0.2)
    assert machine.children["c0"].state is ChildState.BACKOFF


EXITS = st.sampled_from([NORMAL, ERROR, BAD_SETTINGS, SEGFAULT, KILLED])
STEPS = st.one_of(
    st.tuples(st.just("ready"), st.integers(0, 3)),
    st.tuples(st.just("exit"), st.integers(0, 3), EXITS),
    st.tuples(st.just("tick"), st.floats(0.0, 40.0)),
    st.tuples(st.just("spawn_failed"), st.integers(0, 3)),
    st.tuples(st.just("restart"), st.integers(0, 3)),
    st.tuples(st.just("link_broken"), st.integers(0, 3)),
    st.tuples(st.just("hurry")),
    st.tuples(st.just("stop")),
)


class World:
    """Processes as they would be, to see that every action fits what exists."""

    def __init__(self, restarts: list[Restart], flags: SupervisorFlags) -> None:
        self.machine = make_machine(*restarts, flags=flags)
        self.flags = flags
        self.now_s = 0.0
        self.alive: list[str] = []
        self.first_starts: list[str] = []
        self.ended = 0
        self.reported = 0
        self.trees_stopped = 0
        self.was_told_to_stop = False
        self.restarts_s: dict[tuple[str, str], list[float]] = {}

    def carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Spawn):
                assert not self.was_told_to_stop, "started after stop"
                assert action.child not in self.alive, "two processes of one child"
                self.alive.append(action.child)
                if action.child not in self.first_starts:
                    self.first_starts.append(action.child)
            elif isinstance(action, AskToStop | Kill):
                assert action.child in self.alive
            elif isinstance(action, Record) and action.event in {"child_exited", "child_stopped"}:
                self.reported += 1
            elif isinstance(action, TreeStopped):
                assert not self.alive
                self.trees_stopped += 1
        assert {name for name, child in self.machine.children.items() if child.state in ALIVE} == set(self.alive)

    def end(self, name: str, ended: Exit) -> None:
        child = self.machine.children[name]
        by_itself = child.state is not ChildState.STOPPING
        self.alive.remove(name)
        self.ended += 1
        self.carry_out(self.machine.exited(name, ended, now_s=self.now_s))
        if by_itself and child.state in {ChildState.BACKOFF, ChildState.STARTING}:
            self.count_restart(name, ended)

    def count_restart(self, name: str, ended: Exit) -> None:
        times = self.restarts_s.setdefault((name, ended.cause), [])
        times.append(self.now_s)
        limit = self.flags.killed_intensity if ended.cause == "killed" else self.flags.intensity
        assert len([t for t in times if t > self.now_s - self.flags.period_s]) <= limit, "budget exceeded"

    def step(self, step: tuple) -> None:  # type: ignore[type-arg]  # a step's shape depends on its kind
        kind, *rest = step
        name = f"c{rest[0] % len(self.machine.children)}" if kind not in {"tick", "hurry", "stop"} else ""
        child = self.machine.children.get(name)
        if kind == "ready" and name in self.alive:
            self.carry_out(self.machine.ready(name, now_s=self.now_s))
        elif kind == "link_broken" and name in self.alive:
            self.carry_out(self.machine.link_broken(name, now_s=self.now_s))
        elif kind == "exit" and name in self.alive:
            self.end(name, rest[1])
        elif kind == "spawn_failed" and child is not None and child.state is ChildState.STARTING:
            self.alive.remove(name)
            self.carry_out(self.machine.spawn_failed(name, "none", now_s=self.now_s))
        elif kind == "restart" and not self.was_told_to_stop:
            self.restarts_s = {key: [] if key[0] == name else times for key, times in self.restarts_s.items()}
            self.carry_out(self.machine.restart(name, now_s=self.now_s))
        elif kind == "tick":
            self.now_s += rest[0]
            self.carry_out(self.machine.tick(now_s=self.now_s))
            due_s = self.machine.next_check_s()
            assert due_s is None or due_s > self.now_s, "the clock would spin"
        elif kind == "stop":
            self.was_told_to_stop = True
            self.carry_out(self.machine.stop(now_s=self.now_s))
        elif kind == "hurry" and self.was_told_to_stop:
            self.carry_out(self.machine.hurry(now_s=self.now_s))


@settings(max_examples=300)
@given(
    restarts=st.lists(st.sampled_from(["permanent", "transient", "temporary"]), min_size=1, max_size=4),
    intensity=st.integers(0, 3),
    steps=st.lists(STEPS, max_size=60),
)
def test_any_history_keeps_the_rules(restarts: list[Restart], intensity: int, steps: list[tuple]) -> None:  # type: ignore[type-arg]  # as above
    world = World(restarts, SupervisorFlags(intensity=intensity, killed_intensity=5))
    world.carry_out(world.machine.start(now_s=0.0))
    for step in steps:
        world.step(step)
    world.step(("stop",))
    while world.alive:
        world.end(world.alive[0], KILLED)
    assert world.trees_stopped == 1
    assert world.ended == world.reported
    assert world.machine.next_check_s() is None
    assert [name for name in world.machine.children if name in world.first_starts] == world.first_starts
