from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.consumers.market_scanner import MarketScannerSettings, Scan, run
from actors.runtime.channel.dialling import Dial
from actors.runtime.process.counters import Counters
from protocols.errors import ConnectionLost
from protocols.reports import Report, SurgeAlert, TurnoverAlert
from protocols.upbit.markets import MarketInfo
from tests.actors.consumers.harness import first_event, quiet_log, running, ticker, until

FAST = MarketScannerSettings(retry_s=0.001, refresh_s=0.001)


def scan_of(*codes: str, **settings: Any) -> Scan:
    scan = Scan(MarketScannerSettings(**settings))
    scan.follow(codes)
    return scan


class Listing:
    """Plays the request `markets`."""

    def __init__(self, *codes: str) -> None:
        self.codes = codes
        self.failures = 0
        self.asked = 0

    async def __call__(self, _request: object) -> object:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise ConnectionLost("the exchange is away")
        return [MarketInfo(code, code, code) for code in self.codes]


def test_turnover_above_the_limit_is_reported_once_for_each_crossing() -> None:
    scan = scan_of("KRW-BTC")
    values = [0.9e9, 1.1e9, 1.2e9, 0.99e9, 1.1e9, 0.94e9, 1.1e9]
    reports = [scan.take(ticker(turnover=value)) for value in values]
    assert [len(found) for found in reports] == [0, 1, 0, 0, 0, 0, 1]
    assert reports[1] == [TurnoverAlert("KRW-BTC", 1.1e9, 1e9, 100.0, 1_700_000_000_000)]


def test_the_limit_in_krw_is_never_applied_to_markets_of_another_quote() -> None:
    scan = scan_of("KRW-BTC", "BTC-ETH", "USDT-BTC")
    assert scan.markets == {"KRW-BTC"}
    assert scan.take(ticker("BTC-ETH", turnover=2e9)) == []
    assert scan.take(ticker("USDT-BTC", turnover=2e9)) == []


def test_surges_have_the_right_sign() -> None:
    scan = scan_of("KRW-BTC", "KRW-ETH")
    (rise,) = scan.take(ticker("KRW-BTC", rate=0.06))
    (fall,) = scan.take(ticker("KRW-ETH", rate=-0.07))
    assert isinstance(rise, SurgeAlert)
    assert isinstance(fall, SurgeAlert)
    assert (rise.direction, rise.signed_change_rate) == ("rise", 0.06)
    assert (fall.direction, fall.signed_change_rate) == ("fall", -0.07)


def test_a_delisted_market_leaves_and_comes_back_like_a_new_one() -> None:
    scan = scan_of("KRW-BTC", "KRW-OLD")
    scan.take(ticker("KRW-OLD", turnover=5e9))
    assert scan.follow(["KRW-BTC", "KRW-NEW"])
    assert [found.code for found in scan.top()] == []
    assert scan.take(ticker("KRW-OLD", turnover=5e9)) == []
    assert scan.follow(["KRW-BTC", "KRW-OLD"])
    assert len(scan.take(ticker("KRW-OLD", turnover=5e9))) == 1


def test_an_empty_list_of_markets_is_not_the_end_of_all_markets() -> None:
    scan = scan_of("KRW-BTC")
    assert not scan.follow([])
    assert not scan.follow(["BTC-ETH"])
    assert scan.markets == {"KRW-BTC"}


def test_an_older_ticker_changes_nothing() -> None:
    scan = scan_of("KRW-BTC")
    scan.take(ticker(turnover=1.0, timestamp=2000))
    assert scan.take(ticker(turnover=5e9, timestamp=1000)) == []
    assert scan.top()[0].acc_trade_price_24h == 1.0


