"""Journals and traces of a test: messages of each type, written by the journal itself and as `upbitd watch` does."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from actors.commands.event_lines import json_line
from actors.exchange.journal.journal import Journal
from actors.exchange.settings import SimulatorSettings
from protocols.channel.messages import LIVE, Event
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import (
    Announcement,
    Asset,
    Candle,
    DataMessage,
    MyAsset,
    MyOrder,
    Orderbook,
    OrderbookUnit,
    Ticker,
    Trade,
)
from protocols.upbit.requests import Format
from protocols.upbit.topics import topic_of
from tests.actors.consumers.harness import ticker as some_ticker

KEY = "an-access-key-of-the-test"
SECRET = "a-secret-key-of-the-test"


def trade(number: int, code: str = "KRW-BTC", price: float = 109868000.0) -> Trade:
    t_ms = 1_790_000_000_000 + number
    return Trade(
        code, t_ms, "2026-09-21", "13:33:20", t_ms, price, 0.0007772, "BID", 1.0, "RISE", 1.0,
        17_877_285_547_970_000 + number, "REALTIME", 2.0, 0.5, 1.0, 0.5,
    )  # fmt: skip


def ticker(number: int, code: str = "KRW-BTC") -> Ticker:
    return replace(some_ticker(), code=code, timestamp=number, trade_timestamp=number, acc_trade_volume=float(number))


def book(number: int, code: str = "KRW-BTC", size: float = 0.5, depth: int = 30) -> Orderbook:
    units = tuple(OrderbookUnit(101.0 + n, 100.0 - n, size, 0.25) for n in range(depth))
    return Orderbook(code, number, 1.0, 2.0, units, "REALTIME")


def candle(number: int, code: str = "KRW-BTC") -> Candle:
    start = f"2026-10-01T00:00:{number:02d}"
    return Candle(code, "candle.1s", start, start, 1.0, 3.0, 0.5, 2.0, 9.5 + number, 19.0, number, "REALTIME")


def my_order(number: int, state: str = "trade", code: str = "KRW-BTC") -> MyOrder:
    one = Decimal("1.00000000")
    return MyOrder(
        code, "order-1", "BID", "limit", state, f"trade-{number}", one, one, one, one, one * number, number, one, one,
        one, one, Decimal("0.10000000000000001"), None, one, True, None, "cancel_maker", None, Decimal(0), 5, 5, number,
        "REALTIME",
    )  # fmt: skip


def my_asset(number: int) -> MyAsset:
    return MyAsset(f"asset-{number}", (Asset("KRW", Decimal(number), Decimal("0.5")),), number, number, "REALTIME")


def announcement(number: int) -> Announcement:
    return Announcement("CREATED", f"u-{number}", "Notice", "maintenance", "", "", "", number, "REALTIME")


class Sender:
    """Writes a journal as the exchange does: one public connection is open, others can be opened."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path)
        self.journal.started(SimulatorSettings(access_key=KEY, secret_key=SECRET))
        self._running: dict[int, int] = {}
        self.open(1)

    def open(self, number: int, *, access_key: str = "") -> None:
        kind = "private" if access_key else "public"
        self.journal.opened(number, "/websocket/v1", kind, "127.0.0.1:5", access_key)

    def send(self, *messages: DataMessage, connection: int = 1, format_: Format = Format.DEFAULT) -> None:
        for message in messages:
            running = self._running[connection] = self._running.get(connection, 0) + 1
            stream = (message.type, getattr(message, "code", ""))
            self.journal.frame(connection, running, stream, encode_message(message, format_))


def event_line(
    message: DataMessage, *, origin: int = LIVE, sequence: int = 1, received_ns: int = 1, topic: str = ""
) -> str:
    """A line of `upbitd watch --json`."""
    return json_line(Event(topic or topic_of(message).key, 5, sequence, received_ns, 1, origin, message))


def write_trace(path: Path, lines: Iterable[str | DataMessage]) -> Path:
    """A trace; messages become lines as `upbitd watch --json` writes them."""
    texts = [line if isinstance(line, str) else event_line(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def journal_of(path: Path, messages: Sequence[DataMessage]) -> Path:
    """A journal of one connection that was sent these messages, and ended in order."""
    sender = Sender(path)
    sender.send(*messages)
    sender.journal.close()
    return path


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]
