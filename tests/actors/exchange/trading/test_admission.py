"""What the market and the account say about an order before it may come in."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.exchange.trading import desk as desk_module
from actors.exchange.trading.account import Account
from actors.exchange.trading.amounts import count_e8, is_amount
from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.terms import OrderTerms
from protocols.errors import SettingsError
from tests.actors.exchange.trading.floor import Floor, ask, best_ask, best_bid, bid, market_buy, market_sell

REFUSED = [
    (bid("1000.5", 10), "invalid_price_bid"),
    (ask("1000.5", 10), "invalid_price_ask"),
    (ask("0.00000000001", 10), "invalid_price_ask"),
    (bid(0, 10), "invalid_price_bid"),
    (bid(-1000, 10), "invalid_price_bid"),
    (bid("NaN", 10), "invalid_price_bid"),
    (bid("Infinity", 10), "invalid_price_bid"),
    (bid("1E+999999", 10), "invalid_price_bid"),
    (market_buy("5000.000000001"), "invalid_price_bid"),
    (bid(1000, "10.000000001"), "validation_error"),
    (bid(1000, 0), "validation_error"),
    (bid(1000, "-5"), "validation_error"),
    (bid(1000, "sNaN"), "validation_error"),
    (bid(1000, "1E-999999"), "validation_error"),
    (bid(1000, "4.99999999"), "under_min_total_bid"),
    (ask(1000, "4.99999999"), "under_min_total_ask"),
    (market_buy(4999), "under_min_total_bid"),
    (best_bid(4999, "ioc"), "under_min_total_bid"),
    (market_sell("4.9"), "under_min_total_ask"),
    (best_ask("4.9", "fok"), "under_min_total_ask"),
    (market_buy(1_000_000_001), "over_krw_funds_bid"),
    (bid(1000, 1_000_001), "over_krw_funds_bid"),
    (ask(1000, 1_000_001), "validation_error"),
    (bid(1000, 3000), "insufficient_funds_bid"),
    (market_buy(3_000_000), "insufficient_funds_bid"),
    (ask(1000, "20000.50000001"), "insufficient_funds_ask"),
    (market_sell("20000.50000001"), "insufficient_funds_ask"),
]


@pytest.mark.parametrize(("terms", "name"), REFUSED)
def test_what_the_market_or_the_account_does_not_allow_is_refused_and_nothing_happens(
    terms: OrderTerms, name: str
) -> None:
    floor = Floor()
    before = (len(list(floor.log)), floor.desk.ledger())
    for act in (floor.desk.check, floor.desk.place):
        with pytest.raises(OrderRefused) as refused:
            act(floor.a, floor.market, terms, t_ms=floor.now_ms)
        assert refused.value.name == name
    assert floor.events == []
    assert (len(list(floor.log)), floor.desk.ledger()) == before


@pytest.mark.parametrize(
    ("code", "price", "name"),
    [("BTC-ETH", "0.00004999", "under_min_total_bid"), ("USDT-ETH", "0.4999", "under_min_total_bid")],
)
def test_the_least_worth_depends_on_the_quote_currency(code: str, price: str, name: str) -> None:
    floor = Floor(code=code, last=Decimal(price))
    account = floor.desk.open_account("d", {code.partition("-")[0]: Decimal(10)})
    with pytest.raises(OrderRefused, match=name):
        floor.desk.check(account, floor.market, bid(price, 1), t_ms=floor.now_ms)
    floor.desk.check(account, floor.market, bid(price, 2), t_ms=floor.now_ms)


def test_funds_that_suffice_to_the_last_digit_are_enough() -> None:
    floor = Floor()
    exact = floor.desk.open_account("d", {"KRW": Decimal(10005)})
    order = floor.order(exact, bid(1000, 10))
    assert (order.locked, exact.free["KRW"], exact.locked["KRW"]) == (10005, 0, 10005)


def test_a_test_order_creates_nothing_and_uses_no_identifier() -> None:
    floor = Floor()
    floor.desk.check(floor.a, floor.market, bid(1000, 10, identifier="mine"), t_ms=floor.now_ms)
    assert floor.events == []
    assert floor.desk.open_orders(floor.a) == []
    assert floor.desk.find(floor.a, identifier="mine") is None
    floor.order(floor.a, bid(1000, 10, identifier="mine"))


def test_identifiers_are_never_used_twice_whatever_became_of_the_order() -> None:
    floor = Floor()
    cancelled = floor.order(floor.a, bid(900, 10, identifier="one"))
    floor.desk.cancel(cancelled, t_ms=floor.now_ms)
    floor.background(is_ask=True, price=1000, volume=10)
    floor.order(floor.a, bid(1000, 10, identifier="two"))
    floor.order(floor.a, bid(800, 10, time_in_force="ioc", identifier="three"))
    for name in ("one", "two", "three"):
        with pytest.raises(OrderRefused, match="duplicated_identifier"):
            floor.order(floor.a, bid(900, 10, identifier=name))
        floor.order(floor.b, bid(700, 10, identifier=name))  # Another account's names are its own.


def test_the_identifier_of_a_refused_order_is_used_up_unless_the_order_was_not_understood() -> None:
    floor = Floor()
    with pytest.raises(OrderRefused, match="insufficient_funds_bid"):
        floor.order(floor.a, bid(1000, 1_000_000, identifier="poor"))
    with pytest.raises(OrderRefused, match="validation_error"):
        floor.order(floor.a, OrderTerms(is_ask=False, order_type="limit", identifier="unclear"))
    with pytest.raises(OrderRefused, match="duplicated_identifier"):
        floor.order(floor.a, bid(900, 10, identifier="poor"))
    floor.order(floor.a, bid(900, 10, identifier="unclear"))


def test_more_open_orders_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MOST_OPEN", 2)
    floor = Floor()
    floor.order(floor.a, bid(900, 10))
    floor.order(floor.a, bid(900, 10))
    with pytest.raises(OrderRefused, match="create_bid_error"):
        floor.order(floor.a, bid(900, 10))


@settings(max_examples=150, deadline=None)
@given(value=st.decimals(allow_nan=True, allow_infinity=True) | st.decimals(min_value=0, max_value=10**16, places=9))
def test_an_amount_is_positive_below_1e15_and_a_whole_count_of_1e_8(value: Decimal) -> None:
    expected = (
        value.is_finite()
        and 0 < value < 10**15
        and (value.as_integer_ratio()[0] * 10**8) % (value.as_integer_ratio()[1]) == 0
    )
    assert is_amount(value) == expected
    if expected:
        assert count_e8(value) == value * 10**8


@pytest.mark.parametrize("balance", ["-1", "NaN", "Infinity", "1E+18", "0.000000000000000000001"])
def test_an_opening_balance_that_cannot_be_computed_with_exactly_is_a_bad_setting(balance: str) -> None:
    make: Callable[[], Account] = lambda: Account("key", {"KRW": Decimal(balance)})  # noqa: E731 - one use
    with pytest.raises(SettingsError, match="balance KRW"):
        make()
