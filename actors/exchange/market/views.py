"""What the exchange says about a market: messages computed from its log's views, never stored."""

import time
from functools import lru_cache
from typing import Final

from actors.exchange.market.book import Side
from actors.exchange.market.events import Traded
from actors.exchange.market.market import Market
from actors.exchange.market.units import DAY_MS, E8, E16, as_decimal, as_float, tick_e8, to_e8
from protocols.upbit.messages import Candle, Orderbook, OrderbookUnit, Ticker, Trade
from protocols.upbit.topics import Topic

MarketMessage = Ticker | Trade | Orderbook | Candle

KST_MS: Final = 9 * 3_600_000
_RATE_DIGITS: Final = 10
_HIGHEST_LEVEL: Final = 1e15


def view(market: Market, topic: Topic, *, now_ms: int, stream_type: str) -> MarketMessage | None:
    """The present message of a topic, None when there is nothing to say (no trade yet, or an unsupported level)."""
    if topic.type == "orderbook":
        return orderbook(market, units=topic.units, level=topic.level, stream_type=stream_type)
    last = market.last_trade
    if last is None:
        return None
    if topic.type == "ticker":
        return ticker(market, last, now_ms=now_ms, stream_type=stream_type)
    if topic.type == "trade":
        return trade(market, last, now_ms=now_ms, stream_type=stream_type)
    return candle(market, topic.type, stream_type=stream_type)


