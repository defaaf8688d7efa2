from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import UsageError
from protocols.upbit.limits import (
    GROUP_LIMITS,
    ConnectLimit,
    GroupLimit,
    MessageLimits,
    Pace,
    RemainingReq,
    RequestBudget,
    SlidingWindow,
    parse_remaining_req,
)

starts = st.floats(0, 1e9)
pauses = st.lists(st.floats(0, 3) | st.just(0.0), max_size=300)


def taken_at(limiter: SlidingWindow | Pace | MessageLimits, start_s: float, waits: list[float]) -> list[float]:
    """When an impatient caller gets through, who asks again as soon as it is allowed."""
    now_s, times = start_s, []
    for wait_s in waits:
        now_s = limiter.permit_at_s(now_s + wait_s)
        limiter.take(now_s)
        times.append(now_s)
    return times


def most_within(times: list[float], period_s: float) -> int:
    return max((sum(first <= other < first + period_s for other in times) for first in times), default=0)


@given(st.integers(1, 5), st.floats(0.01, 10), starts, pauses)
def test_a_window_never_holds_more_than_its_limit(
    limit: int, period_s: float, start_s: float, waits: list[float]
) -> None:
    times = taken_at(SlidingWindow(limit, period_s), start_s, waits)
    assert all(later >= first + period_s for first, later in zip(times, times[limit:], strict=False))


@given(starts, pauses)
def test_messages_never_exceed_5_in_a_second_and_100_in_a_minute(start_s: float, waits: list[float]) -> None:
    times = taken_at(MessageLimits(), start_s, waits)
    assert most_within(times, 1.0) <= 4
    assert most_within(times, 60.0) <= 96


def test_a_minute_of_impatience_gets_95_messages_and_never_waits_longer_than_a_second() -> None:
    times = [at_s for at_s in taken_at(MessageLimits(), 0.0, [0.0] * 200) if at_s < 60]
    assert 94 <= len(times) <= 96
    assert max(later - sooner for sooner, later in pairwise(times)) < 1.11
    assert times[:5] == [0.0, 0.0, 0.0, 0.0, 1.1]
    assert times[-1] - times[-2] == pytest.approx(0.8)


def test_limits_start_anew_on_a_new_connection() -> None:
    limits = MessageLimits()
    taken_at(limits, 0.0, [0.0] * 30)
    limits.reset()
    assert taken_at(limits, 20.0, [0.0] * 4) == [20.0] * 4


@given(st.integers(1, 20), st.floats(0.1, 2), starts, pauses)
def test_a_pace_allows_a_burst_and_then_one_each_interval(
    burst: int, interval_s: float, start_s: float, waits: list[float]
) -> None:
    times = taken_at(Pace(burst, interval_s), start_s, waits)
    for index, first in enumerate(times):
        for count, later in enumerate(times[index:], start=1):
            assert count <= burst + (later - first) / interval_s + 1e-3


@pytest.mark.parametrize("limiter", [SlidingWindow(1, 1.0), Pace(1, 1.0), MessageLimits(per_second=1)])
def test_taking_too_early_is_the_callers_mistake(limiter: SlidingWindow | Pace | MessageLimits) -> None:
    limiter.take(10.0)
    with pytest.raises(UsageError, match="ask permit_at_s first"):
        limiter.take(10.5)


def test_a_window_knows_how_many_are_free() -> None:
    window = ConnectLimit()
    assert window.free(0.0) == 4
    window.take(0.0)
    window.take(0.5)
    assert (window.free(0.5), window.free(1.2), window.free(2.0)) == (2, 3, 4)
    window.reset()
    assert window.free(0.5) == 4


