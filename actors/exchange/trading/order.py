"""One order of an account: what it locks, what its fills cost, and what it reports of itself.

Amounts follow the exchange's documented examples: a bid locks price times volume plus the fee on that; a market buy for
5,000 KRW locks 5,002.5; `avg_price` counts the fee in, as the documented example does.
"""

from decimal import ROUND_DOWN, Context, Decimal, localcontext
from typing import Final

from msgspec import Struct

from actors.exchange.market.events import Traded
from actors.exchange.market.market import Market
from actors.exchange.market.units import as_decimal
from actors.exchange.trading.account import Account
from actors.exchange.trading.amounts import ONE, ZERO, count_e8, count_e16, exactly
from actors.exchange.trading.terms import OrderTerms
from protocols.errors import UsageError

FEE_RATE: Final = {"KRW": Decimal("0.0005"), "BTC": Decimal("0.0025"), "USDT": Decimal("0.0025")}
"""Share of the funds of each fill, maker or taker, by quote currency."""

WATCH: Final = "watch"
WAIT: Final = "wait"
DONE: Final = "done"
CANCEL: Final = "cancel"

NEXT_STATES: Final = {WATCH: (WAIT, CANCEL), WAIT: (DONE, CANCEL), DONE: (), CANCEL: ()}
"""The states of an order as REST knows them; `trade` and `prevented` are events of one that waits."""

_EIGHT_PLACES: Final = Decimal("1E-8")


class Fill(Struct, frozen=True):
    """One fill of one order.

    Attributes:
        trade_uuid: its id; the other side's fill has another.
        price, volume, funds, fee: exact; funds and fee in the quote currency.
        is_maker: whether the order was resting.
        t_ms, t_us: when, in milliseconds and in microseconds since the epoch (the part below 1 ms is invented).
        trend: `up` when the taker bought, `down` when it sold.
        side: side of the order, `ask` or `bid`.
        sequential_id: id of the trade in the market.
    """

    trade_uuid: str
    price: Decimal
    volume: Decimal
    funds: Decimal
    fee: Decimal
    is_maker: bool
    t_ms: int
    t_us: int
    trend: str
    side: str
    sequential_id: int


class OrderState(Struct, frozen=True):
    """What an order looks like at one moment.

    Amounts are exact. `state` is watch, wait, done or cancel. `volume` and `remaining_volume` are None for an order
    that spends a budget. `locked` is in the quote currency for bids (fee included), in the base currency for asks, and
    0 once the order is finished. `smp_type` is None where the older manner holds and none was asked for.
    """

    uuid: str
    code: str
    is_ask: bool
    order_type: str
    state: str
    price: Decimal | None
    volume: Decimal | None
    remaining_volume: Decimal | None
    executed_volume: Decimal
    executed_funds: Decimal
    avg_price: Decimal
    reserved_fee: Decimal
    remaining_fee: Decimal
    paid_fee: Decimal
    locked: Decimal
    trades_count: int
    prevented_volume: Decimal
    prevented_locked: Decimal
    time_in_force: str | None
    identifier: str | None
    smp_type: str | None
    created_ms: int
    finished_ms: int | None
    fills: tuple[Fill, ...]

    @property
    def side(self) -> str:
        """`ask` or `bid`, as REST writes it."""
        return "ask" if self.is_ask else "bid"


