"""What the private stream says: amounts of the documented and recorded examples, and which balances follow."""

from decimal import Decimal

from actors.exchange.trading.order import Order
from protocols.upbit.messages import Asset, MyAsset, MyOrder
from tests.actors.exchange.trading.floor import Floor, ask, bid, market_buy


def test_a_market_buy_for_5000_has_the_values_of_the_recorded_first_event() -> None:
    floor = Floor()
    order, _ = floor.place(floor.a, market_buy(5000))
    wait = floor.life(order)[0]
    assert (wait.state, wait.order_type, wait.price, wait.avg_price) == ("wait", "price", 5000, 0)
    assert (wait.volume, wait.remaining_volume, wait.executed_volume) == (None, None, None)
    assert (wait.reserved_fee, wait.remaining_fee, wait.paid_fee) == (Decimal("2.5"), Decimal("2.5"), 0)
    assert (wait.locked, wait.executed_funds, wait.trades_count) == (Decimal("5002.5"), 0, 0)
    assert (wait.time_in_force, wait.trade_fee, wait.is_maker, wait.identifier, wait.trade_timestamp) == (None,) * 5
    assert (wait.prevented_volume, wait.prevented_locked) == (None, 0)
    assert wait.order_timestamp == floor.now_ms // 1000 * 1000 != floor.now_ms == wait.timestamp


def test_a_market_buy_at_1375_follows_the_derived_sequence_of_events_and_assets() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1375, volume=100)
    before = floor.a.free["KRW"]
    order, _ = floor.place(floor.a, market_buy(5000))
    _, trade, cancel = floor.life(order)
    assert (trade.price, trade.volume, trade.executed_volume) == (1375, Decimal("3.63636363"), Decimal("3.63636363"))
    assert trade.executed_funds == Decimal("4999.99999125")
    assert trade.trade_fee == trade.paid_fee == Decimal("2.499999995625")
    assert trade.locked == cancel.locked == Decimal("0.000008754375")
    assert (cancel.price, cancel.volume, cancel.trade_fee) == (5000, None, None)
    assert cancel.executed_volume == Decimal("3.63636363")
    lock, fill, release = floor.assets(floor.a)
    assert lock.assets == (Asset("KRW", before - Decimal("5002.5"), Decimal("5002.5")),)
    assert [asset.currency for asset in fill.assets] == ["KRW", "XRP"]
    assert fill.assets[0].locked == Decimal("0.000008754375")
    assert release.assets == (Asset("KRW", floor.a.free["KRW"], Decimal(0)),)


def test_a_fill_of_a_bid_has_the_amounts_of_the_documented_example() -> None:
    floor = Floor(last=Decimal("0.00145"))
    rich = floor.desk.open_account("d", {"KRW": Decimal(1_000_000)})
    filled, left = Decimal("30925891.29839369"), Decimal("29968038.09235948")
    order, _ = floor.place(rich, bid("0.00145", filled + left))  # type: ignore[arg-type]  # a Decimal does as well
    floor.hit(is_buy=False, volume=filled)
    trade = floor.life(order)[-1]
    assert (trade.volume, trade.remaining_volume) == (filled, left)
    assert trade.executed_funds == filled * Decimal("0.00145")
    assert trade.paid_fee == trade.trade_fee == filled * Decimal("0.00145") * Decimal("0.0005")
    assert trade.reserved_fee == (filled + left) * Decimal("0.00145") * Decimal("0.0005")
    assert trade.locked == left * Decimal("0.00145") * Decimal("1.0005")
    assert trade.avg_price == Decimal("0.00145072")  # 0.00145 * 1.0005 = 0.001450725, cut
    assert trade.is_maker
    assert trade.trade_timestamp == trade.timestamp


def test_a_bid_of_0_0001_btc_locks_the_documented_amount() -> None:
    floor = Floor(code="KRW-BTC", last=155_772_000)
    _, accepted = floor.place(floor.a, bid(155_772_000, "0.0001"))
    assert (accepted.reserved_fee, accepted.locked) == (Decimal("7.7886"), Decimal("15584.9886"))


def test_the_fee_of_an_ask_comes_out_of_the_proceeds_as_in_the_documented_example() -> None:
    floor = Floor(code="KRW-USDT", last=1375)
    seller = floor.desk.open_account("d", {"USDT": Decimal("5.377594")})
    floor.background(is_ask=False, price=1375, volume=100)
    order, _ = floor.place(seller, ask(1375, "5.377594"))
    assert (order.funds, order.paid_fee) == (Decimal("7394.19175"), Decimal("3.697095875"))
    assert seller.free == {"USDT": 0, "KRW": order.funds - order.paid_fee}


def test_a_cancelled_ask_says_what_was_locked_before_the_release_as_recorded() -> None:
    floor = Floor()
    order, _ = floor.place(floor.a, ask(2000, 5))
    floor.desk.cancel(order, t_ms=floor.now_ms)
    wait, cancel = floor.life(order)
    assert (wait.volume, wait.remaining_volume, wait.executed_volume, wait.locked) == (5, 5, 0, 5)
    assert (wait.reserved_fee, wait.remaining_fee, wait.trade_uuid) == (0, 0, None)
    assert (cancel.state, cancel.remaining_volume, cancel.locked) == ("cancel", 5, 5)


def test_a_fill_at_a_better_price_releases_the_difference_at_once() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=5)
    before = floor.a.free["KRW"]
    order, _ = floor.place(floor.a, bid(1100, 10))
    assert order.locked == 5 * 1100 * Decimal("1.0005")
    assert floor.a.free["KRW"] == before - order.locked - 5000 * Decimal("1.0005")


def test_order_and_asset_events_alternate_and_only_changed_currencies_are_listed() -> None:
    floor = Floor()
    floor.background(is_ask=True, price=1000, volume=5)
    floor.place(floor.a, bid(1000, 5))
    told = [
        event.state if isinstance(event, MyOrder) else [asset.currency for asset in event.assets]
        for _, event in floor.events
    ]
    assert told == ["wait", ["KRW"], "trade", ["KRW", "XRP"], "done"]


def test_maker_and_taker_are_both_told_and_pay_the_same_fee() -> None:
    floor = Floor()
    maker, taker = floor.order(floor.b, ask(1000, 10)), floor.order(floor.a, bid(1000, 10))
    (sold,) = maker.fills
    (bought,) = taker.fills
    assert (sold.is_maker, bought.is_maker) == (True, False)
    assert (sold.side, bought.side, sold.trend, bought.trend) == ("ask", "bid", "up", "up")
    assert sold.fee == bought.fee == 5
    assert (sold.t_ms, sold.t_us // 1000) == (bought.t_ms, sold.t_ms)
    assert sold.sequential_id == bought.sequential_id


def test_fees_of_btc_markets_are_a_quarter_percent() -> None:
    floor = Floor(code="BTC-XRP", last=Decimal("0.00002"))
    buyer = floor.desk.open_account("d", {"BTC": Decimal(1)})
    order: Order = floor.order(buyer, bid("0.00002", 100))
    assert order.reserved_fee == Decimal("0.002") * Decimal("0.0025")


def test_asset_events_have_ids_of_their_own() -> None:
    floor = Floor()
    floor.place(floor.a, bid(900, 10))
    floor.place(floor.a, bid(900, 10))
    ids = [event.asset_uuid for event in floor.assets(floor.a) if isinstance(event, MyAsset)]
    assert len(set(ids)) == len(ids) == 2
