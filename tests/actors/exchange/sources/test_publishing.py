import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.market.events import Traded
from actors.exchange.sources.publishing import published_order
from actors.exchange.trading.simulation import Simulation
from tests.actors.exchange.conftest import START_MS


@pytest.fixture(scope="module")
def trades() -> list[Traded]:
    simulation = Simulation(seed=3, markets=4, rate=400.0, start_ms=START_MS)
    simulation.advance(START_MS + 20_000)
    one = [traded for traded in simulation.take_trades() if traded.code == "KRW-BTC"]
    assert len(one) > 300
    return one


def late_share(order: Sequence[Traded]) -> float:
    """The share of trades that come with a lower id than one before them."""
    highest, late = 0, 0
    for traded in order:
        late += traded.sequential_id < highest
        highest = max(highest, traded.sequential_id)
    return late / len(order)


@given(share=st.floats(0.0, 1.0), length=st.integers(0, 40), seed=st.integers(0, 1000))
def test_no_trade_is_lost_or_told_twice(trades: list[Traded], share: float, length: int, seed: int) -> None:
    burst = trades[:length]
    order = published_order(burst, share, random.Random(seed))
    assert sorted(traded.sequential_id for traded in order) == [traded.sequential_id for traded in burst]


@pytest.mark.parametrize(("share", "lowest", "highest"), [(0.0, 0.0, 0.0), (0.15, 0.10, 0.20), (0.25, 0.19, 0.30)])
def test_a_share_of_each_burst_comes_after_a_younger_trade(
    trades: list[Traded], share: float, lowest: float, highest: float
) -> None:
    rng = random.Random(1)
    shares = [late_share(published_order(trades[i : i + 30], share, rng)) for i in range(0, 300, 30) for _ in range(20)]
    assert lowest <= sum(shares) / len(shares) <= highest


def test_a_single_trade_has_nothing_to_come_after(trades: list[Traded]) -> None:
    assert published_order(trades[:1], 1.0, random.Random(1)) == trades[:1]


def test_the_same_seed_gives_the_same_order(trades: list[Traded]) -> None:
    orders = [published_order(trades[:30], 0.3, random.Random(5)) for _ in range(2)]
    assert orders[0] == orders[1] != trades[:30]
