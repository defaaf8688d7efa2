"""Level 2.1 on trio, without callbacks: one task for each stream."""

import trio
from running import run

from actors.client import Subscription, WebSocketClient


async def print_tickers(tickers: Subscription) -> None:
    """Print last prices."""
    async for event in tickers:
        print(f"[Ticker] {event.symbol}: {event.trade_price}")


async def print_orderbooks(orderbooks: Subscription) -> None:
    """Print how deep the book is."""
    async for event in orderbooks:
        print(f"[Orderbook] {event.symbol}: {len(event.orderbook_units)} levels")


async def print_trades(trades: Subscription) -> None:
    """Print how much was traded."""
    async for event in trades:
        print(f"[Trade] {event.symbol}: {event.trade_volume}")


async def composite_practice(seconds: float = 60) -> None:
    """Print the ticker, the order book and the trades of one market."""
    async with WebSocketClient("learning_composite") as client, trio.open_nursery() as nursery:
        nursery.start_soon(print_tickers, await client.subscribe_ticker(["KRW-BTC"]))
        nursery.start_soon(print_orderbooks, await client.subscribe_orderbook(["KRW-BTC"]))
        nursery.start_soon(print_trades, await client.subscribe_trade(["KRW-BTC"]))
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    run(composite_practice, seconds=60, loop="trio")
