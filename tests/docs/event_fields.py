"""What fields mean, with their units, where the struct's own docstring does not say it of each one by itself.

"quote" and "base" are the two halves of a market: of `KRW-BTC`, prices are in KRW, volumes in BTC.
"""

from typing import Any

from actors.client.health import ClientHealth, ConnectionHealth, SubscriptionHealth
from actors.client.reports import ErrorReport, GapReport
from protocols.channel.messages import Event
from protocols.order_state import OrderChange
from protocols.upbit.markets import MarketEvent, MarketInfo
from protocols.upbit.messages import (
    Asset,
    Candle,
    MyAsset,
    MyOrder,
    Orderbook,
    OrderbookUnit,
    SubscriptionEntry,
    Ticker,
    Trade,
)

_OF_MARKET = {
    "code": "the market, such as `KRW-BTC`",
    "timestamp": "the exchange's time of this message, ms since the epoch, UTC",
    "stream_type": "`SNAPSHOT` or `REALTIME`, as the exchange sent it",
}

_OF_TRADING = {
    **_OF_MARKET,
    "ask_bid": "side of the taker: `BID` (bought) or `ASK` (sold)",
    "prev_closing_price": "closing price of the day before, in quote",
    "change": "`RISE`, `EVEN` or `FALL` against the day before",
    "change_price": "change against the day before, in quote, **without sign**",
    "trade_timestamp": "time of the trade, ms since the epoch, UTC",
}

