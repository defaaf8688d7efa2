"""Nothing that a client asks of REST ends in anything but a documented answer, or reaches another account."""

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.exchange.rest.messages import HttpRequest
from actors.exchange.settings import AccountSettings
from protocols.upbit.tokens import make_token
from tests.actors.exchange.rest.rest_client import EXPIRED, OTHER, OWNER, READER, Reply, RestClient, http_request

MARKETS = ("KRW-BTC", "KRW-ETH", "KRW-XRP")
PAGE = {"limit": ("1", "100"), "page": ("1", "2"), "order_by": ("asc", "desc")}
IDS = ("00000000-0000-4000-8000-000000000000", "nobody")
CANDLES = {"market": MARKETS, "count": ("1", "7"), "to": ("2026-09-21T00:00:00Z", "2026-09-21 00:00:00")}
QUOTATION = {
    "/v1/market/all": {"is_details": ("true", "false")},
    "/v1/ticker": {"markets": (*MARKETS, ",".join(MARKETS))},
    "/v1/ticker/all": {"quote_currencies": ("KRW", "KRW,BTC")},
    "/v1/orderbook": {"markets": MARKETS, "level": ("0", "10000"), "count": ("1", "30")},
    "/v1/orderbook/instruments": {"markets": MARKETS},
    "/v1/orderbook/supported_levels": {"markets": MARKETS},
    "/v1/trades/ticks": {
        "market": MARKETS,
        "count": ("1", "500"),
        "to": ("120000", "00:00:00"),
        "days_ago": ("1", "7"),
        "cursor": ("17900000000000000",),
    },
    "/v1/candles/seconds": CANDLES,
    "/v1/candles/minutes/1": CANDLES,
    "/v1/candles/minutes/7": CANDLES,
    "/v1/candles/days": CANDLES | {"converting_price_unit": ("KRW",)},
    "/v1/candles/weeks": CANDLES,
    "/v1/candles/months": CANDLES,
    "/v1/candles/years": CANDLES,
}
QUERIES = {
    ("GET", "/v1/accounts"): {},
    ("GET", "/v1/api_keys"): {},
    ("GET", "/v1/order"): {"uuid": IDS, "identifier": ("a", "b")},
    ("GET", "/v1/orders"): {"market": MARKETS, "state": ("wait", "done"), "uuids[]": IDS} | PAGE,
    ("GET", "/v1/orders/chance"): {"market": MARKETS},
    ("GET", "/v1/orders/uuids"): {"uuids[]": IDS, "identifiers[]": ("a", "b"), "market": MARKETS},
    ("GET", "/v1/orders/open"): {"market": MARKETS, "state": ("wait", "watch"), "states[]": ("wait", "watch")} | PAGE,
    ("GET", "/v1/orders/closed"): {
        "market": MARKETS,
        "states[]": ("done", "cancel"),
        "start_time": ("2026-09-20T00:00:00+09:00", "1790000000000"),
        "end_time": ("2026-09-22T00:00:00Z",),
        "limit": ("100", "1000"),
    },
    ("DELETE", "/v1/order"): {"uuid": IDS, "identifier": ("a", "b")},
    ("DELETE", "/v1/orders/uuids"): {"uuids[]": IDS, "identifiers[]": ("a", "b")},
    ("DELETE", "/v1/orders/open"): {
        "cancel_side": ("all", "ask", "bid"),
        "pairs": (",".join(MARKETS), "KRW-BTC"),
        "quote_currencies": ("KRW",),
        "excluded_pairs": ("KRW-ETH",),
        "count": ("1", "300"),
    },
}
ORDER = {
    "market": MARKETS,
    "side": ("ask", "bid"),
    "ord_type": ("limit", "price", "market", "best"),
    "volume": ("0.001", "0.0002", 0.01, "1"),
    "price": ("100000000", 3_500_000, "10000", "99999999"),
    "time_in_force": ("ioc", "fok", "post_only"),
    "identifier": ("a", "b", "c"),
    "smp_type": ("reduce", "cancel_maker", "cancel_taker", "none"),
}
REPLACEMENT = {
    "prev_order_uuid": IDS,
    "prev_order_identifier": ("a", "b", "c"),
    "new_ord_type": ORDER["ord_type"],
    "new_volume": ("0.001", "remain_only"),
    "new_price": ("90000000", "10000"),
    "new_identifier": ("d", "e"),
    "new_time_in_force": ORDER["time_in_force"],
    "new_smp_type": ORDER["smp_type"],
}
POSTS = {"/v1/orders": ORDER, "/v1/orders/test": ORDER, "/v1/orders/cancel_and_new": REPLACEMENT}
STATUSES = {200, 201, 400, 401, 403, 404, 418, 429}

