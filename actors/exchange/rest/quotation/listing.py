"""Which markets a request is about, and the list of all of them with their cautions."""

from collections.abc import Iterable, Mapping
from typing import Final

from actors.exchange.market.market import Market
from actors.exchange.market.universe import QUOTA
from actors.exchange.rest.errors import code_not_found, missing
from actors.exchange.rest.messages import HttpAnswer, json_answer
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.quotation.documents import Document
from actors.exchange.rest.routes import Call
from actors.exchange.sources.source import Source
from actors.exchange.trading.venue import Venue

FLUCTUATING: Final = 0.10
"""Change since the day before from which a market is marked; assumed, the exchange's own rule is not published."""

_CAUTIONS: Final = (
    "PRICE_FLUCTUATIONS", "TRADING_VOLUME_SOARING", "DEPOSIT_AMOUNT_SOARING",
    "GLOBAL_PRICE_DIFFERENCES", "CONCENTRATION_OF_SMALL_ACCOUNTS",
)  # fmt: skip


def the_market(markets: Mapping[str, Market], parameters: Parameters) -> Market:
    """The one market of a request; lower case will do (seen for order books, assumed elsewhere).

    Raises:
        RestRefused: it is missing, or not listed.
    """
    return _find(markets, parameters.required("market"))


def the_markets(markets: Mapping[str, Market], parameters: Parameters) -> list[Market]:
    """The markets of a request, in the order asked for, each once.

    Raises:
        RestRefused: none was named, or one of them is not listed.
    """
    codes = parameters.texts("markets")
    if not codes:
        raise missing(parameters.family, "markets")
    return [_find(markets, code) for code in dict.fromkeys(code.upper() for code in codes)]


def markets_quoted_in(markets: Iterable[Market], parameters: Parameters) -> list[Market]:
    """All markets whose prices are in one of `quote_currencies`.

    Of a currency that the exchange has, and of which nothing is listed here, there are none: only a few markets may be
    simulated.

    Raises:
        RestRefused: none was named, or one that no market is quoted in (assumed to be treated like an unknown market).
    """
    currencies = {currency.upper() for currency in parameters.texts("quote_currencies")}
    if not currencies:
        raise missing(parameters.family, "quote_currencies")
    if not currencies <= QUOTA.keys():
        raise code_not_found()
    return [market for market in markets if market.quote in currencies]


class MarketList:
    """Answers `/v1/market/all`, of a simulated market as of a recording.

    Args:
        source: codes and names.
        venue: the markets, for their cautions; a recording has none.
    """

    def __init__(self, source: Source, venue: Venue | None) -> None:
        self._source = source
        self._venue = venue

    def answer(self, call: Call) -> HttpAnswer:
        """Every market; with `is_details=true` its warning and cautions as well.

        `isDetails` is the older spelling, still in use by pyupbit.
        """
        parameters = call.parameters
        details = parameters.flag("is_details" if "is_details" in parameters else "isDetails")
        now_ms = call.now_ms if details else None
        return json_answer(200, [self._document(*names, now_ms) for names in self._source.markets()])

    def _document(self, code: str, korean_name: str, english_name: str, now_ms: int | None) -> Document:
        document: Document = {"market": code, "korean_name": korean_name, "english_name": english_name}
        if now_ms is not None:
            market = None if self._venue is None else self._venue.simulation.markets[code]
            document["market_event"] = {"warning": False, "caution": _cautions(market, now_ms)}
        return document


def _cautions(market: Market | None, now_ms: int) -> dict[str, bool]:
    """Only the price can be judged here: deposits, other venues and holders are not simulated."""
    cautions = dict.fromkeys(_CAUTIONS, False)
    if market is not None:
        market.look(now_ms)
        day = market.day
        cautions["PRICE_FLUCTUATIONS"] = abs(day.last_e8 - day.prev_close_e8) >= FLUCTUATING * day.prev_close_e8
    return cautions


def _find(markets: Mapping[str, Market], code: str) -> Market:
    market = markets.get(code.upper())
    if market is None:
        raise code_not_found()
    return market
