import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors.client.hosts import current_host
from actors.client.pieces.batcher import Batcher, BatcherStopped
from tests.actors.client.pieces.two_loops import AnyLoop, AsyncioLoop, TrioLoop


@pytest.fixture(params=[AsyncioLoop(), TrioLoop()], ids=lambda loop: loop.name)
def loop(request: pytest.FixtureRequest) -> AnyLoop:
    found: AnyLoop = request.param
    return found


class Collector:
    """A flush that remembers; plain, or async with a duration."""

    def __init__(self, loop: AnyLoop, takes_s: float = 0.0) -> None:
        self.loop = loop
        self.takes_s = takes_s
        self.batches: list[list[int]] = []
        self.at_s: list[float] = []
        self.most_at_once = 0
        self._at_once = 0

    def plain(self, batch: list[int]) -> None:
        self.at_s.append(self.loop.now_s())
        self.batches.append(batch)

    async def slow(self, batch: list[int]) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await current_host().sleep(self.takes_s)
        self._at_once -= 1
        self.plain(batch)

    @property
    def items(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


def batcher_of(loop: AnyLoop, flush: Callable[[list[int]], object], **settings: Any) -> Batcher[int]:
    return Batcher(flush, clock=loop.now_s, **settings)


async def sleep(seconds: float) -> None:
    await current_host().sleep(seconds)


def test_ten_items_are_flushed_without_waiting(loop: AnyLoop) -> None:
    got = Collector(loop)

    async def main() -> None:
        async with batcher_of(loop, got.plain) as batcher:
            for n in range(25):
                batcher.add(n)
            await sleep(0.01)
            assert got.batches == [list(range(10)), list(range(10, 20))]
            assert got.at_s == [0.0, 0.0]
            await sleep(0.1)
            assert got.batches[2] == list(range(20, 25))
            assert got.at_s[2] == pytest.approx(0.1)

    loop.run(main)


def test_a_steady_trickle_does_not_put_off_the_flush(loop: AnyLoop) -> None:
    got = Collector(loop)

    async def main() -> None:
        added_s = []
        async with batcher_of(loop, got.plain) as batcher:
            for n in range(40):
                added_s.append(loop.now_s())
                batcher.add(n)
                await sleep(0.03)
        for batch, at_s in zip(got.batches, got.at_s, strict=True):
            assert all(at_s - added_s[n] <= 0.1 + 1e-6 for n in batch)
        assert got.items == list(range(40))

    loop.run(main)


def test_flushes_follow_one_another_and_the_next_batch_collects_meanwhile(loop: AnyLoop) -> None:
    got = Collector(loop, takes_s=1.0)

    async def main() -> None:
        async with batcher_of(loop, got.slow, max_items=4) as batcher:
            for n in range(10):
                batcher.add(n)
                await sleep(0.04)
        assert got.most_at_once == 1
        assert got.items == list(range(10))
        assert [len(batch) for batch in got.batches] == [3, 4, 3]

    loop.run(main)


def test_a_failing_flush_is_counted_logged_and_told_and_the_next_one_comes(
    loop: AnyLoop, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, list[int]]] = []
    done: list[int] = []

    def flush(batch: list[int]) -> None:
        if batch[0] < 4:
            raise OSError("disk full")
        done.extend(batch)

    async def on_error(error: Exception, batch: list[int]) -> None:
        await sleep(0)
        told.append((str(error), batch))

    async def main() -> None:
        async with batcher_of(loop, flush, max_items=2, on_error=on_error) as batcher:
            for n in range(6):
                batcher.add(n)
        assert (batcher.failed, batcher.failed_batches) == (4, 2)
        assert (batcher.flushed, batcher.batches, batcher.waiting) == (2, 1, 0)

    with caplog.at_level(logging.ERROR, logger="upbitd.client"):
        loop.run(main)
    assert told == [("disk full", [0, 1]), ("disk full", [2, 3])]
    assert done == [4, 5]
    assert [record.getMessage() for record in caplog.records] == ["flush of 2 items failed: OSError('disk full')"] * 2
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


