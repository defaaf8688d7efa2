from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from actors.exchange.market.events import Traded
from actors.exchange.market.units import DAY_MS
from actors.exchange.rest.quotation.candles import MINUTES
from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.rest.rest_client import RestClient

FIELDS = [
    "market", "candle_date_time_utc", "candle_date_time_kst", "opening_price", "high_price", "low_price", "trade_price",
    "timestamp", "candle_acc_trade_price", "candle_acc_trade_volume",
]  # fmt: skip
PATHS = {
    "seconds": [],
    **{f"minutes/{unit}": ["unit"] for unit in MINUTES},
    "days": ["prev_closing_price", "change_price", "change_rate"],
    "weeks": ["first_day_of_period"],
    "months": ["first_day_of_period"],
    "years": ["first_day_of_period"],
}
MARKET = "market=KRW-BTC"


@pytest.fixture(scope="module")
def moved() -> RestClient:
    """A client whose simulation has run for three minutes."""
    client = RestClient(markets=4, rate=40.0)
    client.now_ms += 180_000
    client.venue.catch_up()
    return client


def candles(client: RestClient, path: str, query: str = "") -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = client.get(f"/v1/candles/{path}?{MARKET}{query}").document
    return documents


def start(document: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(document["candle_date_time_utc"]).replace(tzinfo=UTC)


@pytest.mark.parametrize(("path", "own_fields"), PATHS.items())
def test_candles_have_the_documented_fields_and_one_by_default(
    moved: RestClient, path: str, own_fields: list[str]
) -> None:
    (candle,) = candles(moved, path)
    assert list(candle) == FIELDS + own_fields
    kst = datetime.fromisoformat(candle["candle_date_time_kst"]).replace(tzinfo=UTC)
    assert kst - start(candle) == timedelta(hours=9)
    assert candle["low_price"] <= min(candle["opening_price"], candle["trade_price"])
    assert candle["high_price"] >= max(candle["opening_price"], candle["trade_price"])


@pytest.mark.parametrize("path", PATHS)
def test_candles_come_newest_first_and_200_at_most(moved: RestClient, path: str) -> None:
    found = candles(moved, path, "&count=999")
    starts = [start(candle) for candle in found]
    assert starts == sorted(set(starts), reverse=True)
    assert len(found) <= 200
    if path == "days":
        assert candles(moved, path, "&count=3") == found[:3]


@pytest.mark.parametrize("path", ["seconds", "minutes/1", "minutes/3"])
def test_candles_are_the_fold_of_their_trades_and_there_is_none_without_a_trade(moved: RestClient, path: str) -> None:
    length_ms = {"seconds": 1_000, "minutes/1": 60_000, "minutes/3": 180_000}[path]
    trades = [event for event in moved.simulation.log if isinstance(event, Traded) and event.code == "KRW-BTC"]
    newest = START_MS // 180_000 * 180_000
    live = [trade for trade in trades if trade.t_ms >= newest]
    by_start: dict[int, list[Traded]] = {}
    for trade in live:
        by_start.setdefault(trade.t_ms // length_ms * length_ms, []).append(trade)
    found = [candle for candle in candles(moved, path, "&count=200") if start(candle).timestamp() * 1000 >= newest]
    assert [round(start(candle).timestamp() * 1000) for candle in found] == sorted(by_start, reverse=True)
    for candle, key in zip(found, sorted(by_start, reverse=True), strict=True):
        own = by_start[key]
        prices = [trade.price_e8 / 10**8 for trade in own]
        assert (candle["opening_price"], candle["trade_price"]) == (prices[0], prices[-1])
        assert (candle["high_price"], candle["low_price"]) == (max(prices), min(prices))
        assert candle["timestamp"] == own[-1].t_ms
        assert candle["candle_acc_trade_volume"] == sum(trade.size_e8 for trade in own) / 10**8
        assert candle["candle_acc_trade_price"] == sum(trade.funds_e16 for trade in own) / 10**16


@pytest.mark.parametrize("path", ["seconds", "minutes/1", "days", "weeks"])
def test_to_is_exclusive_so_that_pages_join_without_doubles_or_holes(moved: RestClient, path: str) -> None:
    everything = candles(moved, path, "&count=12")
    assert len(everything) > 2
    pages: list[dict[str, Any]] = []
    to = ""
    while len(pages) < len(everything):
        page = candles(moved, path, f"&count=2{to}")
        assert page
        pages += page
        to = f"&to={page[-1]['candle_date_time_utc']}"
    assert pages[: len(everything)] == everything


def test_to_is_read_with_z_with_an_offset_with_a_space_and_without_anything(moved: RestClient) -> None:
    expected = candles(moved, "minutes/1", "&count=5&to=2026-09-21T13:34:00Z")
    assert expected
    for to in ("2026-09-21T13:34:00", "2026-09-21 13:34:00", "2026-09-21+13%3A34%3A00", "2026-09-21T22:34:00%2B09:00"):
        assert candles(moved, "minutes/1", f"&count=5&to={to}") == expected


def test_today_s_candle_and_the_ticker_agree(moved: RestClient) -> None:
    (day,) = candles(moved, "days")
    (ticker,) = moved.get("/v1/ticker?markets=KRW-BTC").document
    for field in ("opening_price", "high_price", "low_price", "trade_price", "prev_closing_price"):
        assert day[field] == ticker[field]
    assert day["candle_acc_trade_volume"] == ticker["acc_trade_volume"]
    assert day["candle_acc_trade_price"] == ticker["acc_trade_price"]
    assert (day["change_price"], day["change_rate"]) == (ticker["signed_change_price"], ticker["signed_change_rate"])


def test_the_change_of_a_day_is_signed_and_counts_from_the_day_before(moved: RestClient) -> None:
    days = candles(moved, "days", "&count=100")
    assert any(day["change_price"] < 0 for day in days)
    for newer, older in pairwise(days):
        assert newer["prev_closing_price"] == older["trade_price"]
        assert newer["change_price"] == pytest.approx(newer["trade_price"] - older["trade_price"])
        assert newer["change_rate"] == pytest.approx(newer["change_price"] / older["trade_price"], abs=1e-9)
    (alone,) = candles(moved, "days", f"&count=1&to={days[5]['candle_date_time_utc']}")
    assert alone == days[6]


def test_days_can_be_converted_to_krw(new_client: Callable[..., RestClient]) -> None:
    client = new_client(markets=40, rate=0.0)
    converted = "&converting_price_unit=KRW"
    assert client.get("/v1/candles/days?market=KRW-BTC&converting_price_unit=USD").error == (400, 400)
    krw_btc = candles(client, "days", f"&count=3{converted}")
    assert [day["converted_trade_price"] for day in krw_btc] == [day["trade_price"] for day in krw_btc]
    assert "converted_trade_price" not in candles(client, "days")[0]
    krw_usdt = client.get("/v1/candles/days?market=KRW-USDT&count=3").document
    for market, of_quote in (("BTC-ETH", krw_btc), ("USDT-BTC", krw_usdt)):
        days = client.get(f"/v1/candles/days?market={market}&count=3{converted}").document
        assert len(days) == 3
        for day, quote in zip(days, of_quote, strict=True):
            assert day["converted_trade_price"] == pytest.approx(quote["trade_price"] * day["trade_price"])


def test_weeks_begin_on_monday_months_and_years_on_their_first_day(moved: RestClient) -> None:
    (week,), (month,), (year,) = (candles(moved, path) for path in ("weeks", "months", "years"))
    assert week["first_day_of_period"] == "2026-09-21"  # A Monday.
    assert month["first_day_of_period"] == "2026-09-01"
    assert year["first_day_of_period"] == "2026-01-01"
    for candle in (week, month, year):
        assert candle["candle_date_time_utc"] == f"{candle['first_day_of_period']}T00:00:00"


def test_what_is_long_past_is_empty(moved: RestClient) -> None:
    assert candles(moved, "seconds", "&to=2000-01-01T00:00:00Z") == []
    assert candles(moved, "days", "&to=1970-01-01T00:00:00Z") == []


def test_a_day_without_a_trade_has_no_candle(new_client: Callable[..., RestClient]) -> None:
    client = new_client(rate=0.0)
    newest = candles(client, "days")[0]
    client.now_ms += 3 * DAY_MS
    assert candles(client, "days")[0] == newest
