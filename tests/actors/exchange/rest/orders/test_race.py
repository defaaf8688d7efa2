"""Who is told first, the answer to a request or the event about the order."""

import pytest

from actors.exchange.quirks import Quirks
from actors.exchange.rest.orders.race import LONGEST_S, SHORTEST_S
from actors.exchange.sources.hub import PUMP_S
from tests.actors.exchange.rest.orders.private_side import XRP_LIMIT, PrivateSide


def delays(side: PrivateSide, times: int = 200) -> list[float]:
    return [side.answered("POST", "/orders", XRP_LIMIT).delay_s for _ in range(times)]


def test_rest_answer_and_ws_event_race_in_both_orders(side: PrivateSide) -> None:
    seen = delays(side)
    late = [delay_s for delay_s in seen if delay_s]
    assert 80 <= len(late) <= 120
    assert all(SHORTEST_S <= delay_s <= LONGEST_S for delay_s in late)
    assert SHORTEST_S > PUMP_S  # An answer that is held back comes after the round that sends the event.


def test_the_same_seed_gives_the_same_race() -> None:
    assert delays(PrivateSide(), 20) == delays(PrivateSide(), 20)


@pytest.mark.parametrize(("order", "is_late"), [("answer_first", False), ("event_first", True)])
def test_the_race_can_be_decided(order: str, is_late: bool) -> None:
    side = PrivateSide(quirks=Quirks(order_race=order))  # type: ignore[arg-type]  # both are allowed words
    assert {delay_s > 0 for delay_s in delays(side, 20)} == {is_late}


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("POST", "/orders/cancel_and_new", {"new_ord_type": "limit", "new_price": "1990", "new_volume": "10"}),
        ("DELETE", "/order", {}),
        ("DELETE", "/orders/uuids", {}),
        ("DELETE", "/orders/open", {}),
    ],
)
def test_every_request_that_causes_events_takes_part(method: str, path: str, parameters: dict[str, str]) -> None:
    side = PrivateSide(quirks=Quirks(order_race="event_first"))
    uuid = side.place()["uuid"]
    names = {"uuid": uuid, "prev_order_uuid": uuid, "uuids[]": [uuid]}
    answered = side.answered(method, path, parameters | names)
    assert answered.answer.status in {200, 201}
    assert answered.delay_s > 0
    assert side.events()  # What was asked has happened when the answer is written.


def test_queries_tests_and_refusals_are_answered_at_once() -> None:
    side = PrivateSide(quirks=Quirks(order_race="event_first"))
    assert side.answered("GET", "/orders/open").delay_s == 0
    assert side.answered("POST", "/orders/test", XRP_LIMIT).delay_s == 0
    assert side.answered("POST", "/orders", XRP_LIMIT | {"volume": "1"}).delay_s == 0
