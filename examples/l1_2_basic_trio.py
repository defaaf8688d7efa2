"""Level 1.2 on trio: the client is the same, only the sleep is the loop's own."""

import trio
from running import run

from actors.client import WebSocketClient


async def basic_practice(seconds: float = 30) -> None:
    """Print the price of one market at each trade."""
    async with WebSocketClient("learning_basic") as client:  # Leaving the block cleans up.
        await client.subscribe_ticker(["KRW-BTC"], lambda e: print(f"Price: {e.trade_price}"))
        await trio.sleep(seconds)


if __name__ == "__main__":
    run(basic_practice, seconds=30, loop="trio")
