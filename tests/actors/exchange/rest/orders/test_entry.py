"""Placing and testing orders: each rule about parameters, each name of a refusal, and what the answer says."""

import re
from decimal import Decimal
from typing import Any

import pytest

from actors.exchange.quirks import Quirks
from tests.actors.exchange.conftest import START_MS
from tests.actors.exchange.rest.orders.private_side import XRP, XRP_LIMIT, PrivateSide

ABSENT = None

REFUSED: list[tuple[dict[str, Any], str]] = [
    # Required parameters and their words.
    ({"market": ABSENT}, "validation_error"),
    ({"side": ABSENT}, "validation_error"),
    ({"ord_type": ABSENT}, "validation_error"),
    ({"market": "KRW-NOPE"}, "notfoundmarket"),
    ({"market": "krw-xrp"}, "notfoundmarket"),
    ({"market": "x" * 5000}, "notfoundmarket"),
    ({"side": "buy"}, "validation_error"),
    ({"side": "BID"}, "validation_error"),
    ({"ord_type": "stop"}, "validation_error"),
    # limit: price and volume.
    ({"price": ABSENT}, "validation_error"),
    ({"volume": ABSENT}, "validation_error"),
    ({"price": "abc"}, "invalid_parameter"),
    ({"volume": "1,5"}, "invalid_parameter"),
    ({"price": "NaN"}, "invalid_parameter"),
    ({"price": "Infinity"}, "invalid_parameter"),
    ({"price": "1e999999"}, "invalid_parameter"),
    ({"volume": "1_000"}, "invalid_parameter"),
    ({"price": "0"}, "invalid_price_bid"),
    ({"price": "-2000"}, "invalid_price_bid"),
    ({"price": "2000.5"}, "invalid_price_bid"),
    ({"side": "ask", "price": "2000.5"}, "invalid_price_ask"),
    ({"volume": "0"}, "validation_error"),
    ({"volume": "-1"}, "validation_error"),
    ({"volume": "10.000000001"}, "validation_error"),
    # Worth.
    ({"volume": "2.49"}, "under_min_total_bid"),
    ({"side": "ask", "volume": "2.49"}, "under_min_total_ask"),
    ({"volume": "500001"}, "over_krw_funds_bid"),
    ({"market": "KRW-ETH", "side": "ask", "price": "3000000", "volume": "1"}, "insufficient_funds_ask"),
    ({"side": "ask", "volume": "100000.1"}, "insufficient_funds_ask"),
    # price: buys for an amount.
    ({"ord_type": "price"}, "validation_error"),
    ({"ord_type": "price", "volume": ABSENT, "price": ABSENT}, "validation_error"),
    ({"ord_type": "price", "volume": ABSENT, "side": "ask"}, "validation_error"),
    ({"ord_type": "price", "volume": ABSENT, "price": "4999"}, "under_min_total_bid"),
    ({"ord_type": "price", "volume": ABSENT, "price": "1000000001"}, "over_krw_funds_bid"),
    ({"ord_type": "price", "volume": ABSENT, "price": "5000", "time_in_force": "ioc"}, "invalid_time_in_force"),
    # market: sells a volume.
    ({"ord_type": "market", "side": "ask"}, "validation_error"),
    ({"ord_type": "market", "side": "ask", "price": ABSENT, "volume": ABSENT}, "validation_error"),
    ({"ord_type": "market", "price": ABSENT}, "validation_error"),
    ({"ord_type": "market", "side": "ask", "price": ABSENT, "volume": "0.1"}, "under_min_total_ask"),
    # best: needs ioc or fok; a bid has a price, an ask a volume.
    ({"ord_type": "best", "volume": ABSENT}, "invalid_time_in_force"),
    ({"ord_type": "best", "volume": ABSENT, "time_in_force": "post_only"}, "invalid_time_in_force"),
    ({"ord_type": "best", "time_in_force": "ioc"}, "validation_error"),
    ({"ord_type": "best", "time_in_force": "ioc", "price": ABSENT, "volume": ABSENT}, "validation_error"),
    ({"ord_type": "best", "time_in_force": "fok", "side": "ask"}, "validation_error"),
    # time_in_force, smp_type, identifier.
    ({"time_in_force": "gtc"}, "invalid_time_in_force"),
    ({"smp_type": "decrement"}, "invalid_parameter"),
    ({"time_in_force": "post_only", "smp_type": "reduce"}, "invalid_post_only"),
    ({"identifier": "i" * 65}, "validation_error"),
]


