"""The seeded trader keeps a private stream alive, and its account agrees with what the stream said."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal, localcontext

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.exchange.trading.amounts import EXACT
from actors.exchange.trading.order import FEE_RATE
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.trader import OPENING_BALANCES
from protocols.order_state import OrderLedger
from protocols.upbit.messages import MyAsset, MyOrder
from tests.actors.exchange.conftest import START_MS

NewSimulation = Callable[..., Simulation]
few = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 2**32)


@few
@given(seed=seeds)
def test_balances_follow_from_the_fills_that_the_stream_told(seed: int, new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=seed, markets=4)
    simulation.advance(START_MS + 40_000)
    expected = defaultdict(Decimal, OPENING_BALANCES)
    last_asset: dict[str, tuple[Decimal, Decimal]] = {}
    with localcontext(EXACT):
        for _, event in simulation.take_account_events():
            if isinstance(event, MyAsset):
                last_asset |= {asset.currency: (asset.balance, asset.locked) for asset in event.assets}
            elif event.state == "trade":
                assert event.price is not None
                assert event.volume is not None
                assert event.trade_fee is not None
                sign = -1 if event.ask_bid == "ASK" else 1
                funds = event.price * event.volume
                assert event.trade_fee == funds * FEE_RATE["KRW"]
                expected["KRW"] -= sign * funds + event.trade_fee
                expected[event.code.removeprefix("KRW-")] += sign * event.volume
        (account,) = simulation.desk.accounts.values()
        for currency, total in expected.items():
            assert account.free[currency] + account.locked[currency] == total
            assert account.free[currency] >= 0
        orders = simulation.desk.open_orders(account)
        for currency, seen in last_asset.items():
            assert seen == (account.free[currency], account.locked[currency])
            assert account.locked[currency] == sum(order.locked for order in orders if order.currency == currency)


@few
@given(seed=seeds)
def test_every_order_of_the_trader_lives_as_the_documentation_says(seed: int, new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=seed, markets=4)
    simulation.advance(START_MS + 40_000)
    lives: defaultdict[str, list[MyOrder]] = defaultdict(list)
    ledger = OrderLedger()
    for access_key, event in simulation.take_account_events():
        assert access_key == "key"
        if isinstance(event, MyOrder):
            lives[event.uuid].append(event)
            ledger.apply(event)
    assert lives
    for life in lives.values():
        states = [event.state for event in life]
        assert states[0] in {"wait", "watch"}
        assert states.count("done") + states.count("cancel") <= 1
        fills = [event for event in life if event.state == "trade"]
        assert sum((fill.volume or Decimal(0)) for fill in fills) == (life[-1].executed_volume or 0)
        assert [fill.trades_count for fill in fills] == list(range(1, len(fills) + 1))
        assert life[0].order_timestamp % 1000 == 0
        if states[-1] == "done":
            assert life[-1].locked == 0
    (account,) = simulation.desk.accounts.values()
    assert set(ledger.open) == {order.uuid for order in simulation.desk.open_orders(account)}


def test_within_minutes_the_trader_shows_everything_that_an_order_can_be(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=2, markets=4, rate=10.0)
    simulation.advance(START_MS + 600_000)
    events = [event for _, event in simulation.take_account_events() if isinstance(event, MyOrder)]
    assert {event.state for event in events} >= {"wait", "watch", "trade", "done", "cancel", "prevented"}
    assert {event.order_type for event in events} == {"limit", "price", "market", "best"}
    assert {event.time_in_force for event in events} == {None, "ioc", "fok", "post_only"}
    names = {event.identifier for event in events} - {None}
    named = {event.uuid for event in events if event.identifier}
    assert len(names) == len(named) > 5


def test_a_trader_that_has_lost_nearly_all_goes_on_with_small_orders(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(markets=4, rate=10.0)
    (account,) = simulation.desk.accounts.values()
    for currency, opening in OPENING_BALANCES.items():
        account.move(currency, free=-opening * Decimal("0.99"))
    simulation.advance(START_MS + 300_000)
    orders = [event for _, event in simulation.take_account_events() if isinstance(event, MyOrder)]
    placed = [event for event in orders if event.state in {"wait", "watch"} and event.price and event.volume]
    assert len(placed) > 60
    # A fiftieth of the largest order of a trader that owns half of its opening worth or more, which is 2,000,000 KRW.
    assert max(event.price * event.volume for event in placed if event.price and event.volume) <= 50_000
    assert account.free["KRW"] + account.locked["KRW"] > 100_000


def test_without_a_trader_an_account_does_nothing_by_itself(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(trader=False)
    simulation.advance(START_MS + 20_000)
    assert simulation.take_account_events() == []
    (account,) = simulation.desk.ledger()
    assert account.orders == ()


def test_the_trader_acts_on_the_first_account_only(new_simulation: NewSimulation) -> None:
    more = {"second": {"KRW": Decimal(1_000_000)}, "third": {}}
    simulation = new_simulation(accounts=more)
    simulation.advance(START_MS + 20_000)
    assert {access_key for access_key, _ in simulation.take_account_events()} == {"key"}
    assert [account.access_key for account in simulation.desk.ledger()] == ["key", "second", "third"]
    assert simulation.desk.accounts["second"].free == {"KRW": Decimal(1_000_000)}


def test_accounts_can_be_given_without_a_key_for_the_trader(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(access_key="", accounts={"only": dict(OPENING_BALANCES)})
    simulation.advance(START_MS + 20_000)
    assert {access_key for access_key, _ in simulation.take_account_events()} == {"only"}


def test_reserved_orders_live_when_trades_move_the_price(new_simulation: NewSimulation) -> None:
    simulation = new_simulation(seed=1, markets=4, rate=40.0)
    simulation.advance(START_MS + 120_000)
    lives: defaultdict[str, list[str]] = defaultdict(list)
    for _, event in simulation.take_account_events():
        if isinstance(event, MyOrder):
            lives[event.uuid].append(event.state)
    assert ["watch", "wait"] in [states[:2] for states in lives.values()]
