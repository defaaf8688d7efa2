"""The parameter rules of an order, one by one."""

from decimal import Decimal

import pytest

from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.terms import OrderTerms, check_terms
from tests.actors.exchange.trading.floor import ask, best_ask, best_bid, bid, market_buy, market_sell

ONE = Decimal(1)

GOOD = [
    bid(1000, 10), ask(1000, 10), *(bid(1000, 10, time_in_force=tif) for tif in ("ioc", "fok", "post_only")),
    market_buy(5000), market_sell(10), best_bid(5000, "ioc"), best_bid(5000, "fok"), best_ask(10, "ioc"),
    *(bid(1000, 10, smp_type=mode) for mode in ("reduce", "cancel_maker", "cancel_taker", "none")),
    bid(1000, 10, identifier="x" * 64),
]  # fmt: skip

BAD = [
    (OrderTerms(is_ask=False, order_type="limit", price=ONE), "validation_error"),
    (OrderTerms(is_ask=False, order_type="limit", volume=ONE), "validation_error"),
    (OrderTerms(is_ask=False, order_type="stop", price=ONE, volume=ONE), "validation_error"),
    (OrderTerms(is_ask=True, order_type="price", price=ONE), "validation_error"),
    (OrderTerms(is_ask=False, order_type="price", price=ONE, volume=ONE), "validation_error"),
    (OrderTerms(is_ask=False, order_type="price"), "validation_error"),
    (OrderTerms(is_ask=False, order_type="market", volume=ONE), "validation_error"),
    (OrderTerms(is_ask=True, order_type="market", price=ONE, volume=ONE), "validation_error"),
    (OrderTerms(is_ask=True, order_type="market"), "validation_error"),
    (OrderTerms(is_ask=False, order_type="best", price=ONE), "invalid_time_in_force"),
    (OrderTerms(is_ask=False, order_type="best", price=ONE, time_in_force="post_only"), "invalid_time_in_force"),
    (OrderTerms(is_ask=False, order_type="best", volume=ONE, time_in_force="ioc"), "validation_error"),
    (OrderTerms(is_ask=True, order_type="best", price=ONE, time_in_force="ioc"), "validation_error"),
    (market_buy(5000, time_in_force="ioc"), "invalid_time_in_force"),
    (market_sell(10, time_in_force="fok"), "invalid_time_in_force"),
    (bid(1000, 10, time_in_force="gtc"), "invalid_time_in_force"),
    (bid(1000, 10, smp_type="both"), "invalid_parameter"),
    (bid(1000, 10, time_in_force="post_only", smp_type="reduce"), "invalid_post_only"),
    (bid(1000, 10, identifier="x" * 65), "validation_error"),
    (bid(1000, 10, identifier=""), "validation_error"),
]


@pytest.mark.parametrize("terms", GOOD)
def test_terms_that_fit_together_are_taken(terms: OrderTerms) -> None:
    check_terms(terms, default_smp="cancel_maker")


@pytest.mark.parametrize(("terms", "name"), BAD)
def test_terms_that_do_not_fit_together_are_refused_by_name(terms: OrderTerms, name: str) -> None:
    with pytest.raises(OrderRefused) as refused:
        check_terms(terms, default_smp="cancel_maker")
    assert refused.value.name == name
    assert refused.value.message


def test_smp_type_none_is_unknown_where_the_older_default_holds() -> None:
    with pytest.raises(OrderRefused, match="invalid_parameter"):
        check_terms(bid(1000, 10, smp_type="none"), default_smp="none")
