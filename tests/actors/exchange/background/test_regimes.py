"""Calm, trend, crash and pump: a schedule that the seed alone decides."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.exchange.background.regimes import ALL_MARKETS, ONE_MARKET, Phase, Regime, Regimes, Scope

START_MS = 1_790_000_000_000
scopes = st.sampled_from([ONE_MARKET, ALL_MARKETS])


def phases_of(seed: int, scope: Scope, hours: int) -> list[Phase]:
    regimes = Regimes(random.Random(seed), start_ms=START_MS, scope=scope)
    phases = [regimes.at(START_MS)]
    while phases[-1].end_ms < START_MS + hours * 3_600_000:
        phases.append(regimes.at(int(phases[-1].end_ms) + 1))
    return phases


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), scope=scopes)
def test_regimes_stay_within_bounds_and_follow_each_other_without_a_jump(seed: int, scope: Scope) -> None:
    phases = phases_of(seed, scope, hours=72)
    for phase, following in pairwise(phases):
        assert (phase.end_ms, phase.end) == (following.begin_ms, following.begin)
        assert phase.end_ms > phase.begin_ms
        middle = phase.offset((phase.begin_ms + phase.end_ms) / 2)
        assert min(phase.begin, phase.end) <= middle <= max(phase.begin, phase.end)
        assert -scope.limit <= phase.end <= scope.limit
        assert phase.offset(phase.begin_ms) == pytest.approx(phase.begin)
        assert phase.offset(phase.end_ms) == pytest.approx(phase.end)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), looks=st.lists(st.integers(0, 4_000_000), max_size=30))
def test_the_schedule_does_not_depend_on_how_often_somebody_looks(seed: int, looks: list[int]) -> None:
    often = Regimes(random.Random(seed), start_ms=START_MS, scope=ONE_MARKET)
    for look in sorted(looks):
        often.at(START_MS + look)
    once = Regimes(random.Random(seed), start_ms=START_MS, scope=ONE_MARKET)
    assert often.at(START_MS + 4_000_000) == once.at(START_MS + 4_000_000)


@pytest.mark.parametrize("scope", [ONE_MARKET, ALL_MARKETS])
def test_a_day_has_every_kind_crashes_fall_pumps_rise_and_both_take_seconds(scope: Scope) -> None:
    phases = phases_of(5, scope, hours=24)
    assert {phase.regime for phase in phases} == set(Regime)
    for phase in phases:
        length_s = (phase.end_ms - phase.begin_ms) / 1000.0
        if phase.regime is Regime.CRASH:
            assert phase.end < phase.begin
        if phase.regime is Regime.PUMP:
            assert phase.end > phase.begin
        assert (length_s <= 25.0) is phase.regime.is_violent


@given(seed=st.integers(0, 2**32), scope=scopes)
def test_before_the_start_and_for_a_while_after_it_all_is_calm(seed: int, scope: Scope) -> None:
    regimes = Regimes(random.Random(seed), start_ms=START_MS, scope=scope)
    for t_ms in (START_MS - 60_000, START_MS, START_MS + 30_000):
        phase = regimes.at(t_ms)
        assert (phase.regime, phase.offset(t_ms)) == (Regime.CALM, 0.0)


def test_takers_sell_in_a_crash_and_buy_in_a_pump() -> None:
    assert [regime.buyers for regime in Regime] == [None, None, False, True]
