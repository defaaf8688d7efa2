"""Frames as the exchange sends them (DEFAULT format, unmasked), encoded once, with room for the time of sending.

The time of sending stands in the field `timestamp`: nanoseconds of the monotonic clock, always 19 digits, so that a
frame can be stamped in place. Tickers are about 915 B, books of 30 levels about 2.7 kB, as measured on the exchange.
"""

import json
import random
from typing import Final

MARKETS: Final = tuple(f"KRW-B{n:03d}" for n in range(200))
NO_TIME: Final = b"1000000000000000001"
_NO_TIME_NUMBER: Final = int(NO_TIME)


def ticker(market: str, rng: random.Random) -> dict[str, object]:
    """One ticker with all 33 fields and values of the length that real ones have."""
    price = round(rng.uniform(1_000_000, 99_000_000), 1)
    change = round(rng.uniform(1000, 900_000), 1)
    return {
        "type": "ticker", "code": market, "opening_price": price, "high_price": price + change,
        "low_price": price - change, "trade_price": price, "prev_closing_price": price - change,
        "acc_trade_price": rng.uniform(1e10, 9e10), "change": "RISE", "change_price": change,
        "signed_change_price": change, "change_rate": round(change / price, 10),
        "signed_change_rate": round(change / price, 10), "ask_bid": "BID",
        "trade_volume": round(rng.uniform(0.00001, 2), 8), "acc_trade_volume": round(rng.uniform(100, 900), 8),
        "trade_date": "20260826", "trade_time": "072400", "trade_timestamp": 1787729040682,
        "acc_ask_volume": round(rng.uniform(100, 900), 8), "acc_bid_volume": round(rng.uniform(100, 900), 8),
        "highest_52_week_price": 179869000.0, "highest_52_week_date": "2025-10-09",
        "lowest_52_week_price": 88342000.0, "lowest_52_week_date": "2026-08-14", "market_state": "ACTIVE",
        "is_trading_suspended": False, "delisting_date": None, "market_warning": "NONE",
        "timestamp": _NO_TIME_NUMBER, "acc_trade_price_24h": rng.uniform(1e11, 9e11),
        "acc_trade_volume_24h": round(rng.uniform(1000, 9000), 8), "stream_type": "REALTIME",
    }  # fmt: skip


def orderbook(market: str, rng: random.Random) -> dict[str, object]:
    """One book of 30 levels."""
    price = float(rng.randrange(50_000_000, 99_000_000, 1000))
    units = [
        {
            "ask_price": price + 1000 * level, "bid_price": price - 1000 * (level + 1),
            "ask_size": round(rng.uniform(0.0001, 2), 8), "bid_size": round(rng.uniform(0.0001, 2), 8),
        }
        for level in range(30)
    ]  # fmt: skip
    return {
        "type": "orderbook", "code": market, "timestamp": _NO_TIME_NUMBER,
        "total_ask_size": round(rng.uniform(10, 90), 8), "total_bid_size": round(rng.uniform(10, 90), 8),
        "orderbook_units": units, "stream_type": "REALTIME", "level": 0,
    }  # fmt: skip


MAKERS: Final = {"ticker": ticker, "orderbook": orderbook}


def encode(kind: str, count: int, *, seed: int = 7) -> list[bytes]:
    """Return `count` WebSocket frames of one kind, over all markets in turn."""
    rng = random.Random(seed)
    make = MAKERS[kind]
    frames = []
    for number in range(count):
        payload = json.dumps(make(MARKETS[number % len(MARKETS)], rng), separators=(",", ":")).encode()
        frames.append(b"\x82\x7e" + len(payload).to_bytes(2, "big") + payload)
    return frames
