"""What trades and decisions do to orders and balances, and what the owners are told of it.

The log's trades drive the accounts: whoever trades, maker or taker, is settled when the trade is appended. `locked` of
a `cancel` is what was locked before the release (seen in a recording of 2024).
"""

import random
import uuid
from collections.abc import Callable
from typing import Final

from actors.exchange.market.events import EventLog, Traded
from actors.exchange.trading.account import Account
from actors.exchange.trading.account_orders import AccountOrders
from actors.exchange.trading.amounts import ZERO, exactly
from actors.exchange.trading.order import CANCEL, DONE, WAIT, Fill, Order
from actors.exchange.trading.order_events import order_event
from protocols.upbit.messages import REALTIME, MyAsset, MyOrder

AccountEvent = MyOrder | MyAsset
FillListener = Callable[[str, str, Fill], None]
"""Called with access key, uuid of the order, and the fill."""

PREVENTED: Final = "prevented"
TRADE: Final = "trade"


class Settlement:
    """Accounts, their orders, and the money.

    Args:
        log: the event log; its trades drive the accounts.
        rng: for uuids.
        emit: called with access key and message, in order.

    Attributes:
        orders: open orders of all accounts by their number in the book.
        kept: orders by account, the finished ones included.
    """

    def __init__(self, log: EventLog, rng: random.Random, emit: Callable[[str, AccountEvent], None]) -> None:
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Order] = {}
        self.kept: dict[str, AccountOrders] = {}
        self._rng = rng
        self._emit = emit
        self._fill_listeners: list[FillListener] = []
        log.on_trade(self._traded)

    def add_account(self, account: Account) -> None:
        """Let an account trade."""
        self.accounts[account.access_key] = account
        self.kept[account.access_key] = AccountOrders()

    def on_fill(self, listener: FillListener) -> None:
        """Call `listener` with each fill of an account's order from now on, right before its event is emitted."""
        self._fill_listeners.append(listener)

    def new_uuid(self) -> str:
        """An id for an order, a fill or an asset event."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def open(self, order: Order, t_ms: int) -> None:
        """Take an order in: its funds are locked, and its owner is told."""
        order.account.move(order.currency, free=-order.locked, locked=order.locked)
        self.orders[order.order_id] = order
        self.kept[order.account.access_key].add(order)
        self._tell(order, order.state, t_ms)
        self._tell_assets(order.account, (order.currency,), t_ms)

    def trigger(self, order: Order, t_ms: int) -> None:
        """Let a reserved order come to life."""
        order.become(WAIT, t_ms)
        self._tell(order, WAIT, t_ms)

    def finish(self, order: Order, state: str, t_ms: int) -> None:
        """End an order as `done` or `cancel`; what it still has locked is free again."""
        order.become(state, t_ms)
        del self.orders[order.order_id]
        self.kept[order.account.access_key].close(order)
        self._tell(order, state, t_ms)
        released = order.release()
        if released:
            order.account.move(order.currency, free=released, locked=-released)
            self._tell_assets(order.account, (order.currency,), t_ms)

    def prevent(self, order: Order, t_ms: int, *, price_e8: int, size_e8: int | None = None) -> None:
        """Take volume from an order by self-match prevention; when nothing is left of it, it ends as `cancel`.

        Args:
            order: whose volume goes.
            t_ms: when.
            price_e8: the price at which the two orders met.
            size_e8: how much goes; None for all.
        """
        if size_e8 is None:
            unlocked = order.book_whole_prevention(price_e8=price_e8)
        else:
            unlocked = order.book_prevention(size_e8, price_e8=price_e8)
        self._tell(order, PREVENTED, t_ms)
        order.account.move(order.currency, free=unlocked, locked=-unlocked)
        self._tell_assets(order.account, (order.currency,), t_ms)
        if not order.locked:
            self.finish(order, CANCEL, t_ms)

    def _traded(self, trade: Traded) -> None:
        for order_id in (trade.maker_id, trade.taker_id):
            order = self.orders.get(order_id)
            if order is not None:
                self._fill(order, trade, is_maker=order_id == trade.maker_id)

    @exactly
    def _fill(self, order: Order, trade: Traded, *, is_maker: bool) -> None:
        fill, unlocked = order.book_fill(trade, trade_uuid=self.new_uuid(), is_maker=is_maker)
        account, base, quote = order.account, order.market.spec.base, order.market.quote
        if order.is_ask:
            account.move(base, locked=-unlocked)
            account.move(quote, free=fill.funds - fill.fee)
        else:
            account.move(quote, free=unlocked - fill.funds - fill.fee, locked=-unlocked)
            account.move(base, free=fill.volume)
        for listener in self._fill_listeners:
            listener(account.access_key, order.uuid, fill)
        self._tell(order, TRADE, trade.t_ms, fill)
        self._tell_assets(account, (quote, base), trade.t_ms)
        # A budget ends as done only when it was spent to the last digit; its usual end is a cancel of the rest.
        if order.locked == ZERO:
            self.finish(order, DONE, trade.t_ms)

    def _tell(self, order: Order, state: str, t_ms: int, fill: Fill | None = None) -> None:
        self._emit(order.account.access_key, order_event(order, state, t_ms, fill))

    def _tell_assets(self, account: Account, currencies: tuple[str, ...], t_ms: int) -> None:
        assets = tuple(account.asset(currency) for currency in currencies)
        self._emit(account.access_key, MyAsset(self.new_uuid(), assets, t_ms, t_ms, REALTIME))
