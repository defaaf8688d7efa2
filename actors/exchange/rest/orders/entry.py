"""Placing orders, testing them, and replacing one by another.

Which parameters go together, price units, least worth and funds are the desk's rules; here texts become terms.

Source: docs.upbit.com, create order, test order, cancel and new order (read 2026-10).
"""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from actors.exchange.market.market import Market
from actors.exchange.quirks import Quirks
from actors.exchange.rest.errors import VALIDATION_ERROR, RestRefused
from actors.exchange.rest.messages import Answered, HttpAnswer, json_answer
from actors.exchange.rest.orders.documents import Document, order_document
from actors.exchange.rest.orders.owner import owner_of
from actors.exchange.rest.orders.race import AnswerRace
from actors.exchange.rest.orders.selection import market_of, one_order
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.routes import Call
from actors.exchange.trading.order import Order
from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.terms import OrderTerms
from actors.exchange.trading.venue import Venue

CREATED: Final = 201
REMAIN_ONLY: Final = "remain_only"

_STATUS: Final = {"order_not_found": 404}
_SIDES: Final = {"ask": True, "bid": False}


class OrderEntry:
    """Handlers that place orders.

    Args:
        venue: where orders are placed.
        quirks: `default_smp` is what a test order without one says.
        race: how long answers are held back.
        rng: for the ids of test orders.
    """

    def __init__(self, venue: Venue, quirks: Quirks, race: AnswerRace, rng: random.Random) -> None:
        self._desk = venue.simulation.desk
        self._markets = venue.simulation.markets
        self._default_smp = None if quirks.default_smp == "none" else quirks.default_smp
        self._race = race
        self._rng = rng

    def place(self, call: Call) -> Answered:
        """`POST /v1/orders`: the answer is the order as it was accepted, `wait`, even if it is filled at once."""
        market, terms = self._asked(call.parameters)
        with _refusals():
            _, accepted = self._desk.place(owner_of(call), market, terms, t_ms=call.now_ms)
        return self._race.run(json_answer(CREATED, order_document(accepted)))

    def test(self, call: Call) -> HttpAnswer:
        """`POST /v1/orders/test`: as placing, but nothing happens, and the uuid in the answer leads nowhere."""
        market, terms = self._asked(call.parameters)
        account = owner_of(call)
        with _refusals():
            self._desk.check(account, market, terms, t_ms=call.now_ms)
        order = Order(
            account,
            market,
            terms,
            order_id=0,
            order_uuid=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            smp_type=terms.smp_type or self._default_smp,
            t_ms=call.now_ms,
        )
        return json_answer(CREATED, order_document(order.state_now()))

    def replace(self, call: Call) -> Answered:
        """`POST /v1/orders/cancel_and_new`: the answer is the old order, still `wait`, and the new one's uuid.

        The uuid leads nowhere when the new order could not be made once the old one was cancelled (documented).
        """
        parameters = call.parameters
        old = one_order(self._desk, owner_of(call), parameters, prefix="prev_order_")
        before = old.state_now()
        remain_only = parameters.text("new_volume") == REMAIN_ONLY
        terms = _terms(parameters, prefix="new_", is_ask=old.is_ask, without_volume=remain_only)
        with _refusals():
            new_uuid = self._desk.replace(old, terms, t_ms=call.now_ms, remain_only=remain_only)
        document: Document = order_document(before) | {"new_order_uuid": new_uuid}
        if terms.identifier is not None:
            document["new_order_identifier"] = terms.identifier
        return self._race.run(json_answer(CREATED, document))

    def _asked(self, parameters: Parameters) -> tuple[Market, OrderTerms]:
        market = market_of(self._markets, parameters.required("market"))
        is_ask = _SIDES.get(parameters.required("side"))
        if is_ask is None:
            raise RestRefused(400, VALIDATION_ERROR, "side is one of ask, bid")
        return market, _terms(parameters, is_ask=is_ask)


def _terms(parameters: Parameters, *, is_ask: bool, prefix: str = "", without_volume: bool = False) -> OrderTerms:
    """The terms that a request names; words that are unknown are left to the desk, which knows the errors' names."""
    return OrderTerms(
        is_ask=is_ask,
        order_type=parameters.required(f"{prefix}ord_type"),
        price=parameters.decimal(f"{prefix}price"),
        volume=None if without_volume else parameters.decimal(f"{prefix}volume"),
        time_in_force=parameters.text(f"{prefix}time_in_force"),
        identifier=parameters.text(f"{prefix}identifier"),
        smp_type=parameters.text(f"{prefix}smp_type"),
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn a refusal of the desk into one of REST: 404 for an order that is not there, otherwise 400 (documented)."""
    try:
        yield
    except OrderRefused as refused:
        raise RestRefused(_STATUS.get(refused.name, 400), refused.name, refused.message) from None
