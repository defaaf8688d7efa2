"""Level 3.2 by itself, with a client that is the test's own."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from l3_2_batching import OptimizedSubscriptionManager

from actors.client import SubscriptionError
from protocols.upbit.messages import Ticker
from tests.actors.consumers.harness import ticker
from tests.examples.fake_client import FakeClient


class Manager(OptimizedSubscriptionManager):
    """Keeps its batches, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeClient()
        self.client: Any = self.fake
        self.batches: list[list[int]] = []
        self.failures = 0

    async def _flush_batch(self, events: Sequence[Ticker]) -> None:
        if self.failures:
            self.failures -= 1
            raise ValueError("no")
        self.batches.append([event.timestamp for event in events])
        await super()._flush_batch(events)

    async def take(self, numbers: range) -> None:
        for number in numbers:
            await self._on_data(ticker(timestamp=number))

    @property
    def flushed(self) -> list[int]:
        return [number for batch in self.batches for number in batch]


def run(work: Callable[[Manager], Coroutine[Any, Any, None]]) -> Manager:
    async def main() -> Manager:
        manager = Manager()
        try:
            await work(manager)
        finally:
            await manager.cleanup()
        return manager

    return asyncio.run(main())


def test_the_same_set_is_not_sent_again_but_one_that_was_changed_in_place_is() -> None:
    async def work(manager: Manager) -> None:
        symbols = {"KRW-BTC"}
        await manager.update_symbols(symbols)
        await manager.update_symbols({"KRW-BTC"})
        symbols.add("KRW-ETH")
        await manager.update_symbols(symbols)

    assert run(work).fake.asked == [("KRW-BTC",), ("KRW-BTC", "KRW-ETH")]


def test_only_the_difference_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(manager: Manager) -> None:
        await manager.update_symbols({"KRW-BTC", "KRW-ETH"})
        await manager.update_symbols({"KRW-ETH", "KRW-XRP", "KRW-ADA"})

    run(work)
    assert capsys.readouterr().out.splitlines() == ["심볼 변경: +2, -0", "심볼 변경: +2, -1"]


def test_an_empty_set_ends_the_subscription() -> None:
    async def work(manager: Manager) -> None:
        await manager.update_symbols(set())
        await manager.update_symbols({"KRW-BTC"})
        await manager.update_symbols(set())
        assert manager.current_symbols == frozenset()

    assert run(work).fake.asked == [("KRW-BTC",), ()]


def test_a_subscription_that_fails_changes_nothing() -> None:
    async def work(manager: Manager) -> None:
        await manager.update_symbols({"KRW-BTC"})
        manager.fake.refused = {"KRW-NOPE"}
        with pytest.raises(SubscriptionError):
            await manager.update_symbols({"KRW-NOPE"})
        assert manager.current_symbols == {"KRW-BTC"}
        await manager.update_symbols({"KRW-BTC"})
        assert manager.fake.asked == [("KRW-BTC",)]

    run(work)


def test_of_overlapping_calls_the_last_one_holds(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(manager: Manager) -> None:
        rng = random.Random(5)
        names = [f"KRW-A{number}" for number in range(9)]
        sets = [set(rng.sample(names, rng.randrange(1, 9))) for _ in range(20)]

        async def update(symbols: set[str]) -> None:
            manager.fake.takes_s = rng.uniform(0.0001, 0.003)
            await manager.update_symbols(symbols)

        await asyncio.gather(*(update(symbols) for symbols in sets))
        assert manager.current_symbols == sets[-1] == set(manager.fake.asked[-1])

    manager = run(work)
    # What was printed is what happened on the wire, step by step.
    steps = [(set(after) - set(before), set(before) - set(after)) for before, after in pairs(manager.fake.asked)]
    assert capsys.readouterr().out.splitlines() == [f"심볼 변경: +{len(new)}, -{len(gone)}" for new, gone in steps]


def pairs(asked: list[tuple[str, ...]]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return list(zip([(), *asked[:-1]], asked, strict=True))


def test_a_steady_stream_is_flushed_by_deadline_and_not_by_silence() -> None:
    async def work(manager: Manager) -> None:
        await manager.start()
        for number in range(20):
            await manager.take(range(number, number + 1))
            await asyncio.sleep(0.05)

    manager = run(work)
    # Waiting for 100 ms of silence would make two batches of ten.
    assert len(manager.batches) > 4
    assert manager.flushed == list(range(20))


def test_a_full_batch_is_ten() -> None:
    async def work(manager: Manager) -> None:
        await manager.start()
        await manager.take(range(1000))

    manager = run(work)
    assert [len(batch) for batch in manager.batches] == [10] * 100
    assert manager.flushed == list(range(1000))


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 37, 2345])
@pytest.mark.parametrize("pause_s", [None, 0.0, 0.03])
def test_nothing_is_lost_whenever_it_is_stopped(count: int, pause_s: float | None) -> None:
    async def work(manager: Manager) -> None:
        await manager.start()
        await manager.take(range(count))
        if pause_s is not None:
            await asyncio.sleep(pause_s)

    manager = run(work)
    assert manager.flushed == list(range(count))
    assert manager.update_queue.waiting == 0


def test_what_came_before_the_start_is_flushed_too_and_starting_twice_is_fine() -> None:
    async def work(manager: Manager) -> None:
        await manager.take(range(5))
        await manager.start()
        first = manager.batch_processor_task
        await manager.start()
        assert manager.batch_processor_task is first

    assert run(work).flushed == list(range(5))


def test_a_flush_that_fails_is_counted_and_the_next_batch_comes() -> None:
    async def work(manager: Manager) -> None:
        manager.failures = 1
        await manager.start()
        await manager.take(range(30))

    manager = run(work)
    assert manager.flushed == list(range(10, 30))
    assert (manager.update_queue.failed, manager.update_queue.flushed) == (10, 20)


def test_cleaning_up_leaves_no_task() -> None:
    async def work(manager: Manager) -> None:
        await manager.start()
        await manager.cleanup()
        await manager.cleanup()
        assert manager.batch_processor_task is not None
        assert manager.batch_processor_task.done()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(work)