def asked(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (XRP_LIMIT | changes).items() if value is not None}


@pytest.mark.parametrize("path", ["/orders", "/orders/test"])
@pytest.mark.parametrize(("changes", "name"), REFUSED, ids=lambda part: str(part)[:60])
def test_each_rule_of_placing_has_its_name_and_testing_has_the_same(
    untouched: PrivateSide, path: str, changes: dict[str, Any], name: str
) -> None:
    before = untouched.get("/accounts")
    assert untouched.refusal("POST", path, asked(changes)) == (400, name)
    assert untouched.get("/accounts") == before
    assert untouched.get("/orders/open") == untouched.events() == []


def test_a_bid_needs_its_worth_and_the_fee(side: PrivateSide) -> None:
    side.place(volume="499999")  # 999,998,000 KRW, of 2,000,000,000
    assert side.refusal("POST", "/orders", asked({"volume": "499999.9"})) == (400, "insufficient_funds_bid")


def test_amounts_may_be_written_with_exponents_and_zeros_as_other_clients_do(side: PrivateSide) -> None:
    placed = side.place(price="2000.0", volume="1e1")
    assert (placed["price"], placed["volume"]) == ("2000", "10")


def test_a_fresh_limit_bid_answers_as_documented(side: PrivateSide) -> None:
    placed = side.place(market="KRW-BTC", price="100000000", volume="0.0001", identifier="first")
    uuid = placed.pop("uuid")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid)
    assert placed == {
        "market": "KRW-BTC",
        "side": "bid",
        "ord_type": "limit",
        "price": "100000000",
        "state": "wait",
        "created_at": "2026-09-21T23:13:20+09:00",
        "volume": "0.0001",
        "remaining_volume": "0.0001",
        "executed_volume": "0",
        "reserved_fee": "5",
        "remaining_fee": "5",
        "paid_fee": "0",
        "locked": "10005",
        "prevented_volume": "0",
        "prevented_locked": "0",
        "trades_count": 0,
        "identifier": "first",
        "smp_type": "cancel_maker",
    }


def test_locked_and_fee_arithmetic_of_the_documented_example(side: PrivateSide) -> None:
    status, document = side.call(
        "POST", "/orders/test", asked({"market": "KRW-BTC", "price": "155772000", "volume": "0.0001"})
    )
    assert (status, document["reserved_fee"], document["locked"]) == (201, "7.7886", "15584.9886")


def test_a_fresh_market_buy_leaves_null_members_out(side: PrivateSide) -> None:
    side.rest(2000, 10, is_ask=True)
    placed = side.place(ord_type="price", price="5000", volume=None)
    assert {"volume", "remaining_volume", "time_in_force", "identifier"}.isdisjoint(placed)
    assert (placed["reserved_fee"], placed["locked"], placed["state"]) == ("2.5", "5002.5", "wait")


def test_an_order_that_fills_at_once_is_answered_as_waiting(side: PrivateSide) -> None:
    side.rest(2000, 10, is_ask=True)
    placed = side.place()
    assert (placed["state"], placed["executed_volume"], placed["trades_count"]) == ("wait", "0", 0)
    assert side.get("/order", uuid=placed["uuid"])["state"] == "done"


@pytest.mark.parametrize("smp_type", ["reduce", "cancel_maker", "cancel_taker", "none"])
def test_the_answer_always_has_smp_type(side: PrivateSide, smp_type: str) -> None:
    assert side.place(smp_type=smp_type)["smp_type"] == smp_type
    assert side.place()["smp_type"] == "cancel_maker"


