"""Balances, what may be ordered, and average prices."""

from decimal import Decimal
from typing import Any

import pytest

from actors.exchange.market.units import as_decimal
from actors.exchange.rest.orders.amounts import amount_text
from actors.exchange.trading.order import FEE_RATE
from tests.actors.exchange.rest.orders.private_side import PrivateSide


def balance(side: PrivateSide, currency: str) -> Any:
    (found,) = [entry for entry in side.get("/accounts") if entry["currency"] == currency]
    return found


def test_accounts_are_as_documented(side: PrivateSide) -> None:
    assert side.get("/accounts")[0] == {
        "currency": "KRW",
        "balance": "2000000000.0",
        "locked": "0.0",
        "avg_buy_price": "0",
        "avg_buy_price_modified": False,
        "unit_currency": "KRW",
    }


def test_what_an_order_locks_moves_from_balance_to_locked(side: PrivateSide) -> None:
    side.place()
    side.place(side="ask", price="3000", volume="100.5")
    assert (balance(side, "KRW")["balance"], balance(side, "KRW")["locked"]) == ("1999979990.0", "20010.0")
    assert (balance(side, "XRP")["balance"], balance(side, "XRP")["locked"]) == ("99899.5", "100.5")


def test_a_currency_that_is_used_up_is_not_listed_but_krw_always_is(side: PrivateSide) -> None:
    side.rest(2000, 200_000, is_ask=False)
    side.place(side="ask", ord_type="market", price=None, volume="100000")
    assert [entry["currency"] for entry in side.get("/accounts")] == ["KRW", "BTC"]
    poor = side.desk.open_account("poor", {})
    _, listed = side.call("GET", "/accounts", account=poor)
    assert [(entry["currency"], entry["balance"]) for entry in listed] == [("KRW", "0.0")]


def test_avg_buy_price_starts_at_the_market_and_mixes_in_purchases(side: PrivateSide) -> None:
    start = as_decimal(side.xrp.day.last_e8)
    assert balance(side, "XRP")["avg_buy_price"] == amount_text(start)
    side.rest(2000, 100_000, is_ask=True)
    side.place(volume="100000")
    mixed = (start + 2000) / 2
    assert balance(side, "XRP")["avg_buy_price"] == amount_text(mixed)
    side.rest(1900, 50_000, is_ask=False)
    side.place(side="ask", ord_type="market", price=None, volume="50000")
    assert balance(side, "XRP")["avg_buy_price"] == amount_text(mixed)


def test_avg_buy_price_begins_anew_after_everything_was_sold(side: PrivateSide) -> None:
    side.rest(1900, 100_000, is_ask=False)
    side.place(side="ask", ord_type="market", price=None, volume="100000")
    side.rest(2000, 10, is_ask=True)
    side.place()
    assert balance(side, "XRP")["avg_buy_price"] == "2000"


def test_a_purchase_with_bitcoin_counts_in_krw(wide_side: PrivateSide) -> None:
    side = wide_side
    market = side.simulation.markets["BTC-ETH"]
    ask = as_decimal(market.book.asks.best()[0])
    side.place(market="BTC-ETH", ord_type="best", price="0.0001", volume=None, time_in_force="ioc")
    bitcoin = as_decimal(side.simulation.markets["KRW-BTC"].day.last_e8)
    assert Decimal(balance(side, "ETH")["avg_buy_price"]) == ask * bitcoin


def test_chance_is_as_documented(side: PrivateSide) -> None:
    side.place(market="KRW-BTC", price="50000000", volume="0.001")
    chance = side.get("/orders/chance", market="KRW-BTC")
    bid_account, ask_account = chance.pop("bid_account"), chance.pop("ask_account")
    assert chance == {
        "bid_fee": "0.0005",
        "ask_fee": "0.0005",
        "maker_bid_fee": "0.0005",
        "maker_ask_fee": "0.0005",
        "market": {
            "id": "KRW-BTC",
            "name": "BTC/KRW",
            "order_types": ["limit"],
            "order_sides": ["ask", "bid"],
            "bid_types": ["best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "price"],
            "ask_types": ["best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "market"],
            "bid": {"currency": "KRW", "min_total": "5000"},
            "ask": {"currency": "BTC", "min_total": "5000"},
            "max_total": "1000000000",
            "state": "active",
        },
    }
    assert (bid_account["currency"], bid_account["locked"]) == ("KRW", "50025.0")
    assert ask_account == balance(side, "BTC")


@pytest.mark.parametrize(("code", "least"), [("BTC-ETH", "0.00005"), ("USDT-BTC", "0.5")])
def test_chance_of_other_quote_currencies_has_their_fee_and_least_worth(
    wide_side: PrivateSide, code: str, least: str
) -> None:
    side = wide_side
    chance = side.get("/orders/chance", market=code)
    assert chance["bid_fee"] == amount_text(FEE_RATE[code.partition("-")[0]]) == "0.0025"
    assert chance["market"]["bid"]["min_total"] == chance["market"]["ask"]["min_total"] == least
    assert "max_total" not in chance["market"]
    quote = code.partition("-")[0]
    owned = {"BTC": "3.0", "USDT": "0.0"}[quote]
    assert (chance["bid_account"]["currency"], chance["bid_account"]["balance"]) == (quote, owned)


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [({}, (400, "validation_error")), ({"market": "KRW-NOPE"}, (400, "notfoundmarket"))],
    ids=str,
)
def test_chance_needs_a_market(side: PrivateSide, parameters: dict[str, str], refusal: tuple[int, str]) -> None:
    assert side.refusal("GET", "/orders/chance", parameters) == refusal


def test_the_key_list_has_the_one_key_and_when_it_expires(side: PrivateSide) -> None:
    assert side.get("/api_keys") == [{"access_key": "key", "expire_at": "2027-09-21T23:13:20+09:00"}]
