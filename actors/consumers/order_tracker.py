"""The order tracker: the account's open orders and balances, as the exchange told them.

Nothing here asks the exchange, so it knows no order from before its start (`knows_since_ms`), and what happened while
the link was down or this process was restarted is shown as doubt (`uncertain`), not hidden. The ledger takes recovered
events like any others.
"""

import time
from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Final

import trio
from msgspec import Meta, Struct
from msgspec.structs import asdict

from actors.runtime.actor import Actor
from protocols.channel.messages import Event, Request
from protocols.order_state import OrderChange, OrderLedger
from protocols.source_view import SourceView
from protocols.upbit.messages import Asset, MyAsset, MyOrder

TOPICS: Final = ("myOrder", "myAsset")

SHOWN_ORDERS: Final = 2000
"""Open orders in one answer; with all their fields they stay well under the largest frame."""


class OrderTrackerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the order tracker.

    Attributes:
        history: finished orders that are kept.
        source: the actor that serves the account's events.
    """

    history: Annotated[int, Meta(ge=1, le=2000)] = 200
    source: str = "private"


class Account:
    """Orders and balances as far as they are known. No I/O and no clock; all amounts are `Decimal`."""

    def __init__(self, *, history: int) -> None:
        self.ledger = OrderLedger(history=history)
        self.balances: dict[str, tuple[Asset, int]] = {}

    def take(self, body: MyOrder | MyAsset) -> OrderChange | None:
        """Take one event in; for an order, return what it changed."""
        if isinstance(body, MyOrder):
            return self.ledger.apply(body)
        for asset in body.assets:
            known = self.balances.get(asset.currency)
            # Balances are absolute, so only the newest counts, whatever order they come in.
            if known is None or known[1] <= body.asset_timestamp:
                self.balances[asset.currency] = (asset, body.asset_timestamp)
        return None

    def describe(self) -> dict[str, object]:
        """Return open orders, balances and finished orders (the newest first) as plain values."""
        return {
            "open_orders": len(self.ledger.open),
            "open": _describe_orders(islice(self.ledger.open.values(), SHOWN_ORDERS)),
            "balances": [
                {"currency": asset.currency, "balance": asset.balance, "locked": asset.locked, "timestamp": timestamp}
                for asset, timestamp in sorted(self.balances.values(), key=lambda known: known[0].currency)
            ],
            "finished": _describe_orders(reversed(self.ledger.finished)),
            "events": {change.value: count for change, count in self.ledger.counters.items()},
        }


def _describe_orders(orders: Iterable[MyOrder]) -> list[dict[str, object]]:
    return [asdict(order) for order in orders]


async def run(actor: Actor, settings: OrderTrackerSettings) -> None:
    """Follow the account until cancelled; answer `state`."""
    account = Account(history=settings.history)
    source = SourceView(settings.source, now_ns=time.monotonic_ns())
    started_ns = time.time_ns()
    if actor.incarnation > 1:
        source.doubt("restarted; what was known before is gone", at_ns=time.monotonic_ns())

    async def answer_state(_request: Request) -> object:
        await trio.lowlevel.checkpoint()
        now_ns = time.monotonic_ns()
        return {
            "source": source.describe(now_ns=now_ns),
            "knows_since_ms": started_ns // 1_000_000,
            "uncertain": source.describe_doubt(now_ns=now_ns),
            **account.describe(),
        }

    actor.on_request("state", answer_state)
    async with actor.dial(settings.source, setting="source") as feed:
        await feed.want_topics(*TOPICS)
        actor.ready()
        async for item in feed:
            if isinstance(item, Event):
                source.served(item.topic)
                _count(actor, account, account.take(item.body))
            else:
                source.take(item, now_ns=time.monotonic_ns())


def _count(actor: Actor, account: Account, change: OrderChange | None) -> None:
    if change is None:
        actor.counters.set("currencies", len(account.balances))
        return
    actor.counters.add(f"orders_{change.value}")
    actor.counters.set("orders_open", len(account.ledger.open))
    if change is OrderChange.UNKNOWN:
        actor.log.warning("order.unknown_state", known=len(account.ledger.open))
