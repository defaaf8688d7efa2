"""What an owner asks of an order, and which askings make no sense whatever the market says.

Source: docs.upbit.com, create order (read 2026-10).
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct

from actors.exchange.trading.refusals import OrderRefused

ORDER_TYPES: Final = ("limit", "price", "market", "best")
TIMES_IN_FORCE: Final = ("ioc", "fok", "post_only")
SMP_TYPES: Final = ("reduce", "cancel_maker", "cancel_taker", "none")
"""Self-match prevention; `none` is there since 2026-11-09."""

IDENTIFIER_CHARACTERS: Final = 64


class OrderTerms(Struct, frozen=True):
    """What one order is to do.

    Attributes:
        is_ask: whether it sells.
        order_type: `limit`; `price` buys for an amount, `market` sells a volume, both at whatever price; `best` takes
            at the best opposite price only.
        price: limit price; amount of the quote currency to spend for `price` and a `best` bid; otherwise None.
        volume: amount of the base currency; None where `price` is an amount to spend.
        time_in_force: `ioc`, `fok`, `post_only`, or None to rest until cancelled.
        identifier: the owner's own name of the order, up to 64 characters, never used twice by an account.
        smp_type: what happens when it would meet an order of the same account; None for the exchange's default.
    """

    is_ask: bool
    order_type: str
    price: Decimal | None = None
    volume: Decimal | None = None
    time_in_force: str | None = None
    identifier: str | None = None
    smp_type: str | None = None

    @property
    def side(self) -> str:
        """`ask` or `bid`, as REST writes it."""
        return "ask" if self.is_ask else "bid"

    @property
    def is_budget(self) -> bool:
        """Whether `price` is an amount to spend, and the volume follows from it."""
        return self.order_type == "price" or (self.order_type == "best" and not self.is_ask)


def check_terms(terms: OrderTerms, *, default_smp: str) -> None:
    """Refuse terms that do not fit together; prices and amounts are not looked at.

    Args:
        terms: what is asked.
        default_smp: the exchange's self-match prevention of orders that name none.

    Raises:
        OrderRefused: `validation_error`, `invalid_parameter`, `invalid_time_in_force` or `invalid_post_only`.
    """
    if terms.order_type not in ORDER_TYPES:
        raise OrderRefused("validation_error", f"ord_type is one of {', '.join(ORDER_TYPES)}")
    if terms.order_type == "price" and terms.is_ask:
        raise OrderRefused("validation_error", "ord_type price is for bids; sell at market with ord_type market")
    if terms.order_type == "market" and not terms.is_ask:
        raise OrderRefused("validation_error", "ord_type market is for asks; buy at market with ord_type price")
    _check_amounts_given(terms)
    _check_time_in_force(terms)
    _check_prevention(terms, default_smp)
    if terms.identifier is not None and not 1 <= len(terms.identifier) <= IDENTIFIER_CHARACTERS:
        raise OrderRefused("validation_error", f"identifier has 1 to {IDENTIFIER_CHARACTERS} characters")


def _check_amounts_given(terms: OrderTerms) -> None:
    """Limit orders have both amounts, budgets a price only, the others a volume only."""
    wants_price = terms.order_type == "limit" or terms.is_budget
    wants_volume = not terms.is_budget
    for name, value, wanted in (("price", terms.price, wants_price), ("volume", terms.volume, wants_volume)):
        if wanted and value is None:
            raise OrderRefused("validation_error", f"{name} is missing for this side and ord_type")
        if not wanted and value is not None:
            raise OrderRefused("validation_error", f"{name} must be absent for this side and ord_type")


def _check_time_in_force(terms: OrderTerms) -> None:
    given = terms.time_in_force
    if given is not None and given not in TIMES_IN_FORCE:
        raise OrderRefused("invalid_time_in_force", f"time_in_force is one of {', '.join(TIMES_IN_FORCE)}")
    if terms.order_type == "best" and given not in {"ioc", "fok"}:
        raise OrderRefused("invalid_time_in_force", "ord_type best needs time_in_force ioc or fok")
    if terms.order_type in {"price", "market"} and given is not None:
        raise OrderRefused("invalid_time_in_force", "time_in_force is for ord_type limit and best")


def _check_prevention(terms: OrderTerms, default_smp: str) -> None:
    # `none` came together with the default cancel_maker: where the older default holds, it is unknown.
    known = SMP_TYPES if default_smp != "none" else SMP_TYPES[:-1]
    if terms.smp_type is not None and terms.smp_type not in known:
        raise OrderRefused("invalid_parameter", f"smp_type is one of {', '.join(known)}")
    if terms.smp_type is not None and terms.time_in_force == "post_only":
        raise OrderRefused("invalid_post_only", "smp_type cannot be combined with post_only")