def ticker(market: Market, last: Traded, *, now_ms: int, stream_type: str) -> Ticker:
    """State of the market after its last trade."""
    market.look(now_ms)
    day, year = market.day, market.year
    change_e8 = day.last_e8 - day.prev_close_e8
    rate = round(change_e8 / day.prev_close_e8, _RATE_DIGITS)
    date, clock = _date_and_time(last.t_ms // 1000)
    return Ticker(
        code=market.code,
        opening_price=as_float(day.open_e8),
        high_price=as_float(day.high_e8),
        low_price=as_float(day.low_e8),
        trade_price=as_float(day.last_e8),
        prev_closing_price=as_float(day.prev_close_e8),
        acc_trade_price=day.funds_e16 / E16,
        change=change_word(change_e8),
        change_price=as_float(abs(change_e8)),
        signed_change_price=as_float(change_e8),
        change_rate=abs(rate),
        signed_change_rate=rate,
        ask_bid=last.ask_bid,
        trade_volume=as_float(last.size_e8),
        acc_trade_volume=as_float(day.volume_e8),
        trade_date=date.replace("-", ""),
        trade_time=clock.replace(":", ""),
        trade_timestamp=last.t_ms,
        acc_ask_volume=as_float(day.ask_volume_e8),
        acc_bid_volume=as_float(day.bid_volume_e8),
        highest_52_week_price=as_float(year.high_e8),
        highest_52_week_date=_date(year.high_day),
        lowest_52_week_price=as_float(year.low_e8),
        lowest_52_week_date=_date(year.low_day),
        market_state="ACTIVE",
        timestamp=now_ms,
        acc_trade_price_24h=day.funds_24h_e16 / E16,
        acc_trade_volume_24h=as_float(day.volume_24h_e8),
        stream_type=stream_type,
    )


def trade(market: Market, traded: Traded, *, now_ms: int, stream_type: str) -> Trade:
    """One execution; the best prices are those of the book right after it."""
    day = traded.t_ms // DAY_MS
    # A trade from just before midnight may be told just after it: its reference is the close before its own day.
    close_e8 = market.day.prev_close_e8 if day == market.day.day else market.candles.close_before(day)
    change_e8 = traded.price_e8 - close_e8
    date, clock = _date_and_time(traded.t_ms // 1000)
    return Trade(
        code=market.code,
        timestamp=now_ms,
        trade_date=date,
        trade_time=clock,
        trade_timestamp=traded.t_ms,
        trade_price=as_float(traded.price_e8),
        trade_volume=as_float(traded.size_e8),
        ask_bid=traded.ask_bid,
        prev_closing_price=as_float(close_e8),
        change=change_word(change_e8),
        change_price=as_float(abs(change_e8)),
        sequential_id=traded.sequential_id,
        stream_type=stream_type,
        best_ask_price=as_float(traded.best_ask_e8),
        best_ask_size=as_float(traded.best_ask_size_e8),
        best_bid_price=as_float(traded.best_bid_e8),
        best_bid_size=as_float(traded.best_bid_size_e8),
    )


def orderbook(market: Market, *, units: int, level: float, stream_type: str) -> Orderbook | None:
    """The book to a depth, grouped when a level is given; None for a level that the market does not support."""
    step_e8 = to_e8(level) if 0.0 <= level <= _HIGHEST_LEVEL else 0
    if level and not is_supported_level(market, step_e8):
        return None
    asks = _levels(market.book.asks, units, step_e8)
    bids = _levels(market.book.bids, units, step_e8)
    total_ask_e8, total_bid_e8 = sum([size for _, size in asks]), sum([size for _, size in bids])
    rows = zip(_padded(asks, units), _padded(bids, units), strict=True)
    return Orderbook(
        code=market.code,
        timestamp=market.book_changed_ms,
        total_ask_size=total_ask_e8 / E8,
        total_bid_size=total_bid_e8 / E8,
        # From a list: a tuple of a generator takes half as long again, and this is the dearest frame of all.
        orderbook_units=tuple(
            [
                OrderbookUnit(ask / E8, bid / E8, ask_size / E8, bid_size / E8)
                for (ask, ask_size), (bid, bid_size) in rows
            ]
        ),
        stream_type=stream_type,
        level=level,
    )


def candle(market: Market, type_: str, *, stream_type: str) -> Candle | None:
    """The newest candle of a type such as `candle.1m`, None before the first trade."""
    state = market.candles.newest(type_.removeprefix("candle."))
    if state is None:
        return None
    return Candle(
        code=market.code,
        type=type_,
        candle_date_time_utc=_start(state.start_ms),
        candle_date_time_kst=_start(state.start_ms + KST_MS),
        opening_price=as_float(state.open_e8),
        high_price=as_float(state.high_e8),
        low_price=as_float(state.low_e8),
        trade_price=as_float(state.close_e8),
        candle_acc_trade_volume=as_float(state.volume_e8),
        candle_acc_trade_price=state.funds_e16 / E16,
        timestamp=state.last_ms,
        stream_type=stream_type,
    )


def change_word(change_e8: int) -> str:
    """RISE, EVEN or FALL."""
    return "EVEN" if change_e8 == 0 else "RISE" if change_e8 > 0 else "FALL"


def tick_size(market: Market) -> str:
    """The price unit at the last price, as REST writes it (`"1000"`, `"0.0001"`)."""
    return _plain(tick_e8(market.quote, market.day.last_e8))


def supported_levels(market: Market) -> tuple[str, ...]:
    """The steps by which books of this market can be grouped, as REST writes them, `"0"` for the book itself first.

    KRW markets: 10, 100, 1,000, ... price units, as long as the step is not above the price (documented for KRW-BTC and
    KRW-ETH); other markets none.
    """
    return tuple(map(_plain, (0, *_steps(market))))


def is_supported_level(market: Market, step_e8: int) -> bool:
    """Whether books of this market can be grouped by a step."""
    return step_e8 in _steps(market)


def _steps(market: Market) -> list[int]:
    steps: list[int] = []
    if market.quote == "KRW":
        step_e8 = 10 * tick_e8(market.quote, market.day.last_e8)
        while step_e8 <= market.day.last_e8:
            steps.append(step_e8)
            step_e8 *= 10
    return steps


def _plain(value_e8: int) -> str:
    return f"{as_decimal(value_e8).normalize():f}"


def _levels(side: Side, units: int, step_e8: int) -> list[tuple[int, int]]:
    """Price and size of the best levels; grouped asks round up, bids down (assumed: nobody recorded it)."""
    if not step_e8:
        return side.top(units)
    grouped: dict[int, int] = {}
    for price, size in side.best_first():
        bucket = -(-price // step_e8) * step_e8 if side.is_ask else price // step_e8 * step_e8
        grouped[bucket] = grouped.get(bucket, 0) + size
    return list(grouped.items())[:units]


def _padded(levels: list[tuple[int, int]], units: int) -> list[tuple[int, int]]:
    return levels if len(levels) == units else levels + [(0, 0)] * (units - len(levels))


@lru_cache(maxsize=4096)
def _date_and_time(epoch_s: int) -> tuple[str, str]:
    stamp = time.gmtime(epoch_s)
    return time.strftime("%Y-%m-%d", stamp), time.strftime("%H:%M:%S", stamp)


def _date(day: int) -> str:
    return _date_and_time(day * DAY_MS // 1000)[0]


def _start(start_ms: int) -> str:
    return "T".join(_date_and_time(start_ms // 1000))
