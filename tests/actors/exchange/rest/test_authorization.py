import base64
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from actors.exchange.rest import keys as keys_module
from actors.exchange.rest.keys import KeyRing
from actors.exchange.settings import AccountSettings
from protocols.upbit.tokens import TokenRefused, make_token
from tests.actors.exchange.rest.rest_client import EXPIRED, OWNER, READER, RestClient, http_request

CLOSED = "/v1/orders/closed?market=KRW-BTC&states[]=done&states[]=cancel&limit=10"
ORDER = b'{"market":"KRW-BTC","side":"bid","volume":"0.001","price":"100000000","ord_type":"limit"}'
FORM = {"content-type": "application/x-www-form-urlencoded"}


def bearer(claims: dict[str, Any], *, secret: str = OWNER.secret_key, algorithm: str = "HS512") -> dict[str, str]:
    return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm=algorithm)}"}


def claims(query: str = "", **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"access_key": OWNER.access_key, "nonce": str(uuid.uuid4())}
    if query:
        made |= {"query_hash": hashlib.sha512(query.encode()).hexdigest(), "query_hash_alg": "SHA512"}
    return made | changes


# Who is asking.


def test_a_request_without_a_token_is_told_so(client: RestClient) -> None:
    for headers in ({}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer "}):
        reply = client.get("/v1/accounts", headers=headers)
        assert reply.error == (401, "no_authorization_token")
        assert "remaining-req" in reply.headers


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS512", "HS256"])
def test_hs512_and_hs256_are_accepted(client: RestClient, algorithm: str) -> None:
    assert client.get("/v1/accounts", headers=bearer(claims(), algorithm=algorithm)).status == 200


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_other_algorithms_and_signatures_are_refused(client: RestClient) -> None:
    for headers in (
        bearer(claims(), algorithm="HS384"),
        bearer(claims(), secret="not the secret"),
        bearer(claims(), secret="", algorithm="none"),
        {"authorization": "Bearer not.a.token"},
        {"authorization": "Bearer ü"},
        {"authorization": "Bearer " + "e30." * 3},
    ):
        status, name = client.get("/v1/accounts", headers=headers).error
        assert (status, name) in {(401, "jwt_verification"), (401, "invalid_access_key")}


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_an_unknown_key_and_a_token_without_nonce_are_refused(client: RestClient) -> None:
    assert client.get("/v1/accounts", headers=bearer(claims(access_key="nobody"))).error == (401, "invalid_access_key")
    for nonce in (None, "", 7):
        reply = client.get("/v1/accounts", headers=bearer(claims(nonce=nonce)))
        assert reply.error == (401, "jwt_verification")


def test_a_nonce_is_good_once(client: RestClient) -> None:
    nonce = str(uuid.uuid4())
    assert client.signed("GET", "/v1/accounts", nonce=nonce).status == 200
    assert client.signed("GET", "/v1/accounts", nonce=nonce).error == (401, "nonce_used")
    assert client.signed("GET", "/v1/accounts", nonce=nonce, account=READER).status == 200


def test_an_expired_key_is_refused(client: RestClient) -> None:
    assert client.signed("GET", "/v1/accounts", account=EXPIRED).error == (401, "expired_access_key")


def test_a_key_that_lacks_the_scope_is_refused_with_403(client: RestClient) -> None:
    assert client.signed("GET", "/v1/accounts", account=READER).status == 200
    assert client.signed("GET", "/v1/orders/open", account=READER).error == (403, "out_of_scope")
    assert client.signed("POST", "/v1/orders", body=ORDER, account=READER).error == (403, "out_of_scope")


def test_the_answer_says_whose_account_acted(client: RestClient) -> None:
    assert client.signed("GET", "/v1/accounts").answered.access_key == OWNER.access_key
    assert client.get("/v1/accounts").answered.access_key == ""
    assert client.get("/v1/ticker?markets=KRW-BTC").answered.access_key == ""


# What was signed.


@pytest.mark.parametrize(
    "target",
    [
        CLOSED,
        CLOSED.replace("[]", "%5B%5D"),
        "/v1/orders/open?market=KRW%2DBTC&limit=5",
        "/v1/orders/closed?end_time=2026-09-21T22:00:00%2B09:00",
    ],
)
def test_the_hash_is_checked_against_the_query_before_url_encoding(client: RestClient, target: str) -> None:
    assert client.signed("GET", target).status == 200


@pytest.mark.parametrize("signed", ["end_time=2026-09-21+13:00:00", "end_time=2026-09-21 13:00:00"])
def test_a_plus_sign_may_be_signed_as_itself_or_as_a_space(client: RestClient, signed: str) -> None:
    assert client.signed("GET", "/v1/orders/closed?end_time=2026-09-21+13:00:00", query=signed).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "market=KRW-BTC",
        "limit=10&market=KRW-BTC&states[]=done&states[]=cancel",
        "market=KRW-BTC&states[]=cancel&states[]=done&limit=10",
        "market=KRW-BTC&states=done,cancel&limit=10",
    ],
)
def test_a_token_that_signed_other_parameters_or_none_is_refused(client: RestClient, query: str) -> None:
    assert client.signed("GET", CLOSED, query=query).error == (401, "invalid_query_payload")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_the_hash_may_come_without_its_algorithm_and_with_no_other(client: RestClient) -> None:
    query = CLOSED.partition("?")[2]
    without = claims(query)
    del without["query_hash_alg"]
    assert client.get(CLOSED, headers=bearer(without)).status == 200
    other = claims(query, query_hash_alg="SHA256")
    assert client.get(CLOSED, headers=bearer(other)).error == (401, "invalid_query_payload")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_claims_that_are_no_text_are_refused(client: RestClient) -> None:
    for changes in ({"query_hash": "\ud800"}, {"query_hash": 7}, {"query_hash": None}):
        status, name = client.get(CLOSED, headers=bearer(claims("x=1", **changes))).error
        assert (status, name) in {(401, "invalid_query_payload"), (401, "jwt_verification")}
    assert client.get("/v1/accounts", headers=bearer(claims(nonce="\ud800"))).status == 200


