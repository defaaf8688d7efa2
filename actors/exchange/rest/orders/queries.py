"""Looking orders up: one with its fills, several by id, the open ones by page, the closed ones by time.

Source: docs.upbit.com, order queries (read 2026-10).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from actors.exchange.rest.errors import INVALID_PARAMETER, RestRefused
from actors.exchange.rest.messages import HttpAnswer, json_answer
from actors.exchange.rest.orders.documents import Document, order_document, order_with_fills, order_with_funds
from actors.exchange.rest.orders.owner import owner_of
from actors.exchange.rest.orders.selection import (
    arranged,
    one_order,
    page_of,
    several_orders,
    wanted_code,
    wanted_states,
    wanted_window,
)
from actors.exchange.rest.routes import Call
from actors.exchange.trading.order import CANCEL, DONE, WAIT, WATCH, Order, OrderState
from actors.exchange.trading.venue import Venue

OPEN_STATES: Final = (WAIT, WATCH)
CLOSED_STATES: Final = (DONE, CANCEL)
MOST_IDS: Final = 100
MOST_OPEN: Final = 100
DEFAULT_CLOSED: Final = 100
MOST_CLOSED: Final = 1000


class OrderQueries:
    """Handlers that change nothing.

    Args:
        venue: whose orders are looked up.
    """

    def __init__(self, venue: Venue) -> None:
        self._desk = venue.simulation.desk
        self._markets = venue.simulation.markets

    def one(self, call: Call) -> HttpAnswer:
        """`GET /v1/order`: one order with its fills, by `uuid` or `identifier`."""
        order = one_order(self._desk, owner_of(call), call.parameters)
        return json_answer(200, order_with_fills(order.state_now()))

    def by_ids(self, call: Call) -> HttpAnswer:
        """`GET /v1/orders/uuids`: up to 100 orders by `uuids[]` or `identifiers[]`, of one `market` if it is given."""
        orders = several_orders(self._desk, owner_of(call), call.parameters, most=MOST_IDS)
        return _listed(arranged(call.parameters, self._of_market(call, orders)))

    def open(self, call: Call) -> HttpAnswer:
        """`GET /v1/orders/open`: one page of the open orders, those that wait unless other states are named."""
        states = wanted_states(call.parameters, OPEN_STATES, (WAIT,))
        open_orders = self._of_market(call, self._desk.open_orders(owner_of(call)))
        orders = arranged(call.parameters, (order for order in open_orders if order.state in states))
        return _listed(page_of(call.parameters, orders, most=MOST_OPEN))

    def closed(self, call: Call) -> HttpAnswer:
        """`GET /v1/orders/closed`: finished orders that were created within a window of at most 7 days.

        There are no pages: who wants more than `limit` (100 unless given, at most 1,000) moves the window.
        """
        states = wanted_states(call.parameters, CLOSED_STATES, CLOSED_STATES)
        window = wanted_window(call.parameters, call.now_ms)
        limit = call.parameters.integer("limit", default=DEFAULT_CLOSED, most=MOST_CLOSED)
        closed = self._of_market(call, self._desk.closed_orders(owner_of(call)))
        chosen = (order for order in closed if order.state in states and window.holds(order))
        return _listed(arranged(call.parameters, chosen)[:limit])

    def older(self, call: Call) -> HttpAnswer:
        """`GET /v1/orders`: open, closed or named orders in one query.

        It is not part of the reference of 2026, which has a query for each instead; clients written before still use
        it. Waiting orders unless states are named; open and closed states must not be mixed, as its own reference said.
        Ids choose orders of every state (assumed).
        """
        account = owner_of(call)
        states = wanted_states(call.parameters, OPEN_STATES + CLOSED_STATES, (WAIT,))
        if {state in OPEN_STATES for state in states} == {True, False}:
            raise RestRefused(400, INVALID_PARAMETER, "open states and closed states must not be mixed")
        if "uuids" in call.parameters or "identifiers" in call.parameters:
            orders: Iterable[Order] = several_orders(self._desk, account, call.parameters, most=MOST_IDS)
        else:
            known = [*self._desk.open_orders(account), *self._desk.closed_orders(account)]
            orders = (order for order in known if order.state in states)
        page = page_of(call.parameters, arranged(call.parameters, self._of_market(call, orders)), most=MOST_OPEN)
        return _listed(page, order_with_funds)

    def _of_market(self, call: Call, orders: Iterable[Order]) -> list[Order]:
        code = wanted_code(call.parameters, self._markets)
        return [order for order in orders if code is None or order.market.code == code]


def _listed(orders: Sequence[Order], document: Callable[[OrderState], Document] = order_document) -> HttpAnswer:
    return json_answer(200, [document(order.state_now()) for order in orders])
