"""The programs of the course itself do what the course promises; the exchange's journal is the judge.

Each block is run as it stands in the document, with only the line of its import changed. Names that a block uses and
does not define come from the library, or are stubs here.
"""

from collections.abc import Iterator

import pytest

from tests.course.blocks import DOCUMENT, NEW_IMPORT, OLD_IMPORT, blocks, program
from tests.course.stage import Ended, Sent, Stage, stage

UNDER_WAY_NS = 1_500_000_000


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("course"), "--rate", "300") as found:
        yield found


def well_ended(ended: Ended) -> Ended:
    assert ended.code == 0, ended.complaints
    assert ended.complaints == "", "warnings, errors of callbacks and unawaited coroutines all show here"
    return ended


def due(sent: list[Sent], ended: Ended) -> list[Sent]:
    """What came early enough to be handled before the program cleaned up, with room for a slow machine.

    The exchange sends longer than anyone listens: a connection that nobody wants stays for another half second.
    """
    return [message for message in sent if message.t_ns < ended.ended_ns - UNDER_WAY_NS]


def assert_same(printed: list[str], sent: list[Sent], expected: list[str], ended: Ended) -> None:
    """What was printed is what was sent, in order, each once, up to what was under way at the end."""
    assert printed, "nothing was printed"
    assert printed == expected[: len(printed)]
    assert len(printed) >= len(due(sent, ended))


def test_only_the_import_is_changed() -> None:
    document = DOCUMENT.read_text()
    assert document.count(OLD_IMPORT) == 1
    assert list(blocks()) == ["1.2", "2.1", "2.2", "3.1", "3.2", "4.1", "4.2"]
    for code in blocks().values():
        assert code in document or code.replace(NEW_IMPORT, OLD_IMPORT) in document


def test_1_2_the_first_program_prints_each_price_once_and_cleans_up(course: Stage) -> None:
    ended = well_ended(course.run(program("1.2", faster=10)))
    tickers = course.sent("ticker", ended.began_ns)
    assert {ticker.body["cd"] for ticker in tickers} == {"KRW-BTC"}
    assert tickers[0].is_snapshot
    assert not any(ticker.is_snapshot for ticker in tickers[1:])
    assert_same(ended.lines, tickers, [f"Price: {float(ticker.body['tp'])}" for ticker in tickers], ended)
    (request,) = course.requests(ended.began_ns)
    assert request.topics == {"ticker": {"KRW-BTC"}}


def test_2_1_three_types_accumulate_on_one_connection(course: Stage) -> None:
    before = len(course.connections("public"))
    ended = well_ended(course.run(program("2.1", "asyncio.run(composite_practice())", faster=15)))
    tickers, books, trades = (course.sent(kind, ended.began_ns) for kind in ("ticker", "orderbook", "trade"))
    assert_same(
        [line for line in ended.lines if line.startswith("[Ticker]")],
        tickers,
        [f"[Ticker] KRW-BTC: {float(ticker.body['tp'])}" for ticker in tickers],
        ended,
    )
    assert_same(
        [line for line in ended.lines if line.startswith("[Orderbook]")],
        books,
        [f"[Orderbook] KRW-BTC: {len(book.body['obu'])} levels" for book in books],
        ended,
    )
    assert_same(
        [line for line in ended.lines if line.startswith("[Trade]")],
        trades,
        [f"[Trade] KRW-BTC: {float(trade.body['tv'])}" for trade in trades],
        ended,
    )
    last = course.requests(ended.began_ns)[-1]
    assert last.topics == {kind: {"KRW-BTC"} for kind in ("ticker", "orderbook", "trade")}
    assert len({request.connection for request in course.requests(ended.began_ns)}) == 1
    made = [line for line in course.connections("public") if line["t_ns"] < ended.ended_ns]
    assert len(made) - before <= 1, "no connection of its own"


