from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.consumers.price_monitor import PriceBoard, PriceMonitorSettings, run
from actors.runtime.channel.dialling import Dial
from actors.runtime.process.counters import Counters
from protocols.reports import PriceAlert, Report
from tests.actors.consumers.harness import event, first_event, quiet_log, running, ticker

BTC_ONLY = PriceMonitorSettings(markets=("KRW-BTC",))


def _only_price(board: PriceBoard, *, now_ns: int) -> dict[str, Any]:
    (price,) = msgspec.convert(board.describe(now_ns=now_ns)["prices"], list[dict[str, Any]])
    return price


def test_alerts_carry_the_sign_of_the_change() -> None:
    board = PriceBoard(PriceMonitorSettings())
    rise = board.take(event(ticker("KRW-BTC", 106.0, 0.06)))
    fall = board.take(event(ticker("KRW-ETH", 93.0, -0.07)))
    assert rise == PriceAlert("KRW-BTC", "rise", 0.06, 0.05, 106.0, 1_700_000_000_000)
    assert fall == PriceAlert("KRW-ETH", "fall", -0.07, 0.05, 93.0, 1_700_000_000_000)


def test_a_price_never_goes_back_in_exchange_time() -> None:
    board = PriceBoard(BTC_ONLY)
    board.take(event(ticker(price=101.0, timestamp=2000)))
    assert board.take(event(ticker(price=50.0, rate=-0.5, timestamp=1999))) is None
    assert _only_price(board, now_ns=0)["trade_price"] == 101.0


def test_the_history_of_alerts_is_bounded_and_the_newest_stay() -> None:
    board = PriceBoard(PriceMonitorSettings(markets=("KRW-BTC",), history=3))
    for n in range(20):
        board.take(event(ticker(rate=0.06 + n / 1000)))
        board.take(event(ticker(rate=0.0)))
    assert [alert.signed_change_rate for alert in board.alerts] == pytest.approx([0.077, 0.078, 0.079])


def test_the_age_of_a_price_is_counted_from_its_arrival() -> None:
    board = PriceBoard(BTC_ONLY)
    board.take(event(ticker(), received_ns=1_000_000_000))
    assert _only_price(board, now_ns=3_500_000_000)["age_s"] == 2.5


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"markets": []}, "name at least one"),
        ({"markets": ["krw-btc"]}, "'krw-btc' is not a market"),
        ({"threshold": 0.01, "hysteresis": 0.02}, "must be less than threshold"),
        ({"threshold": -1.0}, "Expected `float` > 0.0"),
        ({"marktes": ["KRW-BTC"]}, "unknown field `marktes`"),
    ],
)
def test_bad_settings_are_told_in_one_line(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(table, PriceMonitorSettings)


async def test_it_is_ready_before_any_data_and_wants_its_markets(tmp_path: Path) -> None:
    async with running(tmp_path, run, PriceMonitorSettings(markets=("KRW-BTC", "KRW-ETH"))) as monitor:
        await monitor.source.wanted("ticker/KRW-BTC", "ticker/KRW-ETH")
        assert monitor.is_ready
        state = await monitor.state()
        assert state["source"]["link"] == "connecting"
        assert [price["trade_price"] for price in state["prices"]] == [None, None]


async def test_an_alert_goes_out_on_its_own_topic_and_stands_in_the_state(tmp_path: Path) -> None:
    async with running(tmp_path, run, BTC_ONLY) as monitor:
        source = monitor.source
        source.go_up()
        await source.wanted("ticker/KRW-BTC")
        dial = Dial(tmp_path / "price_monitor.sock", "test", Counters(), quiet_log(), bodies=Report)
        async with dial as alerts:
            await alerts.want_topics("alert")
            source.publish(ticker(price=106.0, rate=0.06))
            alert = await first_event(alerts)
            for n in range(1000):
                source.publish(ticker(price=106.0, rate=0.06 + n / 1e5))
            await monitor.consumed(1)
        assert alert.body == PriceAlert("KRW-BTC", "rise", 0.06, 0.05, 106.0, 1_700_000_000_000)
        state = await monitor.state_when(lambda state: state["prices"][0]["signed_change_rate"] > 0.069)
        assert [alert["code"] for alert in state["alerts"]] == ["KRW-BTC"]
        assert state["source"]["link"] == "up"
        assert monitor.actor.counters.snapshot()["alerts"] == 1


async def test_prices_stay_with_their_age_while_the_link_is_down(tmp_path: Path) -> None:
    async with running(tmp_path, run, BTC_ONLY) as monitor:
        source = monitor.source
        source.go_up()
        await source.wanted("ticker/KRW-BTC")
        source.publish(ticker(price=100.0))
        await monitor.consumed(1)
        source.go_down("1006")
        state = await monitor.state_when(lambda state: state["source"]["link"] == "down")
        assert state["source"]["reason"] == "1006"
        assert state["prices"][0]["trade_price"] == 100.0
        assert state["prices"][0]["age_s"] >= 0.0
        source.go_up()
        source.publish(ticker(price=101.0))
        state = await monitor.state_when(lambda state: state["prices"][0]["trade_price"] == 101.0)
        assert (state["source"]["link"], state["source"]["outages"]) == ("up", 1)


async def test_a_market_that_is_not_served_is_shown_and_the_others_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, run, PriceMonitorSettings(markets=("KRW-BTC", "KRW-NONE"))) as monitor:
        source = monitor.source
        source.go_up()
        await source.wanted("ticker/KRW-BTC", "ticker/KRW-NONE")
        source.publisher.report_problem("ticker/KRW-NONE", "no data within 5 s")
        source.publish(ticker(price=100.0))
        await monitor.consumed(1)
        state = await monitor.state()
        assert state["source"]["problems"] == {"ticker/KRW-NONE": "no data within 5 s"}
        assert state["prices"][0]["trade_price"] == 100.0
