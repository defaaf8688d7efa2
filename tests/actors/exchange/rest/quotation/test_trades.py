from collections.abc import Callable
from typing import Any

import pytest

from actors.exchange.market.events import Traded
from actors.exchange.market.units import DAY_MS
from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.rest.rest_client import RestClient

TICKS = "/v1/trades/ticks?market=KRW-BTC"
MIDNIGHT_MS = (START_MS // DAY_MS + 1) * DAY_MS
FIELDS = (
    "market", "trade_date_utc", "trade_time_utc", "timestamp", "trade_price", "trade_volume", "prev_closing_price",
    "change_price", "ask_bid", "sequential_id",
)  # fmt: skip


def traded(client: RestClient, code: str = "KRW-BTC") -> list[Traded]:
    """What the log says, oldest first."""
    return [event for event in client.simulation.log if isinstance(event, Traded) and event.code == code]


def day_by_paging(client: RestClient, *, days_ago: int, count: int) -> list[dict[str, Any]]:
    """All trades of a day as a client pages through them, newest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        ago = f"&days_ago={days_ago}" if days_ago else ""
        page = client.get(f"{TICKS}&count={count}{ago}{cursor}").document
        found += page
        if len(page) < count:
            return found
        cursor = f"&cursor={page[-1]['sequential_id']}"


@pytest.fixture(scope="module")
def past_midnight() -> RestClient:
    """A client whose simulation began a minute before midnight and stands a minute after it."""
    client = RestClient(start_ms=MIDNIGHT_MS - 60_000, markets=4, rate=40.0)
    client.now_ms = MIDNIGHT_MS + 60_000
    client.venue.catch_up()
    return client


def test_a_trade_has_the_documented_fields_and_a_signed_change(client: RestClient) -> None:
    (tick,) = client.get(TICKS).document
    last = client.simulation.markets["KRW-BTC"].last_trade
    assert last is not None
    assert tuple(tick) == FIELDS
    assert (tick["timestamp"], tick["sequential_id"], tick["ask_bid"]) == (last.t_ms, last.sequential_id, last.ask_bid)
    assert tick["change_price"] == tick["trade_price"] - tick["prev_closing_price"]
    assert tick["trade_date_utc"] == "2026-09-21"
    assert tick["trade_time_utc"].count(":") == 2


def test_the_change_of_a_trade_below_the_close_of_the_day_before_is_negative(
    new_client: Callable[..., RestClient],
) -> None:
    client = new_client(rate=0.0)
    market = client.simulation.markets["KRW-BTC"]
    market.record_trade(client.now_ms, is_buy=False, price_e8=market.day.prev_close_e8 - 10**11, size_e8=1, ids=(0, 0))
    assert client.get(TICKS).document[0]["change_price"] == -1000.0


@pytest.mark.parametrize(("query", "count"), [("", 1), ("&count=7", 7), ("&count=501", 500), ("&count=9999", 500)])
def test_count_is_one_by_default_and_500_at_most(
    past_midnight: RestClient, query: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    archive = past_midnight.simulation.archive
    monkeypatch.setattr(archive, "ticks", lambda *_, count, **__: asked.append(count) or [])  # type: ignore[func-returns-value]
    assert past_midnight.get(TICKS + query).document == []
    assert asked == [count]


def test_trades_come_newest_first(past_midnight: RestClient) -> None:
    page = past_midnight.get(f"{TICKS}&count=100").document
    ids = [tick["sequential_id"] for tick in page]
    assert len(ids) > 20
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize("days_ago", [0, 1])
@pytest.mark.parametrize("count", [3, 500])
def test_paging_by_cursor_through_a_day_yields_exactly_its_trades(
    past_midnight: RestClient, days_ago: int, count: int
) -> None:
    found = day_by_paging(past_midnight, days_ago=days_ago, count=count)
    today = past_midnight.now_ms // DAY_MS
    expected = [trade for trade in traded(past_midnight) if trade.t_ms // DAY_MS == today - days_ago]
    assert len(expected) > count or count == 500
    assert [tick["sequential_id"] for tick in found] == [trade.sequential_id for trade in reversed(expected)]


def test_a_backfill_by_rest_yields_exactly_what_a_socket_missed_across_midnight(past_midnight: RestClient) -> None:
    lost_ms, back_ms = MIDNIGHT_MS - 30_000, MIDNIGHT_MS + 45_000
    missed = [trade for trade in traded(past_midnight) if lost_ms <= trade.t_ms < back_ms]
    assert any(trade.t_ms < MIDNIGHT_MS for trade in missed)
    assert any(trade.t_ms >= MIDNIGHT_MS for trade in missed)
    pages = [day_by_paging(past_midnight, days_ago=days_ago, count=20) for days_ago in (0, 1)]
    found = {tick["sequential_id"]: tick for page in pages for tick in page if lost_ms <= tick["timestamp"] < back_ms}
    assert sorted(found) == [trade.sequential_id for trade in missed]
    for trade in missed:
        tick = found[trade.sequential_id]
        assert (tick["timestamp"], tick["ask_bid"]) == (trade.t_ms, trade.ask_bid)
        assert (tick["trade_price"], tick["trade_volume"]) == (trade.price_e8 / 10**8, trade.size_e8 / 10**8)


def test_a_cursor_does_not_reach_into_the_day_before(past_midnight: RestClient) -> None:
    oldest = day_by_paging(past_midnight, days_ago=0, count=500)[-1]["sequential_id"]
    assert past_midnight.get(f"{TICKS}&count=500&cursor={oldest}").document == []
    assert past_midnight.get(f"{TICKS}&count=500&cursor={oldest}&days_ago=1").document != []


def test_each_day_s_change_counts_from_the_close_of_the_day_before_it(past_midnight: RestClient) -> None:
    (newest_yesterday,) = past_midnight.get(f"{TICKS}&days_ago=1").document
    (today,) = past_midnight.get(TICKS).document
    assert today["prev_closing_price"] == newest_yesterday["trade_price"]
    days = past_midnight.get("/v1/candles/days?market=KRW-BTC&count=2").document
    assert newest_yesterday["prev_closing_price"] == days[1]["prev_closing_price"]


@pytest.mark.parametrize("clock", ["000030", "00:00:30"])
def test_to_gives_the_trades_before_a_time_of_the_day(past_midnight: RestClient, clock: str) -> None:
    page = past_midnight.get(f"{TICKS}&count=500&to={clock}").document
    expected = [trade for trade in traded(past_midnight) if MIDNIGHT_MS <= trade.t_ms < MIDNIGHT_MS + 30_000]
    assert [tick["sequential_id"] for tick in page] == [trade.sequential_id for trade in reversed(expected)]
    yesterday = past_midnight.get(f"{TICKS}&count=1&to=235930&days_ago=1").document
    assert yesterday[0]["timestamp"] < MIDNIGHT_MS - 30_000


@pytest.mark.parametrize("clock", ["24:00:00", "12:60:00", "1:2:3", "noon", "2026-09-21T00:00:00Z"])
def test_another_time_of_the_day_is_invalid(client: RestClient, clock: str) -> None:
    assert client.get(f"{TICKS}&to={clock}").error == (400, 400)


def test_the_past_reaches_back_for_days(client: RestClient) -> None:
    assert client.get(f"{TICKS}&days_ago=1").document != []
    assert client.get(f"{TICKS}&days_ago=-1").error == (400, 400)
