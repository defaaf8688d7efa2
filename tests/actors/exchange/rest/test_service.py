import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from actors.exchange.quirks import Quirks
from actors.exchange.rest.keys import KeyRing
from actors.exchange.rest.limits import REFUSALS, RequestLimits
from actors.exchange.rest.messages import Answered, HttpAnswer, json_answer
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.routes import Call, Route, RouteTable
from actors.exchange.rest.service import RestService, served_routes
from actors.exchange.sources.replay import Replay, load_recording
from protocols.errors import UsageError
from tests.actors.exchange.rest.rest_client import OTHER, RestClient, http_request

RECORDING = Path(__file__).parents[3] / "data" / "upbit-capture-2021-04-17.jsonl"
BOOKS = "/v1/orderbook?markets=KRW-BTC,KRW-ETH"
QUOTATION_GROUPS = {
    "/v1/market/all": "market",
    "/v1/ticker?markets=KRW-BTC": "ticker",
    "/v1/ticker/all?quote_currencies=KRW": "ticker",
    "/v1/orderbook?markets=KRW-BTC": "orderbook",
    "/v1/orderbook/instruments?markets=KRW-BTC": "orderbook",
    "/v1/orderbook/supported_levels?markets=KRW-BTC": "orderbook",
    "/v1/trades/ticks?market=KRW-BTC": "trade",
    "/v1/candles/seconds?market=KRW-BTC": "candle",
    "/v1/candles/minutes/240?market=KRW-BTC": "candle",
    "/v1/candles/days?market=KRW-BTC": "candle",
    "/v1/candles/weeks?market=KRW-BTC": "candle",
    "/v1/candles/months?market=KRW-BTC": "candle",
    "/v1/candles/years?market=KRW-BTC": "candle",
}


def test_an_unrouted_path_is_a_404_with_a_name_and_without_remaining_req(client: RestClient) -> None:
    for method, path in (
        ("GET", "/v1/nope"), ("GET", "/v1/ticker/"), ("GET", "/"), ("GET", "/v1/candles/minutes/"),
        ("POST", "/v1/ticker"), ("HEAD", "/v1/ticker"), ("DELETE", "/v1/orders"), ("PUT", "/v1/orders"),
    ):  # fmt: skip
        reply = client.ask(http_request(method, path))
        assert reply.error == (404, "not_found")
        assert "remaining-req" not in reply.headers


@pytest.mark.parametrize(("target", "group"), QUOTATION_GROUPS.items())
def test_every_answer_with_market_data_tells_what_is_left_of_its_group(
    client: RestClient, target: str, group: str
) -> None:
    reply = client.get(target)
    assert reply.status == 200
    assert reply.headers["remaining-req"] == f"group={group}; min=600; sec=9"


def test_a_refused_request_is_counted_and_told_what_is_left(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True)
    for left in (9, 8):
        reply = client.get("/v1/ticker?markets=KRW-NOPE")
        assert reply.error == (404, 404)
        assert reply.headers["remaining-req"] == f"group=ticker; min=600; sec={left}"


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/v1/ticker", 400, "Missing request parameter error. Check the required parameters!"),
        ("/v1/ticker?markets=", 400, "Missing request parameter error. Check the required parameters!"),
        ("/v1/ticker/all", 400, "Missing request parameter error. Check the required parameters!"),
        ("/v1/candles/days", 400, "Missing request parameter error. Check the required parameters!"),
        ("/v1/candles/days?market=KRW-BTC&count=x", 400, "Type mismatch error. Check the parameters type!"),
        ("/v1/market/all?is_details=maybe", 400, "Type mismatch error. Check the parameters type!"),
        ("/v1/candles/minutes/x?market=KRW-BTC", 400, "Type mismatch error. Check the parameters type!"),
        ("/v1/candles/minutes/7?market=KRW-BTC", 400, "Invalid parameter. Check the given value!"),
        ("/v1/candles/minutes/01?market=KRW-BTC", 400, "Invalid parameter. Check the given value!"),
        ("/v1/candles/days?market=KRW-BTC&to=soon", 400, "Invalid parameter. Check the given value!"),
        ("/v1/trades/ticks?market=KRW-BTC&days_ago=8", 400, "Invalid parameter. Check the given value!"),
        ("/v1/trades/ticks?market=KRW-BTC&to=250000", 400, "Invalid parameter. Check the given value!"),
        ("/v1/orderbook?markets=KRW-BTC&level=-1", 400, "Invalid parameter. Check the given value!"),
        ("/v1/ticker?markets=KRW-NOPE", 404, "Code not found"),
        ("/v1/ticker/all?quote_currencies=EUR", 404, "Code not found"),
        ("/v1/trades/ticks?market=BTC", 404, "Code not found"),
        ("/v1/candles/days?market=%EF%BF%BD", 404, "Code not found"),
    ],
)
def test_errors_of_market_data_have_the_status_as_name_and_the_documented_messages(
    client: RestClient, target: str, status: int, message: str
) -> None:
    reply = client.get(target)
    assert reply.status == status
    assert reply.document == {"error": {"name": status, "message": message}}


