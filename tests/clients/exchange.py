"""A simulated exchange for a client, and what it says of itself: the truth that the client's view is compared with."""

import contextlib
import json
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from protocols.upbit.tokens import make_token
from tests.actors.exchange.conftest import START
from tests.tree.exchange_process import ExchangeProcess, simulated_exchange

ACCESS_KEY: Final = "another-people's-client"
SECRET_KEY: Final = "a secret of theirs that is long enough for every algorithm, 64 B."


class Exchange:
    """A running exchange seen past its clients."""

    def __init__(self, process: ExchangeProcess) -> None:
        self.process = process

    def ledger(self) -> dict[str, Any]:
        """Balances and orders with all fills of the one account; amounts as text."""
        accounts: list[dict[str, Any]] = self._get("/_simulator/ledger")["accounts"]
        (account,) = accounts
        return account

    def order(self, order_uuid: str) -> dict[str, Any]:
        """One order of the account as the ledger has it."""
        orders: list[dict[str, Any]] = self.ledger()["orders"]
        (found,) = [order for order in orders if order["uuid"] == order_uuid]
        return found

    def rest(self, path: str, **query: object) -> Any:
        """Market data, asked for by a plain request."""
        return self._get(f"/v1/{path}", urllib.parse.urlencode(query))

    def signed(self, path: str, query: str = "") -> Any:
        """An answer of the account's side, asked for with a token of ours."""
        token = make_token(ACCESS_KEY, SECRET_KEY, nonce=str(uuid.uuid4()), query=query)
        return self._get(f"/v1/{path}", query, {"Authorization": f"Bearer {token}"})

    def _get(self, path: str, query: str = "", headers: dict[str, str] | None = None) -> Any:
        address = f"{self.process.http}{path}{'?' if query else ''}{query}"
        request = urllib.request.Request(address, headers=headers or {})  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())


@contextlib.contextmanager
def exchange_for_a_client(*options: str) -> Iterator[Exchange]:
    """Run an exchange with one account on which nobody but the client trades.

    Without options its markets stand still, so that every value that a client saw can be asked for again afterwards;
    what moves are the client's own orders.
    """
    # Without limits: what a test asks for to compare with would be counted with what the client asks for.
    account = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY, "--no-trader", "--no-limits", "--start", START)
    with simulated_exchange("--markets", "6", *account, *(options or ("--rate", "0"))) as process:
        yield Exchange(process)


def total(fills: list[dict[str, Any]], name: str) -> Decimal:
    """The sum of one amount of all fills of an order in the ledger."""
    return sum((Decimal(fill[name]) for fill in fills), Decimal(0))
