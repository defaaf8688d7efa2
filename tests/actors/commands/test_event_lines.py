import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct

from actors.commands.event_lines import Marker, event_line, json_line, marker_line
from protocols.channel.messages import CACHED, LIVE, RECOVERED, Down, Event, Gap, Up, WantProblem
from protocols.reports import PriceAlert, TurnoverAlert
from protocols.upbit.messages import Announcement, Asset, Candle, Orderbook, OrderbookUnit, Trade
from protocols.upbit.topics import topic_of
from tests.actors.consumers.harness import my_asset, my_order, ticker

TRADE = Trade(
    "KRW-BTC",
    1,
    "2026-10-01",
    "00:00:00",
    1,
    109868000.0,
    0.0123,
    "BID",
    1.0,
    "RISE",
    1.0,
    17877285547970001,
    "REALTIME",
)
BOOK = Orderbook("KRW-BTC", 1, 1.0, 2.0, (OrderbookUnit(101.0, 100.0, 0.5, 0.25),), "REALTIME")
CANDLE = Candle("KRW-BTC", "candle.1m", "2026-10-01T00:00:00", "", 1.0, 3.0, 0.5, 2.0, 9.5, 19.0, 1, "REALTIME")
NOTICE = Announcement("CREATED", "u", "Maintenance tonight", "maintenance", "https://x", "", "", 1, "REALTIME")


def event(body: Any, origin: int = LIVE) -> Event[Any]:
    topic = topic_of(body).key if hasattr(body, "stream_type") else getattr(body, "type", "signal")
    return Event(topic, 5, 7, 123, 1_700_000_000_000_000_000, origin, body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (ticker(price=109868000.0, rate=-0.0064, turnover=1.5e11), ["KRW-BTC", "109,868,000", "-0.64%", "150B"]),
        (TRADE, ["KRW-BTC", "109,868,000", "BID", "0.0123"]),
        (BOOK, ["bid 100 x 0.25", "ask 101 x 0.5", "1 levels"]),
        (CANDLE, ["candle.1m", "O 1 H 3 L 0.5 C 2", "V 9.5"]),
        (my_order("u-1", "wait", executed="0.4"), ["bid", "limit", "wait", "0.4 of 1", "u-1"]),
        (my_order("u-1", "trade", executed="0.4"), ["trade", "0.6 left"]),
        (my_asset(1, Asset("KRW", Decimal("5.25"), Decimal("0.0"))), ["KRW 5.25 locked 0"]),
        (NOTICE, ["maintenance: Maintenance tonight"]),
        (PriceAlert("KRW-XRP", "fall", -0.07, 0.05, 930.0, 1), ["alert", "KRW-XRP", "-7.00%", "fall"]),
        (TurnoverAlert("KRW-XRP", 2.5e9, 1e9, 930.0, 1), ["turnover", "2.5B KRW", "above 1B"]),
        (["anything", 5], ["signal", '["anything",5]']),
    ],
)
def test_each_kind_of_event_is_one_short_line(body: Any, words: list[str]) -> None:
    line = event_line(event(body))
    assert "\n" not in line
    assert len(line) < 120
    for word in words:
        assert word in line


def test_an_empty_book_has_a_line_too() -> None:
    assert "empty" in event_line(event(Orderbook("KRW-BTC", 1, 0.0, 0.0, (), "REALTIME")))


def test_a_line_says_when_its_event_is_not_live() -> None:
    assert event_line(event(TRADE, CACHED)).endswith("(last known)")
    assert event_line(event(TRADE, RECOVERED)).endswith("(recovered)")


@pytest.mark.parametrize("body", [ticker(), TRADE, BOOK, CANDLE, NOTICE, my_order("u-1", "wait")])
def test_an_object_has_every_field_and_where_it_belongs(body: Struct) -> None:
    found = json.loads(json_line(event(body)))
    assert set(body.__struct_fields__) <= set(found)
    assert found["topic"] == event(body).topic
    assert (found["epoch"], found["sequence"], found["origin"], found["received_ns"]) == (5, 7, "live", 123)


def test_inner_structs_are_objects_and_ids_keep_all_digits() -> None:
    assert json.loads(json_line(event(BOOK)))["orderbook_units"] == [
        {"ask_price": 101.0, "bid_price": 100.0, "ask_size": 0.5, "bid_size": 0.25}
    ]
    assert json.loads(json_line(event(TRADE)))["sequential_id"] == 17877285547970001


def test_money_is_text_with_all_its_digits() -> None:
    body = my_asset(1, Asset("KRW", Decimal("1386929.37231066771348207123"), Decimal("0.10")))
    assert json.loads(json_line(event(body)))["assets"] == [
        {"currency": "KRW", "balance": "1386929.37231066771348207123", "locked": "0.10"}
    ]


def test_a_body_that_is_no_known_struct_is_passed_on_whole() -> None:
    assert json.loads(json_line(event(["anything", 5])))["body"] == ["anything", 5]


@pytest.mark.parametrize(
    ("marker", "name", "line"),
    [
        (Up(7, 0.0, 1), "up", "up: epoch 7"),
        (Up(8, 1.25, 1), "up", "up: epoch 8 after 1.2 s"),
        (Down(7, "1006", 1), "down", "down: 1006"),
        (Down(7, "no keys", 1, parked=True), "down", "parked: no keys"),
        (Gap("trade/KRW-BTC", 7, 3, 5, "too slow"), "gap", "gap: 3 events of trade/KRW-BTC missed: too slow"),
        (WantProblem("ticker/KRW-X1", "no data"), "problem", "problem: ticker/KRW-X1: no data"),
    ],
)
def test_markers_have_a_line_and_an_object(marker: Marker, name: str, line: str) -> None:
    assert marker_line(marker) == line
    found = json.loads(json_line(marker))
    assert found.pop("marker") == name
    assert set(found) == set(marker.__struct_fields__)
