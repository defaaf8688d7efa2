"""What the window knows. No I/O and no clock; times are monotonic seconds."""

from typing import Final

from msgspec import Struct

from actors.client.reports import ClientState, StateReport
from protocols.upbit.messages import Orderbook, Ticker

LIVE: Final = "live"


class Arrival(Struct, frozen=True):
    """How a book came here.

    Attributes:
        at_s: when its bytes arrived on this machine.
        epoch: of the connection to the exchange that it came over; 0 when that is not known.
        lag_ms: from then until it was taken in; None for one that had been waiting for somebody to want it.
    """

    at_s: float
    epoch: int = 0
    lag_ms: float | None = None


class Market(Struct):
    """One market: its newest book and ticker, as far as they came."""

    symbol: str
    book: Orderbook | None = None
    ticker: Ticker | None = None
    arrival: Arrival | None = None


class Link(Struct, frozen=True):
    """The connection: its state, since when, why, and the number of the connection to the exchange."""

    state: ClientState
    since_s: float
    reason: str = ""
    epoch: int = 0


class Shown:
    """One market on show, and perhaps the next one on its way.

    While a switch is on its way the old market stays, under its own name, until the new one is subscribed. Every event
    goes to the market of its own symbol, or nowhere.

    Attributes:
        market: what is shown.
        coming: what it is being switched to.
        link: how the connection stands.
        notice: one line about what went wrong last.
        foreign: events of other markets, which come for a moment after a switch.
    """

    def __init__(self, symbol: str, *, now_s: float) -> None:
        self.market = Market(symbol)
        self.coming: Market | None = None
        self.link = Link("connecting", now_s)
        self.notice = ""
        self.foreign = 0

    @property
    def is_stale(self) -> bool:
        """Whether the book may be old without our knowing: the connection is away, or the book is from before that."""
        return self.link.state != LIVE or self._is_of_before(self.market.arrival)

    def take_book(self, book: Orderbook, arrival: Arrival) -> bool:
        """Take a book in; return whether something that is shown has changed."""
        market = self._market_of(book.symbol)
        if market is None:
            self.foreign += 1
            return False
        market.book, market.arrival = book, arrival
        return market is self.market

    def take_ticker(self, ticker: Ticker) -> bool:
        """Take a ticker in; return whether something that is shown has changed."""
        market = self._market_of(ticker.symbol)
        if market is None:
            self.foreign += 1
            return False
        market.ticker = ticker
        return market is self.market

    def take_state(self, report: StateReport, *, now_s: float) -> None:
        """Take news of the connection in."""
        is_same = report.state == self.link.state
        since_s = self.link.since_s if is_same else now_s
        self.link = Link(report.state, since_s, report.reason, report.epoch or self.link.epoch)

    def _is_of_before(self, arrival: Arrival | None) -> bool:
        if arrival is None or arrival.epoch in {0, self.link.epoch}:
            return False
        # One that took the place of another without an outage is not told, and its epoch is the higher one; so is the
        # epoch of the connection before an outage in which the wall clock was set back.
        return arrival.epoch < self.link.epoch or arrival.at_s < self.link.since_s

    def begin_switch(self, symbol: str) -> None:
        """Expect events of another market from now on, too; the one that is shown keeps what is known of it."""
        self.coming = self.market if symbol == self.market.symbol else Market(symbol)
        self.notice = ""

    def end_switch(self) -> None:
        """Show the market that was on its way; of the old one nothing is left."""
        if self.coming is not None:
            self.market, self.coming = self.coming, None

    def fail_switch(self, why: str) -> None:
        """Stay with the old market."""
        self.coming = None
        self.notice = why

    def _market_of(self, symbol: str) -> Market | None:
        if symbol == self.market.symbol:
            return self.market
        return self.coming if self.coming is not None and symbol == self.coming.symbol else None
