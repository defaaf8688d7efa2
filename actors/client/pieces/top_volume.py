"""The markets of highest turnover within one quote currency."""

import heapq
from collections.abc import Iterable

from actors.client.pieces.arguments import whole_number
from actors.client.pieces.latest_values import MAX_KEYS, LatestValues
from protocols.upbit.markets import quote_of
from protocols.upbit.messages import Ticker
from protocols.upbit.topics import is_market_code


class TopVolume:
    """A ranking by turnover of the last 24 hours, filled by a subscription. No I/O and no clock.

        ranking = TopVolume(count=10)
        await client.subscribe_ticker(await krw_markets(), ranking.take)
        ...
        for ticker in ranking.top():
            print(ticker.symbol, ticker.acc_trade_price_24h)

    Turnover is in a market's quote currency, so markets of different quotes cannot be ranked together: tickers of
    another quote are ignored. A ticker that is older than the known one changes nothing.

    Args:
        count: how many places the ranking has.
        quote: the quote currency, such as `KRW`, `BTC`, `USDT`.
        max_markets: how many markets are followed; beyond it the one longest without a ticker leaves.

    Attributes:
        other_quotes: tickers that were ignored because their quote is another.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, count: int = 10, quote: str = "KRW", *, max_markets: int = MAX_KEYS) -> None:
        self._count = whole_number("count", count)
        if not isinstance(quote, str) or not is_market_code(f"{quote}-X"):
            raise ValueError(f"quote must be a currency such as KRW, upper case, not {quote!r}")
        whole_number("max_markets", max_markets, least=count)
        self._quote = quote
        self._tickers: LatestValues[Ticker] = LatestValues(max_keys=max_markets)
        self.other_quotes = 0

    def take(self, ticker: Ticker) -> None:
        """Take one ticker in."""
        if quote_of(ticker.code) == self._quote:
            self._tickers.take(ticker)
        else:
            self.other_quotes += 1

    def __call__(self, ticker: Ticker) -> None:
        """Do as `take`; so the object itself is a callback."""
        self.take(ticker)

    def top(self) -> list[Ticker]:
        """Return up to `count` tickers, highest turnover first; equal ones by the market's name."""
        return heapq.nsmallest(self._count, self._tickers.values(), key=lambda t: (-t.acc_trade_price_24h, t.code))

    def forget(self, symbols: str | Iterable[str]) -> None:
        """Drop markets that are no longer followed, such as delisted ones; unknown ones are no error."""
        for symbol in [symbols] if isinstance(symbols, str) else symbols:
            self._tickers.forget(symbol)
