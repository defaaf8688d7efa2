"""`/v1/orderbook`, `/v1/orderbook/instruments` and the deprecated `/v1/orderbook/supported_levels`."""

from decimal import Decimal
from typing import Final

from actors.exchange.market.views import orderbook, supported_levels, tick_size
from actors.exchange.rest.errors import invalid
from actors.exchange.rest.messages import HttpAnswer
from actors.exchange.rest.quotation.documents import Document, market_data, orderbook_document
from actors.exchange.rest.quotation.listing import the_markets
from actors.exchange.rest.routes import Call
from actors.exchange.trading.venue import Venue
from protocols.upbit.messages import SNAPSHOT

MOST_UNITS: Final = 30


class Orderbooks:
    """Answers what rests in the books of markets."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def books(self, call: Call) -> HttpAnswer:
        """Books of `markets` to a depth of `count` levels, grouped by `level`.

        A market that does not support the level is left out, so that one alone gives `[]` (documented); a count above
        30 is 30 (seen 2026-09-23).
        """
        parameters = call.parameters
        markets = the_markets(self._venue.simulation.markets, parameters)
        units = parameters.integer("count", default=MOST_UNITS, most=MOST_UNITS)
        level = parameters.decimal("level") or Decimal(0)
        if level < 0:
            raise invalid(parameters.family, "level", "0 or more")
        books = (orderbook(market, units=units, level=float(level), stream_type=SNAPSHOT) for market in markets)
        return market_data([orderbook_document(book) for book in books if book is not None])

    def instruments(self, call: Call) -> HttpAnswer:
        """Price unit at the present price, and supported levels, of `markets`; both as text."""
        return market_data(
            [
                {
                    "market": market.code,
                    "quote_currency": market.quote,
                    "tick_size": tick_size(market),
                    "supported_levels": supported_levels(market),
                }
                for market in the_markets(self._venue.simulation.markets, call.parameters)
            ]
        )

    def supported_levels(self, call: Call) -> HttpAnswer:
        """Supported levels of `markets` as numbers; deprecated, and still served."""
        markets = the_markets(self._venue.simulation.markets, call.parameters)
        documents: list[Document] = [
            {"market": market.code, "supported_levels": [float(level) for level in supported_levels(market)]}
            for market in markets
        ]
        return market_data(documents)
