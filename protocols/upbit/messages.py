"""Every message of the exchange's WebSocket as one typed, frozen struct, whatever format it came in.

Field names are the exchange's own full names. On the wire between actors a struct is a msgpack array with its tag
first: append new fields at the end, with a default, and never reorder.

Market data are float64, as the exchange documents them; ids and times are int64 (milliseconds since the epoch, UTC);
what belongs to an account (`MyOrder`, `MyAsset`) is `Decimal`, straight from the digits on the wire.

Names that other parts of the exchange's API use for the same thing work as read-only aliases: `symbol` and `market`
for `code`, `side` (`bid`/`ask`) for `ask_bid`, `ord_type` for `order_type`, `timestamp_ms` for `timestamp`.

Source: docs.upbit.com, WebSocket reference (ticker, trade, orderbook, candle, myOrder, myAsset, announcement,
list-subscriptions, errors), read 2026-10.
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct

CANDLE_UNITS: Final = ("1s", "1m", "3m", "5m", "10m", "15m", "30m", "60m", "240m")
CANDLE_TYPES: Final = tuple(f"candle.{unit}" for unit in CANDLE_UNITS)
MARKET_TYPES: Final = ("ticker", "trade", "orderbook", *CANDLE_TYPES)
PRIVATE_TYPES: Final = ("myOrder", "myAsset", "announcement")

SNAPSHOT: Final = "SNAPSHOT"
REALTIME: Final = "REALTIME"


class _OfExchange(Struct, frozen=True):
    """What every message has."""

    @property
    def timestamp_ms(self) -> int:
        """The exchange's time of this message, in milliseconds since the epoch, UTC; the same as `timestamp`."""
        sent: int = self.timestamp  # type: ignore[attr-defined]  # a field of each message, in a place of its own
        return sent


class _OfMarket(_OfExchange, frozen=True):
    """What every message about one market has: its code, and the other two names of it."""

    code: str

    @property
    def symbol(self) -> str:
        """The market, such as `KRW-BTC`; the same as `code`."""
        return self.code

    @property
    def market(self) -> str:
        """The market, such as `KRW-BTC`; the same as `code`."""
        return self.code


class Ticker(_OfMarket, array_like=True, tag_field="kind", tag="ticker", frozen=True, gc=False):
    """State of one market after its last trade.

    `change_rate` and `change_price` are **unsigned**, as the exchange has them; the direction is in `change`
    (RISE, EVEN, FALL), and `signed_change_rate` and `signed_change_price` carry the sign. Rates are ratios: 0.05 is
    5 %. Prices are in the quote currency, volumes in the base currency; `acc_trade_price*` is turnover in the quote
    currency. Values of the day (`opening_price`, `acc_*` without `_24h`) roll at 00:00 UTC. `trade_date` is
    `yyyyMMdd`, `trade_time` `HHmmss`, the 52-week dates are `yyyy-MM-dd`.
    """

    opening_price: float
    high_price: float
    low_price: float
    trade_price: float
    prev_closing_price: float
    acc_trade_price: float
    change: str
    change_price: float
    signed_change_price: float
    change_rate: float
    signed_change_rate: float
    ask_bid: str
    trade_volume: float
    acc_trade_volume: float
    trade_date: str
    trade_time: str
    trade_timestamp: int
    acc_ask_volume: float
    acc_bid_volume: float
    highest_52_week_price: float
    highest_52_week_date: str
    lowest_52_week_price: float
    lowest_52_week_date: str
    market_state: str
    timestamp: int
    acc_trade_price_24h: float
    acc_trade_volume_24h: float
    stream_type: str
    is_trading_suspended: bool = False
    delisting_date: str | None = None
    market_warning: str = "NONE"

    @property
    def type(self) -> str:
        """The exchange's name of this message type."""
        return "ticker"


class Trade(_OfMarket, array_like=True, tag_field="kind", tag="trade", frozen=True, gc=False):
    """One execution.

    `ask_bid` is the taker's side (BID: the buyer took). `sequential_id` is unique within its market and proves no
    order; it is above 2^53. `change_price` is unsigned here (signed in REST). `trade_date` is `yyyy-MM-dd`,
    `trade_time` `HH:mm:ss`. The `best_*` fields came in 2024 and are None in older recordings.
    """

    timestamp: int
    trade_date: str
    trade_time: str
    trade_timestamp: int
    trade_price: float
    trade_volume: float
    ask_bid: str
    prev_closing_price: float
    change: str
    change_price: float
    sequential_id: int
    stream_type: str
    best_ask_price: float | None = None
    best_ask_size: float | None = None
    best_bid_price: float | None = None
    best_bid_size: float | None = None

    @property
    def type(self) -> str:
        """The exchange's name of this message type."""
        return "trade"


class OrderbookUnit(Struct, array_like=True, frozen=True, gc=False):
    """The i-th best ask and the i-th best bid; a side that is shorter is padded with price 0 and size 0."""

    ask_price: float
    bid_price: float
    ask_size: float
    bid_size: float