class Order:
    """One order of an account; amounts as the exchange reports them.

    Args:
        account, market, terms: whose it is, where, and what was asked.
        order_id: its number in the book and the log; also the order of creation.
        order_uuid: the id that its owner knows.
        smp_type: self-match prevention that holds for it, None for none that was named.
        t_ms: when it was accepted.
        trigger_e8: last price at which a reserved order comes to life; None for one that lives at once.
    """

    @exactly
    def __init__(
        self,
        account: Account,
        market: Market,
        terms: OrderTerms,
        *,
        order_id: int,
        order_uuid: str,
        smp_type: str | None,
        t_ms: int,
        trigger_e8: int | None = None,
    ) -> None:
        self.account = account
        self.market = market
        self.terms = terms
        self.order_id = order_id
        self.uuid = order_uuid
        self.smp_type = smp_type
        self.created_ms = t_ms
        self.finished_ms: int | None = None
        self.trigger_e8 = trigger_e8
        self.state = WAIT if trigger_e8 is None else WATCH
        self.remaining = terms.volume
        self.executed = ZERO
        self.funds = ZERO
        self.paid_fee = ZERO
        self.prevented_volume = ZERO
        self.prevented_locked = ZERO
        self.fills: list[Fill] = []
        self.fee_rate = FEE_RATE[market.quote]
        self._prevented_funds = ZERO
        self.locked = self._needed()
        self.reserved_fee = self.remaining_fee

    @property
    def is_ask(self) -> bool:
        """Whether it sells."""
        return self.terms.is_ask

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state in {WATCH, WAIT}

    @property
    def currency(self) -> str:
        """The currency that this order locks."""
        return self.market.spec.base if self.is_ask else self.market.quote

    @property
    def limit_e8(self) -> int | None:
        """The worst price that a limit order takes; None for the others."""
        if self.terms.order_type != "limit" or self.terms.price is None:
            return None
        return count_e8(self.terms.price)

    @property
    @exactly
    def remaining_fee(self) -> Decimal:
        """The fee's share of what is locked."""
        return ZERO if self.is_ask or not self.locked else self._quote_value() * self.fee_rate

    @property
    def avg_price(self) -> Decimal:
        """Average price of the fills with the fee counted in, cut to 8 decimals; 0 before the first fill."""
        if not self.executed:
            return ZERO
        fee = -self.paid_fee if self.is_ask else self.paid_fee
        # 60 digits: a quotient just below a multiple of 1E-8 must not be rounded up before it is cut.
        with localcontext(Context(prec=60)):
            return ((self.funds + fee) / self.executed).quantize(_EIGHT_PLACES, rounding=ROUND_DOWN)

    def takeable_e8(self, price_e8: int) -> int:
        """How much it still wants at a price: what remains of it, or what its budget buys, cut to 8 decimals."""
        if self.remaining is not None:
            return count_e8(self.remaining)
        return count_e16(self._quote_value()) // price_e8

    def become(self, state: str, t_ms: int) -> None:
        """Go on to another state.

        Raises:
            UsageError: there is no such step; nothing is changed.
        """
        if state not in NEXT_STATES[self.state]:
            raise UsageError(f"order {self.uuid} in state {self.state} cannot become {state}")
        self.state = state
        if not self.is_open:
            self.finished_ms = t_ms

    @exactly
    def book_fill(self, trade: Traded, *, trade_uuid: str, is_maker: bool) -> tuple[Fill, Decimal]:
        """Book one fill; return it and the amount that is not locked any more."""
        price, volume = as_decimal(trade.price_e8), as_decimal(trade.size_e8)
        funds = price * volume
        fill = Fill(
            trade_uuid=trade_uuid,
            price=price,
            volume=volume,
            funds=funds,
            fee=funds * self.fee_rate,
            is_maker=is_maker,
            t_ms=trade.t_ms,
            t_us=trade.t_ms * 1000 + trade.sequential_id % 1000,
            trend="up" if trade.is_buy else "down",
            side=self.terms.side,
            sequential_id=trade.sequential_id,
        )
        self.fills.append(fill)
        self.executed += volume
        self.funds += funds
        self.paid_fee += fill.fee
        if self.remaining is not None:
            self.remaining -= volume
        return fill, self._unlock()

    @exactly
    def book_prevention(self, size_e8: int, *, price_e8: int) -> Decimal:
        """Take out what self-match prevention removes; return the amount that is not locked any more.

        Args:
            size_e8: volume that is removed.
            price_e8: price at which it would have traded; it counts only where a budget has no price of its own.

        Source: documented: bids unlock price times volume plus the fee, asks the volume.
        """
        volume = as_decimal(size_e8)
        self.prevented_volume += volume
        if self.remaining is None:
            self._prevented_funds += as_decimal(price_e8) * volume
        else:
            self.remaining -= volume
        unlocked = self._unlock()
        self.prevented_locked += unlocked
        return unlocked

    @exactly
    def book_whole_prevention(self, *, price_e8: int) -> Decimal:
        """Take out everything that is left; return the amount that is not locked any more.

        Of a budget, the volume that is reported as prevented is what it would have bought at `price_e8` (assumed).
        """
        unlocked = self.book_prevention(self.takeable_e8(price_e8), price_e8=price_e8)
        if self.remaining is None and self.locked:
            self._prevented_funds += self._quote_value()
            rest = self._unlock()
            self.prevented_locked += rest
            unlocked += rest
        return unlocked

    def release(self) -> Decimal:
        """Unlock what is left at the end, and return it."""
        released, self.locked = self.locked, ZERO
        return released

    def state_now(self) -> OrderState:
        """What it looks like at this moment."""
        terms = self.terms
        return OrderState(
            uuid=self.uuid,
            code=self.market.code,
            is_ask=self.is_ask,
            order_type=terms.order_type,
            state=self.state,
            price=terms.price,
            volume=terms.volume,
            remaining_volume=self.remaining,
            executed_volume=self.executed,
            executed_funds=self.funds,
            avg_price=self.avg_price,
            reserved_fee=self.reserved_fee,
            remaining_fee=self.remaining_fee,
            paid_fee=self.paid_fee,
            locked=self.locked,
            trades_count=len(self.fills),
            prevented_volume=self.prevented_volume,
            prevented_locked=self.prevented_locked,
            time_in_force=terms.time_in_force,
            identifier=terms.identifier,
            smp_type=self.smp_type,
            created_ms=self.created_ms,
            finished_ms=self.finished_ms,
            fills=tuple(self.fills),
        )

    def _unlock(self) -> Decimal:
        before, self.locked = self.locked, self._needed()
        return before - self.locked

    @exactly
    def _quote_value(self) -> Decimal:
        """What a bid may still spend without the fee, at its own price or from its budget."""
        price = self.terms.price or ZERO
        if self.remaining is None:
            return price - self.funds - self._prevented_funds
        return price * self.remaining

    @exactly
    def _needed(self) -> Decimal:
        if self.is_ask:
            return self.remaining or ZERO
        return self._quote_value() * (ONE + self.fee_rate)