NAMES = tuple({name for names in (*QUOTATION.values(), *QUERIES.values(), *POSTS.values()) for name in names})
VALUES = (
    "KRW-BTC", "KRW-ETH", "KRW-XRP", "krw-btc", "KRW-NOPE", "BTC", "KRW", "KRW,BTC", "ask", "bid", "all", "limit",
    "price", "market", "best", "ioc", "fok", "post_only", "reduce", "none", "cancel_maker", "cancel_taker", "wait",
    "watch", "done", "cancel", "asc", "desc", "0", "1", "-1", "5000", "0.001", "1e-8", "100000000", "10000000000000",
    "0.123456789", "NaN", "1e400", "9" * 39, "true", "false", "remain_only", "a", "a" * 65, "00:00:00", "235959",
    "2026-09-21T00:00:00Z", "1970-01-01", "9999-12-31T23:59:59-23:59", "1790000000000", "",
    "00000000-0000-4000-8000-000000000000", "\x00", "한국", "ﬀ", "%", "&=", "[]",
)  # fmt: skip

name_texts = st.sampled_from(sorted(NAMES)) | st.text(max_size=8)
value_texts = st.sampled_from(VALUES) | st.text(max_size=12)
oddities = st.lists(st.tuples(name_texts, value_texts), max_size=2) | st.just([])


@st.composite
def nearly_right(draw: st.DrawFn, typical: dict[str, tuple[Any, ...]]) -> list[tuple[str, Any]]:
    """Most of the parameters that a path takes with values that it knows, and now and then something odd."""
    names = draw(st.lists(st.sampled_from(sorted(typical)), unique=True)) if typical else []
    known = [(name, draw(st.sampled_from(typical[name]))) for name in names]
    return known + draw(oddities)


@st.composite
def orders(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """An order whose amounts fit its type, and now and then something odd."""
    side, kind = draw(st.sampled_from([("ask", "market"), ("bid", "price"), ("ask", "limit"), ("bid", "limit")]))
    price = draw(st.sampled_from(["100000000", "120000000", 110_000_000, "10000"]))
    members = {"market": "KRW-BTC", "side": side, "ord_type": kind, "volume": "0.001", "price": price}
    members.pop({"market": "price", "price": "volume"}.get(kind, ""), None)
    more = draw(st.lists(st.sampled_from(["time_in_force", "identifier", "smp_type"]), unique=True, max_size=2))
    members |= {name: draw(st.sampled_from(ORDER[name])) for name in more}
    return list(members.items()) + draw(oddities)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | value_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(name_texts, inner, max_size=3),
    max_leaves=6,
)
bodies = (
    st.just(b"")
    | st.binary(max_size=60)
    | (st.dictionaries(name_texts, json_values, max_size=6) | json_values).map(
        lambda document: json.dumps(document).encode()
    )
)
header_values = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=40)
headers = st.dictionaries(
    st.sampled_from(["authorization", "content-type", "accept-encoding", "origin", "cookie", "x"]),
    header_values | st.sampled_from(["gzip", "application/json", "application/x-www-form-urlencoded", "Bearer a.b.c"]),
    max_size=3,
)
methods = st.sampled_from(["GET", "POST", "DELETE"]) | st.sampled_from(["HEAD", "PUT", "PATCH", "OPTIONS", "X"])
exchange_paths = st.sampled_from(sorted({path for _, path in QUERIES} | set(POSTS)))
paths = exchange_paths | st.sampled_from(list(QUOTATION)) | st.text(max_size=10).map(lambda text: f"/v1/{text}")


def query_of(items: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in items)


