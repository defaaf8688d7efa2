"""What happens in the markets of the simulated exchange, and that the seed decides it."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.exchange.market.events import Cancelled, Traded
from actors.exchange.market.units import tick_e8
from actors.exchange.trading.simulation import Simulation
from tests.actors.exchange.conftest import START_MS

NewSimulation = Callable[..., Simulation]
seeds = st.integers(0, 2**32)
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(seed=seeds, pauses=st.lists(st.integers(1, 3_000), min_size=1, max_size=6))
def test_the_same_seed_gives_the_same_log_however_often_the_clock_is_read(
    seed: int, pauses: list[int], new_simulation: NewSimulation
) -> None:
    stepped, once = new_simulation(seed=seed, markets=5), new_simulation(seed=seed, markets=5)
    now_ms = START_MS
    for pause_ms in pauses:
        now_ms += pause_ms
        stepped.advance(now_ms)
    once.advance(now_ms)
    assert list(stepped.log) == list(once.log)
    assert stepped.take_account_events() == once.take_account_events()


def test_another_seed_gives_another_log(new_simulation: NewSimulation) -> None:
    assert list(new_simulation(seed=1).log) != list(new_simulation(seed=2).log)


@few
@given(seed=seeds)
def test_prices_lie_on_price_units_ids_are_unique_and_times_never_go_back(
    seed: int, new_simulation: NewSimulation
) -> None:
    simulation = new_simulation(seed=seed, markets=12)
    simulation.advance(START_MS + 5_000)
    ids: set[tuple[str, int]] = set()
    last_ms = 0
    for event in simulation.log:
        assert event.t_ms >= last_ms
        last_ms = event.t_ms
        if isinstance(event, Cancelled):
            continue
        assert event.price_e8 % tick_e8(simulation.markets[event.code].quote, event.price_e8) == 0
        if isinstance(event, Traded):
            assert event.sequential_id > 2**53
            assert event.sequential_id // 10_000 == event.t_ms
            assert (event.code, event.sequential_id) not in ids
            ids.add((event.code, event.sequential_id))


def test_within_20_s_prices_move_and_surges_go_both_ways(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=1, markets=60, rate=200.0)
    crossed: set[tuple[str, int]] = set()
    before = {code: market.day.last_e8 for code, market in simulation.markets.items()}
    was_above = {code: market.day.funds_24h_e16 > 10**25 for code, market in simulation.markets.items()}
    for second in range(1, 21):
        simulation.advance(START_MS + second * 1000)
        for code, market in simulation.markets.items():
            rate = market.day.last_e8 / market.day.prev_close_e8 - 1
            if abs(rate) >= 0.05:
                crossed.add((code, 1 if rate > 0 else -1))
    moved = [code for code, market in simulation.markets.items() if market.day.last_e8 != before[code]]
    krw = [market for market in simulation.markets.values() if market.quote == "KRW"]
    assert len(moved) > 50
    assert {("KRW-XRP", 1), ("KRW-ADA", -1)} <= crossed
    assert {market.day.funds_24h_e16 > 10**25 for market in krw} == {True, False}
    assert any(market.day.funds_24h_e16 > 10**25 and not was_above[market.code] for market in krw)


def test_markets_without_activity_stand_still(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(rate=0.0, access_key="")
    before = list(simulation.log)
    simulation.advance(START_MS + 60_000)
    assert list(simulation.log) == before != []
