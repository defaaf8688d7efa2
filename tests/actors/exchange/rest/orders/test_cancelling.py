"""Cancelling one order, several by id, and all of a choice."""

from typing import Any

import pytest

from tests.actors.exchange.rest.orders.private_side import XRP, PrivateSide


def test_delete_answers_with_state_wait_and_the_end_comes_by_event(side: PrivateSide) -> None:
    placed = side.place()
    side.order_events()
    assert side.call("DELETE", "/order", {"uuid": placed["uuid"]}) == (200, placed)
    (event,) = side.order_events()
    assert (event.uuid, event.state) == (placed["uuid"], "cancel")
    assert side.get("/order", uuid=placed["uuid"])["state"] == "cancel"


def test_delete_takes_an_identifier_and_the_uuid_wins(side: PrivateSide) -> None:
    first, second = side.place(identifier="first"), side.place(identifier="second")
    _, answer = side.call("DELETE", "/order", {"uuid": second["uuid"], "identifier": "first"})
    assert answer["uuid"] == second["uuid"]
    _, answer = side.call("DELETE", "/order", {"identifier": "first"})
    assert answer["uuid"] == first["uuid"]


def test_cancel_of_a_finished_order_is_order_not_found(side: PrivateSide) -> None:
    filled, cancelled = side.place(), side.place(price="1990")
    side.take(10, is_buy=False)
    side.call("DELETE", "/order", {"uuid": cancelled["uuid"]})
    for uuid in (filled["uuid"], cancelled["uuid"], "00000000-0000-4000-8000-000000000000"):
        assert side.refusal("DELETE", "/order", {"uuid": uuid}) == (404, "order_not_found")


def test_delete_without_a_name_is_refused(side: PrivateSide) -> None:
    assert side.refusal("DELETE", "/order", {}) == (400, "validation_error")


def test_nobody_cancels_another_accounts_order(side: PrivateSide) -> None:
    theirs = side.place(account=side.other, identifier="theirs")
    assert side.refusal("DELETE", "/order", {"uuid": theirs["uuid"]}) == (404, "order_not_found")
    assert side.refusal("DELETE", "/order", {"identifier": "theirs"}) == (404, "order_not_found")
    _, batch = side.call("DELETE", "/orders/uuids", {"uuids[]": [theirs["uuid"]]})
    assert batch == {"success": {"count": 0, "orders": []}, "failed": {"count": 0, "orders": []}}
    _, batch = side.call("DELETE", "/orders/open", {})
    assert batch["success"]["count"] == 0
    assert side.other.locked["KRW"] > 0


def test_reserved_orders_can_be_cancelled_by_name(side: PrivateSide) -> None:
    first, second = side.place_watch(), side.place_watch()
    status, answer = side.call("DELETE", "/order", {"uuid": first.uuid})
    assert (status, answer["state"]) == (200, "watch")
    _, batch = side.call("DELETE", "/orders/uuids", {"uuids[]": [second.uuid]})
    assert batch["success"]["orders"] == [{"uuid": second.uuid, "market": XRP}]
    assert [side.get("/order", uuid=order.uuid)["state"] for order in (first, second)] == ["cancel", "cancel"]


def test_batch_cancel_shapes(side: PrivateSide) -> None:
    named, plain, filled = side.place(price="1990", identifier="named"), side.place(price="1980"), side.place()
    side.take(10, is_buy=False)
    uuids = [plain["uuid"], filled["uuid"], named["uuid"], "unknown", plain["uuid"]]
    assert side.call("DELETE", "/orders/uuids", {"uuids[]": uuids}) == (
        200,
        {
            "success": {
                "count": 2,
                "orders": [
                    {"uuid": plain["uuid"], "market": XRP},
                    {"uuid": named["uuid"], "market": XRP, "identifier": "named"},
                ],
            },
            "failed": {"count": 1, "orders": [{"uuid": filled["uuid"], "market": XRP}]},
        },
    )


