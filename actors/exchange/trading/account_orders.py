"""The orders of one account: the open ones, the finished ones that are still known, and the names it has used."""

from collections import OrderedDict
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from actors.exchange.trading.order import Order

MOST_CLOSED: Final = 10_000
MOST_FILLS: Final = 200_000
MOST_IDENTIFIERS: Final = 200_000


class AccountOrders:
    """What is kept of one account's orders.

    Finished orders are bounded by their number and by that of their fills: the one that finished first is forgotten
    first. An identifier can be used once; it stays used when its order is forgotten, until `most_identifiers` newer
    ones were used.

    Args:
        most_closed, most_fills: how many finished orders are kept, and how many fills of them.
        most_identifiers: how many used identifiers are remembered.

    Attributes:
        forgotten: finished orders that are not known any more.
        forgotten_identifiers: identifiers that could be used again although the exchange never allows it.
    """

    def __init__(
        self,
        *,
        most_closed: int = MOST_CLOSED,
        most_fills: int = MOST_FILLS,
        most_identifiers: int = MOST_IDENTIFIERS,
    ) -> None:
        self._most_closed = most_closed
        self._most_fills = most_fills
        self._most_identifiers = most_identifiers
        self._open: dict[str, Order] = {}
        self._closed: OrderedDict[str, Order] = OrderedDict()
        self._closed_fills = 0
        self._by_identifier: dict[str, Order] = {}
        self._used: OrderedDict[str, None] = OrderedDict()
        self.forgotten = 0
        self.forgotten_identifiers = 0

    @property
    def open_count(self) -> int:
        """How many orders are open."""
        return len(self._open)

    def open_orders(self) -> list[Order]:
        """Open orders, oldest first; those that wait for their trigger are among them."""
        return list(self._open.values())

    def closed_orders(self) -> list[Order]:
        """Finished orders that are still known, oldest first by creation."""
        return sorted(self._closed.values(), key=attrgetter("order_id"))

    def __iter__(self) -> Iterator[Order]:
        """All orders that are known, oldest first by creation."""
        return iter(sorted((*self._closed.values(), *self._open.values()), key=attrgetter("order_id")))

    def is_used(self, identifier: str) -> bool:
        """Whether an order had this identifier, whatever became of it."""
        return identifier in self._used

    def use(self, identifier: str) -> None:
        """Use an identifier up; the one that was used longest ago is forgotten when there are too many."""
        self._used[identifier] = None
        if len(self._used) > self._most_identifiers:
            self._used.popitem(last=False)
            self.forgotten_identifiers += 1

    def find(self, *, uuid: str | None = None, identifier: str | None = None) -> Order | None:
        """The order with this uuid, or without one the order with this identifier."""
        if uuid is not None:
            return self._open.get(uuid) or self._closed.get(uuid)
        return None if identifier is None else self._by_identifier.get(identifier)

    def add(self, order: Order) -> None:
        """Keep a new order."""
        self._open[order.uuid] = order
        identifier = order.terms.identifier
        if identifier is None:
            return
        self._by_identifier[identifier] = order
        self.use(identifier)

    def close(self, order: Order) -> None:
        """Move an order to the finished ones, and forget the oldest of those when there are too many."""
        del self._open[order.uuid]
        self._closed[order.uuid] = order
        self._closed_fills += len(order.fills)
        while len(self._closed) > self._most_closed or (
            self._closed_fills > self._most_fills and len(self._closed) > 1
        ):
            _, oldest = self._closed.popitem(last=False)
            self._closed_fills -= len(oldest.fills)
            self.forgotten += 1
            identifier = oldest.terms.identifier
            if identifier is not None and self._by_identifier.get(identifier) is oldest:
                del self._by_identifier[identifier]