def test_an_on_error_that_fails_too_ends_nothing(loop: AnyLoop, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("no")

    async def main() -> None:
        async with batcher_of(loop, fail, max_items=1, on_error=fail) as batcher:
            batcher.add(1)
            await sleep(0.01)
            batcher.add(2)
        assert batcher.failed == 2

    loop.run(main)
    assert "on_error failed, too" in caplog.messages


def test_stop_flushes_what_is_left_and_may_come_twice(loop: AnyLoop) -> None:
    got = Collector(loop, takes_s=0.3)

    async def main() -> None:
        batcher = batcher_of(loop, got.slow)
        await batcher.start()
        await batcher.start()
        for n in range(23):
            batcher.add(n)
        second = current_host().spawn(batcher.stop)
        await batcher.stop()
        assert got.items == list(range(23))
        await second.wait()
        await batcher.stop()
        assert got.most_at_once == 1
        assert (batcher.accepted, batcher.flushed, batcher.failed) == (23, 23, 0)

    loop.run(main)


def test_nothing_is_lost_at_whatever_moment_it_is_stopped(loop: AnyLoop) -> None:
    async def stop_after(seconds: float) -> None:
        got = Collector(loop, takes_s=0.02)
        batcher = batcher_of(loop, got.slow, max_items=3, max_wait_s=0.05)
        await batcher.start()

        async def feed() -> None:
            for n in range(40):
                batcher.add(n)
                await sleep(0.007)

        feeding = current_host().spawn(feed)
        await sleep(seconds)
        await batcher.stop()
        assert got.items == list(range(batcher.accepted))
        await feeding.wait()
        assert batcher.flushed == batcher.accepted == 40 - batcher.dropped

    async def main() -> None:
        for moment in range(60):
            await stop_after(moment * 0.005)

    loop.run(main)


def test_a_stopped_batcher_takes_nothing_more_and_says_so(loop: AnyLoop) -> None:
    async def main() -> None:
        batcher = batcher_of(loop, Collector(loop).plain)
        await batcher.stop()
        assert not batcher.add(1)
        assert (batcher.accepted, batcher.dropped) == (0, 1)
        with pytest.raises(BatcherStopped, match="make a new one"):
            await batcher.put(1)
        with pytest.raises(BatcherStopped):
            await batcher.start()

    loop.run(main)


def test_what_came_before_the_start_is_kept_even_when_it_is_only_stopped(loop: AnyLoop) -> None:
    got = Collector(loop)

    async def main() -> None:
        batcher = batcher_of(loop, got.plain)
        batcher.add(1)
        await batcher.stop()
        assert got.items == [1]

    loop.run(main)


def test_a_full_batcher_drops_the_newest_and_counts_it(loop: AnyLoop) -> None:
    got = Collector(loop)

    async def main() -> None:
        batcher = batcher_of(loop, got.plain, max_items=2, max_waiting=4)
        assert [batcher.add(n) for n in range(6)] == [True] * 4 + [False] * 2
        assert (batcher.dropped, batcher.waiting) == (2, 4)
        await batcher.start()
        await batcher.stop()
        assert got.items == [0, 1, 2, 3]

    loop.run(main)


def test_put_waits_for_room_and_loses_nothing(loop: AnyLoop) -> None:
    got = Collector(loop, takes_s=0.1)

    async def main() -> None:
        async with batcher_of(loop, got.slow, max_items=2, max_waiting=4) as batcher:
            for n in range(30):
                await batcher.put(n)
                assert batcher.waiting <= 4 + 2
        assert got.items == list(range(30))
        assert batcher.dropped == 0

    loop.run(main)


def test_a_task_that_puts_and_never_waits_does_not_hold_up_the_flush(loop: AnyLoop) -> None:
    got = Collector(loop)

    async def main() -> None:
        async with batcher_of(loop, got.plain) as batcher:
            for n in range(100):
                await batcher.put(n)
            assert len(got.items) >= 50

    loop.run(main)


def test_many_tasks_that_wait_for_room_all_get_it_although_one_is_cancelled(loop: AnyLoop) -> None:
    got = Collector(loop, takes_s=0.1)

    async def main() -> None:
        async with batcher_of(loop, got.slow, max_items=1, max_waiting=1) as batcher:
            await batcher.put(0)
            tasks = []
            for n in range(1, 6):
                tasks.append(current_host().spawn(lambda n=n: batcher.put(n)))
                await sleep(0.001)
            tasks[1].cancel()
            for task in tasks:
                await task.wait()
        assert sorted(got.items) == [0, 1, 3, 4, 5]
        assert batcher.accepted == 5

    loop.run(main)


def test_put_that_waits_when_the_batcher_is_stopped_says_so(loop: AnyLoop) -> None:
    got = Collector(loop, takes_s=0.1)
    outcomes: list[str] = []

    async def main() -> None:
        batcher = batcher_of(loop, got.slow, max_items=1, max_waiting=1)
        await batcher.start()
        batcher.add(0)
        await sleep(0.01)
        batcher.add(1)

        async def put() -> None:
            try:
                await batcher.put(2)
            except BatcherStopped:
                outcomes.append("stopped")

        putting = current_host().spawn(put)
        await sleep(0.01)
        await batcher.stop()
        await putting.wait()
        assert got.items == [0, 1]

    loop.run(main)
    assert outcomes == ["stopped"]


def test_a_cancelled_program_still_flushes_what_is_left(loop: AnyLoop) -> None:
    got = Collector(loop, takes_s=0.2)
    made: list[Batcher[int]] = []

    async def work() -> None:
        async with batcher_of(loop, got.slow) as batcher:
            made.append(batcher)
            for n in range(25):
                batcher.add(n)
            await sleep(100)

    async def main() -> None:
        await loop.run_for(0.1, work)
        assert loop.now_s() == pytest.approx(0.6)
        assert made[0].flushed == made[0].accepted == 25

    loop.run(main)
    assert got.items == list(range(25))


def test_a_flush_that_hangs_holds_up_a_cancelled_stop_only_for_the_grace(
    loop: AnyLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        batcher = batcher_of(loop, lambda _batch: sleep(1e6), max_items=2, grace_s=3.0)
        await batcher.start()
        for n in range(5):
            batcher.add(n)
        await loop.run_for(1.0, batcher.stop)
        assert loop.now_s() == pytest.approx(4.0)
        await batcher.stop()
        assert loop.now_s() == pytest.approx(4.0)
        assert (batcher.flushed, batcher.failed, batcher.waiting) == (0, 5, 0)

    loop.run(main)
    assert "3 items were not flushed" in caplog.text


@pytest.mark.parametrize("takes_s", [None, 0.5])
def test_a_program_that_ends_without_stop_still_flushes_what_waits(loop: AnyLoop, takes_s: float | None) -> None:
    got = Collector(loop, takes_s=takes_s or 0.0)
    made: list[Batcher[int]] = []

    async def main() -> None:
        batcher = batcher_of(loop, got.plain if takes_s is None else got.slow, max_items=30)
        made.append(batcher)
        await batcher.start()
        for n in range(25):
            batcher.add(n)

    loop.run(main)
    assert got.items == list(range(25))
    assert (made[0].flushed, made[0].failed, made[0].add(1)) == (25, 0, False)


def test_a_flush_that_the_end_of_the_program_interrupts_is_counted_as_failed(loop: AnyLoop) -> None:
    got = Collector(loop, takes_s=0.5)
    made: list[Batcher[int]] = []

    async def main() -> None:
        batcher = batcher_of(loop, got.slow)
        made.append(batcher)
        await batcher.start()
        for n in range(25):
            batcher.add(n)
        await sleep(0.1)

    loop.run(main)
    assert got.items == list(range(10, 25))
    assert (made[0].flushed, made[0].failed, made[0].waiting) == (15, 10, 0)


def test_a_program_that_ends_while_flushes_hang_counts_all_as_failed(loop: AnyLoop) -> None:
    made: list[Batcher[int]] = []

    async def main() -> None:
        batcher = batcher_of(loop, lambda _batch: sleep(1e6))
        made.append(batcher)
        await batcher.start()
        for n in range(25):
            batcher.add(n)
        await sleep(1)

    loop.run(main)
    assert (made[0].accepted, made[0].flushed, made[0].failed) == (25, 0, 25)


def test_stop_called_by_the_flush_itself_does_not_wait_for_itself(loop: AnyLoop) -> None:
    flushed: list[int] = []

    async def main() -> None:
        async def flush(batch: list[int]) -> None:
            flushed.extend(batch)
            await batcher.stop()

        batcher = batcher_of(loop, flush, max_items=2)
        await batcher.start()
        for n in range(5):
            batcher.add(n)
        await sleep(1)
        assert batcher.flushed == 5
        assert not batcher.add(6)

    loop.run(main)
    assert flushed == [0, 1, 2, 3, 4]


def test_a_start_that_is_cancelled_leaves_no_task(loop: AnyLoop) -> None:
    async def main() -> None:
        batcher = batcher_of(loop, Collector(loop).plain)
        await loop.run_for(0, batcher.start)
        await sleep(1)
        assert batcher.add(1) is False

    loop.run(main)


def test_other_threads_may_add(loop: AnyLoop) -> None:
    got = Collector(loop)

    async def main() -> None:
        async with Batcher(got.plain, max_wait_s=0.0) as batcher:  # The loops' fake clocks are only for their threads.

            def add_many() -> None:
                for n in range(2000):
                    batcher.add(n)

            threads = [threading.Thread(target=add_many) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert batcher.accepted + batcher.dropped == 6000
        assert len(got.items) == batcher.flushed == batcher.accepted

    loop.run(main)


def test_a_flush_whose_own_work_was_cancelled_by_others_is_one_failure() -> None:
    loop = AsyncioLoop()

    async def main() -> None:
        async def flush(batch: list[int]) -> None:
            if batch == [1]:
                task = asyncio.create_task(asyncio.sleep(10))
                asyncio.get_running_loop().call_soon(task.cancel)
                await task

        async with batcher_of(loop, flush, max_items=1) as batcher:
            batcher.add(1)
            batcher.add(2)
        assert (batcher.failed, batcher.flushed) == (1, 1)

    loop.run(main)


def test_functions_that_cannot_be_called_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^flush must be a function, not None$"):
        Batcher(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^on_error must be a function, not 3$"):
        Batcher(print, on_error=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^grace_s must be a number of at least 0, not -1$"):
        Batcher(print, grace_s=-1)
