from collections.abc import Callable
from email.utils import parsedate_to_datetime

import h11
import pytest
import trio
import trio.testing

from actors.exchange.rest.messages import HttpRequest, json_answer
from actors.exchange.wire.http import MAX_REQUEST_BYTES, MOST_DISCARDED_BYTES, REQUEST_DEADLINE_S, HttpLink


class Exchange:
    """One side of a connection in memory, and the link that serves the other."""

    def __init__(self, **options: Callable[[], float]) -> None:
        self.client, stream = trio.testing.memory_stream_pair()
        self.link = HttpLink(stream, **options)

    async def ask(self, raw: bytes) -> HttpRequest:
        await self.client.send_all(raw)
        request = await self.link.read_request()
        assert request is not None
        return request


def post(length: int) -> bytes:
    return f"POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode() + b"x" * length


async def test_a_request_keeps_its_query_as_sent_and_in_order() -> None:
    raw = b"GET /v1/orders/open?states[]=wait&states%5B%5D=watch&b=%ff&a=1+2&c HTTP/1.1\r\nhost: x\r\n\r\n"
    request = await Exchange().ask(raw)
    assert (request.method, request.path) == ("GET", "/v1/orders/open")
    assert request.query_string == "states[]=wait&states%5B%5D=watch&b=%ff&a=1+2&c"
    assert request.pairs == (
        ("states[]", "wait"), ("states[]", "watch"), ("b", "\N{REPLACEMENT CHARACTER}"), ("a", "1 2"), ("c", ""),
    )  # fmt: skip


async def test_a_request_tells_which_headers_were_sent_twice() -> None:
    request = await Exchange().ask(b"GET / HTTP/1.1\r\nhost: x\r\nX-A: 1\r\nx-a: 2\r\nx-b: 3\r\n\r\n")
    assert request.repeated_headers == {"x-a"}
    assert request.headers["x-b"] == "3"


async def test_a_body_up_to_the_limit_is_read_whole() -> None:
    request = await Exchange().ask(post(MAX_REQUEST_BYTES))
    assert (len(request.body), request.is_oversized) == (MAX_REQUEST_BYTES, False)


async def test_a_longer_body_is_cut_and_its_sender_still_gets_an_answer() -> None:
    exchange = Exchange()
    request = await exchange.ask(post(MAX_REQUEST_BYTES + 1))
    assert (len(request.body), request.is_oversized) == (MAX_REQUEST_BYTES, True)
    await exchange.link.answer(json_answer(400, {}))
    assert (await exchange.client.receive_some()).startswith(b"HTTP/1.1 400")


async def test_a_body_far_too_long_ends_the_connection() -> None:
    with pytest.raises(h11.RemoteProtocolError, match="body above"):
        await Exchange().ask(post(MOST_DISCARDED_BYTES + 1))


async def test_requests_follow_one_another_on_a_connection_bodies_and_all() -> None:
    exchange = Exchange()
    for length in (3, 0, 7):
        assert len((await exchange.ask(post(length))).body) == length
        assert await exchange.link.answer(json_answer(200, []))
        assert (await exchange.client.receive_some()).endswith(b"[]")


async def test_the_answer_to_head_has_no_body() -> None:
    exchange = Exchange()
    await exchange.ask(b"HEAD /v1/market/all HTTP/1.1\r\nhost: x\r\n\r\n")
    await exchange.link.answer(json_answer(404, {"error": 1}))
    answer = await exchange.client.receive_some()
    assert b"content-length: 11" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_the_date_is_what_the_exchange_s_clock_says() -> None:
    exchange = Exchange(wall_s=lambda: 1_790_000_000.9)
    await exchange.ask(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await exchange.link.answer(json_answer(200, []))
    lines = (await exchange.client.receive_some()).decode().split("\r\n")
    (date,) = [line.removeprefix("date: ") for line in lines if line.startswith("date: ")]
    assert parsedate_to_datetime(date).timestamp() == 1_790_000_000


async def test_a_request_that_dribbles_in_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    exchange = Exchange()
    await exchange.client.send_all(b"GET / HTTP/1.1\r\n")
    with pytest.raises(trio.TooSlowError):
        await exchange.link.read_request()
    assert trio.current_time() == pytest.approx(REQUEST_DEADLINE_S)
