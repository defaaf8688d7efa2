"""Handing events over in batches, one after another, without losing any."""

import enum
import threading
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self

from actors.client.hosts import Bell, Host, HostTask, current_host
from actors.client.pieces.arguments import number
from actors.client.pieces.batches import BatchQueue, ItemT
from actors.client.pieces.cancellation import run_with_last_work
from actors.client.pieces.flushing import Flushing, OnError
from protocols.errors import UpbitdError


class BatcherStopped(UpbitdError):
    """The batcher takes nothing more; make a new one."""

    def __init__(self) -> None:
        super().__init__("the batcher has been stopped and takes nothing more; make a new one")


class Stage(enum.IntEnum):
    """The life of a batcher; it only ever goes forward, so the order is the whole table."""

    NEW = 0
    RUNNING = 1
    STOPPING = 2
    STOPPED = 3


class Batcher(Generic[ItemT]):
    """Collects items and flushes them in batches, in order, on asyncio and on trio.

        async def flush(trades: list[Trade]) -> None:
            await database.insert_many(trades)

        async with Batcher(flush, max_items=10, max_wait_s=0.1) as batcher:
            await client.subscribe_trade(["KRW-BTC"], batcher.add)
            await asyncio.sleep(60)

    A batch is flushed when it has `max_items`, or `max_wait_s` after its first item came; while a flush is at work the
    next batch collects. What was accepted is flushed or, when its flush failed, counted: at every moment
    `accepted == flushed + failed + waiting`. A failed batch is not tried again. When the loop ends without `stop`, what
    waits is still flushed, but a flush that was at work is interrupted, and counted as failed.

    Args:
        flush: plain or async function; gets a list of 1 to `max_items` items.
        max_items: most items in one batch.
        max_wait_s: longest time that an item waits for others.
        max_waiting: most items that wait in all. When full, `add` drops the new item and counts it; `put` waits.
        on_error: plain or async function that gets the exception and the batch when a flush failed.
        grace_s: how long flushing goes on after `stop` or the program's loop has been cancelled.
        clock: monotonic seconds; tests hand in their own.

    Attributes:
        accepted: items that `add` and `put` took.
        dropped: items that `add` refused, because there was no room or because of `stop`.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        flush: Callable[[list[ItemT]], object],
        *,
        max_items: int = 10,
        max_wait_s: float = 0.1,
        max_waiting: int = 10_000,
        on_error: OnError[ItemT] | None = None,
        grace_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._flushing = Flushing(flush, on_error)
        self._queue: BatchQueue[ItemT] = BatchQueue(max_items=max_items, max_wait_s=max_wait_s, max_waiting=max_waiting)
        self._grace_s = number("grace_s", grace_s, least=0)
        self._clock = clock
        # `add` may be called from another thread; nobody waits while holding this.
        self._lock = threading.Lock()
        self._stage = Stage.NEW
        self._bell: Bell | None = None
        self._task: HostTask | None = None
        self._is_given_up = False  # The time after a cancellation is spent.
        self._waiting_for_room: list[Bell] = []  # One for each task in `put`.
        self.accepted = 0
        self.dropped = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        return self.stop()

    @property
    def flushed(self) -> int:
        """Items whose flush returned."""
        return self._flushing.flushed

    @property
    def failed(self) -> int:
        """Items whose flush raised, and those that were left when the time after a cancellation was over."""
        return self._flushing.failed

    @property
    def batches(self) -> int:
        """Batches whose flush returned."""
        return self._flushing.batches

    @property
    def failed_batches(self) -> int:
        """Batches whose flush raised."""
        return self._flushing.failed_batches

    @property
    def waiting(self) -> int:
        """Items that were accepted and whose flush has not ended."""
        return self.accepted - self.flushed - self.failed

    async def start(self) -> None:
        """Begin to flush, in the loop of the caller; changes nothing when it has begun. What came before is kept.

        Raises:
            BatcherStopped: it has been stopped.
        """
        if self._stage >= Stage.STOPPING:
            raise BatcherStopped
        if self._stage is not Stage.NEW:
            return
        host = self._begin()
        try:
            # A task that asyncio cancels before its first step never runs, and could not count what is left.
            await host.sleep(0)
        except BaseException:
            self._refuse_from_now_on()  # Nobody will stop what was not begun.
            raise

    def add(self, item: ItemT) -> bool:
        """Take one item, from any thread; return False, and count it as dropped, when full or stopped."""
        is_accepted = self._accept(item)
        if not is_accepted:
            with self._lock:
                self.dropped += 1
        return is_accepted

    async def put(self, item: ItemT) -> None:
        """Take one item, after waiting for room when full. Cancelled, it has not taken it.

        Raises:
            BatcherStopped: it has been stopped, before or meanwhile.
        """
        host = current_host()
        if self._queue.has_whole_batch:
            # Whoever puts in a loop without ever waiting would keep the loop from the flushing.
            await host.sleep(0)
        while not self._accept(item):
            if self._stage >= Stage.STOPPING:
                raise BatcherStopped
            await self._wait_for_room(host)

    async def stop(self) -> None:
        """Take nothing more, flush what is left, and wait for it; may be called twice, also at the same time.

        Called by `flush` itself it does not wait, and the rest is flushed afterwards. Cancelled, it goes on for
        `grace_s` before it gives up what is left, counted as failed.
        """
        with self._lock:
            if self._stage is Stage.NEW and not self._queue:
                self._stage = Stage.STOPPED
        if self._stage is Stage.NEW:
            self._begin()
        task = self._task
        if task is None or self._stage is Stage.STOPPED:
            return
        self._refuse_from_now_on()
        if not task.is_current:
            await self._wait_for_end(task)

    def _begin(self) -> Host:
        host = current_host()
        bell = self._bell = host.bell()
        self._stage = Stage.RUNNING
        self._task = host.spawn(lambda: self._work(host, bell))
        return host

    def _accept(self, item: ItemT) -> bool:
        with self._lock:
            if self._stage >= Stage.STOPPING or not self._queue.add(item, now_s=self._clock()):
                return False
            self.accepted += 1
            must_wake = self._queue.has_new_due
        if must_wake and self._bell is not None:
            self._bell.ring()
        return True

    async def _wait_for_room(self, host: Host) -> None:
        bell = host.bell()
        self._waiting_for_room.append(bell)
        try:
            await bell.wait()
        finally:
            self._waiting_for_room.remove(bell)

    def _tell_of_room(self) -> None:
        # All of them: one that was told alone might be cancelled just now, and the others would wait for ever.
        for bell in self._waiting_for_room:
            bell.ring()

    def _refuse_from_now_on(self) -> None:
        with self._lock:
            self._stage = max(self._stage, Stage.STOPPING)
        if self._bell is not None:
            self._bell.ring()
        self._tell_of_room()

    async def _wait_for_end(self, task: HostTask) -> None:
        try:
            await run_with_last_work(current_host(), task.wait, task.wait, within_s=self._grace_s)
        finally:
            if self._stage is not Stage.STOPPED:
                self._is_given_up = True
                task.cancel()

    async def _work(self, host: Host, bell: Bell) -> None:
        async def flush_until_stopped() -> None:
            while batch := await self._next_batch(host, bell):
                await self._flushing.flush(batch, host)

        async def flush_rest() -> None:
            self._refuse_from_now_on()
            while not self._is_given_up and (batch := self._queue.take_next()):
                await self._flushing.flush(batch, host)

        try:
            await run_with_last_work(host, flush_until_stopped, flush_rest, within_s=self._grace_s)
        finally:
            self._end()

    async def _next_batch(self, host: Host, bell: Bell) -> list[ItemT]:
        """Wait for the next batch; return an empty list once stopped and nothing is left."""
        # A flush that never waits, fed by another thread, would keep the loop to itself.
        await host.sleep(0)
        while True:
            with self._lock:
                now_s = self._clock()
                is_stopping = self._stage >= Stage.STOPPING
                batch = self._queue.take_next() if is_stopping else self._queue.take_due(now_s=now_s)
                due_s = self._queue.due_s
            if batch or is_stopping:
                self._tell_of_room()
                return batch
            await bell.wait(None if due_s is None else max(0.0, due_s - now_s))

    def _end(self) -> None:
        with self._lock:
            self._stage = Stage.STOPPED
            left = self._queue.clear()
        self._flushing.abandon(left)
        self._tell_of_room()
