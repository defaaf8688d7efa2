"""Each example as a program, for some seconds: what it prints, how it ends, and that it leaves nothing behind."""

import asyncio
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from l4_1_orderbook import RealTimeOrderbook

from tests.examples.example_process import EXAMPLES, LIMIT_S, ExampleProcess
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange
from tests.tree.running_tree import RunningTree, running_tree

KEYS = {"UPBITD_ACCESS_KEY": "AK", "UPBITD_SECRET_KEY": "SK"}
SETTINGS = """
[supervisor]
log_level = "warning"
[exchange]
websocket_url = "{url}"
[[child]]
name = "public"
start = "actors.connections.public:run"
[[child]]
name = "private"
start = "actors.connections.private:run"
secrets = ["UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"]
"""

NUMBER = r"[0-9.e+-]+"
PRICE = re.compile(rf"Price: {NUMBER}")
COMPOSITE = {
    "Ticker": re.compile(rf"\[Ticker\] KRW-BTC: {NUMBER}"),
    "Orderbook": re.compile(r"\[Orderbook\] KRW-BTC: 30 levels"),
    "Trade": re.compile(rf"\[Trade\] KRW-BTC: {NUMBER}"),
}
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "running")


@pytest.fixture(scope="module")
def exchange() -> Iterator[ExchangeProcess]:
    with simulated_exchange("--rate", "500", "--access-key", "AK", "--secret-key", "SK") as running:
        yield running


@pytest.fixture(scope="module")
def tree(exchange: ExchangeProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTree]:
    folder = tmp_path_factory.mktemp("tree")
    with running_tree(folder, SETTINGS.format(url=exchange.ws), environment=KEYS) as running:
        running.wait_for("child_ready", "public")
        yield running


def run(name: str, seconds: float, tree: RunningTree, folder: Path) -> list[str]:
    """Run an example to its end, and return what it printed."""
    code, lines, error = start(name, seconds, tree, folder).finish()
    assert (code, error) == (0, "")
    return lines


def start(name: str, seconds: float, tree: RunningTree, folder: Path) -> ExampleProcess:
    environment = {"UPBITD_RUN_DIR": str(tree.run_dir), "UPBITD_AUTOSTART": "0"}
    return ExampleProcess(name, "--seconds", str(seconds), environment=environment, folder=folder)


