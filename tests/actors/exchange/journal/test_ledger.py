"""The ledger as one document."""

import json
from decimal import Decimal

from actors.exchange.journal.disclosure import account_id
from actors.exchange.journal.ledger import ledger_document
from actors.exchange.trading.ledger import AccountLedger, Balance
from actors.exchange.trading.order import Fill, OrderState

FILL = Fill(
    trade_uuid="t-1", price=Decimal(1000), volume=Decimal("0.50000000"), funds=Decimal(500), fee=Decimal("0.25"),
    is_maker=True, t_ms=5, t_us=5001, trend="down", side="bid", sequential_id=7,
)  # fmt: skip
ORDER = OrderState(
    uuid="o-1", code="KRW-BTC", is_ask=False, order_type="limit", state="wait", price=Decimal("1E+3"),
    volume=Decimal("1.00000000"), remaining_volume=Decimal("0.5"), executed_volume=Decimal("0.5"),
    executed_funds=Decimal(500), avg_price=Decimal("1000.5"), reserved_fee=Decimal("0.5"),
    remaining_fee=Decimal("0.25"), paid_fee=Decimal("0.25"), locked=Decimal("500.25"), trades_count=1,
    prevented_volume=Decimal(0), prevented_locked=Decimal("0E-8"), time_in_force=None, identifier="mine",
    smp_type="cancel_maker", created_ms=4, finished_ms=None, fills=(FILL,),
)  # fmt: skip


class SomeDesk:
    """A desk of one account with one order, half of it filled."""

    def ledger(self) -> tuple[AccountLedger, ...]:
        balances = (
            Balance("KRW", Decimal(10_000), Decimal("9000.00000000000001"), Decimal("500.25")),
            Balance("BTC", Decimal(0), Decimal("0.5"), Decimal(0)),
        )
        return (AccountLedger("key", balances, (ORDER,), forgotten=3),)


def test_the_ledger_has_balances_orders_and_fills_with_every_digit_as_text() -> None:
    (account,) = json.loads(json.dumps(ledger_document(SomeDesk())))["accounts"]
    assert (account["access_key"], account["account"], account["forgotten"]) == ("key", account_id("key"), 3)
    assert account["balances"] == {
        "KRW": {"opening": "10000", "free": "9000.00000000000001", "locked": "500.25"},
        "BTC": {"opening": "0", "free": "0.5", "locked": "0"},
    }
    (order,) = account["orders"]
    assert (order["uuid"], order["market"], order["side"], order["identifier"]) == ("o-1", "KRW-BTC", "bid", "mine")
    assert (order["price"], order["prevented_locked"], order["time_in_force"]) == ("1000", "0", None)
    assert (order["created_ms"], order["finished_ms"]) == (4, None)
    (fill,) = order["fills"]
    assert fill == {
        "trade_uuid": "t-1", "price": "1000", "volume": "0.5", "funds": "500", "fee": "0.25", "is_maker": True,
        "t_ms": 5, "t_us": 5001, "trend": "down", "side": "bid", "sequential_id": 7,
    }  # fmt: skip
