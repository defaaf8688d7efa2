import random
import signal

import pytest

from protocols.errors import UsageError
from supervisor.machine.actions import Action, AskToStop, Decision, Kill, Record, Spawn, TreeStarted, TreeStopped
from supervisor.machine.causes import Exit
from supervisor.machine.machine import Machine
from supervisor.machine.states import NEXT_STATE, Input, State, next_state
from supervisor.running.status_report import describe_child
from supervisor.specs.spec import ChildSpec, Restart, SupervisorFlags, TreeSpec

NORMAL = Exit(code=0, signal=None)
ERROR = Exit(code=1, signal=None)
BAD_SETTINGS = Exit(code=2, signal=None)
SEGFAULT = Exit(code=None, signal=signal.SIGSEGV)
KILLED = Exit(code=None, signal=signal.SIGKILL)

FLAGS = SupervisorFlags()


def make_machine(*restarts: Restart, flags: SupervisorFlags = FLAGS) -> Machine:
    specs = [ChildSpec(name=f"c{n}", start="m:run", restart=restart) for n, restart in enumerate(restarts)]
    return Machine(TreeSpec(flags=flags, children=tuple(specs)), random.Random(1))


def one_ready(restart: Restart = "permanent", flags: SupervisorFlags = FLAGS) -> Machine:
    machine = make_machine(restart, flags=flags)
    machine.start(now_s=0.0)
    machine.ready("c0", now_s=0.5)
    return machine


def records(actions: list[Action]) -> list[str]:
    return [action.event for action in actions if isinstance(action, Record)]


def done(actions: list[Action]) -> list[Action]:
    """What is to be done, without what is only told."""
    return [action for action in actions if not isinstance(action, Decision)]


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
    assert machine.children["c0"].state is (State.STARTING if comes_back else State.STOPPED)


def test_a_pair_that_is_not_in_the_table_is_an_error_that_names_both() -> None:
    with pytest.raises(UsageError, match="STOPPED cannot accept READY"):
        next_state(State.STOPPED, Input.READY)


def test_every_state_can_be_left() -> None:
    assert {state for state, _happened in NEXT_STATE} == set(State)


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
    why = "it did not say that it is ready within 30 s (start_timeout_s)"
    assert machine.tick(now_s=30.0) == [Kill("c0", why=why)]
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
        if machine.children["c0"].state is State.PARKED:
            return now_s
        due_s = machine.next_check_s()
        if machine.children["c0"].state is State.BACKOFF and due_s is not None:
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
    assert child.state is State.PARKED


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
    assert machine.children["c0"].state is State.BACKOFF


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
    assert machine.children["c0"].state is State.BACKOFF
    assert machine.stop(now_s=0.3) == [AskToStop("c1", 2.0)]
    assert machine.children["c0"].state is State.STOPPED
    assert machine.children["c2"].state is State.STOPPED
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
    assert machine.children["c0"].state is State.STOPPED


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
    with pytest.raises(UsageError, match="no child or group named 'x'; there are c0"):
        machine.restart("x", now_s=1.0)
    machine.stop(now_s=2.0)
    with pytest.raises(UsageError, match="the tree is stopping"):
        machine.restart("c0", now_s=3.0)


def test_a_child_that_waits_for_its_owner_stays_alive_and_says_why() -> None:
    machine = one_ready()
    assert machine.waits("c0", "no keys") == [Record("child_parked", "c0", reason="no keys")]
    assert machine.children["c0"].state is State.READY
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
    assert machine.children["c0"].state is State.PARKED


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
    assert machine.children["c0"].state is State.BACKOFF
