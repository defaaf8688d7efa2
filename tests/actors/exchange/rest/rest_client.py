"""A client of the REST service without sockets: requests in, answers out, at times of the test's choosing."""

import json
import random
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from actors.exchange.quirks import Quirks
from actors.exchange.rest.keys import KeyRing
from actors.exchange.rest.limits import RequestLimits
from actors.exchange.rest.messages import Answered, HttpRequest
from actors.exchange.rest.service import RestService, served_routes
from actors.exchange.settings import AccountSettings
from actors.exchange.sources.hub import Hub
from actors.exchange.trading.simulation import Simulation
from actors.exchange.trading.venue import Venue
from protocols.upbit.tokens import make_token
from tests.actors.exchange.conftest import START_MS

OWNER = AccountSettings("owner-key", "owner-secret")
OTHER = AccountSettings("other-key", "other-secret")
READER = AccountSettings("reader-key", "reader-secret", scopes=("view_assets",))
EXPIRED = AccountSettings("expired-key", "expired-secret", expired=True)
ACCOUNTS = (OWNER, OTHER, READER, EXPIRED)


class Reply(NamedTuple):
    """What a client sees of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    answered: Answered

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str | int]:
        """Status and name of an error."""
        assert set(self.document) == {"error"}
        assert set(self.document["error"]) == {"name", "message"}
        return self.status, self.document["error"]["name"]


def http_request(
    method: str, target: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None, **changes: Any
) -> HttpRequest:
    path, _, query = target.partition("?")
    request = HttpRequest(method, path, dict(headers or {}), body, b"", query_string=query)
    return request._replace(**changes)


class RestClient:
    """A service over a simulation of its own, with a clock that stands still until it is moved."""

    def __init__(self, *, limits: bool = False, is_plain: bool = False, **changes: Any) -> None:
        options = {"seed": 7, "markets": 12, "rate": 100.0, "start_ms": START_MS, "kept_events": None, "trader": False}
        balances = {account.access_key: account.balances for account in ACCOUNTS}
        self.simulation = Simulation(**(options | {"accounts": balances} | changes))
        self.now_ms = self.simulation.now_ms
        self.venue = Venue(self.simulation, lambda: self.now_ms)
        hub = Hub(self.simulation, lambda: self.now_ms)
        self.keys = KeyRing(ACCOUNTS)
        self.limits = RequestLimits(enabled=limits, is_plain=is_plain)
        routes = served_routes(hub, self.venue, Quirks(), random.Random(1))
        self.service = RestService(routes, self.venue, self.keys, self.limits)

    def ask(self, request: HttpRequest, *, address: str = "10.0.0.1", now_s: float | None = None) -> Reply:
        now_s = self.now_ms / 1000 if now_s is None else now_s
        answered = self.service.answer(request, address, now_s=now_s)
        answer = answered.answer
        return Reply(answer.status, dict(answer.headers), answer.body, answered)

    def get(self, target: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Reply:
        return self.ask(http_request("GET", target, headers=headers), **options)

    def signed(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        account: AccountSettings = OWNER,
        query: str | None = None,
        nonce: str = "",
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Reply:
        """Ask with a token; `query` is what it signs: by default the query before URL encoding, or a flat body."""
        if query is None:
            query = signed_text(body) if body else unquote(target.partition("?")[2])
        token = make_token(account.access_key, account.secret_key, nonce=nonce or str(uuid.uuid4()), query=query)
        given = {"authorization": f"Bearer {token}"} | ({"content-type": "application/json"} if body else {})
        return self.ask(http_request(method, target, body=body, headers=given | dict(headers or {})), **options)


def signed_text(body: bytes) -> str:
    """What a client signs for a flat JSON body, by the documentation's own recipe."""
    members = json.loads(body)
    return "&".join(f"{name}={value}" for name, value in members.items())
