"""One coin's price on several markets side by side, in KRW, and how far each is from the KRW market's."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from actors.client.pieces.arguments import number
from actors.client.pieces.latest_values import LatestValues
from protocols.upbit.markets import base_of, quote_of
from protocols.upbit.messages import Ticker
from protocols.upbit.topics import is_market_code

CONVERSIONS: Final = {"KRW": None, "BTC": "KRW-BTC", "USDT": "KRW-USDT"}
"""Quote currency -> the market whose price turns it into KRW; KRW itself needs none."""


class MarketPrice(Struct, frozen=True):
    """The coin's price on one market; what cannot be worked out yet is None.

    Attributes:
        market: such as `USDT-BTC`.
        price: in its quote currency.
        price_krw: converted into KRW; None until the conversion's ticker is there, too.
        gap_percent: how far above (below: negative) the KRW market's price it is; None until that one is there, too.
        age_s: age of the oldest ticker that the values above stand on, by the exchange's time; None without any.
        is_stale: one of these tickers is older than allowed; the values are shown all the same.
    """

    market: str
    price: float | None
    price_krw: float | None
    gap_percent: float | None
    age_s: float | None
    is_stale: bool


class PriceGap:
    """The prices of one coin in KRW, filled by a ticker subscription. No I/O and no clock.

        gap = PriceGap("ETH")
        await client.subscribe_ticker(gap.symbols, gap.take)
        ...
        for row in gap.prices(time.time()):
            if row.gap_percent is not None and not row.is_stale:
                print(f"{row.market}: {row.price_krw:,.0f} KRW, {row.gap_percent:+.2f} %")

    The gap says where the last trades were, not what can be earned: fees and the spread are not in it, and a quiet
    market's last trade may be long ago.

    Args:
        base: the coin, such as `BTC`.
        markets: its markets; by default those in KRW, BTC and USDT. Not every coin has all three.
        max_age_s: older tickers make a row stale.

    Attributes:
        symbols: what to subscribe to: the markets, the KRW market first, and the ones needed for conversion.
        markets: the rows of `prices`, in order.

    Raises:
        ValueError: an argument is out of range, or a market is not one of this coin that can be converted.
    """

    def __init__(
        self, base: str = "BTC", *, markets: str | Iterable[str] | None = None, max_age_s: float = 60.0
    ) -> None:
        self._reference = f"KRW-{base}"
        if not isinstance(base, str) or base == "KRW" or not is_market_code(self._reference):
            raise ValueError(f"base must be a coin such as BTC, upper case, not {base!r}")
        if markets is None:
            markets = (f"{quote}-{base}" for quote in CONVERSIONS if quote != base)
        self._max_age_s = number("max_age_s", max_age_s, above=0)
        self.markets = tuple(dict.fromkeys([self._reference, *_checked(markets, base)]))
        needed = [conversion for market in self.markets if (conversion := CONVERSIONS[quote_of(market)])]
        self.symbols = tuple(dict.fromkeys([*self.markets, *needed]))
        self._tickers: LatestValues[Ticker] = LatestValues(max_keys=len(self.symbols))

    def take(self, ticker: Ticker) -> None:
        """Take one ticker in; one of a market that is not needed, or older than the known one, changes nothing."""
        if ticker.code in self.symbols:
            self._tickers.take(ticker)

    def __call__(self, ticker: Ticker) -> None:
        """Do as `take`; so the object itself is a callback."""
        self.take(ticker)

    def prices(self, now_s: float) -> tuple[MarketPrice, ...]:
        """Return one row for each market, the KRW market first.

        Args:
            now_s: the time now in seconds since the epoch, `time.time()`.
        """
        return tuple(self._row(market, now_s) for market in self.markets)

    def _row(self, market: str, now_s: float) -> MarketPrice:
        price, price_krw = self._price(market), self._price_krw(market)
        reference = self._price(self._reference)
        gap_percent = None if price_krw is None or reference is None else (price_krw / reference - 1) * 100
        conversion = CONVERSIONS[quote_of(market)]
        stood_on = {market, self._reference, conversion or market} if price is not None else set()
        ages_s = [self._tickers.age_s(code, now_s) for code in stood_on if code in self._tickers]
        age_s = max(ages_s, default=None)
        return MarketPrice(
            market=market,
            price=price,
            price_krw=price_krw,
            gap_percent=gap_percent,
            age_s=age_s,
            is_stale=age_s is not None and age_s > self._max_age_s,
        )

    def _price(self, market: str) -> float | None:
        ticker = self._tickers.get(market)
        # A market that never traded shows 0, which is no price, and nothing to divide by.
        return ticker.trade_price if ticker is not None and ticker.trade_price > 0 else None

    def _price_krw(self, market: str) -> float | None:
        conversion = CONVERSIONS[quote_of(market)]
        price, rate = self._price(market), 1.0 if conversion is None else self._price(conversion)
        if price is None or rate is None:
            return None
        return price * rate


def _checked(markets: str | Iterable[str], base: str) -> Iterable[str]:
    for market in [markets] if isinstance(markets, str) else markets:
        if quote_of(market) not in CONVERSIONS or base_of(market) != base:
            raise ValueError(
                f"markets: {market!r} is no market of {base} in {', '.join(CONVERSIONS)}; write it like KRW-{base}"
            )
        yield market