FIELDS: dict[type[Any], dict[str, str]] = {
    Ticker: {
        **_OF_TRADING,
        "opening_price": "first price of the day, in quote; a day begins at 00:00 UTC",
        "high_price": "highest price of the day, in quote",
        "low_price": "lowest price of the day, in quote",
        "trade_price": "last price, in quote",
        "acc_trade_price": "turnover of the day, in quote",
        "signed_change_price": "change against the day before, in quote, with sign",
        "change_rate": "change against the day before as a ratio (0.05 is 5 %), **without sign**",
        "signed_change_rate": "the same with sign",
        "ask_bid": "side of the last trade's taker: `BID` (bought) or `ASK` (sold)",
        "trade_volume": "volume of the last trade, in base",
        "acc_trade_volume": "volume of the day, in base",
        "trade_date": "day of the last trade, UTC, `yyyyMMdd`",
        "trade_time": "time of the last trade, UTC, `HHmmss`",
        "trade_timestamp": "time of the last trade, ms since the epoch, UTC",
        "acc_ask_volume": "volume of the day that takers sold, in base",
        "acc_bid_volume": "volume of the day that takers bought, in base",
        "highest_52_week_price": "highest price of 52 weeks, in quote",
        "highest_52_week_date": "its day, `yyyy-MM-dd`",
        "lowest_52_week_price": "lowest price of 52 weeks, in quote",
        "lowest_52_week_date": "its day, `yyyy-MM-dd`",
        "market_state": "such as `ACTIVE`, `PREVIEW`, `DELISTED`",
        "acc_trade_price_24h": "turnover of the last 24 hours, in quote",
        "acc_trade_volume_24h": "volume of the last 24 hours, in base",
        "is_trading_suspended": "whether trading is suspended",
        "delisting_date": "day of the market's end, if there is one",
        "market_warning": "`NONE` or `CAUTION`",
    },
    Trade: {
        **_OF_TRADING,
        "trade_date": "day of the trade, UTC, `yyyy-MM-dd`",
        "trade_time": "time of the trade, UTC, `HH:mm:ss`",
        "trade_price": "price, in quote",
        "trade_volume": "volume, in base",
        "sequential_id": "unique within the market; proves no order; above 2^53",
        "best_ask_price": "best ask after the trade, in quote",
        "best_ask_size": "volume there, in base",
        "best_bid_price": "best bid after the trade, in quote",
        "best_bid_size": "volume there, in base",
    },
    Orderbook: {
        **_OF_MARKET,
        "total_ask_size": "sum of the asks' volumes in this book, in base",
        "total_bid_size": "sum of the bids' volumes in this book, in base",
        "orderbook_units": "the prices of both sides, best first",
        "level": "price step the book is grouped by, in quote; 0 for none",
    },
    OrderbookUnit: {
        "ask_price": "price of the i-th best ask, in quote; 0 where there is none",
        "bid_price": "price of the i-th best bid, in quote; 0 where there is none",
        "ask_size": "volume at that ask, in base",
        "bid_size": "volume at that bid, in base",
    },
    Candle: {
        **_OF_MARKET,
        "type": "the exchange's name of the type, such as `candle.1m`",
        "candle_date_time_utc": "start of the candle, UTC, `yyyy-MM-ddTHH:mm:ss`",
        "candle_date_time_kst": "the same in Korean time",
        "opening_price": "first price, in quote",
        "high_price": "highest price, in quote",
        "low_price": "lowest price, in quote",
        "trade_price": "last price so far, in quote",
        "candle_acc_trade_volume": "volume so far, in base",
        "candle_acc_trade_price": "turnover so far, in quote",
    },
    MyOrder: {
        "code": "the market, such as `KRW-BTC`",
        "uuid": "the exchange's id of the order",
        "ask_bid": "side: `BID` (buy) or `ASK` (sell)",
        "order_type": "`limit`, `price` (market buy), `market` (market sell) or `best`",
        "state": "`watch`, `wait`, `trade` (one fill), `prevented`, `done` or `cancel`",
        "trade_uuid": "id of this fill; None where it is none",
        "price": "with `trade`, the price of this fill; else the order's, in quote",
        "avg_price": "average price of its fills, in quote",
        "volume": "with `trade`, the volume of this fill; else the order's, in base",
        "remaining_volume": "what is still to be filled, in base",
        "executed_volume": "what was filled, in base",
        "trades_count": "number of fills",
        "reserved_fee": "fee that was reserved, in quote",
        "remaining_fee": "fee still reserved, in quote",
        "paid_fee": "fee paid so far, in quote",
        "locked": "what the order holds: in quote for a buy (with the fee), in base for a sale",
        "executed_funds": "sum of its fills, in quote",
        "time_in_force": "`ioc`, `fok`, `post_only` or None",
        "trade_fee": "fee of this fill, in quote; None where it is none",
        "is_maker": "whether you were the maker of this fill; None where it is none",
        "identifier": "your own id of the order, if you gave it one",
        "smp_type": "kind of self-match prevention, if any",
        "prevented_volume": "volume that it took away, in base",
        "prevented_locked": "amount that it released: in quote for a buy, in base for a sale",
        "trade_timestamp": "time of this fill, ms since the epoch, UTC; None where it is none",
        "order_timestamp": "time of the order, ms since the epoch, UTC",
        "timestamp": "the exchange's time of this message, ms since the epoch, UTC",
        "stream_type": "`REALTIME`, always",
    },
    MyAsset: {
        "asset_uuid": "the exchange's id of the account's assets",
        "assets": "the currencies that changed",
        "asset_timestamp": "time of the change, ms since the epoch, UTC",
        "timestamp": "the exchange's time of this message, ms since the epoch, UTC",
        "stream_type": "`REALTIME`, always",
    },
    Asset: {
        "currency": "such as `KRW` or `BTC`",
        "balance": "what is free, in that currency",
        "locked": "what open orders hold, in that currency",
    },
    Event: {
        "topic": "type and market, such as `ticker/KRW-BTC`",
        "epoch": "number of the connection to the exchange; grows with each new one",
        "sequence": "place within topic and epoch, from 1; what is missing was merged, or is told as a gap",
        "received_ns": "when it arrived on this machine, monotonic clock, ns",
        "wall_ns": "the same by the time of day, ns since the epoch, UTC",
        "origin": "0 live, 1 the last known value for a late comer, 2 fetched after an outage",
        "body": "the event itself",
    },
    MarketInfo: {
        "market": "such as `KRW-BTC`",
        "korean_name": "the coin's name in Korean",
        "english_name": "the coin's name in English",
        "market_event": "warnings; None where they are not known",
    },
    MarketEvent: {
        "warning": "whether investors are warned of it",
        "caution": "each reason for caution, such as `PRICE_FLUCTUATIONS`, and whether it holds",
    },
    SubscriptionEntry: {
        "type": "such as `ticker`",
        "codes": "markets, as they were asked for; empty for the account's types",
        "level": "price step of an order book",
    },
    OrderChange: {
        "NEW": "the order was not known before",
        "UPDATED": "something about it changed",
        "FINISHED": "it has ended",
        "DUPLICATE": "known already; nothing changed",
        "STALE": "older than what is known, or about an order that has ended; nothing changed",
        "UNKNOWN": "a state that is not known; nothing changed",
    },
    GapReport: {
        "epoch": "epoch of these events; after an outage, of the new connection",
        "first": "number of the first of them in its topic; 0 when `missed` is None",
        "last": "number of the last of them in its topic; 0 when `missed` is None",
    },
    ErrorReport: {
        "type": "of the subscription, such as `ticker`",
        "symbol": "the market; empty for the account's balances",
    },
    ClientHealth: {
        "merged": "events that a newer one replaced on their way",
        "drops": "events that were dropped, and told as gaps",
    },
    SubscriptionHealth: {
        "lag_ms": "time from the arrival of the last event on this machine to its callback",
        "max_lag_ms": "the longest such time so far",
        "merged": "events that a newer one replaced here",
        "dropped": "events that were dropped here, and told as gaps",
    },
    ConnectionHealth: {
        "state": "see `StateReport`",
        "reason": "why, for people; empty when it is live",
        "epoch": "number of the connection to the exchange; 0 before the first",
    },
}