@pytest.mark.parametrize("path", ["ticker", "orderbook", "orderbook/instruments", "orderbook/supported_levels"])
def test_one_bad_market_fails_the_whole_call(client: RestClient, path: str) -> None:
    assert client.get(f"/v1/{path}?markets=KRW-BTC,KRW-NOPE,KRW-ETH").error == (404, 404)


# Limits.


def test_market_data_is_counted_by_address_and_refused_with_429(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True)
    statuses = [client.get(BOOKS).status for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    refused = client.get(BOOKS)
    assert refused.error == (429, 429)
    assert refused.headers["remaining-req"] == "group=orderbook; min=600; sec=0"
    assert client.get(BOOKS, address="10.0.0.2").status == 200


def test_the_plain_text_variant_of_a_429_can_be_chosen(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True, is_plain=True)
    assert [client.get(BOOKS).body for _ in range(11)][-1] == b"Too many API requests."


def test_continued_violation_escalates_from_429_to_418(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True)
    statuses = [client.get(BOOKS).status for _ in range(10 + REFUSALS + 2)]
    assert statuses == [200] * 10 + [429] * REFUSALS + [418] * 2
    assert "blocked for 10 seconds" in client.get("/v1/market/all").document["error"]["message"]


def test_an_origin_header_counts_in_a_group_of_its_own(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True)
    origin = {"origin": "https://example.org"}
    first = client.get(BOOKS, headers=origin)
    assert (first.status, first.headers["remaining-req"]) == (200, "group=origin; min=6; sec=0")
    assert client.get("/v1/market/all", headers=origin).status == 429
    assert client.get(BOOKS).headers["remaining-req"] == "group=orderbook; min=600; sec=9"
    assert client.signed("GET", "/v1/accounts", headers=origin).headers["remaining-req"].startswith("group=default;")


def test_accounts_are_counted_by_key_whatever_the_address(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True)
    replies = [client.signed("GET", "/v1/accounts", address=f"10.0.0.{number}") for number in range(31)]
    assert [reply.status for reply in replies] == [200] * 30 + [429]
    assert replies[-1].error == (429, "too_many_requests")
    assert replies[0].headers["remaining-req"] == "group=default; min=1800; sec=29"
    assert client.signed("GET", "/v1/accounts", account=OTHER).status == 200


def test_orders_tests_and_batch_cancels_have_groups_of_their_own(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True)
    body = b'{"market":"KRW-BTC"}'
    for method, target, data, expected in (
        ("POST", "/v1/orders", body, "group=order; min=720; sec=11"),
        ("POST", "/v1/orders/cancel_and_new", body, "group=order; min=720; sec=10"),
        ("POST", "/v1/orders/test", body, "group=order-test; min=480; sec=7"),
        ("DELETE", "/v1/orders/open?cancel_side=all", b"", "group=order-cancel-all; min=30; sec=0"),
        ("GET", "/v1/orders/open", b"", "group=default; min=1800; sec=29"),
    ):
        assert client.signed(method, target, body=data).headers["remaining-req"] == expected


def test_an_answer_to_a_bad_token_still_tells_what_is_left(new_client: Callable[..., RestClient]) -> None:
    client = new_client(limits=True)
    reply = client.signed("GET", "/v1/orders/open?limit=1", query="limit=2")
    assert reply.error == (401, "invalid_query_payload")
    assert reply.headers["remaining-req"] == "group=default; min=1800; sec=30"


# Maintenance.


def test_in_maintenance_accounts_are_offline_and_market_data_is_a_page_with_500(
    new_client: Callable[..., RestClient],
) -> None:
    client = new_client()
    client.service.offline = True
    assert client.signed("GET", "/v1/accounts").error == (403, "market_offline")
    assert client.ask(http_request("POST", "/v1/orders/test", body=b"{}")).error == (403, "market_offline")
    page = client.get(BOOKS)
    assert page.status == 500
    assert page.answered.answer.content_type.startswith("text/html")
    assert page.body.startswith(b"<html>")
    client.service.offline = False
    assert client.get(BOOKS).status == 200


# Headers.


def test_a_header_sent_twice_is_refused_on_both_sides(client: RestClient) -> None:
    twice = frozenset({"x-a"})
    assert client.ask(http_request("GET", BOOKS, repeated_headers=twice)).error == (400, 400)
    assert client.ask(http_request("GET", "/v1/accounts", repeated_headers=twice)).error == (400, "bad_request")


@pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip;q=0.5", "gzip, deflate, br", "*"])
def test_market_data_is_compressed_when_asked(client: RestClient, accepted: str) -> None:
    plain, compressed = client.get(BOOKS), client.get(BOOKS, headers={"accept-encoding": accepted})
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body
    assert len(compressed.body) < len(plain.body) / 2


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "gzip;q=0.0, br", "xgzip", "br"])
def test_market_data_is_plain_otherwise(client: RestClient, accepted: str) -> None:
    assert "content-encoding" not in client.get(BOOKS, headers={"accept-encoding": accepted}).headers


