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
    with exchange_for_a_client("--rate", "300") as exchange:
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
    """Every trade that REST knows of between two that came by the socket came by the socket, and with its values."""
    with connect(f"{moving.process.ws}/websocket/v1", compression=compression) as connection:
        subscribe(connection, "trade", is_only_realtime=True)
        frames = [receive(connection) for _ in range(60)]
    for code in CODES:
        seen = {frame["sid"]: frame for frame in frames if frame["cd"] == code}
        ticks = {tick["sequential_id"]: tick for tick in moving.rest("trades/ticks", market=code, count=500)}
        for sequential_id, frame in seen.items():
            tick = ticks[sequential_id]
            assert (frame["tp"], frame["tv"], frame["ab"]) == (
                tick["trade_price"], tick["trade_volume"], tick["ask_bid"],
            )  # fmt: skip
        # Trades of one instant may change places; half a second from the edges nothing can have been left out.
        times = sorted(frame["ttms"] for frame in seen.values())
        inside = {key for key, tick in ticks.items() if times[0] + 500 < tick["timestamp"] < times[-1] - 500}
        assert inside <= set(seen)


def test_the_librarys_own_pings_are_answered(still: Exchange) -> None:
    with connect(f"{still.process.ws}/websocket/v1", ping_interval=None) as connection:
        assert connection.ping(b"are you there").wait(timeout=10)
