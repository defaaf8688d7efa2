"""The library `websockets`, a client that shares no code with ours, with and without permessage-deflate."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.clients.exchange import Exchange, exchange_for_a_client

CODES = ["KRW-BTC", "KRW-ETH"]


@pytest.fixture(scope="module")
def still() -> Iterator[Exchange]:
    with exchange_for_a_client() as exchange:
        yield exchange


@pytest.fixture(scope="module")
def moving() -> Iterator[Exchange]:
    # Trades in the order of their time, so that none between two others can come later.
    with exchange_for_a_client("--rate", "300", "--quirk", "trade_reorder=0") as exchange:
        yield exchange


def subscribe(connection: ClientConnection, *types: str, **options: object) -> None:
    parts = [{"type": name, "codes": CODES, **options} for name in types]
    connection.send(json.dumps([{"ticket": "t"}, *parts, {"format": "SIMPLE"}]))


def receive(connection: ClientConnection) -> dict[str, Any]:
    frame = connection.recv(timeout=10)
    assert isinstance(frame, bytes)
    found: dict[str, Any] = json.loads(frame)
    return found


def extensions(connection: ClientConnection) -> list[str]:
    return [extension.name for extension in connection.protocol.extensions]


@pytest.mark.parametrize(("compression", "agreed"), [("deflate", ["permessage-deflate"]), (None, [])])
def test_deflate_is_agreed_when_it_is_offered_and_only_then(
    still: Exchange, compression: str | None, agreed: list[str]
) -> None:
    with connect(f"{still.process.ws}/websocket/v1", compression=compression) as connection:
        assert extensions(connection) == agreed


def test_snapshots_are_the_same_with_and_without_deflate(still: Exchange) -> None:
    seen = []
    for compression in ("deflate", None):
        with connect(f"{still.process.ws}/websocket/v1", compression=compression) as connection:
            subscribe(connection, "ticker", "trade", "orderbook", is_only_snapshot=True)
            seen.append([receive(connection) for _ in range(6)])
    said = [[{name: value for name, value in frame.items() if name != "tms"} for frame in frames] for frames in seen]
    assert said[0] == said[1]
    assert [(frame["ty"], frame["cd"]) for frame in said[0]] == [
        (name, code) for name in ("ticker", "trade", "orderbook") for code in CODES
    ]
    books = still.rest("orderbook", markets=",".join(CODES))
    for frame, book in zip(said[0][4:], books, strict=True):
        assert [unit["ap"] for unit in frame["obu"]] == [unit["ask_price"] for unit in book["orderbook_units"]]
        assert [unit["bs"] for unit in frame["obu"]] == [unit["bid_size"] for unit in book["orderbook_units"]]


@pytest.mark.parametrize("compression", ["deflate", None])
def test_a_moving_market_comes_whole_through_deflated_frames(moving: Exchange, compression: str | None) -> None:
    """What came by the socket is what REST knows of from the first to the last of it, with the same values."""
    # With a bounded queue this client stops reading when it is full, and waits 10 s for the answer to its own close.
    with connect(f"{moving.process.ws}/websocket/v1", compression=compression, max_queue=None) as connection:
        subscribe(connection, "trade", is_only_realtime=True)
        frames = [receive(connection) for _ in range(100)]
    for code in CODES:
        seen = [frame for frame in frames if frame["cd"] == code]
        ticks = moving.rest("trades/ticks", market=code, count=500)[::-1]
        known = [tick for tick in ticks if seen[0]["sid"] <= tick["sequential_id"] <= seen[-1]["sid"]]
        assert [(frame["sid"], frame["tp"], frame["tv"], frame["ab"]) for frame in seen] == [
            (tick["sequential_id"], tick["trade_price"], tick["trade_volume"], tick["ask_bid"]) for tick in known
        ]
        assert len(seen) > 5


def test_the_librarys_own_pings_are_answered(still: Exchange) -> None:
    with connect(f"{still.process.ws}/websocket/v1", ping_interval=None) as connection:
        assert connection.ping(b"are you there").wait(timeout=10)
