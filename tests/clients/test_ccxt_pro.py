"""ccxt pro, unchanged: its streams tell what the exchange holds to be true, the private ones while orders live."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.driving import Seen, run_driver
from tests.clients.exchange import Exchange, exchange_for_a_client

pytestmark = pytest.mark.timeout(300)  # The environment may have to be installed first.

KEPT_LEVELS = 15
"""Of the 30 that come, the library keeps so many."""


class Run(NamedTuple):
    seen: Seen
    book_before: dict[str, Any]
    exchange: Exchange

    @property
    def fills(self) -> list[dict[str, Any]]:
        """All fills of the account, in the order of time."""
        return [fill for order in self.exchange.ledger()["orders"] for fill in order["fills"]]


@pytest.fixture(scope="module")
def run(clients_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with exchange_for_a_client() as exchange:
        (book,) = exchange.rest("orderbook", markets="KRW-BTC")
        seen = run_driver(clients_python, "drive_ccxt_pro.py", exchange.process, tmp_path_factory.mktemp("home"))
        yield Run(seen, book, exchange)


def newest(lists: list[list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What was told last of each id."""
    return {item["id"]: item for told in lists for item in told}


def test_ccxt_pro_sees_the_book_before_and_after_its_orders(run: Run) -> None:
    books = run.seen.all("book")
    (after,) = run.exchange.rest("orderbook", markets="KRW-BTC")
    for book, truth in ((books[0], run.book_before), (books[-1], after)):
        for side, name in (("asks", "ask"), ("bids", "bid")):
            units = truth["orderbook_units"][:KEPT_LEVELS]
            assert [level[:2] for level in book[side]] == [[u[f"{name}_price"], u[f"{name}_size"]] for u in units]
        assert book["timestamp"] == truth["timestamp"]
    assert books[0]["asks"] != books[-1]["asks"]


def test_ccxt_pro_sees_every_trade_of_its_orders_on_the_public_stream(run: Run) -> None:
    trades = newest(run.seen.all("trades"))
    for fill in run.fills:
        trade = trades[str(fill["sequential_id"])]
        assert (trade["price"], trade["amount"]) == (float(fill["price"]), float(fill["volume"]))
        assert trade["side"] == {"bid": "buy", "ask": "sell"}[fill["side"]]
    # And one more: the last trade before the subscription, which its snapshot repeats.
    assert len(trades) == len(run.fills) + 1


def test_ccxt_pro_sees_ticker_and_candle_follow_its_orders(run: Run) -> None:
    last = run.fills[-1]
    assert run.seen.all("ticker")[-1]["last"] == float(last["price"])
    _, _, high, low, close, volume = run.seen.all("candle")[-1]
    assert close == float(last["price"])
    assert low <= close <= high
    assert volume >= float(last["volume"])


def test_ccxt_pro_sees_its_orders_end_as_the_ledger_has_them(run: Run) -> None:
    orders, placed = newest(run.seen.all("orders")), run.seen.one("placed")
    assert sorted(orders) == sorted(placed) == sorted(order["uuid"] for order in run.exchange.ledger()["orders"])
    for order_id in placed:
        order, truth = orders[order_id], run.exchange.order(order_id)
        assert order["status"] == {"done": "closed", "cancel": "canceled"}[truth["state"]]
        assert order["filled"] == float(truth["executed_volume"])
        assert order["cost"] == pytest.approx(float(truth["executed_funds"]), rel=1e-9)
        assert float(order["fee"]["cost"]) == pytest.approx(float(truth["paid_fee"]), rel=1e-9)
        assert order["clientOrderId"] == truth["identifier"]


def test_ccxt_pro_sees_every_fill_with_its_fee(run: Run) -> None:
    trades = newest(run.seen.all("my_trades"))
    assert sorted(trades) == sorted(fill["trade_uuid"] for fill in run.fills)
    for fill in run.fills:
        trade = trades[fill["trade_uuid"]]
        assert (trade["price"], trade["amount"]) == (float(fill["price"]), float(fill["volume"]))
        assert trade["fee"] == {"currency": "KRW", "cost": pytest.approx(float(fill["fee"]), rel=1e-9)}
        assert trade["takerOrMaker"] == ("maker" if fill["is_maker"] else "taker")
        assert trade["timestamp"] == fill["t_ms"]


def test_ccxt_pro_sees_its_balance_move_to_what_the_ledger_has(run: Run) -> None:
    streamed, asked = run.seen.all("balance"), run.seen.one("balance.after")
    before = run.seen.one("balance.before")
    for currency in ("KRW", "BTC"):
        truth = run.exchange.ledger()["balances"][currency]
        assert before[currency]["free"] == float(truth["opening"])
        assert streamed[-1][currency]["free"] == pytest.approx(float(truth["free"]), rel=1e-12)
        assert asked[currency]["free"] == pytest.approx(float(truth["free"]), rel=1e-12)
        assert streamed[-1][currency]["used"] == 0.0
    # The order that rested held money, and the stream told it.
    resting = run.exchange.order(run.seen.one("placed")[0])
    held = float(resting["price"]) * float(resting["volume"]) * 1.0005
    assert any(told["KRW"]["used"] == pytest.approx(held) for told in streamed)


@pytest.mark.parametrize(("manner", "seen_orders"), [("again", 2), ("once", 1)])
def test_ccxt_pro_uses_one_token_for_all_its_sockets(
    clients_python: Path, tmp_path: Path, manner: str, seen_orders: int
) -> None:
    """It makes a token once in its life: whether it is let in again after a lost socket depends on the exchange."""
    with exchange_for_a_client("--rate", "0", "--quirk", f"socket_token={manner}") as exchange:
        seen = run_driver(clients_python, "drive_ccxt_pro.py", exchange.process, tmp_path, "--lose-the-socket")
        state, orders = exchange.process.state(), exchange.ledger()["orders"]
    assert seen.one("lost")
    assert [order_id for order_id, told in seen.all("told") if order_id in told] == [o["uuid"] for o in orders]
    assert len(orders) == seen_orders
    assert ["401" in text for text in seen.all("kept_out")] == [True] * (2 - seen_orders)
    assert state["refused"] == 2 - seen_orders
