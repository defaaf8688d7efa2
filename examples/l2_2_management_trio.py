"""Level 2.2 on trio: the same type again replaces markets and callback in one step."""

import trio
from running import run

from actors.client import WebSocketClient


async def subscription_management_practice(seconds: float = 40) -> None:
    """Print one market, then another, then three; a quarter, a quarter and half of the time."""
    async with WebSocketClient("learning_management") as client:
        print("1. KRW-BTC 구독 시작")
        await client.subscribe_ticker(["KRW-BTC"], lambda e: print(f"BTC: {e.trade_price}"))
        await trio.sleep(seconds / 4)

        print("2. KRW-ETH로 변경")
        await client.subscribe_ticker(["KRW-ETH"], lambda e: print(f"ETH: {e.trade_price}"))
        await trio.sleep(seconds / 4)

        print("3. 다중 심볼 구독")
        await client.subscribe_ticker(
            ["KRW-BTC", "KRW-ETH", "KRW-XRP"], lambda e: print(f"Multi: {e.symbol} = {e.trade_price}")
        )
        await trio.sleep(seconds / 2)


if __name__ == "__main__":
    run(subscription_management_practice, seconds=40, loop="trio")
