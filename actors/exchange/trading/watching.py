"""Reserved orders: they wait until the last price reaches a trigger.

They are few (only the exchange's app makes them, here the seeded trader), so those of a market are looked through at
each of its trades.
"""

from collections import deque

from actors.exchange.market.events import EventLog, Traded
from actors.exchange.trading.order import Order


class WatchList:
    """Reserved orders by market, and those whose trigger was reached.

    Nothing may be appended to the log while it tells of a trade, so a reached trigger is only noted; `take_due` hands
    the orders out once the trade is over.

    Args:
        log: its trades move the last prices.
    """

    def __init__(self, log: EventLog) -> None:
        self._watching: dict[str, dict[int, tuple[Order, bool]]] = {}
        self._due: deque[Order] = deque()
        log.on_trade(self._traded)

    def add(self, order: Order, *, last_e8: int) -> None:
        """Watch for an order's trigger: from below when it lies above the last price, otherwise from above."""
        if order.trigger_e8 is not None:
            orders = self._watching.setdefault(order.market.code, {})
            orders[order.order_id] = (order, order.trigger_e8 > last_e8)

    def remove(self, order: Order) -> None:
        """Forget an order; nothing happens when it was not watched."""
        orders = self._watching.get(order.market.code, {})
        orders.pop(order.order_id, None)
        if not orders:
            self._watching.pop(order.market.code, None)

    def take_due(self) -> Order | None:
        """The next order whose trigger was reached, None when there is none."""
        return self._due.popleft() if self._due else None

    def _traded(self, trade: Traded) -> None:
        orders = self._watching.get(trade.code)
        if orders is None:
            return
        for order, from_below in list(orders.values()):
            trigger_e8 = order.trigger_e8
            if trigger_e8 is None:
                continue
            if trade.price_e8 >= trigger_e8 if from_below else trade.price_e8 <= trigger_e8:
                self.remove(order)
                self._due.append(order)
