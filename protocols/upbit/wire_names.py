"""The exchange's field names, long and short, in the order in which it writes them.

The formats DEFAULT and JSON_LIST use the long names, SIMPLE and SIMPLE_LIST the short ones. Values are never shortened.
Beware of near twins: `ms` is `market_state` and `tms` is `timestamp`; a ticker's date is `tdt`, a trade's is `td`.

Source: docs.upbit.com, WebSocket reference, tables of fields (read 2026-10); the order is that of its samples and, for
trade and orderbook, of the frames recorded on 2021-04-17.
"""

from collections.abc import Mapping
from typing import Final

TICKER: Final = {
    "type": "ty",
    "code": "cd",
    "opening_price": "op",
    "high_price": "hp",
    "low_price": "lp",
    "trade_price": "tp",
    "prev_closing_price": "pcp",
    "acc_trade_price": "atp",
    "change": "c",
    "change_price": "cp",
    "signed_change_price": "scp",
    "change_rate": "cr",
    "signed_change_rate": "scr",
    "ask_bid": "ab",
    "trade_volume": "tv",
    "acc_trade_volume": "atv",
    "trade_date": "tdt",
    "trade_time": "ttm",
    "trade_timestamp": "ttms",
    "acc_ask_volume": "aav",
    "acc_bid_volume": "abv",
    "highest_52_week_price": "h52wp",
    "highest_52_week_date": "h52wdt",
    "lowest_52_week_price": "l52wp",
    "lowest_52_week_date": "l52wdt",
    "market_state": "ms",
    "is_trading_suspended": "its",
    "delisting_date": "dd",
    "market_warning": "mw",
    "timestamp": "tms",
    "acc_trade_price_24h": "atp24h",
    "acc_trade_volume_24h": "atv24h",
    "stream_type": "st",
}

TRADE: Final = {
    "type": "ty",
    "code": "cd",
    "timestamp": "tms",
    "trade_date": "td",
    "trade_time": "ttm",
    "trade_timestamp": "ttms",
    "trade_price": "tp",
    "trade_volume": "tv",
    "ask_bid": "ab",
    "prev_closing_price": "pcp",
    "change": "c",
    "change_price": "cp",
    "sequential_id": "sid",
    "best_ask_price": "bap",
    "best_ask_size": "bas",
    "best_bid_price": "bbp",
    "best_bid_size": "bbs",
    "stream_type": "st",
}

ORDERBOOK: Final = {
    "type": "ty",
    "code": "cd",
    "timestamp": "tms",
    "total_ask_size": "tas",
    "total_bid_size": "tbs",
    "orderbook_units": "obu",
    "stream_type": "st",
    "level": "lv",
}

ORDERBOOK_UNIT: Final = {"ask_price": "ap", "bid_price": "bp", "ask_size": "as", "bid_size": "bs"}

CANDLE: Final = {
    "type": "ty",
    "code": "cd",
    "candle_date_time_utc": "cdttmu",
    "candle_date_time_kst": "cdttmk",
    "opening_price": "op",
    "high_price": "hp",
    "low_price": "lp",
    "trade_price": "tp",
    "candle_acc_trade_volume": "catv",
    "candle_acc_trade_price": "catp",
    "timestamp": "tms",
    "stream_type": "st",
}

MY_ORDER: Final = {
    "type": "ty",
    "code": "cd",
    "uuid": "uid",
    "ask_bid": "ab",
    "order_type": "ot",
    "state": "s",
    "trade_uuid": "tuid",
    "price": "p",
    "avg_price": "ap",
    "volume": "v",
    "remaining_volume": "rv",
    "executed_volume": "ev",
    "trades_count": "tc",
    "reserved_fee": "rsf",
    "remaining_fee": "rmf",
    "paid_fee": "pf",
    "locked": "l",
    "executed_funds": "ef",
    "time_in_force": "tif",
    "trade_fee": "tf",
    "is_maker": "im",
    "identifier": "id",
    "smp_type": "smpt",
    "prevented_volume": "pv",
    "prevented_locked": "pl",
    "trade_timestamp": "ttms",
    "order_timestamp": "otms",
    "timestamp": "tms",
    "stream_type": "st",
}

MY_ASSET: Final = {
    "type": "ty",
    "asset_uuid": "astuid",
    "assets": "ast",
    "asset_timestamp": "asttms",
    "timestamp": "tms",
    "stream_type": "st",
}

ASSET: Final = {"currency": "cu", "balance": "b", "locked": "l"}

ANNOUNCEMENT: Final = {
    "type": "ty",
    "event_type": "et",
    "uuid": "uid",
    "title": "tt",
    "category": "cat",
    "url": "url",
    "first_listed_at": "flat",
    "listed_at": "lat",
    "timestamp": "tms",
    "stream_type": "st",
    "body": "bd",
}

SUBSCRIPTION_LIST: Final = {"method": "mthd", "result": "rslt", "ticket": "tckt"}

SUBSCRIPTION_ENTRY: Final = {"type": "ty", "codes": "cds", "level": "lv"}


def spelled(names: Mapping[str, str], *, short: bool) -> dict[str, str]:
    """The wire's spelling of each field, in the wire's order: short names, or the long ones unchanged."""
    return dict(names) if short else {name: name for name in names}
