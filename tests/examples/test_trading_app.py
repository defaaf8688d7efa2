"""Level 3.1 by itself: its state, fed with events; its clients, some of them fakes."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import l3_1_trading_app
import l3_1_trading_app_trio
import pytest
import trio
from l3_1_trading_app import ALERTS_KEPT, AdvancedTradingApp

from actors.client import AuthenticationError
from protocols.upbit.messages import MyOrder
from tests.actors.consumers.harness import my_order, ticker
from tests.examples.fake_client import FakeClient


def test_prices_are_the_newest_and_never_go_back_in_time() -> None:
    app = AdvancedTradingApp()
    app._on_price_update(ticker("KRW-BTC", 100.0, timestamp=2))
    app._on_price_update(ticker("KRW-ETH", 5.0, timestamp=2))
    app._on_price_update(ticker("KRW-BTC", 90.0, timestamp=1))
    assert app.current_prices == {"KRW-BTC": 100.0, "KRW-ETH": 5.0}
    app._on_price_update(ticker("KRW-BTC", 110.0, timestamp=3))
    assert app.current_prices["KRW-BTC"] == 110.0


def test_a_fall_is_told_as_a_fall() -> None:
    app = AdvancedTradingApp()
    app._on_price_update(ticker("KRW-BTC", rate=0.06))
    app._on_price_update(ticker("KRW-ETH", rate=-0.07))
    assert list(app.alerts) == ["🚨 KRW-BTC: +6.00% 변동", "🚨 KRW-ETH: -7.00% 변동"]


def test_a_crossing_is_told_once_and_again_after_it_came_back() -> None:
    app = AdvancedTradingApp()
    for number in range(1000):
        app._on_price_update(ticker("KRW-BTC", rate=0.06 + number % 7 / 1000, timestamp=number))
    assert len(app.alerts) == 1
    app._on_price_update(ticker("KRW-BTC", rate=0.01, timestamp=1001))
    app._on_price_update(ticker("KRW-BTC", rate=0.06, timestamp=1002))
    assert len(app.alerts) == 2


def test_alerts_are_bounded() -> None:
    app = AdvancedTradingApp()
    for number in range(3 * ALERTS_KEPT):
        app._on_price_update(ticker(f"KRW-A{number}", rate=0.06))
    assert len(app.alerts) == ALERTS_KEPT
    assert app.alerts[-1].startswith(f"🚨 KRW-A{3 * ALERTS_KEPT - 1}:")


def test_active_orders_are_the_open_ones_of_fifty_lives() -> None:
    app = AdvancedTradingApp()
    open_ones = set()
    for number in range(50):
        uuid = f"order-{number}"
        steps: list[MyOrder] = [my_order(uuid, "wait"), my_order(uuid, "trade", executed="0.5")]
        if number % 3 == 0:
            steps.append(my_order(uuid, "done", executed="1"))
        elif number % 3 == 1:
            steps.append(my_order(uuid, "cancel", executed="0.5"))
        else:
            open_ones.add(uuid)
        for step in steps:
            app._on_order_update(step)
        app._on_order_update(steps[0])  # Late, and of an order that may be finished: it brings nothing back.
    assert set(app.active_orders) == open_ones
    assert all(order.state == "trade" for order in app.active_orders.values())


def test_an_order_is_printed_with_the_names_of_the_course(capsys: pytest.CaptureFixture[str]) -> None:
    AdvancedTradingApp()._on_order_update(my_order("a", "wait"))
    assert capsys.readouterr().out == "주문 업데이트: bid KRW-BTC wait\n"


def test_turnover_is_told_once_and_for_won_markets_alone(capsys: pytest.CaptureFixture[str]) -> None:
    app = AdvancedTradingApp()
    for number in range(10):
        for symbol, turnover in (("KRW-BTC", 2e9), ("BTC-ETH", 2e9), ("USDT-BTC", 2e9), ("KRW-DOGE", 9e8)):
            app._on_market_scan(ticker(symbol, turnover=turnover, timestamp=number))
    assert capsys.readouterr().out == "💰 고거래량 감지: KRW-BTC\n"


RUNS: list[tuple[Any, Callable[[Any], None]]] = [
    (l3_1_trading_app.AdvancedTradingApp, lambda work: asyncio.run(work())),
    (l3_1_trading_app_trio.AdvancedTradingApp, trio.run),
]


@pytest.mark.parametrize(("app_class", "run"), RUNS)
def test_a_cleanup_that_fails_keeps_no_other_client_from_it(app_class: Any, run: Callable[[Any], None]) -> None:
    app = app_class()
    clients = app.price_monitor, app.order_tracker, app.market_scanner = FakeClient(), FakeClient(), FakeClient()
    clients[0].error = ConnectionError("gone")
    with pytest.raises(ExceptionGroup) as caught:
        run(app.cleanup_all)
    assert [str(error) for error in caught.value.exceptions] == ["gone"]
    assert [client.cleanups for client in clients] == [1, 1, 1]


@pytest.mark.parametrize(("app_class", "run"), RUNS)
def test_cleaning_up_what_was_never_started_is_fine(app_class: Any, run: Callable[[Any], None]) -> None:
    app = app_class()
    run(app.cleanup_all)


def test_without_keys_it_says_so_and_watches_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    app: Any = AdvancedTradingApp()
    app.price_monitor, app.market_scanner = FakeClient(), FakeClient()

    class WithoutKeys(FakeClient):
        async def subscribe_my_order(self, callback: object) -> None:
            raise AuthenticationError("no keys")

    async def all_symbols() -> tuple[str, ...]:
        return ("KRW-BTC", "KRW-XYZ")

    app.order_tracker, app._get_all_krw_symbols = WithoutKeys(), all_symbols
    asyncio.run(app.start_monitoring())
    assert app.price_monitor.asked == [("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA")]
    assert app.market_scanner.asked == [("KRW-BTC", "KRW-XYZ")]
    assert app.errors == ["주문 추적 불가: no keys"]
    assert capsys.readouterr().out == "주문 추적 불가: no keys\n"


def test_an_application_that_is_forgotten_is_gone_at_once() -> None:
    gc.disable()
    try:
        app = AdvancedTradingApp()
        app._on_price_update(ticker(rate=0.06))
        gone = weakref.ref(app)
        del app
        assert gone() is None
    finally:
        gc.enable()
