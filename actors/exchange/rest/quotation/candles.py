"""`/v1/candles/...`: candles of one market, newest first; a period without a trade has none.

Candles that start before `to` are given; one that starts at that moment is not (documented). The changes of daily
candles are signed, unlike those of tickers (documented).
"""

from collections.abc import Callable
from typing import Final

from actors.exchange.market.candles import DAY, MONTH, WEEK, YEAR, CandleState
from actors.exchange.market.market import Market
from actors.exchange.market.units import DAY_MS, E16, as_float
from actors.exchange.market.views import KST_MS
from actors.exchange.rest.errors import invalid, mistyped
from actors.exchange.rest.messages import HttpAnswer
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.quotation.documents import Document, date_and_time, digits, market_data
from actors.exchange.rest.quotation.listing import the_market
from actors.exchange.rest.routes import Call
from actors.exchange.trading.venue import Venue

MOST_CANDLES: Final = 200
MINUTES: Final = (1, 3, 5, 10, 15, 30, 60, 240)

_RATE_DIGITS: Final = 10


class CandleHistory:
    """Answers with candles of one length each."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def seconds(self, call: Call) -> HttpAnswer:
        """Candles of one second; those long past are gone (documented: after three months; here sooner)."""
        market, candles = self._find(call, "1s")
        return market_data([_document(market, candle) for candle in candles])

    def minutes(self, call: Call) -> HttpAnswer:
        """Candles of as many minutes as the path says.

        Raises:
            RestRefused: the path says something else than 1, 3, 5, 10, 15, 30, 60 or 240 (assumed to be 400).
        """
        family = call.parameters.family
        if not (call.segment.isascii() and call.segment.isdigit()):
            raise mistyped(family, "unit", "a whole number")
        if call.segment not in {str(unit) for unit in MINUTES}:
            raise invalid(family, "unit", "one of " + ", ".join(map(str, MINUTES)))
        market, candles = self._find(call, f"{call.segment}m")
        return market_data([_document(market, candle) | {"unit": int(call.segment)} for candle in candles])

    def days(self, call: Call) -> HttpAnswer:
        """Daily candles with their change; with `converting_price_unit=KRW` also the price in KRW."""
        converting = call.parameters.choice("converting_price_unit", ("KRW",)) is not None
        # One more than asked for: the oldest needs the close of the one before it.
        market, candles = self._find(call, DAY, extra=1)
        count = _count(call.parameters)
        krw_price = self._krw_price(market) if converting else None
        return market_data(
            [
                _day_document(market, candle, candles[index + 1] if index + 1 < len(candles) else None, krw_price)
                for index, candle in enumerate(candles[:count])
            ]
        )

    def weeks(self, call: Call) -> HttpAnswer:
        """Candles from Monday on."""
        return self._periods(call, WEEK)

    def months(self, call: Call) -> HttpAnswer:
        """Candles of calendar months."""
        return self._periods(call, MONTH)

    def years(self, call: Call) -> HttpAnswer:
        """Candles of calendar years."""
        return self._periods(call, YEAR)

    def _periods(self, call: Call, unit: str) -> HttpAnswer:
        market, candles = self._find(call, unit)
        return market_data(
            [
                _document(market, candle) | {"first_day_of_period": date_and_time(candle.start_ms)[0]}
                for candle in candles
            ]
        )

    def _find(self, call: Call, unit: str, *, extra: int = 0) -> tuple[Market, list[CandleState]]:
        market = the_market(self._venue.simulation.markets, call.parameters)
        to_ms = call.parameters.time_ms("to")
        before_ms = call.now_ms + 1 if to_ms is None else to_ms
        return market, market.candles.before(unit, before_ms=before_ms, count=_count(call.parameters) + extra)

    def _krw_price(self, market: Market) -> Callable[[CandleState], float]:
        """What a day's close is in KRW, by the close of the quote currency's own KRW market on that day."""
        if market.quote == "KRW":
            return lambda candle: as_float(candle.close_e8)
        of_quote = self._venue.simulation.markets[f"KRW-{market.quote}"]  # The universe has it wherever it is needed.
        return lambda candle: candle.close_e8 * _close(of_quote, candle) / E16


def _close(market: Market, candle: CandleState) -> int:
    """The last price of a market on the day of a candle."""
    return market.candles.close_before(candle.start_ms // DAY_MS + 1)


def _count(parameters: Parameters) -> int:
    return parameters.integer("count", default=1, most=MOST_CANDLES)


def _document(market: Market, candle: CandleState) -> Document:
    return {
        "market": market.code,
        "candle_date_time_utc": "T".join(date_and_time(candle.start_ms)),
        "candle_date_time_kst": "T".join(date_and_time(candle.start_ms + KST_MS)),
        "opening_price": digits(as_float(candle.open_e8)),
        "high_price": digits(as_float(candle.high_e8)),
        "low_price": digits(as_float(candle.low_e8)),
        "trade_price": digits(as_float(candle.close_e8)),
        "timestamp": candle.last_ms,
        "candle_acc_trade_price": digits(candle.funds_e16 / E16),
        "candle_acc_trade_volume": digits(as_float(candle.volume_e8)),
    }


def _day_document(
    market: Market, candle: CandleState, before: CandleState | None, krw_price: Callable[[CandleState], float] | None
) -> Document:
    """A daily candle; a market's very first day is its own reference, as for tickers."""
    prev_close_e8 = candle.open_e8 if before is None else before.close_e8
    change_e8 = candle.close_e8 - prev_close_e8
    document = _document(market, candle) | {
        "prev_closing_price": digits(as_float(prev_close_e8)),
        "change_price": digits(as_float(change_e8)),
        "change_rate": digits(round(change_e8 / prev_close_e8, _RATE_DIGITS)),
    }
    return document if krw_price is None else document | {"converted_trade_price": digits(krw_price(candle))}
