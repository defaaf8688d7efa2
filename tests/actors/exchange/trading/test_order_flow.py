"""Random orders of several accounts: whatever they do, money is conserved and the exchange's rules hold."""

import re
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.exchange.market.events import Traded
from actors.exchange.market.units import E8, as_decimal
from actors.exchange.quirks import Quirks
from actors.exchange.trading.account import Account
from actors.exchange.trading.amounts import EXACT
from actors.exchange.trading.order import FEE_RATE, Order
from actors.exchange.trading.refusals import OrderRefused
from actors.exchange.trading.terms import OrderTerms
from protocols.upbit.messages import MyAsset, MyOrder
from tests.actors.exchange.trading.floor import OPENING, Floor
from tests.actors.exchange.trading.naive_book import NaiveBook

LIFE = re.compile(r"(watch )?(wait )?((trade|prevented) )*((done|cancel) )?")
FEE = FEE_RATE["KRW"]
ACTIONS = (
    "place", "place", "place", "place", "watch", "cancel", "replace",
    "background place", "background take", "background cancel",
)  # fmt: skip


class Step(NamedTuple):
    """One thing that happens; what does not concern an action is not looked at."""

    action: str
    account: int
    is_ask: bool
    order_type: str
    price: int
    units: int
    time_in_force: str | None
    smp_type: str | None
    chosen: int


steps = st.builds(
    Step,
    action=st.sampled_from(ACTIONS),
    account=st.integers(0, 2),
    is_ask=st.booleans(),
    order_type=st.sampled_from(("limit", "limit", "limit", "limit", "market", "best")),
    price=st.integers(996, 1004),
    units=st.integers(5 * E8, 60 * E8),
    time_in_force=st.sampled_from((None, None, None, "ioc", "fok", "post_only")),
    smp_type=st.sampled_from((None, None, "cancel_maker", "cancel_taker", "reduce", "none")),
    chosen=st.integers(0, 1000),
)


