"""What one access key owns: per currency, what is available and what its open orders have locked."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from actors.exchange.trading.amounts import ZERO, exactly
from protocols.errors import SettingsError, UsageError
from protocols.upbit.messages import Asset

BALANCE_LIMIT: Final = Decimal(10) ** 18
_BALANCE_PLACES: Final = 20


class Account:
    """Balances of one access key.

    Args:
        access_key: the key.
        balances: what it owns at the start, by currency.

    Raises:
        SettingsError: a balance is negative, 1e18 or more, or has more than 20 decimals.
    """

    def __init__(self, access_key: str, balances: Mapping[str, Decimal]) -> None:
        for currency, balance in balances.items():
            _check_balance(currency, balance)
        self.access_key = access_key
        self.opening: dict[str, Decimal] = dict(balances)
        self.free: dict[str, Decimal] = dict(balances)
        self.locked: dict[str, Decimal] = dict.fromkeys(balances, ZERO)

    @exactly
    def move(self, currency: str, *, free: Decimal = ZERO, locked: Decimal = ZERO) -> None:
        """Add to what is available and to what is locked.

        Raises:
            UsageError: one of the two would fall below zero; nothing is changed.
        """
        new_free = self.free.get(currency, ZERO) + free
        new_locked = self.locked.get(currency, ZERO) + locked
        if new_free < 0 or new_locked < 0:
            raise UsageError(f"{currency}: {free} and {locked} leave {new_free} available and {new_locked} locked")
        self.free[currency] = new_free
        self.locked[currency] = new_locked

    def available(self, currency: str) -> Decimal:
        """What can be used for a new order."""
        return self.free.get(currency, ZERO)

    def asset(self, currency: str) -> Asset:
        """Absolute balance of one currency."""
        return Asset(currency, self.free.get(currency, ZERO), self.locked.get(currency, ZERO))

    def assets(self) -> tuple[Asset, ...]:
        """Balances of all currencies that the account has or had."""
        return tuple(self.asset(currency) for currency in self.free)


def _check_balance(currency: str, balance: Decimal) -> None:
    exponent = balance.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else _BALANCE_PLACES + 1  # NaN and Infinity have a letter there.
    if not balance.is_finite() or not 0 <= balance < BALANCE_LIMIT or places > _BALANCE_PLACES:
        raise SettingsError(
            f"balance {currency} = {balance:.30}: choose a number from 0 to below 1e18 with at most 20 decimals"
        )
