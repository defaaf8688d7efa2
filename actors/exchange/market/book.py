"""One market's book of orders: price first, then time. It never crosses; sizes shrink by trades and cancels only."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from protocols.errors import UsageError


class Fill(NamedTuple):
    """What an incoming order took from the oldest order at the best price."""

    maker_id: int
    price_e8: int
    size_e8: int


class Level:
    """All orders at one price, oldest first."""

    __slots__ = ("orders", "size_e8")

    def __init__(self) -> None:
        self.orders: dict[int, int] = {}  # A dict keeps the order of insertion: time priority.
        self.size_e8 = 0


class Side:
    """Asks or bids: levels by price, and the prices in ascending order."""

    def __init__(self, *, is_ask: bool) -> None:
        self.is_ask = is_ask
        self.prices: list[int] = []
        self.levels: dict[int, Level] = {}

    def best(self) -> tuple[int, int]:
        """Best price and the size there; zeros when the side is empty."""
        if not self.prices:
            return 0, 0
        price = self.prices[0 if self.is_ask else -1]
        return price, self.levels[price].size_e8

    def best_first(self) -> Iterator[tuple[int, int]]:
        """Price and size of each level, best first."""
        levels = self.levels
        for price in self.prices if self.is_ask else reversed(self.prices):
            yield price, levels[price].size_e8

    def top(self, count: int) -> list[tuple[int, int]]:
        """Price and size of the first `count` levels, best first; fewer where there are fewer."""
        prices = self.prices[:count] if self.is_ask else self.prices[: -count - 1 : -1]
        levels = self.levels
        return [(price, levels[price].size_e8) for price in prices]

    def add(self, price_e8: int, order_id: int, size_e8: int) -> None:
        """Put an order behind all others at its price."""
        level = self.levels.get(price_e8)
        if level is None:
            level = self.levels[price_e8] = Level()
            insort(self.prices, price_e8)
        level.orders[order_id] = size_e8
        level.size_e8 += size_e8

    def reduce(self, price_e8: int, order_id: int, size_e8: int) -> None:
        """Take `size_e8` from one order; an empty order and an empty level disappear."""
        level = self.levels[price_e8]
        level.size_e8 -= size_e8
        level.orders[order_id] -= size_e8
        if level.orders[order_id] == 0:
            del level.orders[order_id]
        if not level.orders:
            del self.levels[price_e8]
            del self.prices[bisect_left(self.prices, price_e8)]


class Book:
    """Resting orders of one market."""

    def __init__(self) -> None:
        self.asks = Side(is_ask=True)
        self.bids = Side(is_ask=False)
        self._places: dict[int, tuple[bool, int]] = {}

    def side(self, *, is_ask: bool) -> Side:
        """Asks or bids."""
        return self.asks if is_ask else self.bids

    def place(self, order_id: int, *, is_ask: bool, price_e8: int, size_e8: int) -> None:
        """Let an order rest in the book.

        Raises:
            UsageError: the size is not positive, or the price would cross the other side; the book is unchanged.
        """
        opposite, _ = self.side(is_ask=not is_ask).best()
        crosses = opposite and (price_e8 <= opposite if is_ask else price_e8 >= opposite)
        if size_e8 <= 0 or price_e8 <= 0 or crosses:
            side = "ask" if is_ask else "bid"
            raise UsageError(f"{side} of {size_e8} at {price_e8} cannot rest against {opposite}; match it first")
        self.side(is_ask=is_ask).add(price_e8, order_id, size_e8)
        self._places[order_id] = (is_ask, price_e8)

    def cancel(self, order_id: int, size_e8: int | None = None) -> int:
        """Take an order out, or only `size_e8` of it; return what was taken out, 0 when it is not in the book.

        What is left of an order keeps its place in time.
        """
        place = self._places.get(order_id)
        if place is None:
            return 0
        is_ask, price_e8 = place
        side = self.asks if is_ask else self.bids
        left_e8 = side.levels[price_e8].orders[order_id]
        taken_e8 = left_e8 if size_e8 is None else min(size_e8, left_e8)
        side.reduce(price_e8, order_id, taken_e8)
        if taken_e8 == left_e8:
            del self._places[order_id]
        return taken_e8

    def first(self, *, is_buy: bool) -> Fill | None:
        """The whole order that an incoming order would meet first, None when that side is empty."""
        side = self.asks if is_buy else self.bids
        price_e8, _ = side.best()
        if price_e8 == 0:
            return None
        maker_id, size_e8 = next(iter(side.levels[price_e8].orders.items()))
        return Fill(maker_id, price_e8, size_e8)

    def take(self, *, is_buy: bool, size_e8: int, limit_e8: int | None = None) -> Fill | None:
        """Take up to `size_e8` from the one order that is first in price and time.

        None when that side is empty or its best price is worse than `limit_e8`.
        """
        side = self.asks if is_buy else self.bids
        price_e8, _ = side.best()
        if price_e8 == 0 or size_e8 <= 0:
            return None
        if limit_e8 is not None and (price_e8 > limit_e8 if is_buy else price_e8 < limit_e8):
            return None
        maker_id, available_e8 = next(iter(side.levels[price_e8].orders.items()))
        taken_e8 = min(size_e8, available_e8)
        side.reduce(price_e8, maker_id, taken_e8)
        if taken_e8 == available_e8:
            del self._places[maker_id]
        return Fill(maker_id, price_e8, taken_e8)
