"""Whose account a call acts on."""

from actors.exchange.rest.routes import Call
from actors.exchange.trading.account import Account
from protocols.errors import UsageError


def owner_of(call: Call) -> Account:
    """The account that a private call acts on.

    Raises:
        UsageError: it has none; the service lets no such call through to a private route.
    """
    if call.account is None:
        raise UsageError("a private route was called without an account")
    return call.account
