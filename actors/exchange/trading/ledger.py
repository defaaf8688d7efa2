"""What is true about the accounts: balances, and orders with all their fills. Tests compare clients with it."""

from decimal import Decimal

from msgspec import Struct

from actors.exchange.trading.account import Account
from actors.exchange.trading.account_orders import AccountOrders
from actors.exchange.trading.order import OrderState


class Balance(Struct, frozen=True):
    """One currency of one account: what it owned at the start, what is available now, and what open orders hold."""

    currency: str
    opening: Decimal
    free: Decimal
    locked: Decimal


class AccountLedger(Struct, frozen=True):
    """The truth about one account.

    Attributes:
        access_key: whose it is.
        balances: by currency, in the order in which the account got them.
        orders: open and finished ones, oldest first.
        forgotten: finished orders that are not known any more (their fills are in the balances).
    """

    access_key: str
    balances: tuple[Balance, ...]
    orders: tuple[OrderState, ...]
    forgotten: int


def account_ledger(account: Account, kept: AccountOrders) -> AccountLedger:
    """The truth about one account at this moment."""
    return AccountLedger(
        access_key=account.access_key,
        balances=tuple(
            Balance(asset.currency, account.opening.get(asset.currency, Decimal(0)), asset.balance, asset.locked)
            for asset in account.assets()
        ),
        orders=tuple(order.state_now() for order in kept),
        forgotten=kept.forgotten,
    )
