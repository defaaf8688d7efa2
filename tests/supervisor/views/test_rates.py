import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.control.status import TreeStatus
from supervisor.views.rates import SUPERVISOR, Rates, Usage
from tests.supervisor.views.statuses import child, ended, tree


def take(rates: Rates, whole: TreeStatus) -> dict[str, Usage]:
    return {usage.name: usage for usage in rates.take(whole)}


def test_the_first_look_is_an_average_over_the_life_of_each_process() -> None:
    seen = take(Rates(), tree(child("a", uptime_s=10.0, cpu_s=2.0, progress=500), cpu_s=4.0, uptime_s=100.0))
    assert seen["a"].cpu_percent == pytest.approx(20.0)
    assert seen["a"].progress_per_s == pytest.approx(50.0)
    assert seen[SUPERVISOR].cpu_percent == pytest.approx(4.0)
    assert seen[SUPERVISOR].progress_per_s is None


def test_later_looks_are_what_happened_since_the_look_before() -> None:
    rates = Rates()
    rates.take(tree(child("a", uptime_s=10.0, cpu_s=2.0, progress=500), cpu_s=4.0, uptime_s=100.0))
    seen = take(rates, tree(child("a", uptime_s=12.0, cpu_s=3.0, progress=900), cpu_s=4.5, uptime_s=102.0))
    assert seen["a"].cpu_percent == pytest.approx(50.0)
    assert seen["a"].progress_per_s == pytest.approx(200.0)
    assert seen[SUPERVISOR].cpu_percent == pytest.approx(25.0)


def test_a_child_that_was_restarted_is_averaged_over_its_new_life() -> None:
    rates = Rates()
    rates.take(tree(child("a", pid=100, uptime_s=90.0, cpu_s=60.0, progress=50_000), uptime_s=100.0))
    seen = take(rates, tree(child("a", pid=101, uptime_s=0.5, cpu_s=0.1, progress=4), uptime_s=101.0))
    assert seen["a"].cpu_percent == pytest.approx(20.0)
    assert seen["a"].progress_per_s == pytest.approx(8.0)


def test_a_child_that_has_ended_has_no_rates() -> None:
    rates = Rates()
    rates.take(tree(child("a", cpu_s=1.0, progress=10), uptime_s=100.0))
    seen = take(rates, tree(ended("a"), uptime_s=101.0))
    assert (seen["a"].cpu_percent, seen["a"].progress_per_s) == (None, None)


def test_another_supervisor_is_looked_at_for_the_first_time() -> None:
    rates = Rates()
    rates.take(tree(child("a", cpu_s=9.0), pid=1, cpu_s=50.0, uptime_s=1000.0))
    seen = take(rates, tree(child("a", uptime_s=2.0, cpu_s=1.0), pid=2, cpu_s=0.5, uptime_s=5.0))
    assert seen[SUPERVISOR].cpu_percent == pytest.approx(10.0)
    assert seen["a"].cpu_percent == pytest.approx(50.0)


def test_two_looks_at_the_same_moment_tell_no_rate() -> None:
    rates = Rates()
    rates.take(tree(child("a")))
    assert {usage.cpu_percent for usage in rates.take(tree(child("a")))} == {None}


def test_a_child_that_begins_just_now_has_no_rate() -> None:
    assert take(Rates(), tree(child("a", uptime_s=0.0)))["a"].cpu_percent is None


def test_the_busiest_is_first_and_those_without_a_process_are_last() -> None:
    whole = tree(ended("dead"), child("idle"), child("busy", cpu_s=9.0), cpu_s=10.0, uptime_s=100.0)
    assert [usage.name for usage in Rates().take(whole)] == ["busy", SUPERVISOR, "idle", "dead"]


def test_a_process_whose_rate_is_not_known_yet_is_before_those_without_one() -> None:
    whole = tree(ended("dead"), child("new", uptime_s=0.0))
    assert [usage.name for usage in Rates().take(whole)] == [SUPERVISOR, "new", "dead"]


def test_what_is_counted_already_is_handed_on() -> None:
    usage = take(Rates(), tree(child("a", group="g", restarts=3, waiting_s=2.5, heartbeat_age_s=None)))["a"]
    assert (usage.group, usage.restarts, usage.waiting_s, usage.heartbeat_age_s) == ("g", 3, 2.5, None)


LIVES = st.builds(
    child,
    st.just("a"),
    pid=st.sampled_from([100, 101, None]),
    uptime_s=st.none() | st.floats(0.0, 1e6),
    cpu_s=st.none() | st.floats(0.0, 1e6),
    progress=st.integers(0, 10**12),
)
TREES = st.builds(
    tree, LIVES, pid=st.sampled_from([1, 2]), uptime_s=st.floats(0.0, 1e6), cpu_s=st.none() | st.floats(0.0, 1e6)
)


@given(st.lists(TREES, max_size=4))
def test_no_rate_is_ever_negative(looks: list[TreeStatus]) -> None:
    rates = Rates()
    for look in looks:
        for usage in rates.take(look):
            assert usage.cpu_percent is None or usage.cpu_percent >= 0
            assert usage.progress_per_s is None or usage.progress_per_s >= 0
