"""Drives pyupbit: market data, a full order life, and its WebSocket processes while an order is filled.

The library has the exchange's address written into it. Requests and sockets that go there are sent to the simulated
exchange, below the library: at the HTTP adapter of `requests` and at `websockets.connect`. Its own code is unchanged.
"""

import multiprocessing
import threading
from typing import Any, Final

import loopback
import pyupbit
import requests
import websockets
from loopback import Simulator, say

REAL_HTTP: Final = "https://api.upbit.com"
REAL_WS: Final = "wss://api.upbit.com"
CODE: Final = "KRW-BTC"
OTHER: Final = "KRW-ETH"

FRAME_LIMIT_S: Final = 10.0


def point_at(simulator: Simulator) -> None:
    """Send what is meant for the real exchange to the simulated one; anything else is refused."""
    send, connect = requests.adapters.HTTPAdapter.send, websockets.connect

    def send_there(adapter: Any, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = moved(request.url or "", REAL_HTTP, simulator.http)
        return send(adapter, request, *args, **kwargs)

    def connect_there(uri: str, *args: Any, **kwargs: Any) -> Any:
        return connect(moved(uri, REAL_WS, simulator.ws), *args, **kwargs)

    requests.adapters.HTTPAdapter.send = send_there
    websockets.connect = connect_there  # type: ignore[misc, assignment]


def moved(address: str, real: str, simulated: str) -> str:
    """The same path at the other place."""
    if not address.startswith(f"{real}/"):
        raise loopback.NotLoopbackError(f"{address} is not below {real}")
    return simulated + address.removeprefix(real)


def see_market_data() -> None:
    """Ask for everything that the library asks for without a key."""
    say("tickers", pyupbit.get_tickers(is_details=True))
    say("krw_tickers", pyupbit.get_tickers(fiat="KRW"))
    say("price", pyupbit.get_current_price(CODE, limit_info=True))
    say("prices", pyupbit.get_current_price([CODE, OTHER]))
    say("ticker", pyupbit.get_current_price(CODE, verbose=True))
    say("orderbook", pyupbit.get_orderbook(CODE))
    say("orderbooks", pyupbit.get_orderbook([CODE, OTHER]))
    for interval, count in (("minute1", 20), ("minute60", 5), ("day", 250), ("week", 3), ("month", 3)):
        frame = pyupbit.get_ohlcv(CODE, interval=interval, count=count)
        say(f"candles.{interval}", [[str(row[0]), *row[1:]] for row in frame.itertuples()])


def live_an_order_life(account: pyupbit.Upbit) -> None:
    """Place, see, cancel; fill by a limit; buy and sell at market."""
    say("balances.before", account.get_balances())
    say("balance", [account.get_balance("KRW"), account.get_balance_t("KRW"), account.get_balance(CODE)])
    say("chance", account.get_chance(CODE))
    book = pyupbit.get_orderbook(CODE)["orderbook_units"]

    resting = account.buy_limit_order(CODE, pyupbit.get_tick_size(book[0]["bid_price"] * 0.9), 0.001)
    say("resting", resting)
    say("resting.balances", account.get_balances())
    say("resting.open", account.get_order(CODE))
    say("resting.cancelled", account.cancel_order(resting["uuid"]))
    say("resting.after", account.get_individual_order(resting["uuid"]))

    bought = account.buy_limit_order(CODE, book[0]["ask_price"], 0.0002)
    say("bought", [bought, account.get_order(bought["uuid"])])
    spent = account.buy_market_order(CODE, 20000)
    say("spent", [spent, account.get_order(spent["uuid"])])
    sold = account.sell_market_order(CODE, 0.0003)
    say("sold", [sold, account.get_order(sold["uuid"])])
    offered = account.sell_limit_order(CODE, pyupbit.get_tick_size(book[0]["ask_price"] * 1.1), 0.0004)
    say("offered", [offered, account.get_order(CODE)])
    say("offered.cancelled", account.cancel_order(offered["uuid"]))
    say("done", account.get_order(CODE, state="done"))
    say("cancel", account.get_order(CODE, state="cancel"))
    say("balances.after", account.get_balances(contain_req=True))


def make_mistakes(account: pyupbit.Upbit, simulator: Simulator) -> None:
    """What it returns where the exchange refuses: the library prints the class of the error and returns None."""
    say("too_little", account.buy_limit_order(CODE, 1000, 0.001))
    say("too_much", account.buy_market_order(CODE, 900_000_000))
    say("unknown_order", account.cancel_order("00000000-0000-4000-8000-000000000000"))
    say("wrong_secret", pyupbit.Upbit(simulator.access_key, f"{simulator.secret_key}?").get_chance(CODE))


def see_streams(account: pyupbit.Upbit, simulator: Simulator) -> None:
    """Have its socket processes listen while an order is filled, which moves the market.

    It has two forms of the same: a process that one asks, and a loop to run in a process of one's own.
    """
    queues: dict[str, Any] = {"trade": multiprocessing.Queue(), "orderbook": multiprocessing.Queue()}
    processes = [
        multiprocessing.Process(target=pyupbit.WebSocketClient, args=(stream, [CODE], queue), daemon=True)
        for stream, queue in queues.items()
    ]
    for process in processes:
        process.start()
    manager = pyupbit.WebSocketManager("ticker", [CODE])
    # Its first `get` starts the process and waits for a frame, which comes with the order below.
    asking = threading.Thread(target=lambda: say("stream.ticker", manager.get()))
    asking.start()
    try:
        simulator.wait_subscribed({"ticker", "trade", "orderbook"}, "/websocket/v1")
        mover = account.get_order(account.buy_market_order(CODE, 30000)["uuid"])
        say("mover", mover)
        for _ in mover["trades"]:
            say("stream.trade", queues["trade"].get(timeout=FRAME_LIMIT_S))
        say("stream.orderbook", queues["orderbook"].get(timeout=FRAME_LIMIT_S))
        asking.join()
    finally:
        for process in (manager, *processes):
            process.terminate()


def main() -> None:
    # Its socket processes have to inherit that they are shut in and pointed at the simulated exchange.
    multiprocessing.set_start_method("fork")
    simulator = loopback.begin()
    point_at(simulator)
    account = pyupbit.Upbit(simulator.access_key, simulator.secret_key)
    see_market_data()
    live_an_order_life(account)
    make_mistakes(account, simulator)
    see_streams(account, simulator)


if __name__ == "__main__":
    main()
