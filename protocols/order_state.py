"""The states of an order, and a ledger that keeps each order's true state whatever order the events come in.

Sans-I/O: events in (`MyOrder`, from the WebSocket or made from a REST answer), changes out.

Source: docs.upbit.com, WebSocket myOrder (read 2026-10): `wait` when it enters the book, one `trade` per fill, `done`
or `cancel` at the end; `watch` waits for its trigger; `prevented` when self-match prevention took volume away. REST
knows only wait, watch, done and cancel: an order with fills is `wait` there.
"""

import enum
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocols.errors import UsageError
from protocols.upbit.messages import MyOrder


class OrderState(enum.StrEnum):
    """Where an order stands; values are the exchange's."""

    WATCH = "watch"
    WAIT = "wait"
    TRADE = "trade"
    PREVENTED = "prevented"
    DONE = "done"
    CANCEL = "cancel"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in {OrderState.DONE, OrderState.CANCEL}


_OPEN: Final = (OrderState.WATCH, OrderState.WAIT, OrderState.TRADE, OrderState.PREVENTED)

NEXT_STATE: Final[Mapping[tuple[OrderState, OrderState], OrderState]] = {
    (state, reported): reported
    for state in _OPEN
    for reported in OrderState
    # Once triggered, an order does not go back to waiting for its trigger. `wait` after a fill is REST's word for it.
    if not (reported is OrderState.WATCH and state is not OrderState.WATCH)
}
"""(known state, reported state) -> next state. Out of `done` and `cancel` nothing leads."""

# At equal fills, the later of two reports is the one of higher rank.
_RANK: Final = {
    OrderState.WATCH: 0,
    OrderState.WAIT: 1,
    OrderState.TRADE: 2,
    OrderState.PREVENTED: 2,
    OrderState.DONE: 3,
    OrderState.CANCEL: 3,
}


def next_state(state: OrderState, reported: OrderState) -> OrderState:
    """The state that follows a report.

    Raises:
        UsageError: no such step exists; it names both.
    """
    try:
        return NEXT_STATE[state, reported]
    except KeyError:
        raise UsageError(f"an order in state {state.value} cannot become {reported.value}") from None


class OrderChange(enum.Enum):
    """What an event did to the ledger."""

    NEW = "new"
    UPDATED = "updated"
    FINISHED = "finished"
    DUPLICATE = "duplicate"
    """Known already; nothing changed."""
    STALE = "stale"
    """Older than what is known, or about an order that is finished; nothing changed."""
    UNKNOWN = "unknown"
    """A state that we do not know; nothing changed."""


class OrderLedger:
    """Open orders by uuid, and the last ones that finished.

    An order's fills only grow and what remains of it only shrinks, so an event that says less than is known is older.
    `cancel` is not "nothing happened": a market buy ends with it, filled.

    Args:
        history: finished orders that are kept.
        remembered: uuids of finished orders that are recognised, so that a late event does not bring one back.

    Attributes:
        counters: events by what they did.
    """

    def __init__(self, *, history: int = 200, remembered: int = 10_000) -> None:
        self._history = history
        self._remembered = max(history, remembered)
        self._open: dict[str, MyOrder] = {}
        self._finished: OrderedDict[str, MyOrder] = OrderedDict()
        self._finished_ids: OrderedDict[str, None] = OrderedDict()
        self.counters: dict[OrderChange, int] = dict.fromkeys(OrderChange, 0)

    @property
    def open(self) -> Mapping[str, MyOrder]:
        """The newest event of each order that lives, by uuid; a read-only view."""
        return MappingProxyType(self._open)

    @property
    def finished(self) -> tuple[MyOrder, ...]:
        """The last event of the orders that finished last, oldest first."""
        return tuple(self._finished.values())

    def apply(self, event: MyOrder) -> OrderChange:
        """Take one event in; say what it changed."""
        change = self._change_by(event)
        self.counters[change] += 1
        if change is OrderChange.FINISHED:
            self._finish(event)
        elif change in {OrderChange.NEW, OrderChange.UPDATED}:
            self._open[event.uuid] = event
        return change

    def _change_by(self, event: MyOrder) -> OrderChange:
        try:
            reported = OrderState(event.state)
        except ValueError:
            return OrderChange.UNKNOWN
        if event.uuid in self._finished_ids:
            return self._after_the_end(event)
        known = self._open.get(event.uuid)
        if known is not None:
            if _key(event) == _key(known):
                return OrderChange.DUPLICATE
            if (OrderState(known.state), reported) not in NEXT_STATE or _is_older(event, known):
                return OrderChange.STALE
        if _is_end(event, reported):
            return OrderChange.FINISHED
        return OrderChange.NEW if known is None else OrderChange.UPDATED

    def _after_the_end(self, event: MyOrder) -> OrderChange:
        last = self._finished.get(event.uuid)
        if last is None:
            return OrderChange.STALE
        if last.state == OrderState.PREVENTED and event.state == OrderState.CANCEL and not _is_older(event, last):
            # What self-match prevention left nothing of is cancelled too: the end is confirmed, not repeated.
            self._finished[event.uuid] = event
            return OrderChange.DUPLICATE
        return OrderChange.DUPLICATE if _key(event) == _key(last) else OrderChange.STALE

    def _finish(self, event: MyOrder) -> None:
        self._open.pop(event.uuid, None)
        self._finished[event.uuid] = event
        self._finished_ids[event.uuid] = None
        while len(self._finished) > self._history:
            self._finished.popitem(last=False)
        while len(self._finished_ids) > self._remembered:
            self._finished_ids.popitem(last=False)


def _is_end(event: MyOrder, reported: OrderState) -> bool:
    return reported.is_final or (reported is OrderState.PREVENTED and event.remaining_volume == 0)


def _key(event: MyOrder) -> tuple[object, ...]:
    """What tells two events of one order apart; two steps of self-match prevention differ only in what remains."""
    return event.state, event.trade_uuid, event.executed_volume, event.remaining_volume


def _is_older(event: MyOrder, known: MyOrder) -> bool:
    """Whether `event` says less than is known; amounts that either leaves open (null) are not compared."""
    executed, executed_before = event.executed_volume, known.executed_volume
    if executed is not None and executed_before is not None and executed != executed_before:
        return executed < executed_before
    remaining, remaining_before = event.remaining_volume, known.remaining_volume
    if remaining is not None and remaining_before is not None and remaining != remaining_before:
        return remaining > remaining_before
    return _RANK[OrderState(event.state)] < _RANK[OrderState(known.state)]