def test_2_2_the_same_type_replaces_and_what_stays_is_not_interrupted(course: Stage) -> None:
    ended = well_ended(course.run(program("2.2", "asyncio.run(subscription_management_practice())", faster=10)))
    wanted = [request.topics["ticker"] for request in course.requests(ended.began_ns)]
    assert wanted == [{"KRW-BTC"}, {"KRW-ETH"}, {"KRW-BTC", "KRW-ETH", "KRW-XRP"}]
    assert course.requests(ended.began_ns)[-1].realtime_only == {"ticker": {"KRW-ETH"}}, "it stays without a snapshot"
    first, second, third = (ended.lines.index(line) for line in ended.lines if line[1:3] == ". ")
    assert first == 0
    assert {line.split(":")[0] for line in ended.lines[first + 1 : second]} == {"BTC"}
    # The program prints before it subscribes: what comes in between is of the subscription before.
    while_second = [line.split(":")[0] for line in ended.lines[second + 1 : third]]
    assert {*while_second[while_second.index("ETH") :]} == {"ETH"}
    while_third = [line.split(" = ")[0] for line in ended.lines[third + 1 :]]
    after = while_third[[line.startswith("Multi") for line in while_third].index(True) :]
    assert {*after} == {"Multi: KRW-BTC", "Multi: KRW-ETH", "Multi: KRW-XRP"}
    ethereum = course.sent("ticker", ended.began_ns, code="KRW-ETH")
    assert [ticker.is_snapshot for ticker in ethereum].count(True) == 1
    printed = [line.split()[-1] for line in ended.lines if line.startswith(("ETH:", "Multi: KRW-ETH"))]
    assert_same(printed, ethereum, [str(float(ticker.body["tp"])) for ticker in ethereum], ended)


TRADING_APP = """
from actors.client import krw_markets

async def _get_all_krw_symbols(self):
    self.all_symbols = await krw_markets()
    return list(self.all_symbols)

AdvancedTradingApp._get_all_krw_symbols = _get_all_krw_symbols
_made = []
_init = AdvancedTradingApp.__init__

def _remember(self):
    _init(self)
    _made.append(self)

AdvancedTradingApp.__init__ = _remember
asyncio.run(advanced_practice())
(app,) = _made
print("prices", *(f"{symbol}={price}" for symbol, price in sorted(app.current_prices.items())))
print("orders", len(app.active_orders))
"""


def test_3_1_three_clients_share_two_connections_and_each_gets_all_that_is_its_own(course: Stage) -> None:
    before = {kind: len(course.connections(kind)) for kind in ("public", "private")}
    ended = well_ended(course.run(program("3.1", TRADING_APP, faster=50)))
    assert len(course.connections("private")) == before["private"], "the account has one connection, made before"
    made = [line for line in course.connections("public") if line["t_ns"] < ended.ended_ns]
    assert len(made) - before["public"] <= 1
    last = course.requests(ended.began_ns)[-1].topics["ticker"]
    assert len(last) == sum(code.startswith("KRW-") for code in last) > 30
    prices = dict(
        pair.split("=") for pair in next(line for line in ended.lines if line.startswith("prices")).split()[1:]
    )
    assert set(prices) == {"KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA"}
    for symbol, price in prices.items():
        tickers = course.sent("ticker", ended.began_ns, code=symbol)
        newest = [str(float(ticker.body["tp"])) for ticker in tickers[max(0, len(due(tickers, ended)) - 1) :]]
        assert price in newest, "the last price, but for what was under way at the end"
    assert any(line.startswith("💰 고거래량 감지: KRW-") for line in ended.lines)
    orders = course.sent("myOrder", 0)
    told = [line for line in ended.lines if line.startswith("주문 업데이트: ")]
    expected = [f"주문 업데이트: {o.body['ab'].lower()} {o.body['cd']} {o.body['s']}" for o in orders]
    assert told
    assert told == expected[: len(told)], "also those before it came: an account's events are kept for late comers"


BATCHING = """
async def batching_practice():
    manager = OptimizedSubscriptionManager()
    await manager.start()
    symbols = {"KRW-BTC", "KRW-ETH"}
    await manager.update_symbols(symbols)
    await _asyncio.sleep(2)
    await manager.update_symbols(set(symbols))
    await manager.update_symbols({"KRW-ETH", "KRW-XRP"})
    await _asyncio.sleep(2)
    await manager.cleanup()

asyncio.run(batching_practice())
"""


def test_3_2_symbols_change_by_their_difference_and_events_come_in_batches(course: Stage) -> None:
    ended = well_ended(course.run(program("3.2", BATCHING, faster=1)))
    assert [line for line in ended.lines if line.startswith("심볼 변경")] == ["심볼 변경: +2, -0", "심볼 변경: +1, -1"]
    requests = course.requests(ended.began_ns)
    assert [request.topics["ticker"] for request in requests] == [{"KRW-BTC", "KRW-ETH"}, {"KRW-ETH", "KRW-XRP"}]
    assert requests[-1].realtime_only == {"ticker": {"KRW-ETH"}}
    sizes = [int(line.split(": ")[1].split("개")[0]) for line in ended.lines if line.startswith("배치 처리")]
    assert sizes
    assert max(sizes) <= 10
    tickers = course.sent("ticker", ended.began_ns)
    left_ns = requests[-1].t_ns - UNDER_WAY_NS
    surely = [ticker for ticker in due(tickers, ended) if ticker.body["cd"] != "KRW-BTC" or ticker.t_ns < left_ns]
    # The program of the course drops its last batch; that is its own fault, mended in examples/.
    assert len(surely) - 10 <= sum(sizes) <= len(tickers)


