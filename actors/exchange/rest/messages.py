"""HTTP as REST sees it: what was asked, what is answered, the shape of an error. Sockets are `wire.http`'s business."""

from typing import NamedTuple
from urllib.parse import unquote_plus

import msgspec

Pairs = tuple[tuple[str, str], ...]
"""Names and values of parameters in the order in which they were sent."""


Headers = tuple[tuple[str, str], ...]


class HttpRequest(NamedTuple):
    """One request.

    Attributes:
        method, path: as sent; the path is not decoded.
        headers: by name in lower case; of one that was sent twice, the last.
        body: empty for a request for an upgrade.
        raw: the head's bytes as received, for the WebSocket's handshake.
        query_string: what followed the question mark, as sent.
        repeated_headers: names of the headers that were sent more than once.
        is_oversized: whether the body was longer than what is read; `body` is its beginning.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    raw: bytes
    query_string: str = ""
    repeated_headers: frozenset[str] = frozenset()
    is_oversized: bool = False

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"

    @property
    def pairs(self) -> Pairs:
        """The query's names and values, percent-decoded, in the order sent."""
        return split_query(self.query_string)


class HttpAnswer(NamedTuple):
    """One answer."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: str = "application/json; charset=utf-8"


class Answered(NamedTuple):
    """An answer, and what the wire and the journal are told with it.

    Attributes:
        answer: what is sent.
        delay_s: how long it is held back; what the request did has happened already.
        access_key: whose account acted; empty for market data and for refused tokens.
    """

    answer: HttpAnswer
    delay_s: float = 0.0
    access_key: str = ""


def split_query(query_string: str) -> Pairs:
    """Names and values of a query, percent-decoded, in the order sent; bytes that are no UTF-8 become U+FFFD."""
    return tuple(
        (unquote_plus(name), unquote_plus(value))
        for name, _, value in (item.partition("=") for item in query_string.split("&") if item)
    )


def json_answer(status: int, document: object, headers: Headers = ()) -> HttpAnswer:
    """An answer with a JSON body."""
    return HttpAnswer(status, msgspec.json.encode(document), headers)


def error_answer(status: int, name: str | int, message: str, headers: Headers = ()) -> HttpAnswer:
    """An error as the exchange writes it; quotation REST has the status as the error's name."""
    return json_answer(status, {"error": {"name": name, "message": message}}, headers)