def test_short_answers_and_accounts_are_never_compressed(client: RestClient) -> None:
    gzipped = {"accept-encoding": "gzip"}
    assert "content-encoding" not in client.get("/v1/ticker?markets=KRW-NOPE", headers=gzipped).headers
    assert "content-encoding" not in client.signed("GET", "/v1/orders/chance?market=KRW-BTC", headers=gzipped).headers


# Recordings, and the service by itself.


def test_of_a_recording_only_the_list_of_markets_is_served() -> None:
    source = Replay(load_recording(RECORDING), speed=0.0)
    routes = served_routes(source, None, Quirks(), random.Random(1))
    service = RestService(routes, None, KeyRing([]), RequestLimits(enabled=True))
    answer = service.answer(http_request("GET", "/v1/market/all?is_details=true"), "a", now_s=0.0).answer
    assert answer.status == 200
    assert b'"warning":false' in answer.body
    for path in ("/v1/ticker?markets=KRW-BTC", "/v1/accounts"):
        assert service.answer(http_request("GET", path), "a", now_s=0.0).answer.status == 404


def service_of(handler: Callable[[Call], HttpAnswer | Answered]) -> RestService:
    route = Route("GET", "/v1/x", "market", "quotation", "", handler)
    return RestService([route], None, KeyRing([]), RequestLimits(enabled=False))


def test_an_error_of_the_simulator_is_logged_and_answered_with_500() -> None:
    def broken(_: Call) -> HttpAnswer:
        raise ZeroDivisionError("a bug")

    service = service_of(broken)
    with structlog.testing.capture_logs() as logs:
        answer = service.answer(http_request("GET", "/v1/x"), "a", now_s=0.0).answer
    assert (answer.status, answer.body) == (500, b'{"error":{"name":500,"message":"internal server error"}}')
    assert [(entry["event"], entry["path"], entry["exc_info"]) for entry in logs] == [("rest.failed", "/v1/x", True)]


def test_a_handler_may_have_its_answer_held_back() -> None:
    service = service_of(lambda _: Answered(json_answer(200, []), delay_s=0.02))
    answered = service.answer(http_request("GET", "/v1/x"), "a", now_s=0.0)
    assert answered.delay_s == 0.02
    assert dict(answered.answer.headers)["remaining-req"].startswith("group=market")


def test_two_routes_of_one_path_are_a_mistake_and_a_word_in_braces_stands_for_any() -> None:
    def answer(call: Call) -> HttpAnswer:
        return json_answer(200, call.segment)

    one = Route("GET", "/v1/x/{}", "market", "quotation", "", answer)
    with pytest.raises(UsageError, match=r"two routes for GET /v1/x/\{\}"):
        RouteTable([one, one])
    table = RouteTable([one])
    assert table.find("GET", "/v1/x/abc") == (one, "abc")
    assert table.find("GET", "/v1/x/") is None
    assert table.find("GET", "/v1/x/a/b") is None
    assert one.handler(Call(Parameters(()), None, 0, "abc")).body == b'"abc"'  # type: ignore[union-attr]