class Flow:
    """Plays steps on a floor and keeps what is needed to judge them."""

    def __init__(self, default_smp: str) -> None:
        self.default_smp = default_smp
        self.floor = Floor(quirks=Quirks(default_smp=default_smp))  # type: ignore[arg-type]  # one of the two values
        self.accounts = (self.floor.a, self.floor.b, self.floor.c)
        self.orders: dict[int, Order] = {}
        self.background: list[int] = []
        self.naive = NaiveBook()

    def play(self, step: Step) -> None:
        self.floor.now_ms += step.chosen % 3
        actions: dict[str, Callable[[Step], None]] = {
            "place": self._place, "watch": self._watch, "cancel": self._cancel, "replace": self._replace,
            "background place": self._background_place, "background take": self._background_take,
            "background cancel": self._background_cancel,
        }  # fmt: skip
        try:
            actions[step.action](step)
        except OrderRefused as refused:
            assert refused.name.startswith(("insufficient_funds", "under_min_total", "duplicated", "invalid", "order"))  # noqa: PT017 - which refusals may come
        self.floor.desk.release_triggered(self.floor.now_ms)

    def _terms(self, step: Step) -> OrderTerms:
        price, volume = Decimal(step.price), as_decimal(step.units)
        tif, smp = step.time_in_force, step.smp_type
        order_type = step.order_type
        if order_type == "limit":
            smp = None if tif == "post_only" else smp
        elif order_type == "best":
            tif = "fok" if tif == "fok" else "ioc"
        else:
            tif, order_type = None, "market" if step.is_ask else "price"
        if smp == "none" and self.default_smp == "none":
            smp = None
        if order_type != "limit":
            price, volume = (None, volume) if step.is_ask else (price * volume, None)  # type: ignore[assignment]
        identifier = f"name-{step.chosen}" if step.chosen % 4 == 0 else None
        return OrderTerms(step.is_ask, order_type, price, volume, tif, identifier, smp)

    def _place(self, step: Step) -> None:
        account, terms = self.accounts[step.account], self._terms(step)
        own = {number for number, order in self.orders.items() if order.account is account}
        self.naive.fold(list(self.floor.log))
        expected = self.naive.outcome(terms, own, terms.smp_type or self.default_smp)
        before = len(list(self.floor.log))
        had = {number: self.orders[number].prevented_volume for number in expected.prevented_makers}
        watching = any(order.state == "watch" for order in self.orders.values())
        order, accepted = self.floor.place(account, terms)
        self.orders[order.order_id] = order
        assert (accepted.state, accepted.executed_volume, accepted.fills) == ("wait", 0, ())
        if watching:
            return  # Reserved orders that this one brought to life have traded as well.
        trades = [event for event in list(self.floor.log)[before:] if isinstance(event, Traded)]
        fills = [(trade.maker_id, as_decimal(trade.price_e8), as_decimal(trade.size_e8)) for trade in trades]
        assert fills == expected.fills
        assert order.prevented_volume == expected.prevented
        for number, volume in expected.prevented_makers.items():
            assert self.orders[number].prevented_volume - had[number] == volume
        assert not (expected.ends and order.is_open)

    def _watch(self, step: Step) -> None:
        terms = OrderTerms(step.is_ask, "limit", Decimal(step.price), as_decimal(step.units))
        order = self.floor.desk.place_watch(
            self.accounts[step.account],
            self.floor.market,
            terms,
            trigger_e8=(996 + step.chosen % 9) * E8,
            t_ms=self.floor.now_ms,
        )
        self.orders[order.order_id] = order

    def _chosen(self, step: Step) -> Order | None:
        orders = list(self.orders.values())
        return orders[step.chosen % len(orders)] if orders else None

    def _cancel(self, step: Step) -> None:
        order = self._chosen(step)
        if order is not None:
            was_open = order.is_open
            assert (self.floor.desk.cancel(order, t_ms=self.floor.now_ms) is not None) == was_open

    def _replace(self, step: Step) -> None:
        order = self._chosen(step)
        if order is None:
            return
        terms = self._terms(step._replace(is_ask=order.is_ask, order_type="limit"))
        uuid = self.floor.desk.replace(order, terms, t_ms=self.floor.now_ms, remain_only=step.chosen % 2 == 0)
        new = self.floor.desk.find(order.account, uuid=uuid)
        assert not order.is_open
        if new is not None:
            self.orders[new.order_id] = new

    def _background_place(self, step: Step) -> None:
        book, price = self.floor.market.book, step.price * E8
        best, _ = book.side(is_ask=not step.is_ask).best()
        if not best or (price > best if step.is_ask else price < best):
            self.background.append(
                self.floor.background(is_ask=step.is_ask, price=step.price, volume=as_decimal(step.units))
            )

    def _background_take(self, step: Step) -> None:
        self.floor.hit(is_buy=not step.is_ask, volume=as_decimal(step.units))

    def _background_cancel(self, step: Step) -> None:
        if self.background:
            self.floor.market.cancel(self.floor.now_ms, self.background[step.chosen % len(self.background)])

    def check_balances(self) -> None:
        """Never below zero, and what is locked is what open orders need."""
        for account in self.accounts:
            needed: defaultdict[str, Decimal] = defaultdict(Decimal)
            for order in self.floor.desk.open_orders(account):
                assert order.remaining is not None
                assert order.terms.price is not None
                worth = order.remaining if order.is_ask else order.remaining * order.terms.price * (1 + FEE)
                assert order.locked == worth
                needed[order.currency] += worth
            for currency in OPENING:
                assert account.free[currency] >= 0
                assert account.locked[currency] == needed[currency]

    def check_book(self) -> None:
        """It is not crossed, and holds what remains of the open orders."""
        book = self.floor.market.book
        (best_ask, _), (best_bid, _) = book.asks.best(), book.bids.best()
        assert not best_ask or best_bid < best_ask
        for number, order in self.orders.items():
            side = book.side(is_ask=order.is_ask)
            level = side.levels.get(order.limit_e8 or 0)
            resting = level.orders.get(number, 0) if level else 0
            assert as_decimal(resting) == (order.remaining if order.state == "wait" else 0)