class Orderbook(_OfMarket, array_like=True, tag_field="kind", tag="orderbook", frozen=True, gc=False):
    """The whole book of one market to the depth asked for (1, 5, 15 or 30), best first; there are no differences.

    Totals are sums over the delivered units. `level` is the price step the book is grouped by, 0 for none.
    """

    timestamp: int
    total_ask_size: float
    total_bid_size: float
    orderbook_units: tuple[OrderbookUnit, ...]
    stream_type: str
    level: float = 0.0

    @property
    def type(self) -> str:
        """The exchange's name of this message type."""
        return "orderbook"


class Candle(_OfMarket, array_like=True, tag_field="kind", tag="candle", frozen=True, gc=False):
    """One candle so far; the last message with the same start wins, and there is no mark that it is closed.

    `type` is the exchange's, such as `candle.1m`. Starts are `yyyy-MM-ddTHH:mm:ss`. Volume is in the base currency,
    `candle_acc_trade_price` is turnover in the quote currency.
    """

    type: str
    candle_date_time_utc: str
    candle_date_time_kst: str
    opening_price: float
    high_price: float
    low_price: float
    trade_price: float
    candle_acc_trade_volume: float
    candle_acc_trade_price: float
    timestamp: int
    stream_type: str

    @property
    def unit(self) -> str:
        """The candle's length, such as `1m`."""
        return self.type.removeprefix("candle.")


class MyOrder(_OfMarket, array_like=True, tag_field="kind", tag="myOrder", frozen=True, gc=False):
    """One step in the life of one of the account's orders; amounts are `Decimal`, None where the exchange says null.

    With `state` `trade`, `price`, `volume`, `trade_uuid`, `trade_fee`, `is_maker` and `trade_timestamp` describe this
    fill and everything else the order after it. A market buy usually ends in `cancel` with `executed_volume` above 0.
    `locked` is in the quote currency for bids (fee included), in the base currency for asks.
    """

    uuid: str
    ask_bid: str
    order_type: str
    state: str
    trade_uuid: str | None
    price: Decimal | None
    avg_price: Decimal | None
    volume: Decimal | None
    remaining_volume: Decimal | None
    executed_volume: Decimal | None
    trades_count: int
    reserved_fee: Decimal | None
    remaining_fee: Decimal | None
    paid_fee: Decimal | None
    locked: Decimal | None
    executed_funds: Decimal | None
    time_in_force: str | None
    trade_fee: Decimal | None
    is_maker: bool | None
    identifier: str | None
    smp_type: str | None
    prevented_volume: Decimal | None
    prevented_locked: Decimal | None
    trade_timestamp: int | None
    order_timestamp: int
    timestamp: int
    stream_type: str

    @property
    def type(self) -> str:
        """The exchange's name of this message type."""
        return "myOrder"

    @property
    def side(self) -> str:
        """`bid` or `ask`, as the REST API and most programs write it."""
        return self.ask_bid.lower()

    @property
    def ord_type(self) -> str:
        """The REST API's name for `order_type`."""
        return self.order_type


class Asset(Struct, array_like=True, frozen=True, gc=False):
    """Absolute balance of one currency after a change: what is available, and what open orders hold."""

    currency: str
    balance: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        """Available plus locked."""
        return self.balance + self.locked


class MyAsset(_OfExchange, array_like=True, tag_field="kind", tag="myAsset", frozen=True, gc=False):
    """Balances that changed, absolute; currencies that did not change are not listed, and there is no snapshot."""

    asset_uuid: str
    assets: tuple[Asset, ...]
    asset_timestamp: int
    timestamp: int
    stream_type: str

    @property
    def type(self) -> str:
        """The exchange's name of this message type."""
        return "myAsset"


class Announcement(_OfExchange, array_like=True, tag_field="kind", tag="announcement", frozen=True, gc=False):
    """A notice of the exchange; category `maintenance` is the machine-readable warning of downtime."""

    event_type: str
    uuid: str
    title: str
    category: str
    url: str
    first_listed_at: str
    listed_at: str
    timestamp: int
    stream_type: str
    body: str | None = None

    @property
    def type(self) -> str:
        """The exchange's name of this message type."""
        return "announcement"


class Status(Struct, frozen=True, gc=False):
    """The exchange's sign of life, `UP`, sent every 10 s after a text PING."""

    status: str


class ErrorFrame(Struct, frozen=True, gc=False):
    """The exchange refused the last request; it closes the socket with 1000 about 160 ms later (seen 2026-09-23)."""

    name: str
    message: str


class SubscriptionEntry(Struct, frozen=True):
    """One type that the exchange says it is sending on this socket; codes as they were asked for."""

    type: str
    codes: tuple[str, ...] = ()
    level: float | None = None


class SubscriptionList(Struct, frozen=True):
    """Answer to LIST_SUBSCRIPTIONS: what the exchange itself believes this socket is subscribed to."""

    ticket: str
    result: tuple[SubscriptionEntry, ...]


DataMessage = Ticker | Trade | Orderbook | Candle | MyOrder | MyAsset | Announcement
"""A message that belongs to a topic and is passed on to consumers."""

Message = DataMessage | Status | ErrorFrame | SubscriptionList
"""Anything that the exchange's WebSocket sends."""
