"""Cancelling: one order, several by id, all open ones of a choice.

The answer shows the order as it was when the request was accepted, in state `wait`; that it is cancelled is told by an
event and by later queries (documented).

Source: docs.upbit.com, cancel order, cancel by ids, batch cancel (read 2026-10).
"""

from collections.abc import Iterable
from typing import Final

from actors.exchange.market.universe import QUOTA
from actors.exchange.rest.errors import INVALID_PARAMETER, RestRefused
from actors.exchange.rest.messages import Answered, json_answer
from actors.exchange.rest.orders.documents import batch_document, order_document
from actors.exchange.rest.orders.owner import owner_of
from actors.exchange.rest.orders.race import AnswerRace
from actors.exchange.rest.orders.selection import arranged, market_of, one_order, order_not_found, several_orders
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.routes import Call
from actors.exchange.trading.order import WAIT, Order
from actors.exchange.trading.venue import Venue

MOST_BY_IDS: Final = 20
MOST_PAIRS: Final = 20
DEFAULT_COUNT: Final = 20
MOST_COUNT: Final = 300
SIDES: Final = ("all", "ask", "bid")


class OrderCancelling:
    """Handlers that cancel.

    Args:
        venue: whose orders are cancelled.
        race: how long answers are held back.
    """

    def __init__(self, venue: Venue, race: AnswerRace) -> None:
        self._desk = venue.simulation.desk
        self._markets = venue.simulation.markets
        self._race = race

    def one(self, call: Call) -> Answered:
        """`DELETE /v1/order`: by `uuid` or `identifier`.

        A finished order answers as an unknown one, 404 `order_not_found` (assumed: nobody recorded it).
        """
        before = self._desk.request_cancel(one_order(self._desk, owner_of(call), call.parameters), t_ms=call.now_ms)
        if before is None:
            raise order_not_found()
        return self._race.run(json_answer(200, order_document(before)))

    def by_ids(self, call: Call) -> Answered:
        """`DELETE /v1/orders/uuids`: up to 20 by `uuids[]` or `identifiers[]`; finished ones are among the failed.

        Ids that the account has no order for are in neither list (assumed: the documented shape needs a market).
        """
        return self._cancel_all(call, several_orders(self._desk, owner_of(call), call.parameters, most=MOST_BY_IDS))

    def open(self, call: Call) -> Answered:
        """`DELETE /v1/orders/open`: the newest (or oldest) `count` of those that wait; reserved orders stay."""
        parameters = call.parameters
        side = parameters.choice("cancel_side", SIDES, "all")
        count = parameters.integer("count", default=DEFAULT_COUNT, most=MOST_COUNT)
        chosen = self._chosen_codes(parameters)
        waiting = (
            order
            for order in self._desk.open_orders(owner_of(call))
            if order.state == WAIT and order.market.code in chosen and side in {"all", order.terms.side}
        )
        return self._cancel_all(call, arranged(parameters, waiting)[:count])

    def _chosen_codes(self, parameters: Parameters) -> set[str]:
        """The markets in which orders are cancelled; an excluded one is out, even if it is named too (documented)."""
        pairs = self._codes(parameters, "pairs")
        quotes = parameters.texts("quote_currencies")
        if pairs and quotes:
            raise RestRefused(400, INVALID_PARAMETER, "pairs and quote_currencies must not be combined")
        if not set(quotes) <= QUOTA.keys():
            raise RestRefused(400, INVALID_PARAMETER, f"quote_currencies are of {', '.join(QUOTA)}")
        codes = pairs or {code for code, market in self._markets.items() if not quotes or market.quote in quotes}
        return codes - self._codes(parameters, "excluded_pairs")

    def _codes(self, parameters: Parameters, name: str) -> set[str]:
        return {market_of(self._markets, code).code for code in parameters.texts(name, most=MOST_PAIRS)}

    def _cancel_all(self, call: Call, orders: Iterable[Order]) -> Answered:
        cancelled: list[Order] = []
        failed: list[Order] = []
        for order in orders:
            before = self._desk.request_cancel(order, t_ms=call.now_ms)
            (failed if before is None else cancelled).append(order)
        return self._race.run(json_answer(200, batch_document(cancelled, failed)))
