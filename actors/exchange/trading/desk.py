"""The desk: orders, fills, fees and balances of all accounts, to the last decimal.

A `Desk` turns what the market's log says about an account's orders into `MyOrder` and `MyAsset` messages. It is the one
way for an account to trade: the seeded trader uses it now, REST can use it as it stands.

A market buy's volume is cut to 8 decimals per fill, as on the exchange, and what is left over is released when it
ends in `cancel`; fees of asks come out of the proceeds; `locked` of a `cancel` is what was locked before the release
(seen in ccxt's recording of 2024).
"""

import random
import uuid
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, localcontext
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from actors.exchange.market.events import EventLog, Traded
from actors.exchange.market.market import Market
from actors.exchange.market.units import as_decimal
from actors.exchange.trading.account import Account
from actors.exchange.trading.order import Order
from protocols.upbit.messages import REALTIME, MyAsset, MyOrder

_EXACT: Final = Context(prec=60, traps=[Inexact])
"""Sums and products here have at most 50 digits; one that had to be rounded would be a lost amount, and raises."""

_ZERO: Final = Decimal(0)

AccountEvent = MyOrder | MyAsset

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _exactly(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function compute without rounding; one that has to round raises `decimal.Inexact`."""

    @wraps(function)
    def computed(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with localcontext(_EXACT):
            return function(*args, **kwargs)

    return computed


class Desk:
    """All accounts and their orders.

    Args:
        log: the event log; its trades drive the accounts.
        rng: for uuids.
        emit: called with access key and message, in order.
    """

    def __init__(self, log: EventLog, rng: random.Random, emit: Callable[[str, AccountEvent], None]) -> None:
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}
        self._log = log
        self._rng = rng
        self._emit = emit
        log.on_trade(self._traded)

    def open_account(self, access_key: str, balances: dict[str, Decimal]) -> Account:
        """Add an account with what it owns."""
        account = self.accounts[access_key] = Account(access_key, balances)
        return account

    def orders_of(self, account: Account) -> list[Order]:
        """Open orders of one account, oldest first."""
        return [order for order in self.orders.values() if order.account is account]

    def place_limit(
        self, account: Account, market: Market, *, is_ask: bool, price_e8: int, size_e8: int, t_ms: int
    ) -> Order:
        """Place a limit order: it takes what crosses, and what is left rests in the book.

        Raises:
            UsageError: the account has not enough; nothing happened.
        """
        order = self._open(
            account,
            market,
            is_ask=is_ask,
            order_type="limit",
            price=as_decimal(price_e8),
            volume=as_decimal(size_e8),
            t_ms=t_ms,
        )
        taken_e8 = market.take(t_ms, is_buy=not is_ask, size_e8=size_e8, limit_e8=price_e8, taker_id=order.order_id)
        if taken_e8 < size_e8:
            market.place(t_ms, is_ask=is_ask, price_e8=price_e8, size_e8=size_e8 - taken_e8, order_id=order.order_id)
        return order

    @_exactly
    def market_buy(self, account: Account, market: Market, *, funds: Decimal, t_ms: int) -> Order:
        """Buy for `funds` of the quote currency; ends in `cancel` with the rest that buys nothing.

        Raises:
            UsageError: the account has not enough; nothing happened.
        """
        order = self._open(account, market, is_ask=False, order_type="price", price=funds, volume=None, t_ms=t_ms)
        while True:
            best_e8, _ = market.book.asks.best()
            left_e16 = int((funds - order.funds).scaleb(16))
            size_e8 = left_e16 // best_e8 if best_e8 else 0
            if not market.take_once(t_ms, is_buy=True, size_e8=size_e8, taker_id=order.order_id):
                break
        self._finish(order, "cancel", t_ms)
        return order

    def market_sell(self, account: Account, market: Market, *, size_e8: int, t_ms: int) -> Order:
        """Sell `size_e8` at whatever price; ends in `done`, or in `cancel` when the book runs out of bids.

        Raises:
            UsageError: the account has not enough; nothing happened.
        """
        volume = as_decimal(size_e8)
        order = self._open(account, market, is_ask=True, order_type="market", price=None, volume=volume, t_ms=t_ms)
        market.take(t_ms, is_buy=False, size_e8=size_e8, taker_id=order.order_id)
        if order.order_id in self.orders:
            self._finish(order, "cancel", t_ms)
        return order

    def cancel(self, order: Order, *, t_ms: int) -> bool:
        """Cancel an open order; False when it was finished already."""
        if self.orders.get(order.order_id) is not order:
            return False
        order.market.cancel(t_ms, order.order_id)
        self._finish(order, "cancel", t_ms)
        return True

    @_exactly
    def _open(
        self,
        account: Account,
        market: Market,
        *,
        is_ask: bool,
        order_type: str,
        price: Decimal | None,
        volume: Decimal | None,
        t_ms: int,
    ) -> Order:
        order = Order(
            account,
            market,
            order_id=self._log.next_order_id(),
            order_uuid=self._uuid(),
            is_ask=is_ask,
            order_type=order_type,
            price=price,
            volume=volume,
            t_ms=t_ms,
        )
        account.move(order.currency, free=-order.locked, locked=order.locked)
        self.orders[order.order_id] = order
        self._emit(account.access_key, self._order_event(order, "wait", t_ms))
        self._emit_assets(account, (order.currency,), t_ms)
        return order

    def _traded(self, trade: Traded) -> None:
        for order_id in (trade.maker_id, trade.taker_id):
            order = self.orders.get(order_id)
            if order is not None:
                self._fill(order, trade, is_maker=order_id == trade.maker_id)

    @_exactly
    def _fill(self, order: Order, trade: Traded, *, is_maker: bool) -> None:
        price, volume = as_decimal(trade.price_e8), as_decimal(trade.size_e8)
        fee, unlocked = order.fill(price, volume)
        account, base, quote = order.account, order.market.spec.base, order.market.quote
        if order.is_ask:
            account.move(base, locked=-unlocked)
            account.move(quote, free=price * volume - fee)
        else:
            account.move(quote, free=unlocked - price * volume - fee, locked=-unlocked)
            account.move(base, free=volume)
        event = self._fill_event(order, trade, fee=fee, is_maker=is_maker)
        self._emit(account.access_key, event)
        self._emit_assets(account, (quote, base), trade.t_ms)
        if order.remaining == 0:
            self._finish(order, "done", trade.t_ms)

    @_exactly
    def _finish(self, order: Order, state: str, t_ms: int) -> None:
        del self.orders[order.order_id]
        self._emit(order.account.access_key, self._order_event(order, state, t_ms))
        if order.locked:
            order.account.move(order.currency, free=order.locked, locked=-order.locked)
            order.locked = _ZERO
            self._emit_assets(order.account, (order.currency,), t_ms)

    def _emit_assets(self, account: Account, currencies: tuple[str, ...], t_ms: int) -> None:
        assets = tuple(account.asset(currency) for currency in currencies)
        self._emit(account.access_key, MyAsset(self._uuid(), assets, t_ms, t_ms, REALTIME))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _fill_event(self, order: Order, trade: Traded, *, fee: Decimal, is_maker: bool) -> MyOrder:
        return self._order_event(
            order, "trade", trade.t_ms, fill=(as_decimal(trade.price_e8), as_decimal(trade.size_e8), fee, is_maker)
        )

    def _order_event(
        self, order: Order, state: str, t_ms: int, fill: tuple[Decimal, Decimal, Decimal, bool] | None = None
    ) -> MyOrder:
        price, volume, trade_fee, is_maker = fill or (order.price, order.volume, None, None)
        # A market buy says null for volumes that it does not have (recorded 2025-11).
        executed = None if order.volume is None and not order.executed else order.executed
        return MyOrder(
            code=order.market.code,
            uuid=order.uuid,
            ask_bid="ASK" if order.is_ask else "BID",
            order_type=order.order_type,
            state=state,
            trade_uuid=self._uuid() if fill else None,
            price=price,
            avg_price=order.avg_price,
            volume=volume,
            remaining_volume=order.remaining,
            executed_volume=executed,
            trades_count=order.trades_count,
            reserved_fee=order.reserved_fee,
            remaining_fee=order.reserved_fee - order.paid_fee if not order.is_ask else _ZERO,
            paid_fee=order.paid_fee,
            locked=order.locked,
            executed_funds=order.funds,
            time_in_force=None,
            trade_fee=trade_fee,
            is_maker=is_maker,
            identifier=None,
            smp_type=None,
            prevented_volume=None,
            prevented_locked=_ZERO,
            trade_timestamp=t_ms if fill else None,
            order_timestamp=order.created_ms // 1000 * 1000,
            timestamp=t_ms,
            stream_type=REALTIME,
        )
