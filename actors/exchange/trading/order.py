"""One order of an account: what it locks, what its fills cost, and what it reports of itself.

Amounts follow the exchange's documented examples: a bid locks price times volume plus the fee on that; a market buy for
5,000 KRW locks 5,002.5; `avg_price` counts the fee in, as the documented example does.
"""

from decimal import ROUND_DOWN, Context, Decimal, localcontext
from typing import Final

from actors.exchange.market.market import Market
from actors.exchange.trading.account import Account

FEE_RATE: Final = {"KRW": Decimal("0.0005"), "BTC": Decimal("0.0025"), "USDT": Decimal("0.0025")}

_EIGHT_PLACES: Final = Decimal("1E-8")
_ZERO: Final = Decimal(0)


class Order:
    """One order of an account; amounts as the exchange reports them."""

    def __init__(
        self,
        account: Account,
        market: Market,
        *,
        order_id: int,
        order_uuid: str,
        is_ask: bool,
        order_type: str,
        price: Decimal | None,
        volume: Decimal | None,
        t_ms: int,
    ) -> None:
        self.account = account
        self.market = market
        self.order_id = order_id
        self.uuid = order_uuid
        self.is_ask = is_ask
        self.order_type = order_type
        self.price = price
        self.volume = volume
        self.remaining = volume
        self.executed = _ZERO
        self.funds = _ZERO
        self.paid_fee = _ZERO
        self.trades_count = 0
        self.created_ms = t_ms
        self.fee_rate = FEE_RATE.get(market.quote, FEE_RATE["BTC"])
        self.reserved_fee = _ZERO if is_ask else self._quote_value() * self.fee_rate
        self.locked = self._needed()

    @property
    def currency(self) -> str:
        """The currency that this order locks."""
        return self.market.spec.base if self.is_ask else self.market.quote

    @property
    def avg_price(self) -> Decimal:
        """Average price of the fills with the fee counted in, cut to 8 decimals; 0 before the first fill."""
        if not self.executed:
            return _ZERO
        fee = -self.paid_fee if self.is_ask else self.paid_fee
        # 60 digits: a quotient just below a multiple of 1E-8 must not be rounded up before it is cut.
        with localcontext(Context(prec=60)):
            return ((self.funds + fee) / self.executed).quantize(_EIGHT_PLACES, rounding=ROUND_DOWN)

    def fill(self, price: Decimal, volume: Decimal) -> tuple[Decimal, Decimal]:
        """Book one fill and return its fee and the amount that is not locked any more."""
        funds = price * volume
        fee = funds * self.fee_rate
        self.executed += volume
        self.funds += funds
        self.paid_fee += fee
        self.trades_count += 1
        if self.remaining is not None:
            self.remaining -= volume
        before = self.locked
        self.locked = self._needed()
        return fee, before - self.locked

    def _quote_value(self) -> Decimal:
        """What a bid may still spend without the fee, at its own price or from its budget."""
        if self.order_type == "price":
            return (self.price or _ZERO) - self.funds
        return (self.price or _ZERO) * (self.remaining or _ZERO)

    def _needed(self) -> Decimal:
        if self.is_ask:
            return self.remaining or _ZERO
        return self._quote_value() * (1 + self.fee_rate)