@pytest.mark.parametrize(
    ("header", "remaining"),
    [
        ("group=default; min=1800; sec=29", RemainingReq("default", 1800, 29)),
        ("group=order-cancel-all; min=30; sec=0", RemainingReq("order-cancel-all", 30, 0)),
        (" group=market;min=573;sec=9", RemainingReq("market", 573, 9)),
        ("group=origin; min=6; sec=0; more=1", RemainingReq("origin", 6, 0)),
        ("group=market; min=x; sec=9", None),
        ("sec=9", None),
        ("", None),
        (None, None),
    ],
)
def test_the_remaining_requests_are_read_from_the_header(header: str | None, remaining: RemainingReq | None) -> None:
    assert parse_remaining_req(header) == remaining


@given(st.text(max_size=40))
def test_no_header_breaks_the_reading(header: str) -> None:
    parse_remaining_req(header)


@given(st.sampled_from(sorted(GROUP_LIMITS)), starts, pauses)
def test_rest_requests_of_a_group_never_exceed_its_limit(group: str, start_s: float, waits: list[float]) -> None:
    budget, now_s, times = RequestBudget(), start_s, []
    for wait_s in waits:
        now_s = budget.permit_at_s(group, now_s + wait_s)
        budget.take(group, now_s)
        times.append(now_s)
    assert most_within(times, GROUP_LIMITS[group].period_s) <= GROUP_LIMITS[group].limit


def test_what_others_spent_of_a_shared_budget_is_not_spent_again() -> None:
    budget = RequestBudget({"market": GroupLimit(10)})
    budget.take("market", 0.0)
    budget.answered("market", RemainingReq("market", 600, 2), 0.1)
    for _ in range(2):
        assert budget.permit_at_s("market", 0.1) == 0.1
        budget.take("market", 0.1)
    assert budget.permit_at_s("market", 0.2) == pytest.approx(1.05)
    budget.answered("market", RemainingReq("market", 600, 9), 0.2)
    assert budget.permit_at_s("market", 0.2) == pytest.approx(1.05)


@pytest.mark.parametrize("remaining", [None, RemainingReq("candle", 600, 0)])
def test_an_answer_that_says_nothing_of_the_group_changes_nothing(remaining: RemainingReq | None) -> None:
    budget = RequestBudget()
    budget.answered("market", remaining, 0.0)
    assert budget.permit_at_s("market", 0.0) == 0.0


def test_429_stops_its_group_for_longer_each_time_until_an_answer_comes() -> None:
    budget = RequestBudget()
    waits = []
    for now_s in (0.0, 100.0, 200.0, 300.0, 400.0, 500.0):
        budget.refused("market", 429, now_s)
        waits.append(budget.permit_at_s("market", now_s) - now_s)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 16.0]
    assert budget.permit_at_s("candle", 500.0) == 500.0
    budget.answered("market", None, 600.0)
    budget.refused("market", 429, 700.0)
    assert budget.permit_at_s("market", 700.0) == 701.0
    with pytest.raises(UsageError, match="group market"):
        budget.take("market", 700.5)


def test_418_stops_every_group_for_as_long_as_it_says() -> None:
    budget = RequestBudget()
    budget.refused("market", 418, 0.0)
    assert budget.permit_at_s("order", 0.0) == 60.0
    budget.refused("candle", 418, 60.0)
    assert budget.permit_at_s("market", 60.0) == 180.0
    budget.refused("candle", 418, 180.0, retry_after_s=7.0)
    assert budget.permit_at_s("market", 180.0) == 187.0
    budget.refused("market", 429, 187.0, retry_after_s=3.0)
    assert budget.permit_at_s("market", 187.0) == 190.0


def test_a_shorter_block_does_not_end_a_longer_one() -> None:
    budget = RequestBudget()
    budget.refused("market", 418, 0.0)
    budget.refused("market", 429, 1.0)
    assert budget.permit_at_s("market", 1.0) == 60.0


@pytest.mark.parametrize("call", ["permit_at_s", "take"])
def test_an_unknown_group_is_named(call: str) -> None:
    with pytest.raises(UsageError, match="unknown REST group 'foo'; known: market"):
        getattr(RequestBudget(), call)("foo", 0.0)
