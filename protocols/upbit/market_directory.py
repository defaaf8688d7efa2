"""What is known of the exchange's markets, and since when. Asking for the list is somebody else's work."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from protocols.upbit.markets import MarketInfo, quote_of

NEAR: Final = 0.6
"""How alike a misspelt currency must be to be suggested, 0 to 1: one letter of three may be wrong, one of two not."""

_BASE_WEIGHT: Final = 2
"""A wrong letter of the coin counts as much as two of the quote currency: most markets share the latter."""

_FAR_QUOTE: Final = 4
"""What a quote currency counts that is another one altogether; KRW, which most markets have, counts one less."""

_SEPARATORS: Final = str.maketrans("/_. ", "----")


class MarketChanges(NamedTuple):
    """The difference between two lists, as codes in the order of the list they are from."""

    listed: tuple[str, ...] = ()
    delisted: tuple[str, ...] = ()


class MarketDirectory:
    """The last list of markets.

        directory = MarketDirectory()
        if not directory.is_fresh(now_s, max_age_s=600.0):
            listed, delisted = directory.replace(await ask(), now_s)
        directory.codes("KRW")             # ("KRW-BTC", "KRW-ETH", ...)
        directory.unknown(["KRW-BTX"])     # ("KRW-BTX",)
        directory.suggest("KRW-BTX")       # "KRW-BTC"

    No I/O and no clock; times are monotonic seconds.
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

        Understands a wrong case, another separator or none, halves in the wrong order, a currency alone, and a coin's
        Korean or English name; else the market whose coin is most alike, and of these the one whose quote currency is.
        """
        readings = tuple(_readings(symbol, {info.quote for info in self._markets.values()}))
        for quote, base in readings:
            if f"{quote}-{base}" in self._markets:
                return f"{quote}-{base}"
        named = symbol.strip().casefold()
        for info in self._markets.values():
            if named in {info.korean_name.casefold(), info.english_name.casefold()}:
                return info.market
        costs = [
            (cost, *_unlikeliness(base, info.base), order, info.market)
            for order, info in enumerate(self._markets.values())
            for number, (quote, base) in enumerate(readings)
            if (cost := _cost(quote, base, info, is_guess=number > 0)) is not None
        ]
        return min(costs)[-1] if costs else ""


def _readings(symbol: str, quotes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What may have been meant, as quote currency and coin; the first is how it is written."""
    halves = [half for half in symbol.strip().upper().translate(_SEPARATORS).split("-") if half]
    if len(halves) == 2:
        yield halves[0], halves[1]
        yield halves[1], halves[0]
    elif len(halves) == 1:
        (word,) = halves
        yield "KRW", word
        for quote in sorted(quotes):
            if word.startswith(quote) and word != quote:
                yield quote, word.removeprefix(quote)
            if word.endswith(quote) and word != quote:
                yield quote, word.removesuffix(quote)


def _cost(quote: str, base: str, info: MarketInfo, *, is_guess: bool) -> int | None:
    """How far a market is from what was read; None when it is too far.

    As it was written, the right coin is enough: a wrong quote currency may be one that the exchange does not have.
    """
    of_base = _mistakes(base, info.base)
    if of_base is None:
        return None
    of_quote = _mistakes(quote, info.quote)
    if of_quote is None:
        if of_base or is_guess:
            return None
        of_quote = _FAR_QUOTE - (info.quote == "KRW")
    return _BASE_WEIGHT * of_base + of_quote


def _unlikeliness(written: str, meant: str) -> tuple[bool, int]:
    """Sorts coins that have as many mistakes: what was cut short or typed on first, then what is as long."""
    return not (written.startswith(meant) or meant.startswith(written)), abs(len(written) - len(meant))


def _mistakes(written: str, meant: str) -> int | None:
    """Letters that are wrong, missing, surplus or swapped with the next one; None when they are not `NEAR`."""
    longest = max(len(written), len(meant))
    # Before it is counted letter by letter: what was written may be long.
    if abs(len(written) - len(meant)) > (1 - NEAR) * longest:
        return None
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(written, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(meant, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other)))
            if i > 1 and j > 1 and letter == meant[j - 2] and written[i - 2] == other:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1] if row[-1] <= (1 - NEAR) * longest else None
