"""Who may act for which account: bearer tokens, what each key may do, and each nonce once."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol

from protocols.upbit.tokens import INVALID_QUERY_PAYLOAD, JWT_VERIFICATION, Claims, TokenRefused, verify_token

NO_AUTHORIZATION_TOKEN: Final = "no_authorization_token"  # noqa: S105 - the name of an error
NONCE_USED: Final = "nonce_used"
EXPIRED_ACCESS_KEY: Final = "expired_access_key"

KEPT_NONCES: Final = 100_000
"""Nonces that each key remembers; the oldest is forgotten first. The exchange's own memory is unknown."""


class KeySettings(Protocol):
    """What is known of a key: names of the account's settings."""

    @property
    def access_key(self) -> str:
        """The key's public half."""

    @property
    def secret_key(self) -> str:
        """What tokens are signed with."""

    @property
    def scopes(self) -> Collection[str]:
        """What the key may do."""

    @property
    def expired(self) -> bool:
        """Whether it is refused as expired."""


class KeyRing:
    """Access keys with their secrets and scopes, and the nonces that were used.

    Args:
        keys: every key there is.

    Attributes:
        forgotten_nonces: nonces that could be used again because too many came after them.
    """

    def __init__(self, keys: Iterable[KeySettings]) -> None:
        self._keys = {key.access_key: key for key in keys}
        self._secrets = {key.access_key: key.secret_key for key in self._keys.values()}
        self._nonces: dict[str, OrderedDict[bytes, None]] = {name: OrderedDict() for name in self._keys}
        self.forgotten_nonces = 0

    def authenticate(self, header: str, queries: Sequence[str] = (), *, nonce_once: bool = True) -> str:
        """The access key that an `Authorization` header proves.

        A token that is refused for its query has not used up its nonce (assumed).

        Args:
            header: its value, empty when there was none.
            queries: spellings of the parameters, any of which the token may have signed; none when there are no
                parameters.
            nonce_once: whether a nonce that was used before is refused.

        Raises:
            TokenRefused: with the name that the exchange answers with.
        """
        claims = self._verify(bearer_token(header), queries)
        if self._keys[claims.access_key].expired:
            raise TokenRefused(EXPIRED_ACCESS_KEY, "this key has expired; make a new one")
        if nonce_once:
            self._use_nonce(claims)
        return claims.access_key

    def may(self, access_key: str, scope: str) -> bool:
        """Whether a key has a scope; every key has the empty one."""
        return not scope or scope in self._keys[access_key].scopes

    def _verify(self, token: str, queries: Sequence[str]) -> Claims:
        if not queries:
            return _verify_one(token, self._secrets, None)
        for query in queries[:-1]:
            try:
                return _verify_one(token, self._secrets, query)
            except TokenRefused as refused:
                if refused.name != INVALID_QUERY_PAYLOAD:
                    raise
        return _verify_one(token, self._secrets, queries[-1])

    def _use_nonce(self, claims: Claims) -> None:
        # A digest, since a nonce may be as long as a request's head.
        digest = hashlib.blake2b(claims.nonce.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        used = self._nonces[claims.access_key]
        if digest in used:
            raise TokenRefused(NONCE_USED, "this nonce was used before")
        used[digest] = None
        if len(used) > KEPT_NONCES:
            used.popitem(last=False)
            self.forgotten_nonces += 1


def bearer_token(header: str) -> str:
    """The token of an `Authorization` header.

    Raises:
        TokenRefused: there is none.
    """
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused(NO_AUTHORIZATION_TOKEN, "no bearer token in the Authorization header")
    return token.strip()


def _verify_one(token: str, secrets: dict[str, str], query: str | None) -> Claims:
    try:
        return verify_token(token, secrets, query=query)
    except (RecursionError, UnicodeEncodeError):
        raise TokenRefused(JWT_VERIFICATION, "not a token: its JSON is too deep or no text") from None
