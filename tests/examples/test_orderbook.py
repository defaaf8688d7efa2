"""Level 4.1 by itself, on a clock of the test's, with a client that is the test's own."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from l4_1_orderbook import RealTimeOrderbook

from actors.client import SubscriptionError
from tests.actors.book.books import book
from tests.examples import jumping_loop
from tests.examples.fake_client import FakeClient

MARKETS = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA")


class Orderbook(RealTimeOrderbook):
    """Notes what is drawn, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeClient()
        self.client: Any = self.fake
        self.drawn: list[tuple[str, str | None]] = []
        self.drawn_s: list[float] = []

    def _update_orderbook_display(self) -> None:
        super()._update_orderbook_display()
        self.drawn.append((self.current_symbol, None if self.orderbook_data is None else self.orderbook_data.symbol))
        self.drawn_s.append(asyncio.get_running_loop().time())


def run(work: Callable[[Orderbook], Coroutine[Any, Any, None]]) -> Orderbook:
    shown: list[Orderbook] = []

    async def main() -> None:
        orderbook = Orderbook()
        shown.append(orderbook)
        await orderbook.start()
        try:
            await work(orderbook)
        finally:
            await orderbook.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    jumping_loop.run(main)
    return shown[0]


def test_ten_seconds_of_200_books_a_second_are_590_to_600_draws() -> None:
    async def work(orderbook: Orderbook) -> None:
        for number in range(2000):
            orderbook.fake.callback(book(timestamp=number))
            await asyncio.sleep(1 / 200)

    assert 590 <= sum(at_s < 10.0 for at_s in run(work).drawn_s) <= 600


def test_without_a_new_book_there_is_at_most_one_draw() -> None:
    async def silence(_orderbook: Orderbook) -> None:
        await asyncio.sleep(10.0)

    async def one_book(orderbook: Orderbook) -> None:
        orderbook.fake.callback(book())
        await asyncio.sleep(10.0)

    assert run(silence).draws == 0
    assert run(one_book).draws == 1


def test_after_a_pause_the_rate_is_kept_too() -> None:
    async def work(orderbook: Orderbook) -> None:
        for pause_s in (5.0, 0.001, 0.001, 0.001, 0.02, 3.0, 0.001):
            orderbook.fake.callback(book())
            await asyncio.sleep(pause_s)
        await asyncio.sleep(1.0)

    drawn_s = run(work).drawn_s
    assert all(later - earlier > 1 / 60 - 1e-9 for earlier, later in pairwise(drawn_s))


def test_200_random_switches_draw_no_book_under_another_name(capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(2)

    async def work(orderbook: Orderbook) -> None:
        async def publish() -> None:
            while True:
                orderbook._on_orderbook(book(rng.choice(MARKETS)))  # Also of the markets that were just left.
                await asyncio.sleep(0.001)

        publishing = asyncio.create_task(publish())
        for _ in range(200):
            orderbook.fake.takes_s = rng.uniform(0, 0.02)
            symbol = rng.choice(MARKETS)
            assert await orderbook.change_symbol(symbol)
            data = orderbook.orderbook_data
            assert data is None or data.symbol == symbol
            await asyncio.sleep(rng.uniform(0, 0.05))
        publishing.cancel()
        await asyncio.wait([publishing])

    orderbook = run(work)
    assert orderbook.draws > 200
    assert [drawn for drawn in orderbook.drawn if drawn[1] not in {None, drawn[0]}] == []
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("호가창")]
    assert [line.split()[-1] for line in lines] == [asked[0] for asked in orderbook.fake.asked[1:]]


def test_switches_at_the_same_time_end_with_the_last_one() -> None:
    async def work(orderbook: Orderbook) -> None:
        orderbook.fake.takes_s = 0.01
        results = await asyncio.gather(*(orderbook.change_symbol(symbol) for symbol in (*MARKETS, "KRW-ETH")))
        assert results == [True] * 5
        assert orderbook.current_symbol == "KRW-ETH"
        assert orderbook.fake.asked[-1] == ("KRW-ETH",)

    run(work)


def test_the_present_market_is_not_subscribed_again() -> None:
    async def work(orderbook: Orderbook) -> None:
        assert await orderbook.change_symbol("KRW-BTC")

    assert run(work).fake.asked == [("KRW-BTC",)]


def test_a_market_that_does_not_exist_leaves_the_old_book() -> None:
    async def work(orderbook: Orderbook) -> None:
        orderbook.fake.callback(old := book())
        orderbook.fake.refused = {"KRW-NOPE"}
        with pytest.raises(SubscriptionError):
            await orderbook.change_symbol("KRW-NOPE")
        assert (orderbook.current_symbol, orderbook.orderbook_data) == ("KRW-BTC", old)

    run(work)


def test_stopping_twice_is_fine_and_a_loop_that_failed_is_told() -> None:
    async def twice(orderbook: Orderbook) -> None:
        await orderbook.stop()

    run(twice)

    class Broken(Orderbook):
        def _update_orderbook_display(self) -> None:
            raise RuntimeError("no screen")

    async def main() -> None:
        orderbook = Broken()
        await orderbook.start()
        orderbook.fake.callback(book())
        await asyncio.sleep(1.0)
        with pytest.raises(RuntimeError, match="no screen"):
            await orderbook.stop()
        assert orderbook.fake.cleanups == 1

    jumping_loop.run(main)
