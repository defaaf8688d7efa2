"""Who may use the private path: bearer tokens, each nonce once."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from protocols.upbit.tokens import TokenRefused, verify_token

NO_AUTHORIZATION_TOKEN: Final = "no_authorization_token"  # noqa: S105 - the name of an error
NONCE_USED: Final = "nonce_used"
KEPT_NONCES: Final = 100_000


class KeyRing:
    """Access keys with their secrets, and the nonces that were used.

    Args:
        secrets: secret key by access key.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._nonces: OrderedDict[tuple[str, str], None] = OrderedDict()

    def authenticate(self, header: str) -> str:
        """The access key that an `Authorization` header proves.

        Raises:
            TokenRefused: with the name that the exchange answers with.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise TokenRefused(NO_AUTHORIZATION_TOKEN, "no bearer token in the Authorization header")
        claims = verify_token(token.strip(), self._secrets)
        used = (claims.access_key, claims.nonce)
        if used in self._nonces:
            raise TokenRefused(NONCE_USED, "this nonce was used before")
        self._nonces[used] = None
        if len(self._nonces) > KEPT_NONCES:
            self._nonces.popitem(last=False)
        return claims.access_key