@given(st.dictionaries(st.integers(0, 99), st.floats(0, 1e12), max_size=40), st.integers(1, 12))
def test_the_ranking_is_the_head_of_all_markets_sorted_by_turnover(turnovers: dict[int, float], top: int) -> None:
    scan = scan_of(*(f"KRW-C{n}" for n in turnovers), top=top)
    for n, turnover in turnovers.items():
        scan.take(ticker(f"KRW-C{n}", turnover=turnover))
    assert [found.acc_trade_price_24h for found in scan.top()] == sorted(turnovers.values(), reverse=True)[:top]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"threshold": 0.01, "hysteresis": 0.02}, "must be less than threshold"),
        ({"turnover_hysteresis": 1.5}, "Expected `float` < 1.0"),
        ({"top": 0}, "Expected `int` >= 1"),
    ],
)
def test_bad_settings_are_told_in_one_line(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(table, MarketScannerSettings)


async def test_it_is_ready_before_the_list_is_there_and_asks_until_it_is(tmp_path: Path) -> None:
    listing = Listing("KRW-BTC", "BTC-ETH")
    listing.failures = 3
    async with running(tmp_path, run, FAST, requests={"markets": listing}) as scanner:
        await until(lambda: scanner.is_ready)
        await scanner.source.wanted("ticker/KRW-BTC")
        assert scanner.actor.counters.snapshot()["market_lists_failed"] == 3


async def test_an_answer_that_is_no_list_is_asked_for_again(tmp_path: Path) -> None:
    answers: list[object] = ["no list", [{"market": "KRW-BTC"}]]
    good = Listing("KRW-BTC")

    async def answer(request: object) -> object:
        return answers.pop(0) if answers else await good(request)

    async with running(tmp_path, run, FAST, requests={"markets": answer}) as scanner:
        await scanner.source.wanted("ticker/KRW-BTC")
        assert scanner.actor.counters.snapshot()["market_lists_failed"] == 2


async def test_markets_come_and_go_without_disturbing_the_others(tmp_path: Path) -> None:
    listing = Listing("KRW-BTC", "KRW-OLD")
    async with running(tmp_path, run, FAST, requests={"markets": listing}) as scanner:
        source = scanner.source
        source.go_up()
        await source.wanted("ticker/KRW-BTC", "ticker/KRW-OLD")
        stays = source.publisher.streams["ticker/KRW-BTC"]
        source.publish(ticker("KRW-BTC", turnover=2e9), ticker("KRW-OLD", turnover=3e9))
        await scanner.consumed(2)
        listing.codes = ("KRW-BTC", "KRW-NEW")
        await source.wanted("ticker/KRW-BTC", "ticker/KRW-NEW")
        assert source.publisher.streams["ticker/KRW-BTC"] is stays
        source.publish(ticker("KRW-BTC", turnover=2e9 + 1), ticker("KRW-NEW", turnover=1.0))
        await scanner.consumed(4)
        state = await scanner.state()
        assert [found["market"] for found in state["top"]] == ["KRW-BTC", "KRW-NEW"]
        assert (state["markets"], state["seen"]) == (2, 2)


async def test_the_list_is_not_asked_for_before_its_time(tmp_path: Path) -> None:
    listing = Listing("KRW-BTC")
    settings = MarketScannerSettings()
    async with running(tmp_path, run, settings, requests={"markets": listing}) as scanner:
        await scanner.source.wanted("ticker/KRW-BTC")
        await scanner.state()
        assert listing.asked == 1


async def test_reports_go_out_on_topics_of_their_own(tmp_path: Path) -> None:
    async with running(tmp_path, run, FAST, requests={"markets": Listing("KRW-BTC")}) as scanner:
        source = scanner.source
        source.go_up()
        await source.wanted("ticker/KRW-BTC")
        path = tmp_path / "market_scanner.sock"
        async with (
            Dial(path, "test", Counters(), quiet_log(), bodies=Report) as turnover,
            Dial(path, "test", Counters(), quiet_log(), bodies=Report) as surge,
        ):
            await turnover.want_topics("turnover")
            await surge.want_topics("surge")
            source.publish(ticker(rate=-0.06, turnover=2e9))
            assert isinstance((await first_event(turnover)).body, TurnoverAlert)
            assert (await first_event(surge)).body.direction == "fall"
        state = await scanner.state()
        assert [found["code"] for found in state["crossings"]] == ["KRW-BTC"]
        assert [found["direction"] for found in state["surges"]] == ["fall"]


async def test_an_outage_is_shown_and_survived(tmp_path: Path) -> None:
    async with running(tmp_path, run, FAST, requests={"markets": Listing("KRW-BTC")}) as scanner:
        source = scanner.source
        source.go_up()
        await source.wanted("ticker/KRW-BTC")
        source.go_down("1006")
        await scanner.state_when(lambda state: state["source"]["link"] == "down")
        source.go_up()
        source.publish(ticker(turnover=1.0))
        await scanner.consumed(1)
        state = await scanner.state()
        assert (state["source"]["link"], state["source"]["outages"], state["seen"]) == ("up", 1, 1)
