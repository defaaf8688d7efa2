"""pyupbit, unchanged: what it returns is what the exchange holds to be true.

It sends the parameters of private queries as a form in the body of a GET, those of a cancel as JSON in the body of a
DELETE, and lists of markets as a repeated key. None of it is documented, and it is how the library trades in the field.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.driving import Seen, run_driver
from tests.clients.exchange import Exchange, exchange_for_a_client, total

pytestmark = pytest.mark.timeout(300)  # The environment may have to be installed first.

VALUES = ("opening_price", "high_price", "low_price", "trade_price")
SUMS = ("candle_acc_trade_volume", "candle_acc_trade_price")
UNITS = {"minute1": "minutes/1", "minute60": "minutes/60", "day": "days", "week": "weeks", "month": "months"}


class Run(NamedTuple):
    seen: Seen
    before: dict[str, Any]
    exchange: Exchange


@pytest.fixture(scope="module")
def run(clients_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with exchange_for_a_client() as exchange:
        before = {
            "markets": exchange.rest("market/all", is_details="true"),
            "tickers": exchange.rest("ticker", markets="KRW-BTC,KRW-ETH"),
            "books": exchange.rest("orderbook", markets="KRW-BTC,KRW-ETH"),
        }
        for unit in UNITS.values():
            before[unit] = exchange.rest(f"candles/{unit}", market="KRW-BTC", count=200)
        seen = run_driver(clients_python, "drive_pyupbit.py", exchange.process, tmp_path_factory.mktemp("home"))
        yield Run(seen, before, exchange)


def test_pyupbit_sees_every_market_and_its_price(run: Run) -> None:
    assert run.seen.one("tickers") == run.before["markets"]
    codes = [market["market"] for market in run.before["markets"]]
    assert run.seen.one("krw_tickers") == [code for code in codes if code.startswith("KRW")]
    prices = {ticker["market"]: ticker["trade_price"] for ticker in run.before["tickers"]}
    assert run.seen.one("prices") == prices
    price, limit = run.seen.one("price")
    assert price == prices["KRW-BTC"]
    assert (limit["group"], limit["min"]) == ("ticker", 600)
    assert 0 <= limit["sec"] < 10
    moving = {"acc_trade_price_24h", "acc_trade_volume_24h", "timestamp"}
    (ticker,) = run.seen.one("ticker")
    assert {name: value for name, value in ticker.items() if name not in moving} == {
        name: value for name, value in run.before["tickers"][0].items() if name not in moving
    }


def test_pyupbit_sees_the_order_books(run: Run) -> None:
    assert run.seen.one("orderbook") == run.before["books"][0]
    assert run.seen.one("orderbooks") == run.before["books"]


@pytest.mark.parametrize("interval", UNITS)
def test_pyupbit_sees_candles_oldest_first(run: Run, interval: str) -> None:
    frame, truth = run.seen.one(f"candles.{interval}"), run.before[UNITS[interval]]
    overlap = min(len(frame), len(truth))
    rows = [
        [candle["candle_date_time_kst"].replace("T", " "), *(candle[name] for name in VALUES + SUMS)]
        for candle in truth[:overlap]
    ]
    assert frame[-overlap:] == rows[::-1]
    # Two pages of days: the library asks for the second by the start of the first one's oldest candle.
    assert len(frame) == {"minute1": 20, "minute60": 5, "day": 250, "week": 3, "month": 3}[interval]


def test_pyupbit_reads_balances_and_what_may_be_ordered(run: Run) -> None:
    balances = run.exchange.ledger()["balances"]
    found = {asset["currency"]: Decimal(asset["balance"]) for asset in run.seen.one("balances.before")}
    assert found == {currency: Decimal(asset["opening"]) for currency, asset in balances.items()}
    free, whole, coins = run.seen.one("balance")
    assert (free, whole, coins) == (float(found["KRW"]), float(found["KRW"]), float(found["BTC"]))
    chance = run.seen.one("chance")
    assert (chance["market"]["id"], chance["bid_fee"]) == ("KRW-BTC", "0.0005")
    assert Decimal(chance["bid_account"]["balance"]) == found["KRW"]


def test_pyupbit_sees_its_order_rest_and_end_when_it_is_cancelled(run: Run) -> None:
    resting, cancelled, after = (run.seen.one(f"resting{name}") for name in ("", ".cancelled", ".after"))
    truth = run.exchange.order(resting["uuid"])
    locked = Decimal(truth["price"]) * Decimal(truth["volume"]) * Decimal("1.0005")
    assert (resting["state"], Decimal(resting["locked"])) == ("wait", locked)
    assert [order["uuid"] for order in run.seen.one("resting.open")] == [resting["uuid"]]
    held = {asset["currency"]: Decimal(asset["locked"]) for asset in run.seen.one("resting.balances")}
    assert held["KRW"] == locked
    # A cancel is accepted, not done: its answer still says `wait`.
    assert (cancelled["state"], after["state"], truth["state"]) == ("wait", "cancel", "cancel")
    assert Decimal(after["executed_volume"]) == 0


@pytest.mark.parametrize(
    ("name", "state"), [("bought", "done"), ("spent", "cancel"), ("sold", "done"), ("mover", "cancel")]
)
def test_pyupbit_sees_the_fills_and_fees_of_its_orders(run: Run, name: str, state: str) -> None:
    order = run.seen.one("mover") if name == "mover" else run.seen.one(name)[1]
    truth = run.exchange.order(order["uuid"])
    assert order["state"] == truth["state"] == state
    assert Decimal(order["executed_volume"]) == total(truth["fills"], "volume") > 0
    assert Decimal(order["paid_fee"]) == total(truth["fills"], "funds") * Decimal("0.0005")
    by_uuid = {fill["trade_uuid"]: fill for fill in truth["fills"]}
    assert order["trades_count"] == len(by_uuid)
    for trade in order["trades"]:
        fill = by_uuid.pop(trade["uuid"])
        for amount in ("price", "volume", "funds"):
            assert Decimal(trade[amount]) == Decimal(fill[amount])
        assert (trade["side"], trade["market"]) == (truth["side"], "KRW-BTC")
    assert by_uuid == {}


def test_pyupbit_lists_its_orders_by_state(run: Run) -> None:
    offered, opened = run.seen.one("offered")
    assert [order["uuid"] for order in opened] == [offered["uuid"]]
    orders = run.exchange.ledger()["orders"]
    mover = run.seen.one("mover")["uuid"]
    for state in ("done", "cancel"):
        listed = [order["uuid"] for order in run.seen.one(state)]
        assert sorted(listed) == sorted(o["uuid"] for o in orders if o["state"] == state and o["uuid"] != mover)


def test_pyupbit_accounts_for_every_won(run: Run) -> None:
    after, limit = run.seen.one("balances.after")
    assert (limit["group"], limit["min"]) == ("default", 1800)
    spent = run.exchange.order(run.seen.one("mover")["uuid"])["fills"]
    for currency, truth in run.exchange.ledger()["balances"].items():
        moved = {"KRW": -total(spent, "funds") - total(spent, "fee"), "BTC": total(spent, "volume")}
        (asset,) = [asset for asset in after if asset["currency"] == currency]
        assert Decimal(asset["balance"]) == Decimal(truth["free"]) - moved.get(currency, 0)
        assert Decimal(asset["locked"]) == 0


def test_pyupbit_sees_refusals_as_it_always_does(run: Run) -> None:
    """It prints the class of a refusal that it knows and returns None."""
    for name in ("too_little", "too_much", "unknown_order", "wrong_secret"):
        assert run.seen.one(name) is None, name


def test_pyupbit_sees_its_order_move_ticker_trades_and_book(run: Run) -> None:
    fills = run.exchange.order(run.seen.one("mover")["uuid"])["fills"]
    frames = {frame["sequential_id"]: frame for frame in run.seen.all("stream.trade")}
    assert len(frames) == len(fills)
    for fill in fills:
        frame = frames[fill["sequential_id"]]
        assert (frame["trade_price"], frame["trade_volume"]) == (float(fill["price"]), float(fill["volume"]))
        assert (frame["code"], frame["ask_bid"], frame["stream_type"]) == ("KRW-BTC", "BID", "REALTIME")
    assert run.seen.one("stream.ticker")["trade_price"] == float(fills[-1]["price"])
    book, (truth,) = run.seen.one("stream.orderbook"), run.exchange.rest("orderbook", markets="KRW-BTC")
    assert (book["orderbook_units"], book["timestamp"]) == (truth["orderbook_units"], truth["timestamp"])
