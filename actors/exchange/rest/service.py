"""REST as a whole: a request becomes an answer, in the order in which the exchange looks at it.

Route, maintenance, then for market data: limit, parameters, handler; for the exchange's side: token, limit, scope,
parameters, handler. That order is assumed. A path that is not served, and a known path with another method, answers 404
`not_found` without `Remaining-Req` (seen 2026-09-23 for the path, assumed for the method).
"""

import gzip
import random
import re
from collections.abc import Iterable
from typing import Final

import structlog

from actors.exchange.quirks import Quirks
from actors.exchange.rest.authorization import authenticate, check_scope
from actors.exchange.rest.bodies import BodyPairs
from actors.exchange.rest.errors import BAD_REQUEST, RestRefused
from actors.exchange.rest.keys import KeyRing
from actors.exchange.rest.limits import ORIGIN, RequestLimits, remaining_header
from actors.exchange.rest.messages import Answered, Headers, HttpAnswer, HttpRequest, error_answer
from actors.exchange.rest.orders.routes import order_routes
from actors.exchange.rest.parameters import Parameters
from actors.exchange.rest.quotation.routes import quotation_routes
from actors.exchange.rest.routes import Call, Route, RouteTable
from actors.exchange.sources.source import Source
from actors.exchange.trading.venue import Venue
from protocols.errors import UsageError

GZIP_FROM_BYTES: Final = 1024
"""Shorter answers are not compressed: nothing would be gained."""

_GZIP_LEVEL: Final = 1
_ACCEPTS_GZIP: Final = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?P<q>[0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)
_MAINTENANCE_PAGE: Final = b"<html><head><title>500</title></head><body><h1>Service maintenance</h1></body></html>"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def served_routes(source: Source, venue: Venue | None, quirks: Quirks, rng: random.Random) -> list[Route]:
    """Everything that is served below `/v1`; of a recording (no venue) only the list of markets.

    Args:
        source: codes and names of the markets.
        venue: markets and accounts.
        quirks: manners of the exchange's side.
        rng: chance of its answers' delays.
    """
    orders = [] if venue is None else order_routes(venue, quirks, rng)
    return [*quotation_routes(source, venue), *orders]


class RestService:
    """Answers everything below `/v1`.

    Args:
        routes: what is served, such as `served_routes`.
        venue: markets and accounts; None when a recording is played, which has only the list of markets.
        keys: who may act for which account; shared with handshakes.
        limits: how often an address or account may ask; shared with handshakes.

    Attributes:
        offline: whether the exchange is in maintenance: the exchange's side answers 403 `market_offline` (documented),
            market data 500 with a page of HTML (assumed: both the status and pages of HTML are documented).
    """

    def __init__(self, routes: Iterable[Route], venue: Venue | None, keys: KeyRing, limits: RequestLimits) -> None:
        self._routes = RouteTable(routes)
        self._venue = venue
        self._keys = keys
        self._limits = limits
        self.offline = False

    def answer(self, request: HttpRequest, address: str, *, now_s: float) -> Answered:
        """Answer one request of an address; an error in the simulator itself is logged and answered with 500.

        Args:
            request: what is asked.
            address: who asks.
            now_s: monotonic time, for the limits.
        """
        found = self._routes.find(request.method, request.path)
        if found is None:
            return Answered(error_answer(404, "not_found", "no such path"))
        route, segment = found
        if self.offline:
            return Answered(_offline_answer(route))
        try:
            if route.family == "quotation":
                return self._answer_quotation(route, segment, request, address, now_s)
            return self._answer_exchange(route, request, now_s)
        except Exception:  # noqa: BLE001 - a bug here must be seen, and must not end other clients' sockets
            _log.exception("rest.failed", method=request.method, path=request.path)
            name = 500 if route.family == "quotation" else "internal_server_error"
            return Answered(error_answer(500, name, "internal server error"))

    def _answer_quotation(
        self, route: Route, segment: str, request: HttpRequest, address: str, now_s: float
    ) -> Answered:
        group = ORIGIN if "origin" in request.headers else route.group
        left = self._limits.admit(address, group, now_s)
        if left is None:
            return Answered(self._limits.refusal(address, group, now_s))
        parameters = Parameters(request.pairs, family="quotation")
        try:
            _check_headers(request, 400)
            answered = _answered(route, Call(parameters, None, self._catch_up(), segment))
        except RestRefused as refused:
            answered = Answered(refused.answer())
        return _with_headers(_compressed(answered, request), remaining_header(group, left))

    def _answer_exchange(self, route: Route, request: HttpRequest, now_s: float) -> Answered:
        access_key, left = "", None
        try:
            _check_headers(request, BAD_REQUEST)
            access_key, pairs = authenticate(request, self._keys)
            left = self._limits.admit(access_key, route.group, now_s)
            if left is None:
                refusal = self._limits.refusal(access_key, route.group, now_s, family="exchange")
                return Answered(refusal, access_key=access_key)
            check_scope(self._keys, access_key, route.scope)
            answered = _answered(route, self._call(pairs, access_key))
        except RestRefused as refused:
            answered = Answered(refused.answer())
        if left is None:
            left = self._limits.left(access_key, route.group, now_s)
        return _with_headers(answered, remaining_header(route.group, left))._replace(access_key=access_key)

    def _call(self, pairs: BodyPairs, access_key: str) -> Call:
        venue = self._venue
        if venue is None:
            raise UsageError("the exchange's side needs a venue: do not add its routes without one")
        now_ms = venue.catch_up()
        return Call(Parameters(pairs, family="exchange"), venue.accounts[access_key], now_ms)

    def _catch_up(self) -> int:
        return 0 if self._venue is None else self._venue.catch_up()


def _answered(route: Route, call: Call) -> Answered:
    answer = route.handler(call)
    return answer if isinstance(answer, Answered) else Answered(answer)


def _with_headers(answered: Answered, headers: Headers) -> Answered:
    answer = answered.answer
    return answered._replace(answer=answer._replace(headers=answer.headers + headers))


def _check_headers(request: HttpRequest, name: str | int) -> None:
    """Refuse a header that was sent twice; documented since 2026-07-31 as possible, done here always.

    Raises:
        RestRefused: 400, with the family's name.
    """
    if request.repeated_headers:
        raise RestRefused(400, name, f"sent more than once: {', '.join(sorted(request.repeated_headers))}"[:200])


def _offline_answer(route: Route) -> HttpAnswer:
    if route.family == "exchange":
        return error_answer(403, "market_offline", "the exchange is in maintenance")
    return HttpAnswer(500, _MAINTENANCE_PAGE, content_type="text/html; charset=utf-8")


def _compressed(answered: Answered, request: HttpRequest) -> Answered:
    """Compress an answer with market data when the client takes gzip (documented for market data only)."""
    answer = answered.answer
    match = _ACCEPTS_GZIP.search(request.headers.get("accept-encoding", ""))
    if len(answer.body) < GZIP_FROM_BYTES or match is None or not (match["q"] or "1").strip("0."):
        return answered
    body = gzip.compress(answer.body, _GZIP_LEVEL, mtime=0)
    headers = (*answer.headers, ("content-encoding", "gzip"), ("vary", "accept-encoding"))
    return answered._replace(answer=answer._replace(body=body, headers=headers))
