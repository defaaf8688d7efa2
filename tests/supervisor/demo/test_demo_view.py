from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from actors.consumers.market_scanner import MarketScannerSettings, Scan
from actors.consumers.order_tracker import Account
from actors.consumers.price_monitor import PriceBoard, PriceMonitorSettings
from supervisor.control.status import ChildStatus, LastExit, TreeStatus
from supervisor.demo.plain import plain_line
from supervisor.demo.rows import Moves, log_line, order_rows
from supervisor.demo.settings import demo_settings
from supervisor.demo.snapshot import Answered, Snapshot, ask_status
from supervisor.demo.view import View
from supervisor.specs.settings import default_settings_file
from tests.actors.consumers.harness import event, my_order, ticker

NAMES = ("exchange", "public", "private", "price_monitor", "order_tracker", "market_scanner")


def child(name: str, state: str = "ready", *, restarts: int = 0, reason: str = "") -> ChildStatus:
    ended = LastExit(None, 9, "") if restarts else None
    return ChildStatus(name, state, 123, restarts, 61.0, ended, 0.5, 34 * 1024 * 1024, 5, {}, reason)


def states(price: float = 109868000.0) -> dict[str, Any]:
    board = PriceBoard(PriceMonitorSettings())
    board.take(event(ticker("KRW-BTC", price, 0.0064)))
    board.take(event(ticker("KRW-ETH", 3_430_000.0, -0.07)))
    scan = Scan(MarketScannerSettings())
    codes = [f"KRW-COIN{n}" for n in range(20)]
    scan.follow(codes)
    for n, code in enumerate(codes):
        scan.take(ticker(code, 100.0 + n, -0.06, turnover=(n + 1) * 1e10))
    account = Account(history=20)
    for n in range(12):
        account.take(my_order(f"open-{n}", "wait", executed="0.25"))
        account.take(my_order(f"done-{n}", "done", executed="1"))
    link = {"link": "up", "reason": "", "epoch": 1_000_001, "wanted": ["ticker/KRW-BTC"], "subscribed": []}
    return {
        "public": link,
        "private": {**link, "link": "parked", "reason": "no keys"},
        "price_monitor": board.describe(now_ns=0),
        "order_tracker": account.describe(),
        "market_scanner": scan.describe(),
    }


def snapshot(answers: dict[str, Any] | None = None, *, children: tuple[ChildStatus, ...] | None = None) -> Snapshot:
    """As it comes over the sockets, answered just now."""
    found = msgspec.msgpack.decode(msgspec.msgpack.encode(states() if answers is None else answers))
    tree = TreeStatus(99, "running", 12.0, "/x", tuple(map(child, NAMES)) if children is None else children)
    told = (b'{"event":"feed.up","actor":"public","time":"2026-10-01T10:11:12Z","level":"info","epoch":7}\n',) * 5
    return Snapshot(12.0, tree, {name: Answered(state, 50.0) for name, state in found.items()}, 50.5, told)


def screen(view: View, shot: Snapshot, width: int, height: int) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(view.render(shot, height=height))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (100, 20)])
def test_a_full_screen_fits_whatever_is_in_it(width: int, height: int) -> None:
    lines = screen(View(), snapshot(), width, height)
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width
    text = "\n".join(lines)
    for words in (*NAMES, "109,868,000", "+0.64%", "-7.00%", "KRW-COIN19", "12 open", "parked", "feed.up epoch=7"):
        assert words in text


def test_nothing_is_cut_off_at_80_columns() -> None:
    assert "…" not in "\n".join(screen(View(), snapshot(), 80, 24))


def test_the_first_screen_shows_a_tree_that_knows_nothing_yet() -> None:
    empty = Snapshot(0.1, None, {}, 0.1)
    text = "\n".join(screen(View(), empty, 80, 24))
    assert "starting" in text
    assert "no answer yet" in text


