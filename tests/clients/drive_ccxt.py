"""Drives ccxt (its synchronous form): market data, a full order life with every kind of order, and refusals."""

from collections.abc import Callable
from typing import Any, Final

import ccxt
import loopback
from loopback import Simulator, say

SYMBOL: Final = "BTC/KRW"
OTHER: Final = "ETH/KRW"
AMOUNT: Final = 0.0004


def new_exchange(simulator: Simulator, **changes: str) -> ccxt.upbit:
    """The library's exchange with nothing changed but its addresses."""
    addresses = {"api": {"public": simulator.http, "private": simulator.http}}
    keys = {"apiKey": simulator.access_key, "secret": simulator.secret_key}
    return ccxt.upbit({"urls": addresses, **keys, **changes})


def see_market_data(exchange: ccxt.upbit) -> None:
    """Ask for everything that the library asks for without a key."""
    say("markets", sorted(market["id"] for market in exchange.load_markets().values()))
    say("ticker", exchange.fetch_ticker(SYMBOL))
    say("tickers", exchange.fetch_tickers([SYMBOL, OTHER]))
    say("all_tickers", sorted(exchange.fetch_tickers()))
    say("book", exchange.fetch_order_book(SYMBOL))
    say("short_book", exchange.fetch_order_book(SYMBOL, limit=5))
    say("all_books", sorted(exchange.fetch_order_books()))
    say("trades", exchange.fetch_trades(SYMBOL, limit=50))
    for timeframe in exchange.timeframes:
        say(f"candles.{timeframe}", exchange.fetch_ohlcv(SYMBOL, timeframe, limit=10))
    # By the exchange's own clock: it begins at a time of its choice.
    since_ms = exchange.fetch_ticker(SYMBOL)["timestamp"] - 20 * 3_600_000
    say("candles.since", [since_ms, exchange.fetch_ohlcv(SYMBOL, "1h", since=since_ms, limit=5)])


def rest_and_cancel(exchange: ccxt.upbit, low: float) -> None:
    """An order that rests, is seen, is replaced by another price, and is cancelled."""
    resting = exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, low, {"clientOrderId": "resting-1"})
    say("resting", resting)
    say("resting.balance", exchange.fetch_balance())
    say("resting.open", exchange.fetch_open_orders(SYMBOL))
    replaced = exchange.edit_order(resting["id"], SYMBOL, "limit", "buy", 2 * AMOUNT, low, {"newClientOrderId": "two"})
    say("replaced", [replaced, exchange.fetch_order(resting["id"]), exchange.fetch_order(replaced["id"])])
    say("cancelled", [exchange.cancel_order(replaced["id"]), exchange.fetch_order(replaced["id"])])


def fill(exchange: ccxt.upbit, price: float, low: float) -> None:
    """Orders that are filled, in every way that the library knows."""
    tried = {
        "tested": ("limit", "buy", AMOUNT, price, {"test": True}),
        "limit": ("limit", "buy", AMOUNT, price, {"clientOrderId": "filled-1"}),
        "market_buy": ("market", "buy", 0, None, {"cost": 20_000}),
        "market_sell": ("market", "sell", 0.0003, None, {}),
        "ioc": ("limit", "buy", AMOUNT, price, {"timeInForce": "IOC"}),
        "fok": ("limit", "buy", AMOUNT, low, {"timeInForce": "FOK"}),
        "post_only": ("limit", "buy", AMOUNT, price, {"timeInForce": "PO"}),
        "best": ("market", "sell", AMOUNT, None, {"ordType": "best", "timeInForce": "IOC"}),
    }
    for name, (kind, side, amount, at, parameters) in tried.items():
        placed = exchange.create_order(SYMBOL, kind, side, amount, at, parameters)
        say(name, [placed, None if name == "tested" else exchange.fetch_order(placed["id"])])


def be_refused(exchange: ccxt.upbit, simulator: Simulator, price: float) -> None:
    """What the exchange refuses, as the errors that the library makes of it."""
    stranger = new_exchange(simulator, secret="not the secret of this key, though it is as long as it must be")
    tries: dict[str, Callable[[], Any]] = {
        "same_identifier": lambda: exchange.create_order(
            SYMBOL, "limit", "buy", AMOUNT, price, {"clientOrderId": "filled-1"}
        ),
        "no_funds": lambda: exchange.create_order(SYMBOL, "market", "buy", 0, None, {"cost": 900_000_000}),
        "no_order": lambda: exchange.cancel_order("00000000-0000-4000-8000-000000000000"),
        "too_small": lambda: exchange.create_order(SYMBOL, "limit", "buy", 0.00001, price),
        "bad_tick": lambda: exchange.create_order(SYMBOL, "limit", "buy", AMOUNT, price + 0.5),
        "wrong_secret": stranger.fetch_balance,
        "unknown_market": lambda: exchange.publicGetTicker({"markets": "KRW-NOTHING"}),
        "missing_parameter": lambda: exchange.publicGetTicker({}),
    }
    for name, attempt in tries.items():
        try:
            attempt()
        except ccxt.BaseError as error:
            say(f"refused.{name}", [type(error).__name__, str(error)])


def main() -> None:
    simulator = loopback.begin()
    exchange = new_exchange(simulator)
    see_market_data(exchange)
    say("fee", exchange.fetch_trading_fee(SYMBOL))
    say("balance.before", exchange.fetch_balance())
    book = exchange.fetch_order_book(SYMBOL)
    # Well inside the other side: what is bought at this price is filled, at better prices.
    price, low = book["asks"][4][0], float(round(book["bids"][0][0] * 0.9, -4))
    rest_and_cancel(exchange, low)
    fill(exchange, price, low)
    say("closed", exchange.fetch_closed_orders(SYMBOL))
    say("canceled", exchange.fetch_canceled_orders(SYMBOL))
    say("cancel_all", exchange.privateDeleteOrdersOpen({"pairs": "KRW-BTC,KRW-ETH"}))
    be_refused(exchange, simulator, price)
    say("balance.after", exchange.fetch_balance())


if __name__ == "__main__":
    main()
