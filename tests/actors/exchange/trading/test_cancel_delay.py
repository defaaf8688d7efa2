"""Between the acceptance of a cancel and its effect an order can be filled (quirk `cancel_ms`)."""

from decimal import Decimal

from actors.exchange.quirks import Quirks
from actors.exchange.trading.terms import OrderTerms
from tests.actors.exchange.trading.floor import Floor

DELAY_MS = 40


def late_floor() -> Floor:
    return Floor(quirks=Quirks(cancel_ms=DELAY_MS))


def bid(price: int, volume: int, *, identifier: str | None = None) -> OrderTerms:
    return OrderTerms(False, "limit", Decimal(price), Decimal(volume), identifier=identifier)


def test_a_requested_cancel_takes_effect_after_its_delay() -> None:
    floor = late_floor()
    order = floor.order(floor.a, bid(900, 10))
    before = floor.desk.request_cancel(order, t_ms=floor.now_ms)
    assert before is not None
    assert (before.state, order.state) == ("wait", "wait")
    assert floor.desk.next_due_ms == floor.now_ms + DELAY_MS
    floor.desk.run_due(floor.now_ms + DELAY_MS - 1)
    assert order.state == "wait"
    floor.desk.run_due(floor.now_ms + DELAY_MS)
    assert floor.states(order) == ["wait", "cancel"]
    assert floor.life(order)[-1].timestamp == floor.now_ms + DELAY_MS


def test_an_order_that_is_filled_before_its_cancel_takes_effect_is_done() -> None:
    floor = late_floor()
    order = floor.order(floor.a, bid(1000, 10))
    assert floor.desk.request_cancel(order, t_ms=floor.now_ms) is not None
    floor.hit(is_buy=False, volume=10)
    floor.desk.run_due(floor.now_ms + DELAY_MS)
    assert floor.states(order) == ["wait", "trade", "done"]


def test_no_new_order_exists_when_the_old_one_is_filled_before_its_cancel_takes_effect() -> None:
    floor = late_floor()
    old = floor.order(floor.a, bid(1000, 10))
    uuid = floor.desk.replace(old, bid(500, 20, identifier="new"), t_ms=floor.now_ms)
    floor.hit(is_buy=False, volume=10)
    floor.desk.run_due(floor.now_ms + DELAY_MS)
    assert old.state == "done"
    assert floor.desk.find(floor.a, uuid=uuid) is None
    assert floor.desk.find(floor.a, identifier="new") is None
    assert floor.desk.unborn_replacements == 1


def test_what_remains_is_counted_when_the_cancel_takes_effect() -> None:
    floor = late_floor()
    old = floor.order(floor.a, bid(1000, 30))
    terms = OrderTerms(is_ask=False, order_type="limit", price=Decimal(900))
    uuid = floor.desk.replace(old, terms, t_ms=floor.now_ms, remain_only=True)
    floor.hit(is_buy=False, volume=12)
    floor.desk.run_due(floor.now_ms + DELAY_MS)
    new = floor.desk.find(floor.a, uuid=uuid)
    assert new is not None
    assert (old.executed, new.terms.volume) == (12, 18)
