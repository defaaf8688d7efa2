"""What a route is: a path, who may ask, how it is counted, and who answers."""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from actors.exchange.rest.errors import Family
from actors.exchange.rest.messages import Answered, HttpAnswer
from actors.exchange.rest.parameters import Parameters
from actors.exchange.trading.account import Account
from protocols.errors import UsageError

Scope = Literal["", "view_assets", "view_orders", "make_orders"]

_ANY: Final = "{}"


class Call(NamedTuple):
    """One request that may be answered.

    Attributes:
        parameters: of the query, or of the body of a POST.
        account: who asks; None for market data.
        now_ms: the exchange's time, up to which everything has happened.
        segment: the last part of a path that ends in `{}`.
    """

    parameters: Parameters
    account: Account | None
    now_ms: int
    segment: str = ""


Handler = Callable[[Call], HttpAnswer | Answered]
"""Answers a call, or raises `RestRefused`. An `Answered` adds a delay to the answer."""


class Route(NamedTuple):
    """One method of one path.

    Attributes:
        method, path: such as `GET` and `/v1/ticker`; a last part of `{}` stands for any one word.
        group: whose limit it counts towards, by the exchange's name.
        family: market data or the exchange's side.
        scope: what a key must be allowed to do; empty for nothing.
        handler: who answers.
    """

    method: str
    path: str
    group: str
    family: Family
    scope: Scope
    handler: Handler


class RouteTable:
    """Finds the route of a request.

    Raises:
        UsageError: two routes have the same method and path.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[tuple[str, str], Route] = {}
        for route in routes:
            if (route.method, route.path) in self._routes:
                raise UsageError(f"two routes for {route.method} {route.path}")
            self._routes[route.method, route.path] = route

    def find(self, method: str, path: str) -> tuple[Route, str] | None:
        """The route and the word that its `{}` stands for; None for a path or method that is not served."""
        route = self._routes.get((method, path))
        if route is not None and not path.endswith(_ANY):
            return route, ""
        parent, _, segment = path.rpartition("/")
        route = self._routes.get((method, f"{parent}/{_ANY}"))
        return (route, segment) if route is not None and segment else None