def test_a_price_is_marked_by_the_way_it_went_and_keeps_the_mark() -> None:
    view = View()
    shown = []
    for price in (100.0, 101.0, 101.0, 99.0):
        lines = screen(view, snapshot({**states(), "price_monitor": states(price)["price_monitor"]}), 80, 24)
        shown.append(next(line for line in lines if line.startswith("KRW-BTC")).split()[2])
    assert shown == ["+0.64%", "▲", "▲", "▼"]


def test_moves_are_fresh_only_on_the_screen_after_them() -> None:
    moves = Moves()
    for price, fresh in ((100.0, set()), (101.0, {"KRW-BTC"}), (101.0, set())):
        moves.take([{"market": "KRW-BTC", "trade_price": price}, {"market": "KRW-ETH", "trade_price": None}])
        assert moves.fresh == fresh


def test_a_restarted_child_and_an_actor_that_does_not_answer_stand_out() -> None:
    old = snapshot(children=(child("public", "backoff", restarts=3), child("private", "parked", reason="no keys")))
    silent = Snapshot(old.elapsed_s, old.tree, old.answers, 55.0, old.log)
    text = "\n".join(screen(View(), silent, 120, 40))
    for words in ("backoff", "signal 9", "no keys", "no answer for 5 s", "no answer for 5.0 s"):
        assert words in text


def test_the_plain_line_is_one_line_with_everything_that_moves() -> None:
    assert plain_line(snapshot()) == (
        "12.0s up=6/6 KRW-BTC 109,868,000 +0.64% KRW-ETH 3,430,000 -7.00% KRW-XRP - - KRW-ADA - - "
        "markets 20 orders 12 alerts 1"
    )


def test_the_plain_line_tells_of_restarts_and_a_link_that_is_down() -> None:
    answers = {**states(), "public": {**states()["public"], "link": "down"}}
    line = plain_line(snapshot(answers, children=(child("public", "backoff", restarts=2),)))
    assert line.endswith("restarts 2 link down")
    assert "up=0/1" in line


def test_the_plain_line_of_the_first_moment_is_empty_but_whole() -> None:
    assert plain_line(Snapshot(0.0, None, {}, 0.0)) == "0.0s up=0/0 markets 0 orders 0 alerts 0"


def test_the_part_filled_of_an_order_counts_all_its_fills() -> None:
    trade = msgspec.structs.asdict(my_order("a", "trade", executed="0.25"))
    # Of a fill, `volume` is this fill alone.
    row = order_rows({"open": [{**trade, "volume": Decimal("0.05")}]})[0]
    assert row[3].plain == "25%"


def test_the_part_filled_of_a_market_buy_is_that_of_its_budget() -> None:
    order = msgspec.structs.asdict(my_order("a", "cancel"))
    bought = {**order, "order_type": "price", "price": "5000", "volume": None, "executed_funds": "4999.9"}
    assert order_rows({"finished": [bought]})[0][3].plain == "100%"


def test_a_log_line_that_is_no_json_is_shown_as_it_is() -> None:
    assert log_line(b"Fatal Python error\n").plain == "Fatal Python error"
    assert log_line(b'{"event":"\xff"}\n').plain == '{"event":"\ufffd"}'


def test_the_demo_runs_the_default_tree_with_the_exchange_first_and_keys_for_private_alone() -> None:
    settings = demo_settings(default_settings_file(), 45678, locks=Path("/tmp/locks"))
    assert tuple(spec.name for spec in settings.children) == NAMES
    by_name = {spec.name: spec for spec in settings.children}
    assert by_name["public"].settings["exchange"]["websocket_url"] == "ws://127.0.0.1:45678"
    assert by_name["exchange"].settings["port"] == 45678
    assert by_name["private"].settings["keys_file"] == ""
    assert settings.secrets_of(by_name["public"]) == {}
    assert set(settings.secrets_of(by_name["private"])) == {"UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"}


async def test_a_supervisor_that_is_not_there_has_no_status(tmp_path: Any) -> None:
    assert await ask_status(tmp_path / "control.sock") is None
