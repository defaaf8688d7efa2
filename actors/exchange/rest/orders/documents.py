"""Orders, fills and balances as JSON shapes of private REST.

Amounts are texts, and what is null on the WebSocket is left out here (documented). `remaining_volume` is documented as
always there; an order that spends a budget has none (recorded as null, 2025-11), so it is left out of that one
(assumed). `executed_funds` is not part of the reference of 2026 and only the older query has it.

Source: docs.upbit.com, orders and accounts (read 2026-10).
"""

from collections.abc import Sequence
from decimal import Decimal

from actors.exchange.rest.orders.amounts import amount_text, balance_text, kst_microseconds, kst_seconds
from actors.exchange.trading.account import Account
from actors.exchange.trading.order import Fill, Order, OrderState

Document = dict[str, object]


def order_document(state: OrderState) -> Document:
    """One order, without its fills."""
    members: Document = {
        "market": state.code,
        "uuid": state.uuid,
        "side": state.side,
        "ord_type": state.order_type,
        "price": _optional(state.price),
        "state": state.state,
        "created_at": kst_seconds(state.created_ms),
        "volume": _optional(state.volume),
        "remaining_volume": _optional(state.remaining_volume),
        "executed_volume": amount_text(state.executed_volume),
        "reserved_fee": amount_text(state.reserved_fee),
        "remaining_fee": amount_text(state.remaining_fee),
        "paid_fee": amount_text(state.paid_fee),
        "locked": amount_text(state.locked),
        "prevented_volume": amount_text(state.prevented_volume),
        "prevented_locked": amount_text(state.prevented_locked),
        "trades_count": state.trades_count,
        "time_in_force": state.time_in_force,
        "identifier": state.identifier,
        "smp_type": state.smp_type,
    }
    return {name: value for name, value in members.items() if value is not None}


def order_with_fills(state: OrderState) -> Document:
    """One order with its fills, oldest first; only the query for a single order has them (documented)."""
    return order_document(state) | {"trades": [_fill_document(state.code, fill) for fill in state.fills]}


def order_with_funds(state: OrderState) -> Document:
    """One order as older answers have it: with what its fills were worth."""
    return order_document(state) | {"executed_funds": amount_text(state.executed_funds)}


def batch_document(cancelled: Sequence[Order], failed: Sequence[Order]) -> Document:
    """What became of the orders of one request to cancel several."""
    return {
        name: {"count": len(orders), "orders": [_named(order) for order in orders]}
        for name, orders in (("success", cancelled), ("failed", failed))
    }


def balance_document(account: Account, currency: str, avg_buy_price: Decimal) -> Document:
    """What an account has of one currency; both parts together are what it owns."""
    asset = account.asset(currency)
    return {
        "currency": currency,
        "balance": balance_text(asset.balance),
        "locked": balance_text(asset.locked),
        "avg_buy_price": amount_text(avg_buy_price),
        "avg_buy_price_modified": False,  # True once a person has changed it in the app, which nobody can here.
        "unit_currency": "KRW",
    }


def _fill_document(code: str, fill: Fill) -> Document:
    return {
        "market": code,
        "uuid": fill.trade_uuid,
        "price": amount_text(fill.price),
        "volume": amount_text(fill.volume),
        "funds": amount_text(fill.funds),
        "trend": fill.trend,
        "created_at": kst_microseconds(fill.t_us),
        "side": fill.side,
    }


def _named(order: Order) -> Document:
    names: Document = {"uuid": order.uuid, "market": order.market.code}
    if order.terms.identifier is not None:
        names["identifier"] = order.terms.identifier
    return names


def _optional(amount: Decimal | None) -> str | None:
    return None if amount is None else amount_text(amount)
