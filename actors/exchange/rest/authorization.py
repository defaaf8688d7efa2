"""Which parameters a request has, which spellings of them its token may have signed, and whose key signed it.

The signed text is documented: for GET and DELETE the query before URL encoding, for POST the body's keys and values in
their order; arrays repeat `key[]=`, and `null` members are left out.
"""

from typing import Final, NamedTuple
from urllib.parse import unquote, unquote_plus

from actors.exchange.rest.bodies import BodyPairs, is_form, read_body, read_form
from actors.exchange.rest.errors import RestRefused
from actors.exchange.rest.keys import KeyRing, bearer_token
from actors.exchange.rest.messages import HttpRequest, split_query
from protocols.upbit.tokens import TokenRefused

QUERY_PARAMETER_NOT_SUPPORTED: Final = "QUERY_PARAMETER_NOT_SUPPORTED"
OUT_OF_SCOPE: Final = "out_of_scope"

_QUERY_ONLY: Final = frozenset({"/v1/orders/open", "/v1/orders/uuids"})
"""Where a DELETE is documented to take no body."""


class Signed(NamedTuple):
    """The parameters of a request to the exchange's side, and the texts that its token may have signed."""

    pairs: BodyPairs
    queries: tuple[str, ...]


def read_signed(request: HttpRequest) -> Signed:
    """Parameters of a request: of the body for POST, else of the query.

    The query of a POST is not looked at (assumed). Without a query, GET takes a form and DELETE of one order a form or
    an object from the body: undocumented, and the only way of a client that is in wide use, pyupbit.

    Raises:
        RestRefused: 400: a body that cannot be read, or one on a DELETE of many orders (documented).
    """
    if request.method == "POST":
        return _of_object(request)
    if request.method == "DELETE" and request.body and request.path in _QUERY_ONLY:
        raise RestRefused(400, QUERY_PARAMETER_NOT_SUPPORTED, "the parameters of this request go into its query")
    if request.query_string or not request.body:
        return _of_query(request.query_string)
    if is_form(request):
        return _of_query(read_form(request))
    return _of_object(request) if request.method == "DELETE" else Signed((), ())


def _of_object(request: HttpRequest) -> Signed:
    pairs = read_body(request)
    text = "&".join(f"{name}={value}" for name, value in pairs if value is not None)
    return Signed(pairs, (text,) if text else ())


def _of_query(query: str) -> Signed:
    """Decode a query; a plus sign may have been signed as itself or as a space: clients differ, both are taken."""
    pairs = split_query(query)
    return Signed(pairs, tuple(dict.fromkeys((unquote(query), unquote_plus(query)))) if pairs else ())


def authenticate(request: HttpRequest, keys: KeyRing) -> tuple[str, BodyPairs]:
    """The access key that signed a request, and the parameters that it signed.

    Raises:
        RestRefused: 401 with the exchange's name of what is wrong with the token; 400 for an unreadable body.
    """
    header = request.headers.get("authorization", "")
    try:
        bearer_token(header)  # First: a request without one is told so whatever its body is.
        signed = read_signed(request)
        return keys.authenticate(header, signed.queries), signed.pairs
    except TokenRefused as refused:
        raise RestRefused(401, refused.name, str(refused)) from None


def check_scope(keys: KeyRing, access_key: str, scope: str) -> None:
    """Refuse a key that lacks a scope.

    Raises:
        RestRefused: 403 `out_of_scope`; the documentation gives 401 on one page and 403 on another.
    """
    if not keys.may(access_key, scope):
        raise RestRefused(403, OUT_OF_SCOPE, f"this key lacks the scope {scope}")
