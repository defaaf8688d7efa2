"""Which path of the market data is answered by what, and whose limit it counts towards."""

from actors.exchange.rest.quotation.candles import CandleHistory
from actors.exchange.rest.quotation.listing import MarketList
from actors.exchange.rest.quotation.orderbooks import Orderbooks
from actors.exchange.rest.quotation.tickers import Tickers
from actors.exchange.rest.quotation.trades import Trades
from actors.exchange.rest.routes import Handler, Route
from actors.exchange.sources.source import Source
from actors.exchange.trading.venue import Venue


def quotation_routes(source: Source, venue: Venue | None) -> list[Route]:
    """Everything about markets; of a recording (no venue) only their list."""
    routes = [_get("/v1/market/all", "market", MarketList(source, venue).answer)]
    if venue is None:
        return routes
    tickers, books, candles = Tickers(venue), Orderbooks(venue), CandleHistory(venue)
    return [
        *routes,
        _get("/v1/ticker", "ticker", tickers.some),
        _get("/v1/ticker/all", "ticker", tickers.all_quoted_in),
        _get("/v1/orderbook", "orderbook", books.books),
        _get("/v1/orderbook/instruments", "orderbook", books.instruments),
        _get("/v1/orderbook/supported_levels", "orderbook", books.supported_levels),
        _get("/v1/trades/ticks", "trade", Trades(venue).ticks),
        _get("/v1/candles/seconds", "candle", candles.seconds),
        _get("/v1/candles/minutes/{}", "candle", candles.minutes),
        _get("/v1/candles/days", "candle", candles.days),
        _get("/v1/candles/weeks", "candle", candles.weeks),
        _get("/v1/candles/months", "candle", candles.months),
        _get("/v1/candles/years", "candle", candles.years),
    ]


def _get(path: str, group: str, handler: Handler) -> Route:
    return Route("GET", path, group, "quotation", "", handler)
