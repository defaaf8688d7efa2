"""Level 1.2: one subscription, one callback."""

import asyncio

from running import run

from actors.client import WebSocketClient


async def basic_practice(seconds: float = 30) -> None:
    """Print the price of one market at each trade."""
    client = WebSocketClient("learning_basic")
    try:
        await client.subscribe_ticker(["KRW-BTC"], lambda e: print(f"Price: {e.trade_price}"))
        await asyncio.sleep(seconds)
    finally:
        # Not after the sleep, as a plain sequence would have it: ^C and errors skip what stands there.
        await client.cleanup()


if __name__ == "__main__":
    run(basic_practice, seconds=30)
