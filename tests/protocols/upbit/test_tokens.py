import hashlib
import warnings

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import AuthenticationError
from protocols.upbit.tokens import Claims, TokenRefused, make_token, query_hash, verify_token

KEYS = {"access": "s" * 40, "other": "t" * 40}
QUERY = "market=KRW-BTC&states[]=wait&states[]=watch&limit=10"


def signed(claims: dict[str, object], secret: str = KEYS["access"], algorithm: str = "HS512") -> str:
    with warnings.catch_warnings(action="ignore", category=jwt.warnings.InsecureKeyLengthWarning):
        return jwt.encode(claims, secret, algorithm=algorithm)


def refusal_of(token: str, query: str | None = None) -> str:
    with pytest.raises(TokenRefused) as caught:
        verify_token(token, KEYS, query=query)
    assert KEYS["access"] not in str(caught.value)
    return caught.value.name


@given(st.uuids().map(str), st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_a_token_is_accepted_for_the_query_it_was_made_for(nonce: str, query: str | None) -> None:
    token = make_token("access", KEYS["access"], nonce=nonce, query=query)
    assert verify_token(token, KEYS, query=query) == Claims("access", nonce)


def test_a_token_without_parameters_holds_only_key_and_nonce() -> None:
    token = make_token("access", KEYS["access"], nonce="n-1")
    assert jwt.get_unverified_header(token) == {"alg": "HS512", "typ": "JWT"}
    assert jwt.decode(token, options={"verify_signature": False}) == {"access_key": "access", "nonce": "n-1"}


def test_the_query_is_hashed_before_it_is_url_encoded() -> None:
    assert query_hash(QUERY) == hashlib.sha512(QUERY.encode()).hexdigest()
    claims = jwt.decode(make_token("access", "x" * 64, nonce="n", query=QUERY), options={"verify_signature": False})
    assert (claims["query_hash"], claims["query_hash_alg"]) == (query_hash(QUERY), "SHA512")


def test_the_older_algorithm_is_accepted_and_others_are_not() -> None:
    claims = {"access_key": "access", "nonce": "n"}
    assert verify_token(signed(claims, algorithm="HS256"), KEYS) == Claims("access", "n")
    assert refusal_of(signed(claims, algorithm="HS384")) == "jwt_verification"
    assert refusal_of(jwt.encode(claims, "", algorithm="none")) == "jwt_verification"


@pytest.mark.parametrize(
    ("token", "name"),
    [
        ("", "jwt_verification"),
        ("not a token", "jwt_verification"),
        (signed({"access_key": "access", "nonce": "n"}, KEYS["other"]), "jwt_verification"),
        (signed({"access_key": "nobody", "nonce": "n"}), "invalid_access_key"),
        (signed({"nonce": "n"}), "invalid_access_key"),
        (signed({"access_key": 7, "nonce": "n"}), "invalid_access_key"),
        (signed({"access_key": "access"}), "jwt_verification"),
        (signed({"access_key": "access", "nonce": ""}), "jwt_verification"),
        (signed({"access_key": "access", "nonce": 7}), "jwt_verification"),
    ],
)
def test_a_bad_token_is_refused_by_the_exchanges_name(token: str, name: str) -> None:
    assert refusal_of(token) == name


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"query_hash": 7},
        {"query_hash": query_hash("market=KRW-ETH")},
        {"query_hash": query_hash(QUERY), "query_hash_alg": "SHA256"},
        {"query_hash": "ü"},
    ],
)
def test_a_token_for_another_query_is_refused(claims: dict[str, object]) -> None:
    assert refusal_of(signed({"access_key": "access", "nonce": "n", **claims}), QUERY) == "invalid_query_payload"


def test_the_algorithm_of_the_query_hash_may_be_left_out() -> None:
    token = signed({"access_key": "access", "nonce": "n", "query_hash": query_hash(QUERY)})
    assert verify_token(token, KEYS, query=QUERY) == Claims("access", "n")


@pytest.mark.parametrize(("access", "secret"), [("", "x"), ("x", "")])
def test_an_empty_key_is_named_but_not_shown(access: str, secret: str) -> None:
    with pytest.raises(AuthenticationError, match="is empty"):
        make_token(access, secret, nonce="n")


def test_only_the_warning_about_short_keys_is_silenced_and_only_for_the_call() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_token("access", "short", nonce="n")
        assert caught == []
        jwt.encode({}, "short", algorithm="HS512")
    assert [warning.category for warning in caught] == [jwt.warnings.InsecureKeyLengthWarning]