def wait_freed(exchange: ExchangeProcess) -> None:
    """Wait until no market data are subscribed on the exchange; what a tree itself wants of an account stays."""
    deadline_s = time.monotonic() + LIMIT_S
    while links := [one for one in exchange.state()["connections"] if one["kind"] == "public" and one["subscription"]]:
        assert time.monotonic() < deadline_s, links
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["l1_2_basic", "l1_2_basic_trio"])
def test_the_basic_practice_prints_prices(
    name: str, exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    lines = run(name, 2, tree, tmp_path)
    assert lines
    assert all(PRICE.fullmatch(line) for line in lines)
    wait_freed(exchange)


@pytest.mark.parametrize("name", ["l2_1_composite", "l2_1_composite_trio"])
def test_the_composite_practice_prints_each_type_as_its_own(
    name: str, exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    lines = run(name, 2, tree, tmp_path)
    kinds = [line[1:].partition("]")[0] for line in lines]
    assert set(kinds) == set(COMPOSITE)
    assert all(COMPOSITE[kind].fullmatch(line) for kind, line in zip(kinds, lines, strict=True))
    wait_freed(exchange)


@pytest.mark.parametrize("name", ["l2_2_management", "l2_2_management_trio"])
def test_the_management_practice_replaces_markets_and_callback_at_once(
    name: str, exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    text = "\n".join(run(name, 4, tree, tmp_path))
    first, second, third = re.split(r"\d\. .*\n", text)[1:]
    assert {line.partition(":")[0] for line in first.splitlines()} == {"BTC"}
    # Between the title and the switch itself an event of before may still come, but never under a new name.
    assert re.fullmatch(rf"(BTC: {NUMBER}\n)*(ETH: {NUMBER}\n)+", second)
    assert re.fullmatch(rf"(ETH: {NUMBER}\n)*(Multi: KRW-\w+ = {NUMBER}\n?)+", third)
    assert set(re.findall(r"Multi: (KRW-\w+)", third)) == {"KRW-BTC", "KRW-ETH", "KRW-XRP"}
    wait_freed(exchange)


@pytest.mark.parametrize("name", ["l3_1_trading_app", "l3_1_trading_app_trio"])
def test_the_trading_application_sees_orders_and_turnover(
    name: str, exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    lines = run(name, 8, tree, tmp_path)
    turnovers = [line for line in lines if line.startswith("💰 고거래량 감지: ")]
    assert turnovers
    assert len(turnovers) == len(set(turnovers))
    assert all(line.split()[-1].startswith("KRW-") for line in turnovers)
    orders = [line for line in lines if line.startswith("주문 업데이트: ")]
    assert orders
    assert all(
        re.fullmatch(r"주문 업데이트: (bid|ask) [A-Z]+-\w+ (wait|watch|trade|done|cancel|prevented)", o) for o in orders
    )
    assert all(re.fullmatch(r"🚨 KRW-\w+: [+-]\d+\.\d\d% 변동", line) for line in lines if line[0] == "🚨")
    wait_freed(exchange)


def test_the_batching_practice_sends_differences_and_full_batches(
    exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    lines = run("l3_2_batching", 4, tree, tmp_path)
    changes = [line for line in lines if line.startswith("심볼")]
    assert changes == ["심볼 변경: +10, -0", "심볼 변경: +10, -5", "심볼 변경: +0, -15"]
    sizes = [int(re.fullmatch(r"배치 처리: (\d+)개 이벤트", line)[1]) for line in lines if line not in changes]  # type: ignore[index]
    assert sizes
    assert 1 <= min(sizes) <= max(sizes) <= 10
    # After the empty set only what was on its way still comes.
    assert len(lines) - lines.index(changes[-1]) < 10
    wait_freed(exchange)


def test_the_order_book_practice_draws_each_book_under_its_own_name(
    exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    lines = run("l4_1_orderbook", 6, tree, tmp_path)
    assert [line for line in lines if line.startswith("호가창")] == [
        "호가창 심볼 변경: KRW-ETH",
        "호가창 심볼 변경: KRW-BTC",
    ]
    bids = [(line.split()[2], float(line.split()[3].replace(",", ""))) for line in lines if line.startswith("호가 ")]
    assert {symbol for symbol, _ in bids} == {"KRW-BTC", "KRW-ETH"}
    # One is worth more than ten times the other, so a foreign book would show in its prices.
    ether = max(price for symbol, price in bids if symbol == "KRW-ETH")
    assert all(price > 10 * ether for symbol, price in bids if symbol == "KRW-BTC")
    wait_freed(exchange)


def test_the_price_monitor_prints_a_line_for_each_price(
    exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    lines = run("price_monitor", 2, tree, tmp_path)
    assert lines
    assert all(re.fullmatch(r"KRW-(BTC|ETH|XRP) [\d,.]+ [+-]\d+\.\d\d%", line) for line in lines)
    wait_freed(exchange)


@pytest.mark.parametrize(
    ("name", "number"),
    [(name, signal.SIGINT) for name in PROGRAMS]
    + [(name, signal.SIGTERM) for name in ("l1_2_basic", "l1_2_basic_trio", "l3_2_batching")],
)
def test_a_signal_ends_an_example_in_order(
    name: str, number: int, exchange: ExchangeProcess, tree: RunningTree, tmp_path: Path
) -> None:
    example = start(name, 600, tree, tmp_path)
    assert example.first_line()
    code, _lines, error = example.finish(number)
    assert (code, error) == (0, "")
    wait_freed(exchange)


def test_200_random_switches_of_a_real_book_show_no_foreign_one(
    exchange: ExchangeProcess, tree: RunningTree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UPBITD_RUN_DIR", str(tree.run_dir))
    rng, drawn = random.Random(4), []
    symbols = [rng.choice(("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA")) for _ in range(200)]

    class Noted(RealTimeOrderbook):
        was_drawn = asyncio.Event()

        def _update_orderbook_display(self) -> None:
            if self.orderbook_data is not None:
                drawn.append((self.current_symbol, self.orderbook_data.symbol))
                self.was_drawn.set()

    async def main() -> None:
        orderbook = Noted()
        try:
            await orderbook.start()
            for symbol in symbols:
                assert await orderbook.change_symbol(symbol)
                data: Any = orderbook.orderbook_data
                assert data is None or data.symbol == symbol
                await asyncio.sleep(rng.uniform(0, 0.03))
            orderbook.was_drawn.clear()
            async with asyncio.timeout(LIMIT_S):
                await orderbook.was_drawn.wait()  # The last market is shown, too.
        finally:
            await orderbook.stop()

    asyncio.run(main())
    assert drawn[-1][0] == symbols[-1]
    assert [shown for shown in drawn if shown[0] != shown[1]] == []
    wait_freed(exchange)


def test_by_environment_alone_an_example_brings_its_own_tree_and_takes_it_away(
    exchange: ExchangeProcess, tmp_path: Path
) -> None:
    environment = {
        "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
        "UPBITD_RUN_DIR": str(tmp_path / "run"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        **KEYS,
    }
    example = ExampleProcess("l3_1_trading_app", "--seconds", "4", environment=environment, folder=tmp_path)
    assert example.first_line()
    started = psutil.Process(example.process.pid).children(recursive=True)
    assert started
    code, _lines, error = example.finish()
    assert (code, error) == (0, "")
    _gone, alive = psutil.wait_procs(started, timeout=LIMIT_S)
    assert alive == []
    wait_freed(exchange)


def test_without_keys_the_rest_of_the_application_goes_on(exchange: ExchangeProcess, tmp_path: Path) -> None:
    environment = {
        "UPBITD_EXCHANGE__WEBSOCKET_URL": exchange.ws,
        "UPBITD_RUN_DIR": str(tmp_path / "run"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "HOME": str(tmp_path),  # Nobody's keys file.
    }
    example = ExampleProcess("l3_1_trading_app", "--seconds", "3", environment=environment, folder=tmp_path)
    code, lines, error = example.finish()
    assert (code, error) == (0, "")
    assert any(line.startswith("주문 추적 불가: ") for line in lines)
    assert any(line.startswith("💰 ") for line in lines)


def test_an_example_starts_a_simulated_exchange_on_request(tmp_path: Path) -> None:
    example = ExampleProcess("price_monitor", "--sim", "--seconds", "2", environment={}, folder=tmp_path)
    assert example.first_line().startswith("KRW-")
    started = psutil.Process(example.process.pid).children(recursive=True)
    code, lines, error = example.finish()
    assert (code, error) == (0, "")
    assert lines
    _gone, alive = psutil.wait_procs(started, timeout=LIMIT_S)
    assert alive == []


@pytest.mark.parametrize("name", ["l1_2_basic", "l1_2_basic_trio"])
def test_where_nothing_can_be_reached_one_line_says_what_to_do(name: str, tmp_path: Path) -> None:
    environment = {"UPBITD_RUN_DIR": str(tmp_path / "run"), "UPBITD_AUTOSTART": "0"}
    code, lines, error = ExampleProcess(name, environment=environment, folder=tmp_path).finish()
    assert (code, lines) == (1, [])
    assert len(error.splitlines()) == 1
    assert "start it with `upbitd run`" in error


def test_options_that_cannot_be_are_refused(tmp_path: Path) -> None:
    code, lines, error = ExampleProcess("l1_2_basic", "--seconds", "-1", environment={}, folder=tmp_path).finish()
    assert (code, lines) == (2, [])
    assert "-1 is not a number of seconds above 0" in error
