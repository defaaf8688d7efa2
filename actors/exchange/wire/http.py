"""HTTP on the simulated exchange's port: reading requests, writing answers, error bodies, limits per address."""

import time
from collections import OrderedDict
from typing import Final, NamedTuple
from urllib.parse import parse_qs

import h11
import msgspec
import trio

from protocols.upbit.limits import SlidingWindow

MAX_REQUEST_BYTES: Final = 64 * 1024
REQUEST_DEADLINE_S: Final = 15.0
"""From the first wait for a request to its last byte; a peer that dribbles is dropped then."""

ANSWER_DEADLINE_S: Final = 15.0
"""For a peer to take an answer; one that does not read is dropped then."""

_READ_BYTES: Final = 16 * 1024
_MOST_ADDRESSES: Final = 10_000
_ORIGIN_PERIOD_S: Final = 10.0


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


class HttpLink:
    """The server's side of one HTTP connection.

    Raises from its methods:
        h11.RemoteProtocolError: the peer does not speak HTTP, or its request is above 64 KiB.
        trio.TooSlowError: a request, or taking an answer, took too long.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_REQUEST_BYTES)
        self._raw = bytearray()
        self._is_head = False

    async def read_request(self) -> HttpRequest | None:
        """The next request; None when the peer has closed. A request for an upgrade has no body."""
        with trio.fail_after(REQUEST_DEADLINE_S):
            head = await self._next_event()
            if not isinstance(head, h11.Request):
                return None
            raw = bytes(self._raw)
            self._is_head = head.method == b"HEAD"
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            path, _, query = head.target.decode("latin-1").partition("?")
            request = HttpRequest(
                head.method.decode("latin-1"),
                path,
                parse_qs(query, keep_blank_values=True),
                headers,
                b"",
                raw,
            )
            return request if request.is_upgrade else request._replace(body=await self._read_body())

    async def answer(self, answer: HttpAnswer) -> bool:
        """Send an answer and tell whether another request may follow on this connection."""
        headers = [
            ("content-type", answer.content_type),
            ("content-length", str(len(answer.body))),
            ("date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())),
            *answer.headers,
        ]
        if answer.status >= 400:
            headers.append(("connection", "close"))
        data = self._http.send(h11.Response(status_code=answer.status, headers=headers))
        data = data or b""
        if not self._is_head:
            data += self._http.send(h11.Data(data=answer.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        with trio.fail_after(ANSWER_DEADLINE_S):
            await self._stream.send_all(data)
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._raw = bytearray(self._http.trailing_data[0])
        self._http.start_next_cycle()
        return True

    async def _read_body(self) -> bytes:
        body = bytearray()
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise h11.RemoteProtocolError("request ended within its body")
            body += event.data
            if len(body) > MAX_REQUEST_BYTES:
                raise h11.RemoteProtocolError(f"body above {MAX_REQUEST_BYTES} B", error_status_hint=413)
        return bytes(body)

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._stream.send_all(self._http.send(go_on) or b"")
            data = await self._stream.receive_some(_READ_BYTES)
            self._raw += data
            self._http.receive_data(bytes(data))
        await trio.lowlevel.checkpoint()
        return event


class AddressLimits:
    """What one address may ask for; the exchange's numbers.

    Args:
        enabled: False lets everything pass.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._windows: OrderedDict[tuple[str, str], SlidingWindow] = OrderedDict()

    def admit(self, address: str, group: str, now_s: float) -> int | None:
        """Count one request of a group; return how many are left in this second, None when it is refused."""
        limit, period_s = (1, _ORIGIN_PERIOD_S) if group == "origin" else (5 if group == "websocket" else 10, 1.0)
        if not self._enabled:
            return limit - 1
        window = self._windows.pop((address, group), None) or SlidingWindow(limit, period_s)
        self._windows[address, group] = window
        if len(self._windows) > _MOST_ADDRESSES:
            self._windows.popitem(last=False)  # The address that was silent for longest.
        if window.permit_at_s(now_s) > now_s:
            return None
        window.take(now_s)
        return window.free(now_s)


def remaining_header(group: str, left: int) -> tuple[tuple[str, str], ...]:
    """The header that tells how many requests of a group are left; `min` is constant (seen 2026-09-23)."""
    minute = {"websocket": 300, "origin": 6}.get(group, 600)
    return (("remaining-req", f"group={group}; min={minute}; sec={left}"),)
