"""Events to feed pieces with; only what matters is given."""

from decimal import Decimal

from protocols.upbit.messages import MyOrder, Ticker


def ticker(
    code: str = "KRW-BTC", *, price: float = 1000.0, rate: float = 0.0, turnover: float = 0.0, at_ms: int = 0
) -> Ticker:
    return Ticker(
        code=code,
        opening_price=price,
        high_price=price,
        low_price=price,
        trade_price=price,
        prev_closing_price=price,
        acc_trade_price=turnover,
        change="RISE" if rate > 0 else "FALL" if rate < 0 else "EVEN",
        change_price=0.0,
        signed_change_price=0.0,
        change_rate=abs(rate),
        signed_change_rate=rate,
        ask_bid="BID",
        trade_volume=1.0,
        acc_trade_volume=1.0,
        trade_date="20261126",
        trade_time="000000",
        trade_timestamp=at_ms,
        acc_ask_volume=0.0,
        acc_bid_volume=0.0,
        highest_52_week_price=price,
        highest_52_week_date="2026-01-01",
        lowest_52_week_price=price,
        lowest_52_week_date="2026-01-01",
        market_state="ACTIVE",
        timestamp=at_ms,
        acc_trade_price_24h=turnover,
        acc_trade_volume_24h=0.0,
        stream_type="REALTIME",
    )


def order(uuid: str, state: str, *, executed: int = 0, remaining: int = 10, fill: str | None = None) -> MyOrder:
    return MyOrder(
        code="KRW-BTC",
        uuid=uuid,
        ask_bid="BID",
        order_type="limit",
        state=state,
        trade_uuid=fill,
        price=Decimal(1000),
        avg_price=None,
        volume=Decimal(10),
        remaining_volume=Decimal(remaining),
        executed_volume=Decimal(executed),
        trades_count=0,
        reserved_fee=None,
        remaining_fee=None,
        paid_fee=None,
        locked=None,
        executed_funds=None,
        time_in_force=None,
        trade_fee=None,
        is_maker=None,
        identifier=None,
        smp_type=None,
        prevented_volume=None,
        prevented_locked=None,
        trade_timestamp=None,
        order_timestamp=1,
        timestamp=2,
        stream_type="REALTIME",
    )
