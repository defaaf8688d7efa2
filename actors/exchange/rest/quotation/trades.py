"""`/v1/trades/ticks`: the trades of one market within one UTC day, newest first; a back-fill pages through them.

`cursor` gives the trades that are strictly older. It does not reach into the day before: go on with `days_ago`
(assumed, nobody recorded it).
"""

import re
from typing import Final

from actors.exchange.market.events import Traded
from actors.exchange.market.units import DAY_MS, as_float
from actors.exchange.rest.errors import RestRefused, invalid
from actors.exchange.rest.messages import HttpAnswer
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.quotation.documents import Document, date_and_time, digits, market_data
from actors.exchange.rest.quotation.listing import the_market
from actors.exchange.rest.routes import Call
from actors.exchange.trading.venue import Venue

MOST_TRADES: Final = 500
MOST_DAYS_AGO: Final = 7

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):?([0-5][0-9]):?([0-5][0-9])", re.ASCII)


class Trades:
    """Answers what was traded."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def ticks(self, call: Call) -> HttpAnswer:
        """Up to `count` trades of a `market` before `to` and before `cursor`, of the day `days_ago`."""
        simulation, parameters = self._venue.simulation, call.parameters
        market = the_market(simulation.markets, parameters)
        count = parameters.integer("count", default=1, most=MOST_TRADES)
        cursor = parameters.integer("cursor")
        day = call.now_ms // DAY_MS - _days_ago(parameters)
        trades = simulation.archive.ticks(
            market.code, day=day, count=count, before_id=cursor, until_ms=_until_ms(parameters, day)
        )
        market.look(call.now_ms)
        prev_close_e8 = market.day.prev_close_e8 if day == market.day.day else market.candles.close_before(day)
        return market_data([trade_document(trade, prev_close_e8) for trade in trades])


def trade_document(trade: Traded, prev_close_e8: int) -> Document:
    """A trade as REST has it; its change is signed, and counted from the last price of the day before it."""
    date, clock = date_and_time(trade.t_ms)
    return {
        "market": trade.code,
        "trade_date_utc": date,
        "trade_time_utc": clock,
        "timestamp": trade.t_ms,
        "trade_price": digits(as_float(trade.price_e8)),
        "trade_volume": digits(as_float(trade.size_e8)),
        "prev_closing_price": digits(as_float(prev_close_e8)),
        "change_price": digits(as_float(trade.price_e8 - prev_close_e8)),
        "ask_bid": trade.ask_bid,
        "sequential_id": trade.sequential_id,
    }


def _days_ago(parameters: Parameters) -> int:
    """Days before today, 0 when not given; documented from 1 to 7."""
    days = parameters.integer("days_ago", default=0, lowest=0)
    if days > MOST_DAYS_AGO:
        raise invalid(parameters.family, "days_ago", f"1 to {MOST_DAYS_AGO}")
    return days


def _until_ms(parameters: Parameters, day: int) -> int | None:
    """The moment of `to` (`HHmmss` or `HH:mm:ss`, UTC) on a day; trades before it are asked for (assumed)."""
    clock = parameters.text("to")
    if clock is None:
        return None
    match = _CLOCK.fullmatch(clock)
    if match is None:
        raise _bad_clock(parameters)
    hours, minutes, seconds = (int(part) for part in match.groups())
    return day * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000


def _bad_clock(parameters: Parameters) -> RestRefused:
    return invalid(parameters.family, "to", "HHmmss or HH:mm:ss")
