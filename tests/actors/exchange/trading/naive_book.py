"""Matching as one would do it by hand: a list of orders, sorted again for each step. What the desk does must agree."""

from dataclasses import dataclass
from decimal import Decimal

from actors.exchange.market.events import Cancelled, Event, Placed
from actors.exchange.market.units import as_decimal
from actors.exchange.trading.terms import OrderTerms

UNIT = Decimal("1E-8")


@dataclass
class NaiveOrder:
    number: int
    is_ask: bool
    price: Decimal
    volume: Decimal
    since: int


@dataclass
class Outcome:
    """What should become of an incoming order: fills as (maker, price, volume), and what prevention takes."""

    fills: list[tuple[int, Decimal, Decimal]]
    prevented: Decimal
    prevented_makers: dict[int, Decimal]
    ends: bool


class NaiveBook:
    """The orders that rest, folded from the log."""

    def __init__(self) -> None:
        self.orders: dict[int, NaiveOrder] = {}
        self._folded = 0

    def fold(self, events: list[Event]) -> None:
        """Take in what the log has since the last time; each trade must take from the order that is first."""
        for event in events[self._folded :]:
            self._folded += 1
            if isinstance(event, Placed):
                price, volume = as_decimal(event.price_e8), as_decimal(event.size_e8)
                self.orders[event.order_id] = NaiveOrder(event.order_id, event.is_ask, price, volume, self._folded)
            elif isinstance(event, Cancelled):
                self._reduce(event.order_id, as_decimal(event.size_e8))
            else:
                first = self.first_to_last(is_ask=event.is_buy)[0]
                assert (first.number, first.price) == (event.maker_id, as_decimal(event.price_e8))
                self._reduce(event.maker_id, as_decimal(event.size_e8))

    def first_to_last(self, *, is_ask: bool) -> list[NaiveOrder]:
        """One side in the order of its priority."""
        side = [order for order in self.orders.values() if order.is_ask == is_ask]
        return sorted(side, key=lambda order: (order.price if is_ask else -order.price, order.since))

    def outcome(self, terms: OrderTerms, own: set[int], smp_type: str) -> Outcome:
        """What should become of an order with these terms whose account has the orders `own`."""
        left = terms.price if terms.is_budget else terms.volume
        assert left is not None
        outcome = Outcome([], Decimal(0), {}, ends=False)
        for maker in self._within_limit(terms):
            wanted = left // (maker.price * UNIT) * UNIT if terms.is_budget else left
            if wanted == 0:
                break
            if maker.number in own and smp_type == "cancel_taker":
                outcome.prevented, outcome.ends = wanted, True
                break
            if maker.number in own and smp_type == "cancel_maker":
                outcome.prevented_makers[maker.number] = maker.volume
                continue
            size = min(wanted, maker.volume)
            left -= size * maker.price if terms.is_budget else size
            if maker.number in own and smp_type == "reduce":
                outcome.prevented_makers[maker.number] = size
                outcome.prevented += size
            else:
                outcome.fills.append((maker.number, maker.price, size))
        return self._all_or_nothing(terms, left, outcome) if terms.time_in_force == "fok" else outcome

    def _all_or_nothing(self, terms: OrderTerms, left: Decimal, outcome: Outcome) -> Outcome:
        best = self._within_limit(terms)
        is_filled = (
            bool(best) and outcome.prevented == 0 and (left < best[0].price * UNIT if terms.is_budget else not left)
        )
        return outcome if is_filled else Outcome([], Decimal(0), {}, ends=True)

    def _within_limit(self, terms: OrderTerms) -> list[NaiveOrder]:
        makers = self.first_to_last(is_ask=not terms.is_ask)
        if terms.time_in_force == "post_only" or not makers:
            return []
        limit = {"limit": terms.price, "best": makers[0].price}.get(terms.order_type)
        if limit is None:
            return makers
        return [maker for maker in makers if (maker.price >= limit if terms.is_ask else maker.price <= limit)]

    def _reduce(self, number: int, volume: Decimal) -> None:
        order = self.orders[number]
        assert volume <= order.volume
        order.volume -= volume
        if order.volume == 0:
            del self.orders[number]
