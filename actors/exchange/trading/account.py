"""What one access key owns: per currency, what is available and what its open orders have locked."""

from decimal import Decimal
from typing import Final

from protocols.errors import UsageError
from protocols.upbit.messages import Asset

_ZERO: Final = Decimal(0)


class Account:
    """Balances of one access key."""

    def __init__(self, access_key: str, balances: dict[str, Decimal]) -> None:
        self.access_key = access_key
        self.free: dict[str, Decimal] = dict(balances)
        self.locked: dict[str, Decimal] = dict.fromkeys(balances, _ZERO)

    def move(self, currency: str, *, free: Decimal = _ZERO, locked: Decimal = _ZERO) -> None:
        """Add to what is available and to what is locked.

        Raises:
            UsageError: one of the two would fall below zero; nothing is changed.
        """
        new_free = self.free.get(currency, _ZERO) + free
        new_locked = self.locked.get(currency, _ZERO) + locked
        if new_free < 0 or new_locked < 0:
            raise UsageError(f"{currency}: {free} and {locked} leave {new_free} available and {new_locked} locked")
        self.free[currency] = new_free
        self.locked[currency] = new_locked

    def asset(self, currency: str) -> Asset:
        """Absolute balance of one currency."""
        return Asset(currency, self.free.get(currency, _ZERO), self.locked.get(currency, _ZERO))
