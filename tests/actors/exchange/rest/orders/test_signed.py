"""Private REST through the whole service: tokens, scopes, groups, and a life by signed requests."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.actors.exchange.rest.rest_client import OTHER, OWNER, READER, RestClient, http_request, signed_text


class Expected(NamedTuple):
    """One route: `minute` is the constant that its `Remaining-Req` has as `min`."""

    method: str
    path: str
    group: str
    minute: int
    scope: str


ROUTES = [
    Expected("GET", "/v1/accounts", "default", 1800, "view_assets"),
    Expected("GET", "/v1/api_keys", "default", 1800, ""),
    Expected("GET", "/v1/orders/chance", "default", 1800, "view_orders"),
    Expected("GET", "/v1/order", "default", 1800, "view_orders"),
    Expected("GET", "/v1/orders", "default", 1800, "view_orders"),
    Expected("GET", "/v1/orders/uuids", "default", 1800, "view_orders"),
    Expected("GET", "/v1/orders/open", "default", 1800, "view_orders"),
    Expected("GET", "/v1/orders/closed", "default", 1800, "view_orders"),
    Expected("POST", "/v1/orders", "order", 720, "make_orders"),
    Expected("POST", "/v1/orders/test", "order-test", 480, "make_orders"),
    Expected("POST", "/v1/orders/cancel_and_new", "order", 720, "make_orders"),
    Expected("DELETE", "/v1/order", "default", 1800, "make_orders"),
    Expected("DELETE", "/v1/orders/uuids", "default", 1800, "make_orders"),
    Expected("DELETE", "/v1/orders/open", "order-cancel-all", 30, "make_orders"),
]


@pytest.fixture(scope="module")
def signing() -> RestClient:
    """One for tests that leave nothing behind."""
    return RestClient()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_has_its_group_and_scope(signing: RestClient, route: Expected) -> None:
    allowed = signing.signed(route.method, route.path)
    assert allowed.status in {200, 400}  # 400: it needs parameters.
    assert allowed.headers["remaining-req"].startswith(f"group={route.group}; min={route.minute}; sec=")
    reader = signing.signed(route.method, route.path, account=READER)
    if route.scope in {"", "view_assets"}:
        assert reader.status == 200
    else:
        assert reader.error == (403, "out_of_scope")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_without_a_token_nothing_is_told(signing: RestClient, route: Expected) -> None:
    assert signing.ask(http_request(route.method, route.path)).error == (401, "no_authorization_token")


def body(**members: Any) -> bytes:
    return json.dumps(members).encode()


def test_a_life_by_signed_requests(new_client: Callable[..., RestClient]) -> None:
    client = new_client(rate=0.0)
    asked = body(market="KRW-BTC", side="bid", ord_type="limit", price="50000000", volume=0.001, identifier="mine")
    placed = client.signed("POST", "/v1/orders", body=asked)
    assert (placed.status, placed.answered.access_key) == (201, OWNER.access_key)
    uuid = placed.document["uuid"]
    listed = client.signed("GET", "/v1/orders/open?market=KRW-BTC&states[]=wait&states[]=watch&limit=10")
    encoded = client.signed("GET", "/v1/orders/open?market=KRW-BTC&states%5B%5D=wait&states%5B%5D=watch&limit=10")
    assert listed.document == encoded.document == [placed.document]
    assert client.signed("GET", f"/v1/order?uuid={uuid}", account=OTHER).error == (404, "order_not_found")
    cancelled = client.signed("DELETE", f"/v1/order?uuid={uuid}")
    assert (cancelled.status, cancelled.document["state"]) == (200, "wait")
    assert client.signed("GET", "/v1/order?identifier=mine").document["state"] == "cancel"
    since = quote("2026-09-21T23:00:00+09:00")
    closed = client.signed("GET", f"/v1/orders/closed?start_time={since}")
    assert [order["uuid"] for order in closed.document] == [uuid]


def test_numbers_and_texts_hash_alike_and_null_members_are_left_out(new_client: Callable[..., RestClient]) -> None:
    client = new_client(rate=0.0)
    order = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": 50000000, "volume": "0.0010"}
    sent = json.dumps(order | {"time_in_force": None, "identifier": None}).encode()
    text = signed_text(json.dumps(order).encode())
    reply = client.signed("POST", "/v1/orders", body=sent, query=text)
    assert (reply.status, reply.document["volume"]) == (201, "0.001")
    assert {"time_in_force", "identifier"}.isdisjoint(reply.document)


def test_a_body_that_is_not_the_signed_one_places_nothing(signing: RestClient) -> None:
    order = body(market="KRW-BTC", side="bid", ord_type="limit", price="50000000", volume="0.001")
    other = order.replace(b"0.001", b"9.001")
    reply = signing.signed("POST", "/v1/orders", body=other, query=signed_text(order))
    assert reply.error == (401, "invalid_query_payload")
    assert signing.signed("GET", "/v1/orders/open").document == []


def test_batch_cancel_takes_its_parameters_from_the_query_only(signing: RestClient) -> None:
    for path in ("/v1/orders/uuids", "/v1/orders/open"):
        reply = signing.signed("DELETE", path, body=body(cancel_side="all"))
        assert reply.error == (400, "QUERY_PARAMETER_NOT_SUPPORTED")


def test_maintenance_mode_403_market_offline_on_every_private_route(signing: RestClient) -> None:
    signing.service.offline = True
    try:
        for route in ROUTES:
            assert signing.signed(route.method, route.path).error == (403, "market_offline")
    finally:
        signing.service.offline = False


def test_cancelling_all_is_allowed_once_in_two_seconds(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True, rate=0.0)
    times = (0.0, 0.1, 1.9, 2.0, 3.0, 4.1)
    statuses = [client.signed("DELETE", "/v1/orders/open", now_s=now_s).status for now_s in times]
    assert statuses == [200, 429, 429, 200, 429, 200]


def by_pyupbit(client: RestClient) -> Iterator[tuple[int, Any]]:
    """What pyupbit sends: parameters of GET as a form in the body, of DELETE as JSON in the body."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    order = body(market="KRW-BTC", side="bid", volume="0.001", price="50000000.0", ord_type="limit")
    placed = client.signed("POST", "/v1/orders", body=order)
    yield placed.status, placed.document["state"]
    uuid = placed.document["uuid"]
    for path, text in (
        ("/v1/orders", "market=KRW-BTC&state=wait&page=1&limit=100&order_by=desc"),
        ("/v1/order", f"uuid={uuid}"),
        ("/v1/orders/chance", "market=KRW-BTC"),
    ):
        reply = client.signed("GET", path, body=text.encode(), query=text, headers=form)
        yield reply.status, reply.document
    cancelled = client.signed("DELETE", "/v1/order", body=body(uuid=uuid))
    yield cancelled.status, cancelled.document["state"]


def test_a_client_that_sends_parameters_in_bodies_is_understood(new_client: Callable[..., RestClient]) -> None:
    placed, older, one, chance, cancelled = by_pyupbit(new_client(rate=0.0))
    assert placed == (201, "wait")
    assert (older[0], [order["state"] for order in older[1]]) == (200, ["wait"])
    assert (one[0], one[1]["trades"]) == (200, [])
    assert (chance[0], chance[1]["market"]["id"]) == (200, "KRW-BTC")
    assert cancelled == (200, "wait")
