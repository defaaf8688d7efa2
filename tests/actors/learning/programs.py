"""Learners' programs, right ones and wrong ones."""

import textwrap
from pathlib import Path

WITHOUT_CLIENT = """
    import asyncio, json, os
    import websockets

    URL = os.environ["UPBITD_EXCHANGE__WEBSOCKET_URL"] + "/websocket/v1"

    class WebSocketClient:
        '''As the library's, for one list of tickers and nothing else.'''
        def __init__(self, name):
            self.link = None
        async def subscribe_ticker(self, codes):
            self.link = self.link or await websockets.connect(URL, proxy=None)
            await self.link.send(json.dumps([{"ticket": "t"}, {"type": "ticker", "codes": codes}]))
        async def print_for(self, seconds):
            try:
                async with asyncio.timeout(seconds):
                    async for frame in self.link:
                        ticker = json.loads(frame)
                        print(ticker["code"], ticker["trade_price"])
            except TimeoutError:
                pass
        async def cleanup(self):
            if self.link:
                await self.link.close()

    async def main():
        client = WebSocketClient("own")
        try:
            await client.subscribe_ticker(["KRW-BTC"])
            await client.print_for(SECONDS)
        finally:
            await client.cleanup()

    asyncio.run(main())
"""
"""A program that needs no tree: what is checked is the check."""

BASIC = """
    import asyncio
    from actors.client import WebSocketClient

    async def main():
        client = WebSocketClient("learning_basic")
        try:
            await client.subscribe_ticker(["KRW-BTC"], lambda event: print(event.symbol, event.trade_price))
            await asyncio.sleep(8)
        finally:
            await client.cleanup()

    asyncio.run(main())
"""

BASIC_WITHOUT_OUTPUT_AND_CLEANUP = """
    import asyncio
    from actors.client import WebSocketClient

    async def main():
        client = WebSocketClient("learning_basic")
        await client.subscribe_ticker(["KRW-BTC"], lambda event: None)
        await asyncio.sleep(5)

    asyncio.run(main())
"""

MANAGING = """
    import asyncio
    from actors.client import WebSocketClient

    def show(event):
        print(f"{event.symbol} = {event.trade_price}")

    async def main():
        client = WebSocketClient("learning_management")
        try:
            await client.subscribe_ticker(["KRW-BTC"], show)
            await asyncio.sleep(3)
            await client.subscribe_ticker(["KRW-ETH"], show)
            await asyncio.sleep(3)
            await client.subscribe_ticker(["KRW-BTC", "KRW-ETH", "KRW-XRP"], show)
            await asyncio.sleep(3)
        finally:
            await client.cleanup()

    asyncio.run(main())
"""

MANAGING_WITH_TWO_CLIENTS = """
    import asyncio
    from actors.client import WebSocketClient

    def show(event):
        print(f"{event.symbol} = {event.trade_price}")

    async def main():
        first, second = WebSocketClient("first"), WebSocketClient("second")
        try:
            await first.subscribe_ticker(["KRW-BTC"], show)
            await asyncio.sleep(3)
            await second.subscribe_ticker(["KRW-ETH"], show)
            await asyncio.sleep(3)
        finally:
            await first.cleanup()
            await second.cleanup()

    asyncio.run(main())
"""


def program(folder: Path, source: str) -> Path:
    """A source as a file."""
    path = folder / "my_program.py"
    path.write_text(textwrap.dedent(source).strip() + "\n")
    return path