def test_before_november_2026_an_order_without_smp_type_has_none() -> None:
    older = PrivateSide(quirks=Quirks(default_smp="none"))
    assert "smp_type" not in older.place()
    assert older.place(smp_type="reduce")["smp_type"] == "reduce"
    assert older.refusal("POST", "/orders", asked({"smp_type": "none"})) == (400, "invalid_parameter")


def test_post_only_that_would_cross_is_accepted_and_cancelled_or_refused_as_chosen() -> None:
    for quirk in ("cancel", "refuse"):
        side = PrivateSide(quirks=Quirks(post_only=quirk))  # type: ignore[arg-type]  # both are allowed words
        side.rest(2000, 10, is_ask=True)
        if quirk == "refuse":
            assert side.refusal("POST", "/orders", asked({"time_in_force": "post_only"})) == (400, "invalid_post_only")
            continue
        placed = side.place(time_in_force="post_only")
        assert placed["state"] == "wait"
        after = side.get("/order", uuid=placed["uuid"])
        assert (after["state"], after["executed_volume"], after["trades"]) == ("cancel", "0", [])


def test_testing_an_order_creates_nothing_and_its_uuid_leads_nowhere(side: PrivateSide) -> None:
    before = side.get("/accounts")
    status, document = side.call("POST", "/orders/test", asked({"identifier": "trial"}))
    assert (status, document["state"], document["locked"]) == (201, "wait", "20010")
    assert side.refusal("GET", "/order", {"uuid": document["uuid"]}) == (404, "order_not_found")
    assert side.refusal("GET", "/order", {"identifier": "trial"}) == (404, "order_not_found")
    assert (side.get("/accounts"), side.get("/orders/open"), side.events()) == (before, [], [])
    assert side.place(identifier="trial")["identifier"] == "trial"


def test_a_placed_and_a_tested_order_answer_alike(side: PrivateSide) -> None:
    _, tested = side.call("POST", "/orders/test", asked({"identifier": "same"}))
    placed = side.place(identifier="same")
    assert tested.pop("uuid") != placed.pop("uuid")
    assert tested == placed


def test_identifier_uniqueness_forever(side: PrivateSide) -> None:
    placed = side.place(identifier="mine")
    again = asked({"identifier": "mine"})
    assert side.refusal("POST", "/orders", again) == (400, "duplicated_identifier")
    assert side.refusal("POST", "/orders/test", again) == (400, "duplicated_identifier")
    side.call("DELETE", "/order", {"uuid": placed["uuid"]})
    side.wait(3_600_000)
    assert side.refusal("POST", "/orders", again) == (400, "duplicated_identifier")
    status, _ = side.call("POST", "/orders", again, account=side.other)
    assert status == 201  # Another account's names are its own.


