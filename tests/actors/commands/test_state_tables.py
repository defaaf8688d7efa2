from decimal import Decimal
from io import StringIO
from typing import Any

import msgspec
from rich.console import Console

from actors.commands.state_tables import state_tables
from actors.consumers.market_scanner import MarketScannerSettings, Scan
from actors.consumers.order_tracker import Account
from actors.consumers.price_monitor import PriceBoard, PriceMonitorSettings
from protocols.channel.messages import Up, WantProblem
from protocols.source_view import SourceView
from protocols.upbit.messages import Asset
from tests.actors.consumers.harness import event, my_asset, my_order, ticker


def shown(name: str, state: Any) -> str:
    """What a person sees; the state goes through msgpack as it does on the wire."""
    console = Console(file=StringIO(), width=120)
    for table in state_tables(name, msgspec.msgpack.decode(msgspec.msgpack.encode(state))):
        console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def source() -> dict[str, object]:
    view = SourceView("public", now_ns=0)
    view.take(Up(7, 0.0, 0), now_ns=0)
    view.take(WantProblem("ticker/KRW-NONE", "no data within 5 s"), now_ns=0)
    return view.describe(now_ns=0)


def test_prices_and_alerts_carry_their_sign() -> None:
    board = PriceBoard(PriceMonitorSettings(markets=("KRW-BTC", "KRW-ETH")))
    board.take(event(ticker("KRW-BTC", 109868000.0, -0.07)))
    text = shown("price_monitor", {"source": source(), **board.describe(now_ns=2_000_000_000)})
    for words in ("public: up", "ticker/KRW-NONE: no data", "109,868,000", "-7.00%", "fall", "2.0 s", "KRW-ETH"):
        assert words in text


def test_orders_and_balances_keep_all_digits_and_doubt_is_shown() -> None:
    account = Account(history=5)
    account.take(my_order("open-1", "wait"))
    account.take(my_order("done-1", "done", executed="1"))
    account.take(my_asset(1, Asset("KRW", Decimal("1386929.37231066771348207123"), Decimal(0))))
    doubt = {"for_s": 3.0, "reason": "1006"}
    text = shown("order_tracker", {"source": source(), "uncertain": doubt, **account.describe()})
    for words in (
        "Open orders: 1",
        "open-1",
        "done-1",
        "1,386,929.37231066771348207123",
        "uncertain for 3.0 s",
        "1006",
    ):
        assert words in text


def test_a_scan_shows_ranking_crossings_and_surges() -> None:
    scan = Scan(MarketScannerSettings())
    scan.follow(["KRW-BTC", "KRW-ETH"])
    scan.take(ticker("KRW-BTC", rate=0.06, turnover=1.5e11))
    text = shown("market_scanner", {"source": source(), **scan.describe()})
    for words in ("1 of 2 KRW markets", "150B", "+6.00%", "rise", "above 1B KRW"):
        assert words in text


def test_a_connection_shows_its_link_and_what_differs() -> None:
    state = {
        "link": "down",
        "reason": "1006",
        "epoch": 3,
        "wanted": ["ticker/KRW-BTC", "ticker/KRW-ETH"],
        "subscribed": ["ticker/KRW-BTC", "trade/KRW-OLD"],
    }
    text = shown("public", state)
    for words in ("down", "1006", "-ticker/KRW-ETH", "+trade/KRW-OLD"):
        assert words in text


def test_any_other_actor_is_shown_as_keys_and_values() -> None:
    text = shown("mine", {"count": 5, "name": "[red]five[/red]", "list": [1, 2]})
    for words in ("mine", "count", "5", "[red]five[/red]", "[1, 2]"):
        assert words in text
