"""Level 2.1: three types on one client; each has its callback, and gets only its own events."""

import asyncio

from running import run

from actors.client import WebSocketClient
from protocols.upbit.messages import Orderbook, Ticker, Trade


def on_ticker(event: Ticker) -> None:
    """Print the last price."""
    print(f"[Ticker] {event.symbol}: {event.trade_price}")


def on_orderbook(event: Orderbook) -> None:
    """Print how deep the book is."""
    print(f"[Orderbook] {event.symbol}: {len(event.orderbook_units)} levels")


def on_trade(event: Trade) -> None:
    """Print how much was traded."""
    print(f"[Trade] {event.symbol}: {event.trade_volume}")


async def composite_practice(seconds: float = 60) -> None:
    """Print the ticker, the order book and the trades of one market."""
    client = WebSocketClient("learning_composite")
    try:
        # Another type accumulates; only the same type again would replace.
        await client.subscribe_ticker(["KRW-BTC"], on_ticker)
        await client.subscribe_orderbook(["KRW-BTC"], on_orderbook)
        await client.subscribe_trade(["KRW-BTC"], on_trade)
        await asyncio.sleep(seconds)
    finally:
        await client.cleanup()


if __name__ == "__main__":
    run(composite_practice, seconds=60)