class TestCancelAndNew:
    def new(self, **changes: Any) -> dict[str, Any]:
        return {"new_ord_type": "limit", "new_price": "1990", "new_volume": "5"} | changes

    def test_answers_with_the_old_order_still_waiting_and_the_new_uuid(self, side: PrivateSide) -> None:
        old = side.place(identifier="old")
        side.order_events()
        parameters = self.new(prev_order_uuid=old["uuid"], new_identifier="new", new_smp_type="reduce")
        status, answer = side.call("POST", "/orders/cancel_and_new", parameters)
        assert status == 201
        new_uuid = answer.pop("new_order_uuid")
        assert answer.pop("new_order_identifier") == "new"
        assert answer == old
        new = side.get("/order", uuid=new_uuid)
        assert (new["state"], new["price"], new["volume"], new["side"]) == ("wait", "1990", "5", "bid")
        assert (new["market"], new["identifier"], new["smp_type"]) == (XRP, "new", "reduce")
        assert [(event.uuid, event.state) for event in side.order_events()] == [
            (old["uuid"], "cancel"),
            (new_uuid, "wait"),
        ]

    def test_is_asked_by_identifier_too_and_the_uuid_wins(self, side: PrivateSide) -> None:
        side.place(identifier="a")
        other = side.place(identifier="b")
        parameters = self.new(prev_order_identifier="a", prev_order_uuid=other["uuid"])
        _, answer = side.call("POST", "/orders/cancel_and_new", parameters)
        assert answer["uuid"] == other["uuid"]
        assert "new_order_identifier" not in answer
        status, answer = side.call("POST", "/orders/cancel_and_new", self.new(prev_order_identifier="a"))
        assert (status, answer["identifier"]) == (201, "a")

    def test_remain_only_gives_the_new_order_what_is_left_of_the_old_one(self, side: PrivateSide) -> None:
        old = side.place()
        side.take(4, is_buy=False)
        parameters = self.new(prev_order_uuid=old["uuid"], new_volume="remain_only")
        _, answer = side.call("POST", "/orders/cancel_and_new", parameters)
        assert (answer["state"], answer["executed_volume"], answer["remaining_volume"]) == ("wait", "4", "6")
        assert side.get("/order", uuid=answer["new_order_uuid"])["volume"] == "6"

    def test_of_an_order_that_was_filled_first_makes_no_new_one(self, side: PrivateSide) -> None:
        old = side.place()
        side.take(10, is_buy=False)
        parameters = self.new(prev_order_uuid=old["uuid"], new_identifier="never")
        assert side.refusal("POST", "/orders/cancel_and_new", parameters) == (404, "order_not_found")
        assert side.refusal("GET", "/order", {"identifier": "never"}) == (404, "order_not_found")

    def test_whose_new_order_cannot_be_made_leaves_a_uuid_that_leads_nowhere(self, side: PrivateSide) -> None:
        side.place(volume="499999")
        side.place(volume="499000")
        old = side.place()
        parameters = self.new(prev_order_uuid=old["uuid"], new_price="2000", new_volume="2000")
        status, answer = side.call("POST", "/orders/cancel_and_new", parameters)
        assert (status, answer["state"]) == (201, "wait")
        assert side.refusal("GET", "/order", {"uuid": answer["new_order_uuid"]}) == (404, "order_not_found")
        assert side.get("/order", uuid=old["uuid"])["state"] == "cancel"

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"prev_order_uuid": None}, (400, "validation_error")),
            ({"prev_order_uuid": "unknown"}, (404, "order_not_found")),
            ({"new_ord_type": None}, (400, "validation_error")),
            ({"new_ord_type": "market"}, (400, "validation_error")),
            ({"new_volume": None}, (400, "validation_error")),
            ({"new_volume": "all"}, (400, "invalid_parameter")),
            ({"new_price": "1990.5"}, (400, "invalid_price_bid")),
            ({"new_volume": "1"}, (400, "under_min_total_bid")),
            ({"new_identifier": "old"}, (400, "duplicated_identifier")),
            ({"new_time_in_force": "gtc"}, (400, "invalid_time_in_force")),
            ({"new_time_in_force": "post_only", "new_smp_type": "reduce"}, (400, "invalid_post_only")),
        ],
        ids=str,
    )
    def test_that_is_refused_leaves_the_old_order_alone(
        self, side: PrivateSide, changes: dict[str, Any], refusal: tuple[int, str]
    ) -> None:
        old = side.place(identifier="old")
        wanted = self.new(prev_order_uuid=old["uuid"]) | changes
        parameters = {name: value for name, value in wanted.items() if value is not None}
        assert side.refusal("POST", "/orders/cancel_and_new", parameters) == refusal
        assert side.get("/orders/open") == [old]


def test_amounts_in_the_answer_are_texts(side: PrivateSide) -> None:
    placed = side.place()
    assert {name for name, value in placed.items() if not isinstance(value, str)} == {"trades_count"}
    assert Decimal(placed["locked"]) == Decimal(placed["price"]) * Decimal(placed["volume"]) * Decimal("1.0005")
    assert side.now_ms == START_MS
