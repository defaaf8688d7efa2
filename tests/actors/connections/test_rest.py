"""Quotation REST against a real HTTP server on loopback that behaves badly."""

import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from actors.connections import rest
from actors.connections.rest import QuotationRest
from actors.runtime.process.counters import Counters
from protocols.errors import ConnectionLost, DecodeFailure, ExchangeRefused, SettingsError
from tests.actors.runtime.channel.channel_pair import capturing_log

MARKETS = [{"market": "KRW-BTC", "korean_name": "비트코인", "english_name": "Bitcoin"}]
Answer = tuple[int, dict[str, str], bytes]


class HttpServer:
    """Answers each request with the next of its answers; the last one is repeated."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.requests: list[str] = []
        self.url = ""

    async def handle(self, stream: trio.SocketStream) -> None:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                chunk = await stream.receive_some()
                if not chunk:
                    return
                data += chunk
            head, _, data = data.partition(b"\r\n\r\n")
            self.requests.append(head.split(b"\r\n")[0].decode())
            status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if status == 0:
                return  # The connection ends instead of an answer.
            fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            text = f"HTTP/1.1 {status} X\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
            await stream.send_all(text.encode() + body)


@asynccontextmanager
async def http_server(*answers: Answer) -> AsyncIterator[HttpServer]:
    server = HttpServer(list(answers))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, server.handle, 0)
            host, port = listeners[0].socket.getsockname()[:2]
            del host
            server.url = f"http://127.0.0.1:{port}"
            yield server
            nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "RETRY_S", 0.001)


def client(url: str, counters: Counters | None = None) -> QuotationRest:
    return QuotationRest(url, counters or Counters(), capturing_log()[0])


GOOD: Answer = (200, {"Remaining-Req": "group=market; min=600; sec=9"}, json.dumps(MARKETS).encode())


INSTRUMENTS = b'[{"market":"KRW-BTC","tick_size":"1000","supported_levels":["0","10000"]}]'


async def test_the_levels_of_a_book_are_asked_for_each_time_as_they_move_with_the_price() -> None:
    async with http_server((200, {}, INSTRUMENTS)) as server, client(server.url) as asked:
        assert await asked.orderbook_levels("KRW-BTC") == (0.0, 10_000.0)
        assert await asked.orderbook_levels("KRW-BTC") == (0.0, 10_000.0)
        assert await asked.orderbook_levels("KRW-ETH") == ()
    about = [line.split()[1] for line in server.requests]
    assert about == [f"/v1/orderbook/instruments?markets={code}" for code in ("KRW-BTC", "KRW-BTC", "KRW-ETH")]


async def test_the_market_list_is_read_and_kept_for_its_age() -> None:
    async with http_server(GOOD) as server, client(server.url) as asked:
        first = await asked.markets(max_age_s=60)
        second = await asked.markets(max_age_s=60)
        third = await asked.markets(max_age_s=0)
    assert [market.market for market in first] == ["KRW-BTC"]
    assert first == second == third
    assert server.requests == ["GET /v1/market/all?is_details=true HTTP/1.1"] * 2


@pytest.mark.parametrize(
    "trouble", [(500, {}, b""), (503, {}, b"<html>maintenance</html>"), (0, {}, b""), (502, {}, b"{}")]
)
async def test_passing_trouble_is_tried_again(trouble: Answer) -> None:
    counters = Counters()
    async with http_server(trouble, trouble, GOOD) as server, client(server.url, counters) as asked:
        markets = await asked.markets(max_age_s=60)
    assert len(markets) == 1
    assert counters.snapshot()["rest_failures"] == 2


async def test_trouble_that_stays_is_told_with_the_last_reason() -> None:
    async with http_server((500, {}, b"")) as server, client(server.url) as asked:
        with pytest.raises(ConnectionLost, match="no answer after 3 attempts, the last one: HTTP 500"):
            await asked.markets(max_age_s=60)
    assert len(server.requests) == 3


async def test_nobody_listening_is_told() -> None:
    async with client("http://127.0.0.1:1") as asked:
        with pytest.raises(ConnectionLost, match="ConnectError"):
            await asked.markets(max_age_s=60)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"error":{"name":404,"message":"Code not found"}}', "404"),
        (b'{"error":{"name":"not_found","message":"x"}}', "not_found"),
        (b"<html>404</html>", "404"),
        (b"", "404"),
        ('{"error":{"name":"잘못","message":"x"}}'.encode("euc-kr"), "404"),
        (b'{"error":' + b"[" * 100_000, "404"),
        (b'{"error":{"name":' + b'{"a":' * 100_000, "404"),
    ],
    ids=["number", "name", "html", "nothing", "euc-kr", "deep list", "deep object"],
)
async def test_a_refusal_keeps_the_exchanges_name_and_is_not_repeated(body: bytes, name: str) -> None:
    async with http_server((404, {}, body)) as server, client(server.url) as asked:
        with pytest.raises(ExchangeRefused) as caught:
            await asked.markets(max_age_s=60)
    assert (caught.value.name, caught.value.status) == (name, 404)
    assert len(server.requests) == 1


async def test_too_many_requests_are_waited_out() -> None:
    refused: Answer = (429, {"Retry-After": "1"}, b"Too many API requests.")
    async with http_server(refused, GOOD) as server, client(server.url) as asked:
        began_s = trio.current_time()
        await asked.markets(max_age_s=60)
        took_s = trio.current_time() - began_s
    assert took_s >= 1


@pytest.mark.parametrize("wait", ["²", "1" * 10, "-1", "nan", "1e3", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
async def test_a_retry_after_that_is_no_number_of_seconds_leaves_the_wait_to_us(wait: str) -> None:
    refused: Answer = (429, {"Retry-After": wait}, b"")
    async with http_server(refused, GOOD) as server, client(server.url) as asked:
        assert len(await asked.markets(max_age_s=60)) == 1


# httpx2 2.16 leaves its generators to the garbage collector when it cannot decode a body; trio finishes them and warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("encoding", ["gzip", ", ".join(["gzip"] * 20)])
async def test_a_body_that_is_not_encoded_as_it_says_is_trouble_like_other(encoding: str) -> None:
    refused: Answer = (200, {"Content-Encoding": encoding}, b"not compressed")
    async with http_server(refused) as server, client(server.url) as asked:
        with pytest.raises(ConnectionLost, match="no answer after 3 attempts, the last one: DecodingError"):
            await asked.markets(max_age_s=60)
        gc.collect()


async def test_an_address_that_the_library_does_not_take_is_a_setting_to_change() -> None:
    async with client("http://999.999.999.999") as asked:
        with pytest.raises(SettingsError, match=r"exchange\.rest_url: 'http://999\.999\.999\.999' cannot be used"):
            await asked.markets(max_age_s=60)


async def test_a_body_that_is_no_market_list_is_told() -> None:
    async with http_server((200, {}, b"<html>")) as server, client(server.url) as asked:
        with pytest.raises(DecodeFailure, match="not a list of markets"):
            await asked.markets(max_age_s=60)
