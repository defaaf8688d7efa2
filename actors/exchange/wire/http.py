"""HTTP on the simulated exchange's port: bytes of a client become requests, answers become bytes."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import h11
import trio

from actors.exchange.rest.messages import HttpAnswer, HttpRequest

MAX_REQUEST_BYTES: Final = 64 * 1024
MOST_DISCARDED_BYTES: Final = 1024 * 1024
"""Of a body that is too long, what is read and thrown away so that its sender can be told; one that goes on is cut."""

REQUEST_DEADLINE_S: Final = 15.0
"""From the first wait for a request to its last byte; a peer that dribbles is dropped then."""

ANSWER_DEADLINE_S: Final = 15.0
"""For a peer to take an answer; one that does not read is dropped then. What we let trickle may take its own time."""

_READ_BYTES: Final = 16 * 1024


class HttpLink:
    """The server's side of one HTTP connection.

    Args:
        stream: the byte stream.
        wall_s: tells the time of the `Date` header, in seconds since the epoch.

    Raises from its methods:
        h11.RemoteProtocolError: the peer does not speak HTTP, its head is above 64 KiB, or its body far above.
        trio.TooSlowError: a request, or taking an answer, took too long.
    """

    def __init__(self, stream: trio.abc.Stream, *, wall_s: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._wall_s = wall_s
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
            request = _request_of(head, raw)
            return request if request.is_upgrade else await self._with_body(request)

    async def answer(self, answer: HttpAnswer, *, bytes_per_s: int | None = None) -> bool:
        """Send an answer and tell whether another request may follow on this connection.

        Args:
            answer: what is sent.
            bytes_per_s: the pace that the stream below was set to; None for full speed.
        """
        headers = [
            ("content-type", answer.content_type),
            ("content-length", str(len(answer.body))),
            ("date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(self._wall_s()))),
            *answer.headers,
        ]
        if answer.status >= 400:
            headers.append(("connection", "close"))
        data = self._http.send(h11.Response(status_code=answer.status, headers=headers))
        data = data or b""
        if not self._is_head:
            data += self._http.send(h11.Data(data=answer.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        with trio.fail_after(ANSWER_DEADLINE_S + (len(data) / bytes_per_s if bytes_per_s else 0.0)):
            await self._stream.send_all(data)
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._raw = bytearray(self._http.trailing_data[0])
        self._http.start_next_cycle()
        return True

    async def _with_body(self, request: HttpRequest) -> HttpRequest:
        body = bytearray()
        received = 0
        while not isinstance(event := await self._next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise h11.RemoteProtocolError("request ended within its body")
            received += len(event.data)
            body += event.data[: MAX_REQUEST_BYTES - len(body)]
            if received > MOST_DISCARDED_BYTES:
                raise h11.RemoteProtocolError(f"body above {MOST_DISCARDED_BYTES} B", error_status_hint=413)
        return request._replace(body=bytes(body), is_oversized=received > MAX_REQUEST_BYTES)

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


def _request_of(head: h11.Request, raw: bytes) -> HttpRequest:
    """A request without its body yet."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
    path, _, query = head.target.decode("latin-1").partition("?")
    counts = Counter(name for name, _ in headers)
    return HttpRequest(
        method=head.method.decode("latin-1"),
        path=path,
        headers=dict(headers),
        body=b"",
        raw=raw,
        query_string=query,
        repeated_headers=frozenset(name for name, count in counts.items() if count > 1),
    )
