"""The shapes of market data over REST, made from the same views as the WebSocket's messages.

Names, signs and forms of dates differ from the WebSocket's (documented); numbers are never written with an exponent
(seen 2026-09-23).
"""

import time
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from actors.exchange.market.views import KST_MS
from actors.exchange.rest.messages import HttpAnswer, json_answer
from protocols.upbit.messages import Orderbook, Ticker

Document = dict[str, object]

_PLAIN_FROM: Final = 1e-5
_PLAIN_BELOW: Final = 1e16
"""Outside of these the encoder would write an exponent."""


def market_data(documents: list[Document]) -> HttpAnswer:
    """An answer made of documents whose small and large numbers went through `digits`."""
    return json_answer(200, documents)


def digits(value: float) -> float | msgspec.Raw:
    """A number that is written in plain digits."""
    if _PLAIN_FROM <= abs(value) < _PLAIN_BELOW or value == 0.0:
        return value
    return msgspec.Raw(format(Decimal(repr(value)), "f").encode())


def ticker_document(ticker: Ticker) -> Document:
    """A ticker as REST has it."""
    date_kst, time_kst = date_and_time(ticker.trade_timestamp + KST_MS)
    return {
        "market": ticker.code,
        "trade_date": ticker.trade_date,
        "trade_time": ticker.trade_time,
        "trade_date_kst": date_kst.replace("-", ""),
        "trade_time_kst": time_kst.replace(":", ""),
        "trade_timestamp": ticker.trade_timestamp,
        "opening_price": digits(ticker.opening_price),
        "high_price": digits(ticker.high_price),
        "low_price": digits(ticker.low_price),
        "trade_price": digits(ticker.trade_price),
        "prev_closing_price": digits(ticker.prev_closing_price),
        "change": ticker.change,
        "change_price": digits(ticker.change_price),
        "change_rate": digits(ticker.change_rate),
        "signed_change_price": digits(ticker.signed_change_price),
        "signed_change_rate": digits(ticker.signed_change_rate),
        "trade_volume": digits(ticker.trade_volume),
        "acc_trade_price": digits(ticker.acc_trade_price),
        "acc_trade_price_24h": digits(ticker.acc_trade_price_24h),
        "acc_trade_volume": digits(ticker.acc_trade_volume),
        "acc_trade_volume_24h": digits(ticker.acc_trade_volume_24h),
        "highest_52_week_price": digits(ticker.highest_52_week_price),
        "highest_52_week_date": ticker.highest_52_week_date,
        "lowest_52_week_price": digits(ticker.lowest_52_week_price),
        "lowest_52_week_date": ticker.lowest_52_week_date,
        "timestamp": ticker.timestamp,
    }


def orderbook_document(book: Orderbook) -> Document:
    """An order book as REST has it: bids stand first (seen 2026-09-23), also in the totals (assumed)."""
    return {
        "market": book.code,
        "timestamp": book.timestamp,
        "total_bid_size": digits(book.total_bid_size),
        "total_ask_size": digits(book.total_ask_size),
        "orderbook_units": [
            {
                "bid_price": digits(unit.bid_price),
                "ask_price": digits(unit.ask_price),
                "bid_size": digits(unit.bid_size),
                "ask_size": digits(unit.ask_size),
            }
            for unit in book.orderbook_units
        ],
        "level": digits(book.level),
    }


def date_and_time(t_ms: int) -> tuple[str, str]:
    """`yyyy-MM-dd` and `HH:mm:ss` of a time in milliseconds since the epoch, UTC, cut to whole seconds."""
    return _date_and_time(t_ms // 1000)


@lru_cache(maxsize=4096)
def _date_and_time(epoch_s: int) -> tuple[str, str]:
    stamp = time.gmtime(epoch_s)
    return time.strftime("%Y-%m-%d", stamp), time.strftime("%H:%M:%S", stamp)
