"""HTTP as REST sees it: what was asked, what is answered, the shape of an error. Sockets are `wire.http`'s business."""

from typing import NamedTuple

import msgspec


class HttpRequest(NamedTuple):
    """One request: method, path, query, headers in lower case, body, and the head's bytes as received."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


class HttpAnswer(NamedTuple):
    """One answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=utf-8"


def json_answer(status: int, document: object, headers: tuple[tuple[str, str], ...] = ()) -> HttpAnswer:
    """An answer with a JSON body."""
    return HttpAnswer(status, msgspec.json.encode(document), headers)


def error_answer(status: int, name: str | int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> HttpAnswer:
    """An error as the exchange writes it; quotation REST has the status as the error's name."""
    return json_answer(status, {"error": {"name": name, "message": message}}, headers)
