"""Drives ccxt pro: public streams, and the private ones while orders live.

With `--lose-the-socket` it does another thing: it sees an order, loses its private socket, and tries to see the next.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import ccxt.pro
import loopback
from loopback import Simulator, say

SYMBOL: Final = "BTC/KRW"
AMOUNT: Final = 0.0004
PUBLIC: Final = "/websocket/v1"
PRIVATE: Final = "/websocket/v1/private"
FINAL_STATES: Final = {"closed", "canceled"}


def new_exchange(simulator: Simulator) -> ccxt.pro.upbit:
    """The library's exchange with nothing changed but its addresses."""
    addresses = {"public": simulator.http, "private": simulator.http, "ws": f"{simulator.ws}/websocket/v1"}
    return ccxt.pro.upbit({"urls": {"api": addresses}, "apiKey": simulator.access_key, "secret": simulator.secret_key})


class Finished:
    """Which orders have been seen to end by the private stream."""

    def __init__(self) -> None:
        self._ended: dict[str, asyncio.Event] = {}

    def take(self, orders: list[dict[str, Any]]) -> None:
        for order in orders:
            if order["status"] in FINAL_STATES:
                self._ended.setdefault(order["id"], asyncio.Event()).set()

    async def wait(self, order_id: str) -> None:
        await self._ended.setdefault(order_id, asyncio.Event()).wait()


async def tell(name: str, watch: Callable[[], Awaitable[Any]], told: Callable[[Any], None] = lambda _: None) -> None:
    """Say whatever one stream brings, until it is cancelled."""
    while True:
        value = await watch()
        say(name, value)
        told(value)


async def trade(exchange: ccxt.pro.upbit, finished: Finished) -> None:
    """Lead four orders through their lives and wait until the private stream has told the end of each."""
    book = await exchange.fetch_order_book(SYMBOL)
    price, low = book["asks"][4][0], float(round(book["bids"][0][0] * 0.9, -4))
    resting = await exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, low, {"clientOrderId": "pro-1"})
    await exchange.cancel_order(resting["id"])
    placed = [
        resting,
        await exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, price),
        await exchange.create_order(SYMBOL, "market", "buy", 0, None, {"cost": 20_000}),
        await exchange.create_order(SYMBOL, "market", "sell", 0.0003),
    ]
    for order in placed:
        await finished.wait(order["id"])
    say("placed", [order["id"] for order in placed])


async def run(simulator: Simulator) -> None:
    exchange, finished = new_exchange(simulator), Finished()
    await exchange.load_markets()
    streams = [
        tell("ticker", lambda: exchange.watch_ticker(SYMBOL)),
        tell("trades", lambda: exchange.watch_trades(SYMBOL)),
        tell("book", lambda: exchange.watch_order_book(SYMBOL)),
        tell("candle", lambda: exchange.watch_ohlcv(SYMBOL)),
        tell("orders", exchange.watch_orders, finished.take),
        tell("my_trades", exchange.watch_my_trades),
        tell("balance", exchange.watch_balance),
    ]
    tasks = [asyncio.create_task(stream) for stream in streams]
    await asyncio.to_thread(simulator.wait_subscribed, {"ticker", "trade", "orderbook", "candle.1s"}, PUBLIC)
    await asyncio.to_thread(simulator.wait_subscribed, {"myOrder", "myAsset"}, PRIVATE)
    say("balance.before", await exchange.fetch_balance())
    trading = asyncio.create_task(trade(exchange, finished))
    # A stream that fails ends the program with its error instead of letting the trading wait for it.
    done, _ = await asyncio.wait([trading, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    # Candles and books come at most once in a second and in 100 ms: let what belongs to the last trade arrive.
    await asyncio.sleep(1.5)
    say("balance.after", await exchange.fetch_balance())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await exchange.close()


async def lose_the_socket(simulator: Simulator) -> None:
    """See an order, lose the private socket, and try to see another one, as the library connects again by itself."""
    exchange = new_exchange(simulator)
    await exchange.load_markets()
    await see_an_order(exchange, simulator)
    watching = asyncio.create_task(exchange.watch_orders())
    await asyncio.to_thread(simulator.fault, "reset", "private")
    try:
        await watching
    except ccxt.NetworkError as error:
        say("lost", str(error))
    await asyncio.to_thread(simulator.wait_unsubscribed, PRIVATE)
    try:
        await see_an_order(exchange, simulator)
    except ccxt.NetworkError as error:
        say("kept_out", str(error))
    await exchange.close()


async def see_an_order(exchange: ccxt.pro.upbit, simulator: Simulator) -> None:
    """Place an order that rests, once the private stream is subscribed, and say what that told first."""
    watching = asyncio.create_task(exchange.watch_orders())
    await asyncio.to_thread(simulator.wait_subscribed, {"myOrder"}, PRIVATE, watching.done)
    if watching.done():
        await watching  # It was kept out: this raises, and nothing is placed.
    order = await exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, 100_000_000)
    say("told", [order["id"], [told["id"] for told in await watching]])


if __name__ == "__main__":
    asyncio.run((lose_the_socket if "--lose-the-socket" in sys.argv else run)(loopback.begin()))
