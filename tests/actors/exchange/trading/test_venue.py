"""The venue keeps the simulation up with the clock before an order comes in."""

from collections.abc import Callable
from decimal import Decimal

from actors.exchange.market.events import Traded
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.venue import Venue
from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.trading.floor import market_buy

NewSimulation = Callable[..., Simulation]


def test_an_order_comes_after_everything_that_was_due_before_it(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(trader=False)
    clock = [START_MS + 4_000]
    venue = Venue(simulation, lambda: clock[0])
    assert venue.catch_up() == START_MS + 4_000 == simulation.now_ms
    account = venue.accounts["key"]
    market = simulation.markets["KRW-BTC"]
    order, _ = simulation.desk.place(account, market, market_buy(5000), t_ms=venue.catch_up())
    (trade, *_) = (event for event in reversed(list(simulation.log)) if isinstance(event, Traded))
    assert (trade.taker_id, trade.t_ms) == (order.order_id, START_MS + 4_000)
    assert order.executed > Decimal(0)


def test_a_clock_that_stands_still_changes_nothing(new_simulation: NewSimulation) -> None:
    simulation = new_simulation()
    venue = Venue(simulation, lambda: START_MS + 1_000)
    venue.catch_up()
    before = len(list(simulation.log))
    assert venue.catch_up() == START_MS + 1_000
    assert len(list(simulation.log)) == before


def test_the_same_orders_at_the_same_times_give_the_same_log_however_often_the_clock_is_read(
    new_simulation: NewSimulation,
) -> None:
    logs = []
    for pause_ms in (50, 1000):
        simulation = new_simulation(seed=11)
        for now_ms in range(START_MS, START_MS + 5_001, pause_ms):
            simulation.advance(now_ms)
            if now_ms % 1000 == START_MS % 1000:
                account, market = simulation.desk.accounts["key"], simulation.markets["KRW-XRP"]
                simulation.desk.place(account, market, market_buy(6000), t_ms=now_ms)
        logs.append((list(simulation.log), simulation.take_account_events(), simulation.desk.ledger()))
    assert logs[0] == logs[1]
