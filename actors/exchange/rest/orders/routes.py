"""The private side's paths: who answers them, whose limit they count towards, and what a key must be allowed to do."""

import random

from actors.exchange.quirks import Quirks
from actors.exchange.rest.orders.accounts import AccountQueries
from actors.exchange.rest.orders.cancelling import OrderCancelling
from actors.exchange.rest.orders.entry import OrderEntry
from actors.exchange.rest.orders.queries import OrderQueries
from actors.exchange.rest.orders.race import AnswerRace
from actors.exchange.rest.routes import Handler, Route, Scope
from actors.exchange.trading.venue import Venue


def order_routes(venue: Venue, quirks: Quirks, rng: random.Random) -> list[Route]:
    """All routes about accounts and orders.

    Args:
        venue: the accounts and the markets; fills count towards `avg_buy_price` from this call on.
        quirks: `order_race` decides who is told first, the answer or the event; `default_smp` what a test order says.
        rng: chance of that race, and the ids of test orders.
    """
    race = AnswerRace(quirks, rng)
    accounts, queries = AccountQueries(venue), OrderQueries(venue)
    entry, cancelling = OrderEntry(venue, quirks, race, rng), OrderCancelling(venue, race)
    return [
        _route("GET", "/v1/accounts", "default", "view_assets", accounts.balances),
        _route("GET", "/v1/api_keys", "default", "", accounts.keys),
        _route("GET", "/v1/orders/chance", "default", "view_orders", accounts.chance),
        _route("GET", "/v1/order", "default", "view_orders", queries.one),
        _route("GET", "/v1/orders", "default", "view_orders", queries.older),
        _route("GET", "/v1/orders/uuids", "default", "view_orders", queries.by_ids),
        _route("GET", "/v1/orders/open", "default", "view_orders", queries.open),
        _route("GET", "/v1/orders/closed", "default", "view_orders", queries.closed),
        _route("POST", "/v1/orders", "order", "make_orders", entry.place),
        _route("POST", "/v1/orders/test", "order-test", "make_orders", entry.test),
        _route("POST", "/v1/orders/cancel_and_new", "order", "make_orders", entry.replace),
        _route("DELETE", "/v1/order", "default", "make_orders", cancelling.one),
        _route("DELETE", "/v1/orders/uuids", "default", "make_orders", cancelling.by_ids),
        _route("DELETE", "/v1/orders/open", "order-cancel-all", "make_orders", cancelling.open),
    ]


def _route(method: str, path: str, group: str, scope: Scope, handler: Handler) -> Route:
    return Route(method, path, group, "exchange", scope, handler)
