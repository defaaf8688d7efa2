"""Tokens for the exchange's private side: made for each attempt anew, and checked by the simulated exchange.

A token is a JWT (HS512) with the access key, a nonce that is never used twice, and for requests with parameters the
SHA-512 of the query as it stands before URL encoding. The secret key is used as its plain bytes.

Source: docs.upbit.com, authentication (read 2026-10); HS256 is still accepted there.
"""

import hashlib
import hmac
import warnings
from collections.abc import Mapping
from typing import Any, Final

import jwt
from msgspec import Struct

from protocols.errors import AuthenticationError, UpbitdError

ALGORITHMS: Final = ("HS512", "HS256")
"""What the exchange accepts; the first is what we send."""

JWT_VERIFICATION: Final = "jwt_verification"
INVALID_ACCESS_KEY: Final = "invalid_access_key"
INVALID_QUERY_PAYLOAD: Final = "invalid_query_payload"


class TokenRefused(UpbitdError):
    """A token that the exchange would refuse.

    Attributes:
        name: the exchange's name of the error (HTTP 401).
    """

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(f"{name}: {message}")


class Claims(Struct, frozen=True):
    """What a valid token says. Whether the nonce was used before is for the caller to know."""

    access_key: str
    nonce: str


def query_hash(query: str) -> str:
    """SHA-512 of a query string as it stands before URL encoding, such as `market=KRW-BTC&states[]=wait`."""
    return hashlib.sha512(query.encode()).hexdigest()


def make_token(access_key: str, secret_key: str, *, nonce: str, query: str | None = None) -> str:
    """Make the token of one attempt; `nonce` must be new (a UUID).

    Raises:
        AuthenticationError: one of the keys is empty.
    """
    if not access_key or not secret_key:
        raise AuthenticationError("the access key or the secret key is empty")
    claims = {"access_key": access_key, "nonce": nonce}
    if query:
        claims |= {"query_hash": query_hash(query), "query_hash_alg": "SHA512"}
    with _short_keys_allowed():
        return jwt.encode(claims, secret_key, algorithm=ALGORITHMS[0])


def verify_token(token: str, keys: Mapping[str, str], *, query: str | None = None) -> Claims:
    """Check a token as the exchange does. `keys` maps access keys to secret keys.

    Raises:
        TokenRefused: with the name that the exchange answers with.
    """
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise TokenRefused(JWT_VERIFICATION, f"not a token: {error}") from None
    access_key, nonce = claims.get("access_key"), claims.get("nonce")
    if not isinstance(access_key, str) or access_key not in keys:
        raise TokenRefused(INVALID_ACCESS_KEY, "no such access key")
    try:
        with _short_keys_allowed():
            jwt.decode(token, keys[access_key], algorithms=list(ALGORITHMS))
    except jwt.PyJWTError as error:
        raise TokenRefused(JWT_VERIFICATION, f"the signature does not fit: {error}") from None
    if not isinstance(nonce, str) or not nonce:
        raise TokenRefused(JWT_VERIFICATION, "the token has no nonce")
    if query:
        _check_query(claims, query)
    return Claims(access_key, nonce)


def _check_query(claims: Mapping[str, Any], query: str) -> None:
    claimed = claims.get("query_hash")
    is_known = claims.get("query_hash_alg", "SHA512") == "SHA512"
    if (
        not is_known
        or not isinstance(claimed, str)
        or not hmac.compare_digest(claimed.encode(), query_hash(query).encode())
    ):
        raise TokenRefused(INVALID_QUERY_PAYLOAD, "the query is not the one that was signed")


def _short_keys_allowed() -> "warnings.catch_warnings[None]":
    """Silence the one warning that Upbit's keys (40 characters; HS512 asks for 64) would cause at every token."""
    return warnings.catch_warnings(action="ignore", category=jwt.warnings.InsecureKeyLengthWarning)
