"""What is known of the exchange's markets, and since when. Asking for the list is somebody else's work."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from protocols.upbit.markets import MarketInfo, base_of, quote_of

NEAR: Final = 0.6
"""How alike a misspelt market must be to be suggested, 0 to 1; difflib's own default."""

_SEPARATORS: Final = str.maketrans("/_. ", "----")


class MarketChanges(NamedTuple):
    """The difference between two lists, as codes in the order of the list they are from."""

    listed: tuple[str, ...] = ()
    delisted: tuple[str, ...] = ()


class MarketDirectory:
    """The last list of markets. No I/O and no clock; times are monotonic seconds.

    directory = MarketDirectory()
    if not directory.is_fresh(now_s, max_age_s=600.0):
        listed, delisted = directory.replace(await ask(), now_s)
    directory.codes("KRW")             # ("KRW-BTC", "KRW-ETH", ...)
    directory.unknown(["KRW-BTX"])     # ("KRW-BTX",)
    directory.suggest("KRW-BTX")       # "KRW-BTC"
    """

    def __init__(self) -> None:
        self._markets: dict[str, MarketInfo] = {}
        self._fetched_s: float | None = None

    @property
    def markets(self) -> tuple[MarketInfo, ...]:
        """The list, in the exchange's order."""
        return tuple(self._markets.values())

    def is_fresh(self, now_s: float, max_age_s: float) -> bool:
        """Whether there is a list, not older than `max_age_s`."""
        return self._fetched_s is not None and now_s - self._fetched_s <= max_age_s

    def replace(self, markets: Sequence[MarketInfo], now_s: float) -> MarketChanges:
        """Take a new list in, fetched at `now_s`; return what came and what went. Of the first list, everything came.

        An empty list is taken for a fault of the exchange, not for the end of all markets: it changes nothing, and what
        is known gets no fresher.
        """
        if not markets:
            return MarketChanges()
        before, self._markets = self._markets, {info.market: info for info in markets}
        self._fetched_s = now_s
        return MarketChanges(
            listed=tuple(code for code in self._markets if code not in before),
            delisted=tuple(code for code in before if code not in self._markets),
        )

    def codes(self, quote: str | None = None) -> tuple[str, ...]:
        """All markets, or those priced in `quote`, in the exchange's order."""
        return tuple(code for code in self._markets if quote is None or quote_of(code) == quote)

    def unknown(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Those of `symbols` that the exchange does not list, each once; none while no list is known."""
        if not self._markets:
            return ()
        return tuple(symbol for symbol in dict.fromkeys(symbols) if symbol not in self._markets)

    def suggest(self, symbol: str) -> str:
        """The market that was probably meant, or an empty string.

        Understands a wrong case, another separator, halves in the wrong order, a currency alone, and a coin's Korean or
        English name; else the most similar code.
        """
        written = symbol.strip().upper().translate(_SEPARATORS)
        for guess in (written, f"{base_of(written)}-{quote_of(written)}", f"KRW-{written}"):
            if guess in self._markets:
                return guess
        named = symbol.strip().casefold()
        for info in self._markets.values():
            if named in {info.korean_name.casefold(), info.english_name.casefold()}:
                return info.market
        return next(iter(difflib.get_close_matches(written, self._markets, n=1, cutoff=NEAR)), "")