def test_batch_cancel_by_identifiers(side: PrivateSide) -> None:
    placed = [side.place(identifier=f"id-{number}") for number in range(3)]
    _, answer = side.call("DELETE", "/orders/uuids", {"identifiers[]": ["id-0", "id-2", "id-9"]})
    assert [order["identifier"] for order in answer["success"]["orders"]] == ["id-0", "id-2"]
    assert [order["uuid"] for order in side.get("/orders/open")] == [placed[1]["uuid"]]


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({}, (400, "validation_error")),
        ({"uuids[]": ["a"], "identifiers[]": ["b"]}, (400, "invalid_parameter")),
        ({"uuids[]": [f"u{number}" for number in range(21)]}, (400, "invalid_parameter")),
        ({"identifiers[]": [f"i{number}" for number in range(21)]}, (400, "invalid_parameter")),
    ],
    ids=["neither", "both", "21 uuids", "21 identifiers"],
)
def test_cancel_by_ids_takes_one_list_of_at_most_20(
    untouched: PrivateSide, parameters: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert untouched.refusal("DELETE", "/orders/uuids", parameters) == refusal


def place_six(side: PrivateSide) -> dict[str, str]:
    """Names of six new orders by uuid, oldest first."""
    orders = {
        side.place(market="KRW-XRP", price="1500")["uuid"]: "xrp bid",
        side.place(market="KRW-XRP", side="ask", price="3000")["uuid"]: "xrp ask",
        side.place(market="KRW-BTC", price="50000000", volume="0.001")["uuid"]: "btc bid",
        side.place(market="KRW-ETH", price="1000000", volume="0.01")["uuid"]: "eth bid",
        side.place(market="BTC-ETH", price="0.01", volume="0.01")["uuid"]: "btc-eth bid",
    }
    return orders | {side.place_watch().uuid: "watch"}


class TestOpen:
    """`DELETE /v1/orders/open`."""

    @pytest.mark.parametrize(
        ("parameters", "cancelled"),
        [
            ({}, ["btc-eth bid", "eth bid", "btc bid", "xrp ask", "xrp bid"]),
            ({"cancel_side": "all", "order_by": "asc", "count": "2"}, ["xrp bid", "xrp ask"]),
            ({"count": "2"}, ["btc-eth bid", "eth bid"]),
            ({"cancel_side": "ask"}, ["xrp ask"]),
            ({"cancel_side": "bid", "pairs": "KRW-XRP,KRW-BTC"}, ["btc bid", "xrp bid"]),
            ({"quote_currencies": "BTC"}, ["btc-eth bid"]),
            ({"quote_currencies": "KRW,BTC", "excluded_pairs": "KRW-XRP"}, ["btc-eth bid", "eth bid", "btc bid"]),
            ({"pairs": "KRW-XRP,KRW-ETH", "excluded_pairs": "KRW-XRP"}, ["eth bid"]),
            ({"excluded_pairs": "KRW-XRP,KRW-BTC,KRW-ETH,BTC-ETH"}, []),
        ],
        ids=str,
    )
    def test_cancels_what_is_chosen_and_never_a_reserved_order(
        self, wide_side: PrivateSide, parameters: dict[str, str], cancelled: list[str]
    ) -> None:
        names = place_six(wide_side)
        status, answer = wide_side.call("DELETE", "/orders/open", parameters)
        assert status == 200
        assert answer["failed"] == {"count": 0, "orders": []}
        assert answer["success"]["count"] == len(cancelled)
        assert [names[order["uuid"]] for order in answer["success"]["orders"]] == cancelled
        left = {order["uuid"] for order in wide_side.get("/orders/open", **{"states[]": ["wait", "watch"]})}
        assert {names[uuid] for uuid in left} == set(names.values()) - set(cancelled)

    def test_takes_20_unless_told_and_300_at_most(self, side: PrivateSide) -> None:
        for _ in range(330):
            side.place(volume="2.5")
        assert side.call("DELETE", "/orders/open", {})[1]["success"]["count"] == 20
        assert side.call("DELETE", "/orders/open", {"count": "1000"})[1]["success"]["count"] == 300

    @pytest.mark.parametrize(
        ("parameters", "name"),
        [
            ({"cancel_side": "both"}, "invalid_parameter"),
            ({"pairs": "KRW-XRP", "quote_currencies": "KRW"}, "invalid_parameter"),
            ({"pairs": "KRW-NOPE"}, "notfoundmarket"),
            ({"excluded_pairs": "KRW-NOPE"}, "notfoundmarket"),
            ({"quote_currencies": "EUR"}, "invalid_parameter"),
            ({"pairs": ",".join(f"KRW-A{number}" for number in range(21))}, "invalid_parameter"),
            ({"excluded_pairs": ",".join(f"KRW-A{number}" for number in range(21))}, "invalid_parameter"),
            ({"count": "0"}, "invalid_parameter"),
            ({"count": "ten"}, "invalid_parameter"),
            ({"order_by": "newest"}, "invalid_parameter"),
        ],
        ids=lambda part: str(part)[:60],
    )
    def test_a_bad_choice_cancels_nothing(self, untouched: PrivateSide, parameters: dict[str, str], name: str) -> None:
        placed = untouched.place()
        assert untouched.refusal("DELETE", "/orders/open", parameters) == (400, name)
        assert untouched.get("/orders/open")[0] == placed
