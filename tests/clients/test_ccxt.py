"""ccxt in its synchronous form, unchanged: what it makes of the answers is what the exchange holds to be true."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.driving import Seen, run_driver
from tests.clients.exchange import Exchange, exchange_for_a_client, total

pytestmark = pytest.mark.timeout(300)  # The environment may have to be installed first.

STATUS = {"wait": "open", "done": "closed", "cancel": "canceled"}


class Run(NamedTuple):
    seen: Seen
    before: dict[str, Any]
    exchange: Exchange


@pytest.fixture(scope="module")
def run(clients_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with exchange_for_a_client() as exchange:
        before = {
            "markets": exchange.rest("market/all"),
            "ticker": exchange.rest("ticker", markets="KRW-BTC,KRW-ETH"),
            "book": exchange.rest("orderbook", markets="KRW-BTC")[0],
            "trades": exchange.rest("trades/ticks", market="KRW-BTC", count=50),
            "1m": exchange.rest("candles/minutes/1", market="KRW-BTC", count=10),
            "1d": exchange.rest("candles/days", market="KRW-BTC", count=10),
            "1h": exchange.rest("candles/minutes/60", market="KRW-BTC", count=30),
            "1s": exchange.rest("candles/seconds", market="KRW-BTC", count=10),
        }
        seen = run_driver(clients_python, "drive_ccxt.py", exchange.process, tmp_path_factory.mktemp("home"))
        yield Run(seen, before, exchange)


def levels(units: list[dict[str, float]], side: str, count: int) -> list[list[float]]:
    return [[unit[f"{side}_price"], unit[f"{side}_size"]] for unit in units[:count]]


def as_the_ledger_has_it(order: dict[str, Any], truth: dict[str, Any]) -> None:
    """Compare an order as the library parsed it with the ledger's."""
    assert order["status"] == STATUS[truth["state"]]
    assert order["side"] == {"bid": "buy", "ask": "sell"}[truth["side"]]
    assert Decimal(str(order["filled"])) == Decimal(truth["executed_volume"])
    assert float(order["fee"]["cost"]) == pytest.approx(float(truth["paid_fee"]), rel=1e-12)
    assert sorted(trade["id"] for trade in order["trades"]) == sorted(fill["trade_uuid"] for fill in truth["fills"])
    assert order["cost"] == pytest.approx(float(total(truth["fills"], "funds")), rel=1e-9) or not truth["fills"]
    assert order["timestamp"] == truth["created_ms"] // 1000 * 1000


def _start_ms(candle: dict[str, Any]) -> int:
    return int(datetime.fromisoformat(candle["candle_date_time_utc"] + "+00:00").timestamp() * 1000)


def test_ccxt_sees_every_market_and_its_ticker(run: Run) -> None:
    codes = sorted(market["market"] for market in run.before["markets"])
    assert run.seen.one("markets") == codes
    assert len(run.seen.one("all_tickers")) == len(codes)
    for ticker, truth in zip(run.seen.one("tickers").values(), run.before["ticker"], strict=True):
        assert ticker["last"] == truth["trade_price"]
        assert (ticker["open"], ticker["high"]) == (truth["opening_price"], truth["high_price"])
        assert ticker["timestamp"] == truth["trade_timestamp"]
    assert run.seen.one("ticker")["last"] == run.before["ticker"][0]["trade_price"]


def test_ccxt_sees_the_order_books(run: Run) -> None:
    units = run.before["book"]["orderbook_units"]
    for name, count in (("book", 30), ("short_book", 5)):
        book = run.seen.one(name)
        assert book["asks"] == levels(units, "ask", count)
        assert book["bids"] == levels(units, "bid", count)
    assert len(run.seen.one("all_books")) == len(run.before["markets"])


def test_ccxt_sees_the_trades_and_every_unit_of_candles(run: Run) -> None:
    trades = run.seen.one("trades")
    assert [int(trade["id"]) for trade in reversed(trades)] == [tick["sequential_id"] for tick in run.before["trades"]]
    assert [trade["amount"] for trade in reversed(trades)] == [tick["trade_volume"] for tick in run.before["trades"]]
    for unit in ("1s", "1m", "1d"):
        found = [candle[1:] for candle in reversed(run.seen.one(f"candles.{unit}"))]
        assert found == [
            [candle[name] for name in ("opening_price", "high_price", "low_price", "trade_price")]
            + [candle["candle_acc_trade_volume"]]
            for candle in run.before[unit]
        ]
    for unit in ("3m", "5m", "10m", "15m", "30m", "1h", "4h", "1w", "1M", "1y"):
        assert run.seen.one(f"candles.{unit}"), unit
    since_ms, candles = run.seen.one("candles.since")
    closes = {_start_ms(candle): candle["trade_price"] for candle in run.before["1h"]}
    assert candles
    assert {candle[0]: candle[4] for candle in candles} == {
        start_ms: close for start_ms, close in closes.items() if since_ms <= start_ms < since_ms + 5 * 3_600_000
    }