def test_a_token_refused_for_its_query_has_not_used_up_its_nonce(client: RestClient) -> None:
    nonce = str(uuid.uuid4())
    assert client.signed("GET", CLOSED, query="other=1", nonce=nonce).error == (401, "invalid_query_payload")
    assert client.signed("GET", CLOSED, nonce=nonce).status == 200


@pytest.mark.parametrize("volume", ['"0.001"', "0.001", "1e-3"])
def test_a_body_is_signed_in_its_own_order_and_numbers_as_their_text(client: RestClient, volume: str) -> None:
    body = f'{{"market":"KRW-BTC","side":"bid","volume":{volume},"price":100000000,"ord_type":"limit"}}'
    text = volume.strip('"')
    query = f"market=KRW-BTC&side=bid&volume={text}&price=100000000&ord_type=limit"
    assert client.signed("POST", "/v1/orders/test", body=body.encode(), query=query).status == 201
    sorted_query = "&".join(sorted(query.split("&")))
    reply = client.signed("POST", "/v1/orders/test", body=body.encode(), query=sorted_query)
    assert reply.error == (401, "invalid_query_payload")


def test_null_members_are_left_out_of_what_is_signed(client: RestClient) -> None:
    body = json.dumps(json.loads(ORDER) | {"identifier": None}).encode()
    query = "market=KRW-BTC&side=bid&volume=0.001&price=100000000&ord_type=limit"
    assert client.signed("POST", "/v1/orders/test", body=body, query=query).status == 201
    reply = client.signed("POST", "/v1/orders/test", body=body, query=f"{query}&identifier=None")
    assert reply.error == (401, "invalid_query_payload")


# Where parameters may stand.


def test_a_delete_of_many_orders_takes_no_body(client: RestClient) -> None:
    for path in ("/v1/orders/open", "/v1/orders/uuids"):
        reply = client.signed("DELETE", path, body=b'{"cancel_side":"all"}')
        assert reply.error == (400, "QUERY_PARAMETER_NOT_SUPPORTED")


def test_a_delete_of_one_order_takes_an_object_or_a_form_when_it_has_no_query(client: RestClient) -> None:
    identity = str(uuid.uuid4())
    form, query = f"uuid={identity}".encode(), f"uuid={identity}"
    as_object = json.dumps({"uuid": identity}).encode()
    assert client.signed("DELETE", "/v1/order", body=as_object).error == (404, "order_not_found")
    assert client.signed("DELETE", "/v1/order", body=form, query=query, headers=FORM).error == (404, "order_not_found")


def test_a_get_takes_a_form_when_it_has_no_query(client: RestClient) -> None:
    form = b"market=KRW-BTC"
    reply = client.signed("GET", "/v1/orders/chance", body=form, query=form.decode(), headers=FORM)
    assert reply.document["market"]["id"] == "KRW-BTC"
    unsigned = client.signed("GET", "/v1/orders/chance", body=form, query="", headers=FORM)
    assert unsigned.error == (401, "invalid_query_payload")


def test_a_body_that_cannot_be_read_is_a_400_once_there_is_a_token(client: RestClient) -> None:
    assert client.signed("POST", "/v1/orders", body=b"[1]", query="").error == (400, "bad_request")
    assert client.ask(http_request("POST", "/v1/orders", body=b"[1]")).error == (401, "no_authorization_token")


# The ring of keys by itself.


def test_nonces_are_bounded_per_key_and_forgotten_ones_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "KEPT_NONCES", 2)
    ring = KeyRing([OWNER, READER])

    def use(nonce: str, account: AccountSettings = OWNER) -> str:
        return ring.authenticate(f"Bearer {make_token(account.access_key, account.secret_key, nonce=nonce)}")

    use("kept", READER)
    for nonce in ("1", "2", "3"):
        use(nonce)
    assert ring.forgotten_nonces == 1
    use("1")
    with pytest.raises(TokenRefused, match="nonce_used"):
        use("3")
    with pytest.raises(TokenRefused, match="nonce_used"):
        use("kept", READER)


def test_a_used_nonce_can_be_let_pass_for_sockets(new_client: Callable[..., RestClient]) -> None:
    keys = new_client().keys
    header = f"Bearer {make_token(OWNER.access_key, OWNER.secret_key, nonce='n')}"
    for _ in range(2):
        assert keys.authenticate(header, nonce_once=False) == OWNER.access_key


def test_a_token_nested_too_deep_is_no_token() -> None:
    part = base64.urlsafe_b64encode(b"[" * 40_000).rstrip(b"=").decode()
    with pytest.raises(TokenRefused, match="jwt_verification"):
        KeyRing([OWNER]).authenticate(f"Bearer {part}.{part}.{part}")
