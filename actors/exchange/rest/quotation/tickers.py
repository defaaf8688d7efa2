"""`/v1/ticker` and `/v1/ticker/all`."""

from collections.abc import Iterable

from actors.exchange.market.market import Market
from actors.exchange.market.views import ticker
from actors.exchange.rest.messages import HttpAnswer
from actors.exchange.rest.quotation.documents import market_data, ticker_document
from actors.exchange.rest.quotation.listing import markets_quoted_in, the_markets
from actors.exchange.rest.routes import Call
from actors.exchange.trading.venue import Venue
from protocols.upbit.messages import SNAPSHOT


class Tickers:
    """Answers what the day of a market looks like."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def some(self, call: Call) -> HttpAnswer:
        """Tickers of `markets`."""
        return _tickers(the_markets(self._venue.simulation.markets, call.parameters), call.now_ms)

    def all_quoted_in(self, call: Call) -> HttpAnswer:
        """Tickers of every market in `quote_currencies`."""
        markets = self._venue.simulation.markets.values()
        return _tickers(markets_quoted_in(markets, call.parameters), call.now_ms)


def _tickers(markets: Iterable[Market], now_ms: int) -> HttpAnswer:
    return market_data(
        [
            ticker_document(ticker(market, market.last_trade, now_ms=now_ms, stream_type=SNAPSHOT))
            for market in markets
            if market.last_trade is not None
        ]
    )
