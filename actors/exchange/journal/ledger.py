"""The truth about all accounts as one document: what `GET /_simulator/ledger` answers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from actors.exchange.journal.disclosure import account_id
from actors.exchange.trading.ledger import AccountLedger


class HasLedger(Protocol):
    """A desk, as far as it is needed here."""

    def ledger(self) -> Iterable[AccountLedger]:
        """Balances and orders of every account."""


def ledger_document(desk: HasLedger) -> dict[str, Any]:
    """Return balances, orders and fills of every account as plain values.

    Amounts are text with all their digits, without exponents; times are milliseconds since the epoch. `account` is the
    name that the journal gives to the account. `forgotten` counts finished orders that are not listed any more; what
    they moved is in the balances.
    """
    return {"accounts": [_account(ledger) for ledger in desk.ledger()]}


def _account(ledger: AccountLedger) -> dict[str, Any]:
    document = _with_texts(msgspec.to_builtins(ledger, builtin_types=(Decimal,)))
    return {
        "access_key": ledger.access_key,
        "account": account_id(ledger.access_key),
        "balances": {balance.pop("currency"): balance for balance in document["balances"]},
        "orders": [_order(order) for order in document["orders"]],
        "forgotten": ledger.forgotten,
    }


def _order(order: dict[str, Any]) -> dict[str, Any]:
    """An order, its market and side named as the exchange's REST names them."""
    side = "ask" if order.pop("is_ask") else "bid"
    return {"uuid": order.pop("uuid"), "market": order.pop("code"), "side": side, **order}


def _with_texts(value: Any) -> Any:  # noqa: ANN401 - plain values, nested
    """Return plain values with every amount as text."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, dict):
        return {name: _with_texts(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts(item) for item in value]
    return value
