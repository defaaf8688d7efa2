"""The desk: the one way for an account to trade. REST and the seeded trader both come here.

It refuses what the exchange refuses, takes orders in, lets them meet the book, and ends them. A market buy's volume is
cut to 8 decimals per fill, as on the exchange, and what is left over is released when it ends in `cancel`; fees of asks
come out of the proceeds.
"""

import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from actors.exchange.market.events import EventLog
from actors.exchange.market.market import Market
from actors.exchange.quirks import DEFAULT_QUIRKS, Quirks
from actors.exchange.trading.account import Account
from actors.exchange.trading.admission import check_amounts, check_funds
from actors.exchange.trading.amounts import count_e8
from actors.exchange.trading.delays import Delays
from actors.exchange.trading.ledger import AccountLedger, account_ledger
from actors.exchange.trading.matching import crosses, execute
from actors.exchange.trading.order import CANCEL, WAIT, WATCH, Order, OrderState
from actors.exchange.trading.refusals import OrderRefused, order_not_found
from actors.exchange.trading.settlement import AccountEvent, FillListener, Settlement
from actors.exchange.trading.terms import OrderTerms, check_terms
from actors.exchange.trading.watching import WatchList

__all__ = ["AccountEvent", "Desk"]

MOST_OPEN: Final = 20_000
"""Open orders per account; one more is refused with `create_*_error` (our bound, the exchange documents none)."""