ORDERBOOK = """
async def orderbook_practice():
    window = RealTimeOrderbook()
    await window.start()
    await _asyncio.sleep(1)
    await window.change_symbol("KRW-ETH")
    await _asyncio.sleep(1)
    await window.change_symbol("KRW-ETH")
    await window.change_symbol("KRW-BTC")
    await _asyncio.sleep(1)
    print("shown", window.orderbook_data.symbol)
    window.ui_update_timer.cancel()
    await window.client.cleanup()

asyncio.run(orderbook_practice())
"""


def test_4_1_the_orderbook_changes_its_symbol_there_and_back(course: Stage) -> None:
    ended = well_ended(course.run(program("4.1", ORDERBOOK, faster=1)))
    wanted = [request.topics["orderbook"] for request in course.requests(ended.began_ns)]
    assert wanted == [{"KRW-BTC"}, {"KRW-ETH"}, {"KRW-BTC"}], "the same symbol again sends nothing"
    changes = [line for line in ended.lines if line.startswith("호가창 심볼 변경")]
    assert changes == ["호가창 심볼 변경: KRW-ETH", "호가창 심볼 변경: KRW-BTC"]
    assert "호가 업데이트: KRW-BTC" in ended.lines
    assert "호가 업데이트: KRW-ETH" in ended.lines
    assert ended.lines[-1] == "shown KRW-BTC"


BOT = """
class TradingStrategy:
    def __init__(self, strategy_id, config):
        self.seen = {"ticker": set(), "orderbook": set()}
    def on_ticker(self, event):
        self.seen["ticker"].add(event.symbol)
    def on_orderbook(self, event):
        self.seen["orderbook"].add(event.symbol)

class RiskManager: ...
class OrderManager: ...

class Bot(MultiStrategyTradingBot):
    orders = assets = 0
    def _on_order_update(self, event):
        self.orders += 1
    def _on_balance_update(self, event):
        self.assets += len(event.assets)
    async def _check_system_health(self):
        for name, parts in self.strategies.items():
            health = parts["client"].health()
            assert health.is_connected and not health.callback_errors, health

async def bot_practice():
    bot = Bot()
    await bot.add_strategy("a", {"data_sources": ["ticker", "orderbook"], "symbols": ["KRW-BTC", "KRW-ETH"]})
    await bot.add_strategy("b", {"data_sources": ["ticker"], "symbols": ["KRW-ETH", "KRW-XRP"]})
    running = _asyncio.create_task(bot.run())
    await _asyncio.sleep(2)
    a = bot.strategies["a"]["strategy"].seen
    b = bot.strategies["b"]["strategy"].seen
    await bot.remove_strategy("a")
    await _asyncio.sleep(1)
    await bot._shutdown()
    running.cancel()
    print("a", sorted(a["ticker"]), sorted(a["orderbook"]), "b", sorted(b["ticker"]), sorted(b["orderbook"]))
    print("account", bot.orders > 0, bot.assets > 0)

asyncio.run(bot_practice())
"""


def test_4_2_strategies_come_and_go_without_touching_one_another(course: Stage) -> None:
    ended = well_ended(course.run(program("4.2", BOT, faster=100)))
    assert "봇 시작: 2개 전략 활성화" in ended.lines
    assert "a ['KRW-BTC', 'KRW-ETH'] ['KRW-BTC', 'KRW-ETH'] b ['KRW-ETH', 'KRW-XRP'] []" in ended.lines
    assert ended.lines[-1] == "account True True"
    requests = [request for request in course.requests(ended.began_ns) if "ticker" in request.topics]
    fullest = max(requests, key=lambda request: len(request.topics.get("ticker", ())))
    assert fullest.topics["ticker"] == {"KRW-BTC", "KRW-ETH", "KRW-XRP"}
    assert requests[-1].topics == {"ticker": {"KRW-ETH", "KRW-XRP"}}, "the one that left took only its own"
    shared = course.sent("ticker", ended.began_ns, code="KRW-ETH")
    assert [ticker.is_snapshot for ticker in shared].count(True) == 1


def test_a_program_that_is_interrupted_leaves_nothing_on_the_exchange(course: Stage) -> None:
    """^C while the first program of the course sleeps: it cleans nothing up itself, and nothing stays."""
    ended = course.run(program("1.2", faster=0.1), interrupt_after_line="Price: ")
    assert ended.code != 0
    assert ended.complaints.strip().endswith("KeyboardInterrupt")
    assert "never awaited" not in ended.complaints
    assert course.lines("connection_closed", ended.began_ns)
