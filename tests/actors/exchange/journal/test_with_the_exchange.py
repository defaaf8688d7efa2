"""The real thing: a simulated exchange as a process, a client that writes down what it gets, and `upbitd verify`."""

import json
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from protocols.upbit.tokens import make_token
from supervisor.main import run_command
from tests.actors.exchange.journal.files import lines_of, write_trace
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange

OPTIONS = (
    "--markets",
    "8",
    "--rate",
    "1500",
    "--seed",
    "3",
    "--access-key",
    "key",
    "--secret-key",
    "secret-of-the-test",
)
CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]
DOWN = '{"marker":"down","epoch":1,"reason":"closed","at_ns":1,"parked":false}'
TYPES = ("ticker", "trade", "orderbook", "candle.1s")


def opened(url: str, **options: Any) -> ClientConnection:
    # With a bounded queue this client stops reading when it is full, and does not see the answer to its own close.
    return connect(url, max_size=None, max_queue=None, compression=None, **options)


def take(client: ClientConnection, count: int, *wanted: dict[str, Any]) -> list[str]:
    client.send(json.dumps([{"ticket": "t"}, *wanted]))
    frames = [client.recv(timeout=20) for _ in range(count)]
    return [frame if isinstance(frame, str) else frame.decode() for frame in frames]


def public(exchange: ExchangeProcess, count: int, *options: dict[str, Any]) -> list[str]:
    with opened(f"{exchange.ws}/websocket/v1") as client:
        return take(client, count, *({"type": type_, "codes": CODES} for type_ in TYPES), *options)


def private(exchange: ExchangeProcess, count: int) -> list[str]:
    token = make_token("key", "secret-of-the-test", nonce=str(uuid.uuid4()))
    headers = {"Authorization": f"Bearer {token}"}
    with opened(f"{exchange.ws}/websocket/v1/private", additional_headers=headers) as client:
        return take(client, count, {"type": "myOrder"}, {"type": "myAsset"})


def ledger(exchange: ExchangeProcess) -> dict[str, Any]:
    with urllib.request.urlopen(f"{exchange.http}/_simulator/ledger", timeout=10) as answer:  # noqa: S310 - loopback
        found: dict[str, Any] = json.loads(answer.read())
        return found


def report(journal: Path, trace: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = run_command(["verify", str(journal), str(trace), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_what_a_client_got_is_what_the_journal_says_it_was_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "journal"
    with simulated_exchange(*OPTIONS, "--journal", str(journal)) as exchange:
        first = public(exchange, 300)
        second = public(exchange, 100, {"format": "SIMPLE_LIST"})
        orders = private(exchange, 4)
        exchange.fault("close")
        (account,) = ledger(exchange)["accounts"]
    # What was on its way when the first connection ended is lost for good; a consumer that says so is honest.
    lines = [*first, DOWN, *second, *orders]
    code, found = report(journal, write_trace(tmp_path / "trace", lines), capsys)
    assert (code, found["notes"]) == (0, []), found
    assert found["totals"]["received"] == 404
    assert set(found["types"]) == {*TYPES, "myOrder", "myAsset"}

    trades = [at for at, line in enumerate(first) if json.loads(line)["type"] == "trade"]
    lost, doubled = trades[len(trades) // 2], trades[len(trades) // 2 + 1]
    damaged = [*lines[:lost], *lines[lost + 1 : doubled], lines[doubled], *lines[doubled:]]
    code, found = report(journal, write_trace(tmp_path / "damaged", damaged), capsys)
    assert code == 1
    assert (found["totals"]["lost"], found["totals"]["doubled"]) == (1, 1)
    for kind, at in (("lost", lost), ("doubled", doubled)):
        (finding,) = found["findings"][kind]
        assert finding["sequential_id"] == json.loads(lines[at])["sequential_id"]

    assert "secret-of-the-test" not in journal.read_text()
    written = lines_of(journal)
    events = {line["event"] for line in written}
    assert {"started", "connection_opened", "request", "frame", "connection_closed", "fault", "stopped"} <= events
    fills = {line["order"] for line in written if line["event"] == "order_fill"}
    assert {order["uuid"] for order in account["orders"] if order["fills"]} <= fills