def expected_totals(flow: Flow) -> dict[str, Decimal]:
    """What all accounts own together, from their opening and their trades with background traders, before fees."""
    totals = {currency: 3 * amount for currency, amount in OPENING.items()}
    for event in flow.floor.log:
        if not isinstance(event, Traded):
            continue
        sides = [number in flow.orders for number in (event.maker_id, event.taker_id)]
        if sum(sides) == 1:
            bought = event.is_buy == sides[1]  # The taker bought and it is an account's, or neither.
            sign = 1 if bought else -1
            totals["XRP"] += sign * as_decimal(event.size_e8)
            totals["KRW"] -= sign * as_decimal(event.price_e8) * as_decimal(event.size_e8)
    return totals


def check_money(flow: Flow) -> None:
    fees = sum((order.paid_fee for order in flow.orders.values()), Decimal(0))
    for currency, total in expected_totals(flow).items():
        owned = sum((account.free[currency] + account.locked[currency] for account in flow.accounts), Decimal(0))
        assert owned + (fees if currency == "KRW" else 0) == total


def check_orders(flow: Flow) -> None:
    for order in flow.orders.values():
        terms, fills = order.terms, order.fills
        assert order.executed == sum((fill.volume for fill in fills), Decimal(0))
        assert order.funds == sum((fill.price * fill.volume for fill in fills), Decimal(0))
        assert order.paid_fee == order.funds * FEE
        if terms.volume is not None:
            assert order.remaining is not None
            assert order.executed + order.remaining + order.prevented_volume == terms.volume
        elif terms.price is not None:
            assert order.funds <= terms.price
        if order.terms.order_type == "limit" and terms.price is not None:
            assert all(fill.price >= terms.price if order.is_ask else fill.price <= terms.price for fill in fills)
        if terms.time_in_force == "fok" and terms.volume is not None:
            assert order.executed in {0, terms.volume}
        if terms.time_in_force == "post_only":
            assert all(fill.is_maker for fill in fills)
        if terms.time_in_force in {"ioc", "fok"} or terms.order_type != "limit":
            assert not order.is_open


def check_lives(flow: Flow) -> None:
    for order in flow.orders.values():
        life = flow.floor.life(order)
        assert LIFE.fullmatch("".join(f"{event.state} " for event in life))
        assert life[0].state in {"wait", "watch"}
        assert (life[-1].state in {"done", "cancel"}) == (not order.is_open)
        executed = [event.executed_volume or Decimal(0) for event in life]
        assert executed == sorted(executed)
        assert [event.trade_uuid for event in life if event.trade_uuid] == [fill.trade_uuid for fill in order.fills]
        assert [event.timestamp for event in life] == sorted(event.timestamp for event in life)


def check_events(flow: Flow) -> None:
    """Folding the asset events gives the balances; every id is there once."""
    seen: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    ids: list[str] = [order.uuid for order in flow.orders.values()]
    for access_key, event in flow.floor.events:
        if isinstance(event, MyAsset):
            ids.append(event.asset_uuid)
            seen |= {(access_key, asset.currency): (asset.balance, asset.locked) for asset in event.assets}
        elif isinstance(event, MyOrder) and event.trade_uuid:
            ids.append(event.trade_uuid)
    assert len(set(ids)) == len(ids)
    for (access_key, currency), balance in seen.items():
        account: Account = flow.floor.desk.accounts[access_key]
        assert balance == (account.free[currency], account.locked[currency])


@settings(max_examples=60, deadline=None)
@given(script=st.lists(steps, min_size=10, max_size=50), default_smp=st.sampled_from(("cancel_maker", "none")))
def test_random_order_flow_of_several_accounts_keeps_every_invariant(script: list[Step], default_smp: str) -> None:
    flow = Flow(default_smp)
    with localcontext(EXACT):
        for step in script:
            flow.play(step)
            flow.check_balances()
            flow.check_book()
        flow.naive.fold(list(flow.floor.log))
        check_money(flow)
        check_orders(flow)
        check_lives(flow)
        check_events(flow)
