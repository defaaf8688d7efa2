"""The account's open orders, without those that are finished."""

from collections.abc import Mapping

from actors.client.pieces.arguments import whole_number
from protocols.order_state import OrderChange, OrderLedger
from protocols.upbit.messages import MyOrder


class OpenOrders:
    """Open orders by uuid and the last finished ones, filled by a subscription. No I/O and no clock.

        orders = OpenOrders()
        await client.subscribe_my_order(orders.take)
        ...
        for uuid, order in orders.active.items():
            print(uuid, order.side, order.market, order.remaining_volume)

    Each order is followed by its own state: repeated and late events change nothing, and a finished order never comes
    back. `done` and `cancel` are the end; `prevented` only when nothing of the order remains. A market buy usually ends
    with `cancel`, filled: look at `executed_volume`, not at the word.

    There is no snapshot of orders: what was open before the subscription is unknown until its next event. `active`
    holds no more than the exchange lets an account have open, and the orders whose end was missed during an outage.

    Args:
        history: finished orders that are kept; the oldest leaves.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, history: int = 200) -> None:
        self._ledger = OrderLedger(history=whole_number("history", history))

    def take(self, event: MyOrder) -> OrderChange:
        """Take one event in; return what it changed: `OrderChange.NEW`, `.UPDATED`, `.FINISHED`, or nothing."""
        return self._ledger.apply(event)

    def __call__(self, event: MyOrder) -> None:
        """Do as `take`; so the object itself is a callback."""
        self.take(event)

    @property
    def active(self) -> Mapping[str, MyOrder]:
        """The newest event of each open order, by uuid; a read-only view that moves on with the events."""
        return self._ledger.open

    @property
    def finished(self) -> tuple[MyOrder, ...]:
        """The last event of the orders that finished last, oldest first."""
        return self._ledger.finished

    @property
    def counters(self) -> Mapping[OrderChange, int]:
        """Events by what they did."""
        return self._ledger.counters
