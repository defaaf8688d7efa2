"""A price monitor in ten lines."""

import asyncio

from running import run

from actors.client import WebSocketClient


async def price_monitor(seconds: float = 60) -> None:
    """Print each price of three markets."""
    async with WebSocketClient("price_monitor") as client:
        await client.subscribe_ticker(
            ["KRW-BTC", "KRW-ETH", "KRW-XRP"],
            lambda ticker: print(f"{ticker.symbol} {ticker.trade_price:,.10g} {ticker.signed_change_rate:+.2%}"),
        )
        await asyncio.sleep(seconds)


if __name__ == "__main__":
    run(price_monitor, seconds=60)
