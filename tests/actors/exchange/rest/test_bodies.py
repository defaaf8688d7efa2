import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.exchange.rest.bodies import read_body, read_form
from actors.exchange.rest.errors import RestRefused
from actors.exchange.rest.messages import HttpRequest
from tests.actors.exchange.rest.rest_client import http_request

JSON = {"content-type": "application/json"}


def post(body: bytes | str, **changes: object) -> HttpRequest:
    encoded = body.encode() if isinstance(body, str) else body
    return http_request("POST", "/v1/orders", body=encoded, headers=JSON, **changes)


def test_members_become_parameters_in_the_order_of_the_body() -> None:
    pairs = read_body(post('{"market":"KRW-BTC","side":"bid","count":3,"on":true,"none":null,"off":false}'))
    assert pairs == (
        ("market", "KRW-BTC"), ("side", "bid"), ("count", "3"), ("on", "true"), ("none", None), ("off", "false"),
    )  # fmt: skip


@pytest.mark.parametrize("number", ["1", "1.50", "0.00010000", "1e-05", "-3", "155772000", "12345678901234567890.5"])
def test_numbers_keep_their_spelling_so_that_they_are_what_a_text_would_be(number: str) -> None:
    as_number, as_text = (read_body(post(f'{{"price":{value}}}')) for value in (number, f'"{number}"'))
    assert as_number == as_text == (("price", number),)


def test_a_list_is_its_name_with_brackets_once_for_each_entry() -> None:
    assert read_body(post('{"uuids":["a",1],"states[]":["wait"]}')) == (
        ("uuids[]", "a"), ("uuids[]", "1"), ("states[]", "wait"),
    )  # fmt: skip


def test_an_empty_body_has_no_parameters() -> None:
    assert read_body(http_request("POST", "/v1/orders")) == ()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b"{", "no JSON"),
        (b"market=KRW-BTC", "no JSON"),
        (b'{"a":1}x', "no JSON"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1,"a":2}', "key twice"),
        (b'{"a":{"b":1}}', "neither text nor number"),
        (b'{"a":[[1]]}', "neither text nor number"),
        (b'{"a":{}}', "neither text nor number"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        (b'{"a":"\\ud800"}', "half a surrogate pair"),
        (b'{"\\udc00":1}', "half a surrogate pair"),
        (b'{"a":["\\ud800"]}', "half a surrogate pair"),
        (b'{"a":' + b"[" * 60_000, "nested too deep"),
        (b'{"a":' * 10_000, "nested too deep"),
    ],
)
def test_any_other_body_is_a_400_that_says_what_is_wrong(body: bytes, reason: str) -> None:
    with pytest.raises(RestRefused, match=reason) as caught:
        read_body(post(body))
    assert (caught.value.status, caught.value.name) == (400, "bad_request")


def test_a_form_is_refused_with_400_on_post() -> None:
    for content_type in ("application/x-www-form-urlencoded", "text/plain", ""):
        request = http_request("POST", "/v1/orders", body=b"market=KRW-BTC", headers={"content-type": content_type})
        with pytest.raises(RestRefused, match="must be application/json"):
            read_body(request)


def test_a_charset_beside_the_content_type_does_no_harm() -> None:
    request = post('{"a":1}')._replace(headers={"content-type": "Application/JSON; charset=utf-8"})
    assert read_body(request) == (("a", "1"),)


def test_a_body_that_is_too_long_is_refused() -> None:
    for read in (read_body, read_form):
        with pytest.raises(RestRefused, match="too long"):
            read(post("{}", is_oversized=True))


def test_a_form_that_is_no_text_is_refused() -> None:
    with pytest.raises(RestRefused, match="not UTF-8"):
        read_form(post(b"market=\xff"))


documents = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60)
@given(st.binary(max_size=60) | documents.map(json.dumps))
def test_no_body_ends_in_anything_but_parameters_or_a_refusal(body: bytes | str) -> None:
    pairs: object = None
    with suppress(RestRefused):
        pairs = read_body(post(body))
    if isinstance(pairs, tuple):
        assert all(isinstance(name, str) and isinstance(value, str | None) for name, value in pairs)
