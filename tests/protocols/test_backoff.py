import random

from hypothesis import given
from hypothesis import strategies as st

from protocols.backoff import Backoff


def new_backoff(first_s: float = 0.25, cap_s: float = 30.0, reset_after_s: float = 60.0, seed: int = 1) -> Backoff:
    return Backoff(first_s=first_s, cap_s=cap_s, rng=random.Random(seed), reset_after_s=reset_after_s)


class HighestRandom(random.Random):
    """Always draws the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_first_attempt_is_made_at_once_and_bounds_double_up_to_the_cap() -> None:
    backoff = Backoff(first_s=0.25, cap_s=5.0, rng=HighestRandom(), reset_after_s=60.0)
    assert [backoff.next_delay_s(0.0) for _ in range(8)] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@given(st.floats(0.001, 10), st.floats(0.001, 100), st.integers(), st.integers(1, 1500))
def test_delays_stay_within_their_bounds_for_ever(first_s: float, cap_s: float, seed: int, attempts: int) -> None:
    backoff = new_backoff(first_s, cap_s, seed=seed)
    assert backoff.next_delay_s(0.0) == 0.0
    for attempt in range(attempts):
        bound_s = backoff.bound_s
        assert 0.0 <= backoff.next_delay_s(float(attempt)) <= bound_s <= max(first_s, cap_s)
        assert bound_s == min(cap_s, first_s * 2 ** min(attempt, 60))


def test_full_jitter_uses_the_whole_range() -> None:
    delays = []
    for seed in range(400):
        backoff = new_backoff(first_s=1.0, seed=seed)
        backoff.next_delay_s(0.0)
        delays.append(backoff.next_delay_s(0.0))
    assert min(delays) < 0.05
    assert max(delays) > 0.95
    assert 0.45 < sum(delays) / len(delays) < 0.55


def test_the_series_ends_once_a_success_has_lasted() -> None:
    backoff = new_backoff(reset_after_s=10.0)
    for _ in range(5):
        backoff.next_delay_s(0.0)
    backoff.succeeded(100.0)
    assert backoff.next_delay_s(110.0) == 0.0
    assert backoff.bound_s == 0.25


def test_a_success_that_is_lost_too_soon_continues_the_series() -> None:
    backoff = Backoff(first_s=1.0, cap_s=30.0, rng=HighestRandom(), reset_after_s=10.0)
    delays = []
    for _ in range(4):
        delays.append(backoff.next_delay_s(100.0))
        backoff.succeeded(100.0)
    assert delays == [0.0, 1.0, 2.0, 4.0]
    assert backoff.next_delay_s(109.9) == 8.0
    assert backoff.next_delay_s(200.0) == 16.0


def test_two_with_the_same_seed_wait_alike_and_two_with_different_seeds_do_not() -> None:
    one, same, other = new_backoff(seed=1), new_backoff(seed=1), new_backoff(seed=2)
    delays = [[backoff.next_delay_s(0.0) for _ in range(6)] for backoff in (one, same, other)]
    assert delays[0] == delays[1] != delays[2]


def test_a_reset_begins_a_new_series() -> None:
    backoff = Backoff(first_s=1.0, cap_s=30.0, rng=HighestRandom(), reset_after_s=10.0)
    assert [backoff.next_delay_s(0.0) for _ in range(3)] == [0.0, 1.0, 2.0]
    backoff.succeeded(0.0)
    backoff.reset()
    assert [backoff.next_delay_s(0.0) for _ in range(3)] == [0.0, 1.0, 2.0]
