"""Looking orders up."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.rest.orders.private_side import XRP, PrivateSide

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def uuids_of(orders: list[dict[str, Any]]) -> list[str]:
    return [order["uuid"] for order in orders]


def test_one_order_has_its_fills_with_microseconds_and_the_trend_of_the_taker(side: PrivateSide) -> None:
    side.rest(2000, 4, is_ask=True)
    placed = side.place(identifier="two fills")
    side.wait(1500)
    side.take(3, is_buy=False)
    order = side.get("/order", uuid=placed["uuid"])
    taken, given = order.pop("trades")
    assert (order["executed_volume"], order["remaining_volume"], order["trades_count"]) == ("7", "3", 2)
    assert (order["paid_fee"], order["locked"], order["remaining_fee"]) == ("7", "6003", "3")
    assert re.fullmatch(r"2026-09-21T23:13:20\.000\d{3}\+09:00", taken.pop("created_at"))
    assert re.fullmatch(r"2026-09-21T23:13:21\.500\d{3}\+09:00", given.pop("created_at"))
    assert taken.pop("uuid") != given.pop("uuid")
    common = {"market": XRP, "price": "2000", "side": "bid"}
    assert taken == common | {"volume": "4", "funds": "8000", "trend": "up"}
    assert given == common | {"volume": "3", "funds": "6000", "trend": "down"}
    assert side.get("/order", identifier="two fills")["uuid"] == placed["uuid"]


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({}, (400, "validation_error")),
        ({"uuid": "unknown"}, (404, "order_not_found")),
        ({"identifier": "unknown"}, (404, "order_not_found")),
    ],
    ids=str,
)
def test_an_order_is_named_by_uuid_or_identifier(
    untouched: PrivateSide, parameters: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert untouched.refusal("GET", "/order", parameters) == refusal


def test_an_account_sees_its_own_orders_only(side: PrivateSide) -> None:
    theirs = side.place(account=side.other, identifier="theirs")
    assert side.refusal("GET", "/order", {"uuid": theirs["uuid"]}) == (404, "order_not_found")
    assert side.refusal("GET", "/order", {"identifier": "theirs"}) == (404, "order_not_found")
    assert side.get("/orders/uuids", **{"uuids[]": [theirs["uuid"]]}) == []
    assert side.get("/orders/open") == side.get("/orders/closed") == side.get("/orders") == []


class TestByIds:
    """`GET /v1/orders/uuids`."""

    def test_answers_the_known_ones_newest_first_without_fills(self, side: PrivateSide) -> None:
        side.rest(2000, 10, is_ask=True)
        filled, resting = side.place(identifier="a"), side.place(identifier="b")
        named = [resting["uuid"], "unknown", filled["uuid"], filled["uuid"]]
        orders = side.get("/orders/uuids", **{"uuids[]": named})
        assert [(order["uuid"], order["state"]) for order in orders] == [
            (resting["uuid"], "wait"),
            (filled["uuid"], "done"),
        ]
        assert not any("trades" in order for order in orders)
        ascending = side.get("/orders/uuids", **{"identifiers[]": ["a", "b"], "order_by": "asc"})
        assert uuids_of(ascending) == [filled["uuid"], resting["uuid"]]

    def test_can_be_limited_to_a_market(self, side: PrivateSide) -> None:
        xrp, btc = side.place(), side.place(market="KRW-BTC", price="50000000", volume="0.001")
        orders = side.get("/orders/uuids", **{"uuids[]": [xrp["uuid"], btc["uuid"]], "market": "KRW-BTC"})
        assert orders == [btc]

    @pytest.mark.parametrize(
        ("parameters", "refusal"),
        [
            ({}, (400, "validation_error")),
            ({"uuids[]": ["a"], "identifiers[]": ["b"]}, (400, "invalid_parameter")),
            ({"uuids[]": [f"u{number}" for number in range(101)]}, (400, "invalid_parameter")),
            ({"identifiers[]": [f"i{number}" for number in range(101)]}, (400, "invalid_parameter")),
            ({"uuids[]": ["a"], "market": "KRW-NOPE"}, (400, "notfoundmarket")),
            ({"uuids[]": ["a"], "order_by": "up"}, (400, "invalid_parameter")),
        ],
        ids=lambda part: str(part)[:60],
    )
    def test_takes_one_list_of_at_most_100(
        self, untouched: PrivateSide, parameters: dict[str, Any], refusal: tuple[int, str]
    ) -> None:
        assert untouched.refusal("GET", "/orders/uuids", parameters) == refusal


class TestOpen:
    """`GET /v1/orders/open`."""

    def test_has_waiting_orders_unless_states_are_named(self, side: PrivateSide) -> None:
        waiting, watch = side.place(), side.place_watch()
        assert side.get("/orders/open") == [waiting]
        assert uuids_of(side.get("/orders/open", state="watch")) == [watch.uuid]
        assert uuids_of(side.get("/orders/open", **{"states[]": ["wait", "watch"]})) == [watch.uuid, waiting["uuid"]]
        assert uuids_of(side.get("/orders/open", states="wait,watch", order_by="asc")) == [waiting["uuid"], watch.uuid]

    def test_is_read_page_by_page_newest_first(self, side: PrivateSide) -> None:
        placed = [side.place()["uuid"] for _ in range(7)]
        pages = [uuids_of(side.get("/orders/open", limit="3", page=str(page))) for page in (1, 2, 3, 4)]
        assert pages == [placed[6:3:-1], placed[3:0:-1], placed[:1], []]
        ascending = side.get("/orders/open", limit="3", page="2", order_by="asc")
        assert uuids_of(ascending) == placed[3:6]

    def test_a_page_has_100_at_most(self, side: PrivateSide) -> None:
        for _ in range(105):
            side.place(volume="2.5")
        assert [len(side.get("/orders/open", page=page, limit="1000")) for page in ("1", "2")] == [100, 5]
        assert len(side.get("/orders/open")) == 100

    def test_page_shift_on_orders_open(self, side: PrivateSide) -> None:
        """Of ten orders one ends between two pages: the next page skips one that is still open."""
        placed = [side.place()["uuid"] for _ in range(10)]
        first = uuids_of(side.get("/orders/open", limit="5", page="1"))
        side.call("DELETE", "/order", {"uuid": first[0]})
        second = uuids_of(side.get("/orders/open", limit="5", page="2"))
        assert set(placed) - set(first) - set(second) == {placed[4]}
        side.place()
        shifted_back = uuids_of(side.get("/orders/open", limit="5", page="2"))
        assert shifted_back == placed[4::-1]

    @pytest.mark.parametrize(
        ("parameters", "refusal"),
        [
            ({"state": "done"}, (400, "invalid_parameter")),
            ({"states[]": ["wait", "cancel"]}, (400, "invalid_parameter")),
            ({"state": "wait", "states[]": ["watch"]}, (400, "invalid_parameter")),
            ({"market": "KRW-NOPE"}, (400, "notfoundmarket")),
            ({"page": "0"}, (400, "invalid_parameter")),
            ({"page": "x"}, (400, "invalid_parameter")),
            ({"limit": "-1"}, (400, "invalid_parameter")),
            ({"order_by": "ASC"}, (400, "invalid_parameter")),
        ],
        ids=str,
    )
    def test_refuses_what_it_does_not_know(
        self, untouched: PrivateSide, parameters: dict[str, Any], refusal: tuple[int, str]
    ) -> None:
        assert untouched.refusal("GET", "/orders/open", parameters) == refusal

    def test_can_be_limited_to_a_market(self, side: PrivateSide) -> None:
        side.place()
        btc = side.place(market="KRW-BTC", price="50000000", volume="0.001")
        assert side.get("/orders/open", market="KRW-BTC") == [btc]


def iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


class TestClosed:
    """`GET /v1/orders/closed`: one cancelled order every 12 hours for 10 days, number 0 at the start."""

    @pytest.fixture
    def numbers(self, side: PrivateSide) -> dict[str, int]:
        numbers: dict[str, int] = {}
        for number in range(20):
            uuid = side.place(price="1990")["uuid"]
            numbers[uuid] = number
            side.call("DELETE", "/order", {"uuid": uuid})
            side.wait(12 * HOUR_MS)
        return numbers

    def seen(self, side: PrivateSide, numbers: dict[str, int], **parameters: Any) -> list[int]:
        return [numbers[uuid] for uuid in uuids_of(side.get("/orders/closed", **parameters))]

    @pytest.mark.parametrize("spelled", [str, iso], ids=["milliseconds", "iso"])
    def test_closed_order_7_day_window(self, side: PrivateSide, numbers: dict[str, int], spelled: Any) -> None:
        def at(days: float) -> str:
            return str(spelled(int(START_MS + days * DAY_MS)))

        assert self.seen(side, numbers) == list(range(19, 5, -1))
        assert self.seen(side, numbers, start_time=at(1)) == list(range(16, 1, -1))
        assert self.seen(side, numbers, end_time=at(4)) == list(range(8, -1, -1))
        assert self.seen(side, numbers, start_time=at(1.2), end_time=at(2.6)) == [5, 4, 3]
        assert self.seen(side, numbers, start_time=at(0), end_time=at(7), order_by="asc") == list(range(15))
        refusal = side.refusal("GET", "/orders/closed", {"start_time": at(0), "end_time": at(7.001)})
        assert refusal == (400, "invalid_parameter")

    def test_both_ends_count_by_whole_seconds(self, side: PrivateSide) -> None:
        side.wait(400)
        uuid = side.place()["uuid"]
        side.call("DELETE", "/order", {"uuid": uuid})
        second = str(START_MS)
        assert uuids_of(side.get("/orders/closed", start_time=second, end_time=second)) == [uuid]
        assert side.get("/orders/closed", start_time=str(START_MS + 1000)) == []
        assert side.get("/orders/closed", end_time=str(START_MS - 1)) == []

    def test_states_and_limit(self, side: PrivateSide) -> None:
        done = side.place()["uuid"]
        side.take(10, is_buy=False)
        gone = side.place()["uuid"]
        side.call("DELETE", "/order", {"uuid": gone})
        side.place()
        assert uuids_of(side.get("/orders/closed")) == [gone, done]
        assert uuids_of(side.get("/orders/closed", state="done")) == [done]
        assert uuids_of(side.get("/orders/closed", **{"states[]": ["cancel"]})) == [gone]
        assert uuids_of(side.get("/orders/closed", limit="1")) == [gone]
        assert side.get("/orders/closed", market="KRW-BTC") == []

    def test_answers_100_unless_told_and_1000_at_most(self, side: PrivateSide) -> None:
        for _ in range(1010):
            side.call("DELETE", "/order", {"uuid": side.place(volume="2.5")["uuid"]})
        assert len(side.get("/orders/closed")) == 100
        assert len(side.get("/orders/closed", limit="5000")) == 1000

    @pytest.mark.parametrize(
        ("parameters", "refusal"),
        [
            ({"state": "wait"}, (400, "invalid_parameter")),
            ({"state": "done", "states[]": ["cancel"]}, (400, "invalid_parameter")),
            ({"start_time": "yesterday"}, (400, "invalid_parameter")),
            ({"start_time": "99999999999999999"}, (400, "invalid_parameter")),
            ({"start_time": "1790000001000", "end_time": "1790000000000"}, (400, "invalid_parameter")),
            ({"limit": "0"}, (400, "invalid_parameter")),
            ({"market": "KRW-NOPE"}, (400, "notfoundmarket")),
        ],
        ids=str,
    )
    def test_refuses_what_it_does_not_know(
        self, untouched: PrivateSide, parameters: dict[str, Any], refusal: tuple[int, str]
    ) -> None:
        assert untouched.refusal("GET", "/orders/closed", parameters) == refusal


class TestOlder:
    """`GET /v1/orders`, as clients ask that were written before there was a query for each purpose."""

    def test_finds_open_and_closed_orders_by_state(self, side: PrivateSide) -> None:
        done = side.place()["uuid"]
        side.take(10, is_buy=False)
        waiting = side.place()["uuid"]
        watch = side.place_watch().uuid
        asked = {"market": XRP, "state": "wait", "page": "1", "limit": "100", "order_by": "desc"}
        assert uuids_of(side.get("/orders", **asked)) == [waiting]
        assert uuids_of(side.get("/orders", **{"states[]": ["wait", "watch"]})) == [watch, waiting]
        (order,) = side.get("/orders", state="done")
        assert (order["uuid"], order["executed_funds"]) == (done, "20000")
        assert side.get("/orders", market="KRW-BTC", state="done") == []

    def test_finds_orders_of_any_state_by_ids(self, side: PrivateSide) -> None:
        done = side.place(identifier="a")["uuid"]
        side.take(10, is_buy=False)
        waiting = side.place()["uuid"]
        assert uuids_of(side.get("/orders", **{"uuids[]": [done, waiting]})) == [waiting, done]
        assert uuids_of(side.get("/orders", **{"identifiers[]": ["a"]})) == [done]

    def test_has_pages(self, side: PrivateSide) -> None:
        placed = [side.place()["uuid"] for _ in range(5)]
        assert uuids_of(side.get("/orders", limit="2", page="2")) == placed[2:0:-1]

    @pytest.mark.parametrize(
        "parameters",
        [
            {"states[]": ["wait", "done"]},
            {"state": "trade"},
            {"state": "wait", "states[]": ["watch"]},
            {"uuids[]": ["a"], "identifiers[]": ["b"]},
            {"limit": "none"},
        ],
        ids=str,
    )
    def test_refuses_what_it_does_not_know(self, untouched: PrivateSide, parameters: dict[str, Any]) -> None:
        assert untouched.refusal("GET", "/orders", parameters) == (400, "invalid_parameter")