wild_requests = st.builds(
    HttpRequest,
    method=methods,
    path=paths,
    headers=headers,
    body=bodies,
    raw=st.just(b""),
    query_string=st.lists(st.tuples(name_texts, value_texts), max_size=4).map(query_of) | st.text(max_size=20),
    is_oversized=st.booleans(),
)
market_requests = st.sampled_from(list(QUOTATION)).flatmap(
    lambda path: nearly_right(QUOTATION[path]).map(lambda items: http_request("GET", f"{path}?{query_of(items)}"))
)
queries = st.sampled_from(list(QUERIES)).flatmap(
    lambda route: nearly_right(QUERIES[route]).map(
        lambda items: http_request(route[0], f"{route[1]}?{query_of(items)}" if items else route[1])
    )
)
posts = st.one_of(
    st.tuples(st.sampled_from(["/v1/orders", "/v1/orders/test"]), orders()),
    st.sampled_from(list(POSTS)).flatmap(lambda path: st.tuples(st.just(path), nearly_right(POSTS[path]))),
)


def signed(request: HttpRequest, account: AccountSettings, text: str) -> HttpRequest:
    token = make_token(account.access_key, account.secret_key, nonce=str(uuid.uuid4()), query=text)
    return request._replace(headers=request.headers | {"authorization": f"Bearer {token}"})


def check_shape(reply: Reply, request: HttpRequest) -> None:
    """A documented status, and for errors the documented shape with the name of its side."""
    assert reply.status in STATUSES, (request, reply)
    if reply.status < 400:
        assert "content-encoding" in reply.headers or json.loads(reply.body) is not None
        return
    status, name = reply.error
    is_quotation = request.path in QUOTATION and request.method == "GET"
    assert (name == status) if is_quotation else isinstance(name, str)


@pytest.fixture(scope="module")
def fuzzed() -> RestClient:
    return RestClient(markets=6, rate=50.0)


def balances(client: RestClient) -> dict[str, tuple[dict[str, Decimal], dict[str, Decimal]]]:
    others = (account for key, account in client.venue.accounts.items() if key != OWNER.access_key)
    return {account.access_key: (dict(account.free), dict(account.locked)) for account in others}


def check_unharmed(client: RestClient, before: object) -> None:
    """Nobody else's money moved, and good requests are answered as ever."""
    assert balances(client) == before
    assert client.get("/v1/ticker?markets=KRW-BTC").status == 200
    assert client.signed("GET", "/v1/accounts", account=OTHER).status == 200
    assert client.signed("GET", "/v1/orders/open", account=OTHER).document == []


BOUNDED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@BOUNDED
@given(wild_requests | market_requests)
def test_no_request_without_a_good_token_ends_in_anything_but_a_documented_answer(
    fuzzed: RestClient, request: HttpRequest
) -> None:
    before = balances(fuzzed)
    reply = fuzzed.ask(request)
    check_shape(reply, request)
    assert reply.answered.access_key == ""
    check_unharmed(fuzzed, before)


@BOUNDED
@given(queries, st.sampled_from([OWNER, OWNER, OWNER, READER, EXPIRED]))
def test_no_signed_query_ends_in_anything_but_a_documented_answer(
    fuzzed: RestClient, request: HttpRequest, account: AccountSettings
) -> None:
    before = balances(fuzzed)
    fuzzed.now_ms += 7
    check_shape(fuzzed.ask(signed(request, account, unquote(request.query_string))), request)
    check_unharmed(fuzzed, before)


@BOUNDED
@given(posts)
def test_no_signed_order_ends_in_anything_but_a_documented_answer(
    fuzzed: RestClient, post: tuple[str, list[tuple[str, Any]]]
) -> None:
    before = balances(fuzzed)
    fuzzed.now_ms += 7
    path, members = post[0], dict(post[1])
    body = json.dumps(members).encode()
    request = http_request("POST", path, body=body, headers={"content-type": "application/json"})
    reply = fuzzed.ask(signed(request, OWNER, "&".join(f"{name}={value}" for name, value in members.items())))
    check_shape(reply, request)
    assert reply.status != 401
    check_unharmed(fuzzed, before)


@given(st.lists(st.tuples(st.sampled_from(list(QUOTATION)), st.floats(0.0, 0.2)), max_size=60))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_asks_too_often_harms_only_himself(
    new_client: Callable[..., RestClient], asked: list[tuple[str, float]]
) -> None:
    client = new_client(markets=4, rate=0.0, limits=True)
    now_s = client.now_ms / 1000
    for path, pause_s in asked:
        now_s += pause_s
        request = http_request("GET", path)
        check_shape(client.ask(request, address="greedy", now_s=now_s), request)
    assert client.get("/v1/ticker?markets=KRW-BTC", address="modest", now_s=now_s).status == 200