def test_ccxt_reads_the_fees_and_the_balance(run: Run) -> None:
    chance = run.exchange.signed("orders/chance", "market=KRW-BTC")
    fee = run.seen.one("fee")
    assert [fee["maker"], fee["taker"]] == [float(chance["maker_bid_fee"]), float(chance["bid_fee"])]
    before, after = run.seen.one("balance.before"), run.seen.one("balance.after")
    for currency, truth in run.exchange.ledger()["balances"].items():
        assert before[currency]["total"] == float(truth["opening"])
        assert after[currency]["free"] == pytest.approx(float(truth["free"]), rel=1e-12)
        assert after[currency]["used"] == float(truth["locked"]) == 0.0


def test_ccxt_leads_a_resting_order_through_its_life(run: Run) -> None:
    resting, (replaced, replaced_old, replaced_new) = run.seen.one("resting"), run.seen.one("replaced")
    truth = run.exchange.order(resting["id"])
    assert (resting["status"], resting["clientOrderId"], resting["filled"]) == ("open", "resting-1", 0.0)
    assert resting["price"] == float(truth["price"])
    assert [order["id"] for order in run.seen.one("resting.open")] == [resting["id"]]
    locked = Decimal(truth["price"]) * Decimal(truth["volume"]) * Decimal("1.0005")
    assert run.seen.one("resting.balance")["KRW"]["used"] == float(locked)

    assert replaced_old["status"] == "canceled"
    assert (replaced_new["id"], replaced_new["clientOrderId"]) == (replaced["id"], "two")
    assert replaced_new["amount"] == 2 * resting["amount"]
    accepted, cancelled = run.seen.one("cancelled")
    assert (accepted["status"], cancelled["status"]) == ("open", "canceled")
    as_the_ledger_has_it(cancelled, run.exchange.order(replaced["id"]))


@pytest.mark.parametrize("name", ["limit", "market_buy", "market_sell", "ioc", "fok", "post_only", "best"])
def test_ccxt_leads_every_kind_of_order_to_its_end(run: Run, name: str) -> None:
    placed, ended = run.seen.one(name)
    truth = run.exchange.order(placed["id"])
    assert placed["status"] == "open"
    as_the_ledger_has_it(ended, truth)
    ends = {"market_buy": ("cancel", True), "fok": ("cancel", False), "post_only": ("cancel", False)}
    assert (truth["state"], bool(truth["fills"])) == ends.get(name, ("done", True))


def test_ccxt_lists_what_is_closed_and_what_a_test_order_leaves_behind(run: Run) -> None:
    orders = run.exchange.ledger()["orders"]
    for name, state in (("closed", "done"), ("canceled", "cancel")):
        assert {order["id"] for order in run.seen.one(name)} == {
            order["uuid"] for order in orders if order["state"] == state
        }
    tested, _ = run.seen.one("tested")
    assert tested["status"] == "open"
    assert tested["id"] not in {order["uuid"] for order in orders}
    assert run.seen.one("cancel_all") == {
        "success": {"count": 0, "orders": []},
        "failed": {"count": 0, "orders": []},
    }


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("same_identifier", "ExchangeError", "duplicated_identifier"),
        ("no_funds", "InsufficientFunds", "insufficient_funds_bid"),
        ("no_order", "OrderNotFound", "order_not_found"),
        ("too_small", "ExchangeError", "under_min_total_bid"),
        ("bad_tick", "ExchangeError", "invalid_price_bid"),
        ("wrong_secret", "AuthenticationError", "jwt_verification"),
        ("unknown_market", "ExchangeError", "Code not found"),
        ("missing_parameter", "BadRequest", "Missing request parameter"),
    ],
)
def test_ccxt_makes_its_own_error_of_a_refusal(run: Run, name: str, error: str, said: str) -> None:
    kind, text = run.seen.one(f"refused.{name}")
    assert kind == error
    assert said in text