class Desk:
    """All accounts and their orders.

    Args:
        log: the event log; its trades drive the accounts.
        rng: for uuids.
        emit: called with access key and message, in order.
        quirks: `post_only`, `default_smp` and `cancel_ms` are looked at.

    Attributes:
        unborn_replacements: new orders of `replace` that were refused when the old one was gone already.
    """

    def __init__(
        self,
        log: EventLog,
        rng: random.Random,
        emit: Callable[[str, AccountEvent], None],
        quirks: Quirks = DEFAULT_QUIRKS,
    ) -> None:
        self._log = log
        self._quirks = quirks
        self._settlement = Settlement(log, rng, emit)
        self._watching = WatchList(log)
        self._delays = Delays(quirks.cancel_ms)
        self.unborn_replacements = 0

    @property
    def accounts(self) -> Mapping[str, Account]:
        """Accounts by access key."""
        return self._settlement.accounts

    @property
    def orders(self) -> Mapping[int, Order]:
        """Open orders of all accounts by their number in the log; always the same object."""
        return self._settlement.orders

    def open_account(self, access_key: str, balances: Mapping[str, Decimal]) -> Account:
        """Add an account with what it owns.

        Raises:
            SettingsError: a balance that cannot be computed with exactly.
        """
        account = Account(access_key, balances)
        self._settlement.add_account(account)
        return account

    def on_fill(self, listener: FillListener) -> None:
        """Call `listener` with access key, uuid of the order and fill, for each fill from now on."""
        self._settlement.on_fill(listener)

    def check(self, account: Account, market: Market, terms: OrderTerms, *, t_ms: int) -> None:  # noqa: ARG002
        """Refuse what `place` would refuse; nothing happens. No rule looks at the time, which is there as in `place`.

        Raises:
            OrderRefused: with the exchange's name of the first rule that is broken.
        """
        self._check_terms(account, terms)
        self._check_amounts(account, market, terms)
        check_funds(account, market, terms)

    def place(self, account: Account, market: Market, terms: OrderTerms, *, t_ms: int) -> tuple[Order, OrderState]:
        """Place an order: it takes what it may, and what is left rests or ends.

        Returns:
            The order, and what it looked like when it was accepted: `wait` and nothing filled, even if it is filled
            at once. That is what REST answers with.

        Raises:
            OrderRefused: nothing happened, but its identifier is used up if the terms could be understood (documented).
        """
        self._check_terms(account, terms)
        self._use_identifier(account, terms)
        return self._place(account, market, terms, order_uuid=self._settlement.new_uuid(), t_ms=t_ms)

    def place_watch(self, account: Account, market: Market, terms: OrderTerms, *, trigger_e8: int, t_ms: int) -> Order:
        """Reserve a limit order, as the exchange's app can: it lives once the last price reaches `trigger_e8`.

        The trigger is reached from below when it lies above the last price now, otherwise from above. The funds are
        locked at once (assumed).

        Raises:
            OrderRefused: nothing happened.
        """
        if terms.order_type != "limit" or terms.time_in_force is not None:
            raise OrderRefused("validation_error", "only a plain limit order can be reserved")
        self.check(account, market, terms, t_ms=t_ms)
        order = self._new_order(
            account, market, terms, order_uuid=self._settlement.new_uuid(), t_ms=t_ms, trigger_e8=trigger_e8
        )
        self._settlement.open(order, t_ms)
        self._watching.add(order, last_e8=market.day.last_e8)
        return order

    def cancel(self, order: Order, *, t_ms: int) -> OrderState | None:
        """Cancel an open order.

        Returns:
            What it looked like before, still `wait` or `watch`. None when it was finished already.
        """
        if not order.is_open:
            return None
        before = order.state_now()
        order.market.cancel(t_ms, order.order_id)
        self._watching.remove(order)
        self._settlement.finish(order, CANCEL, t_ms)
        return before

    def request_cancel(self, order: Order, *, t_ms: int) -> OrderState | None:
        """Accept a cancel as REST does: it takes effect after `quirks.cancel_ms`, and the order may be filled first.

        Returns:
            What the order looks like now, still `wait` or `watch`. None when it was finished already.
        """
        if not order.is_open:
            return None
        before = order.state_now()
        self._delays.accept(t_ms, partial(self._cancel_when_due, order))
        return before

    def replace(self, order: Order, terms: OrderTerms, *, t_ms: int, remain_only: bool = False) -> str:
        """Accept that an order is cancelled and a new one placed in its market, on its side, after `quirks.cancel_ms`.

        What is wrong with the new order in itself is refused before anything happens. If the old one is filled before
        its cancel takes effect, no new order exists and the uuid leads nowhere (documented); the same when the funds
        do not suffice once the old one has released its own, or what remains of it is worth too little (assumed).

        Args:
            order: the old one; it must be `wait`.
            terms: of the new one.
            t_ms: when.
            remain_only: give the new one what remains of the old one then; `terms.volume` is not looked at.

        Returns:
            The uuid of the new order.

        Raises:
            OrderRefused: `order_not_found` when the old one is finished or a reserved one, or what is wrong with the
                terms; nothing happened.
        """
        if order.state != WAIT:
            raise order_not_found()
        if terms.is_ask != order.is_ask:
            raise OrderRefused("validation_error", "the new order is of the same side as the old one")
        looked_at = msgspec.structs.replace(terms, volume=order.remaining) if remain_only else terms
        self._check_terms(order.account, looked_at)
        self._use_identifier(order.account, terms)
        self._check_amounts(order.account, order.market, looked_at, freed=order)
        order_uuid = self._settlement.new_uuid()
        self._delays.accept(t_ms, partial(self._replace, order, terms, order_uuid, remain_only))
        return order_uuid

    @property
    def next_due_ms(self) -> float:
        """When something that was accepted takes effect next; infinite when nothing waits."""
        return self._delays.next_ms

    def run_due(self, t_ms: int) -> None:
        """Let take effect what was accepted and is due."""
        self._delays.run_due(t_ms)

    def find(self, account: Account, *, uuid: str | None = None, identifier: str | None = None) -> Order | None:
        """One order of an account by uuid or identifier; the uuid wins. None for those of others, too."""
        return self._settlement.kept[account.access_key].find(uuid=uuid, identifier=identifier)

    def open_orders(self, account: Account) -> list[Order]:
        """Open orders of one account, oldest first; those in `watch` are among them."""
        return self._settlement.kept[account.access_key].open_orders()

    def closed_orders(self, account: Account) -> list[Order]:
        """Finished orders of one account that are still known, oldest first by creation."""
        return self._settlement.kept[account.access_key].closed_orders()

    def forgotten(self, account: Account) -> int:
        """How many finished orders of one account are not known any more."""
        return self._settlement.kept[account.access_key].forgotten

    def ledger(self) -> tuple[AccountLedger, ...]:
        """The truth about all accounts at this moment."""
        return tuple(account_ledger(account, self._settlement.kept[key]) for key, account in self.accounts.items())

    def release_triggered(self, t_ms: int) -> None:
        """Let reserved orders live whose trigger the last price reached; to be called after anything that trades."""
        while (order := self._watching.take_due()) is not None:
            if order.state == WATCH:
                self._settlement.trigger(order, t_ms)
                execute(order, self._settlement, t_ms)

    def resume_after_maintenance(self, t_ms: int) -> list[Order]:
        """Cancel open bids above and asks below the last price, and return them; reserved orders are kept.

        Source: notices of planned maintenance (read 2026-10).
        """
        cancelled = []
        for order in list(self.orders.values()):
            last_e8, limit_e8 = order.market.day.last_e8, order.limit_e8
            if order.state != WAIT or limit_e8 is None:
                continue
            if limit_e8 < last_e8 if order.is_ask else limit_e8 > last_e8:
                self.cancel(order, t_ms=t_ms)
                cancelled.append(order)
        return cancelled

    def _cancel_when_due(self, order: Order, t_ms: int) -> None:
        """Cancel an order, unless it was finished before that."""
        self.cancel(order, t_ms=t_ms)

    def _replace(self, order: Order, terms: OrderTerms, order_uuid: str, remain_only: bool, t_ms: int) -> None:
        """Cancel an order and place the one that comes after it; nothing comes when the old one was filled first."""
        if remain_only:
            terms = msgspec.structs.replace(terms, volume=order.remaining)
        try:
            if self.cancel(order, t_ms=t_ms) is None:
                raise order_not_found()
            self._place(order.account, order.market, terms, order_uuid=order_uuid, t_ms=t_ms)
        except OrderRefused:
            self.unborn_replacements += 1

    def _place(
        self, account: Account, market: Market, terms: OrderTerms, *, order_uuid: str, t_ms: int
    ) -> tuple[Order, OrderState]:
        self._check_amounts(account, market, terms)
        check_funds(account, market, terms)
        order = self._new_order(account, market, terms, order_uuid=order_uuid, t_ms=t_ms)
        self._settlement.open(order, t_ms)
        accepted = order.state_now()
        execute(order, self._settlement, t_ms)
        self.release_triggered(t_ms)
        return order, accepted

    def _new_order(
        self,
        account: Account,
        market: Market,
        terms: OrderTerms,
        *,
        order_uuid: str,
        t_ms: int,
        trigger_e8: int | None = None,
    ) -> Order:
        default = self._quirks.default_smp
        return Order(
            account,
            market,
            terms,
            order_id=self._log.next_order_id(),
            order_uuid=order_uuid,
            smp_type=terms.smp_type or (None if default == "none" else default),
            t_ms=t_ms,
            trigger_e8=trigger_e8,
        )

    def _check_terms(self, account: Account, terms: OrderTerms) -> None:
        """Refuse what cannot be understood, and an identifier that was used before."""
        check_terms(terms, default_smp=self._quirks.default_smp)
        if terms.identifier is not None and self._settlement.kept[account.access_key].is_used(terms.identifier):
            raise OrderRefused("duplicated_identifier", "identifier was used before; it can be used once")

    def _use_identifier(self, account: Account, terms: OrderTerms) -> None:
        if terms.identifier is not None:
            self._settlement.kept[account.access_key].use(terms.identifier)

    def _check_amounts(
        self, account: Account, market: Market, terms: OrderTerms, *, freed: Order | None = None
    ) -> None:
        """Refuse amounts that the market does not take; `freed` is an order that ends before this one comes."""
        kept = self._settlement.kept[account.access_key]
        check_amounts(market, terms)
        if kept.open_count - (freed is not None) >= MOST_OPEN:
            raise OrderRefused(f"create_{terms.side}_error", f"{MOST_OPEN} orders are open")
        self._check_post_only(market, terms)

    def _check_post_only(self, market: Market, terms: OrderTerms) -> None:
        if terms.time_in_force != "post_only" or self._quirks.post_only != "refuse" or terms.price is None:
            return
        if crosses(market, is_ask=terms.is_ask, limit_e8=count_e8(terms.price)):
            raise OrderRefused("invalid_post_only", "the order would trade at once")
