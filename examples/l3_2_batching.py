"""Level 3.2: subscriptions that change by their difference, and events that are handled in batches."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from running import run

from actors.client import WebSocketClient, krw_markets
from actors.client.pieces import Batcher
from protocols.upbit.messages import Ticker

BATCH_ITEMS = 10
BATCH_S = 0.1


class OptimizedSubscriptionManager:
    """Tickers of a set of markets that changes, handed over in batches.

    Attributes:
        current_symbols: the markets that are subscribed now.
        update_queue: where events wait; bounded, and it knows when a batch is due.
    """

    def __init__(self) -> None:
        self.client = WebSocketClient("optimized")
        self.current_symbols: frozenset[str] = frozenset()
        # A batch is due 100 ms after its first event came. Waiting for 100 ms of silence instead, as a time-out around
        # each `get` does, holds events of a steady stream back for up to nine times as long.
        self.update_queue: Batcher[Ticker] = Batcher(self._flush_batch, max_items=BATCH_ITEMS, max_wait_s=BATCH_S)
        self.batch_processor_task: asyncio.Task[None] | None = None
        self._updating = asyncio.Lock()

    async def start(self) -> None:
        """Begin to flush batches; twice is fine."""
        if self.batch_processor_task is None:
            self.batch_processor_task = asyncio.create_task(self._process_updates())

    async def update_symbols(self, new_symbols: AbstractSet[str]) -> None:
        """Subscribe these markets instead of the present ones; those in both go on without a gap.

        Raises:
            SubscriptionError: the exchange has no such market; nothing has changed.
        """
        wanted = frozenset(new_symbols)  # A copy: the caller may change its set, and it would still look the same here.
        async with self._updating:  # One after another, so that the last call is the one that holds.
            added, removed = wanted - self.current_symbols, self.current_symbols - wanted
            if not added and not removed:
                return
            # Only the difference goes over the wire. No markets at all end the subscription; left out, the old stream
            # would go on.
            await self.client.subscribe_ticker(sorted(wanted), self._on_data)
            # Only now: had it failed, the old markets would still be the ones that come.
            self.current_symbols = wanted
            print(f"심볼 변경: +{len(added)}, -{len(removed)}")

    async def _on_data(self, event: Ticker) -> None:
        await self.update_queue.put(event)

    async def _process_updates(self) -> None:
        """Flush batches until cancelled."""
        async with self.update_queue:  # Leaving it flushes what is left, also when cancelled.
            await asyncio.Event().wait()

    async def _flush_batch(self, events: Sequence[Ticker]) -> None:
        print(f"배치 처리: {len(events)}개 이벤트")

    async def cleanup(self) -> None:
        """End the subscription, then flush what has come; every event that came is in a batch afterwards."""
        try:
            await self.client.cleanup()
        finally:
            task = self.batch_processor_task
            if task is not None:
                task.cancel()
                # Waited for: a task that is only cancelled takes the last batch with it, and its failure unseen.
                await asyncio.wait([task])
            await self.update_queue.stop()  # Flushes what is left also when the task was cancelled before it began.
            if task is not None and not task.cancelled():
                task.result()


async def batching_practice(seconds: float = 60) -> None:
    """Follow ten markets, then others, then none; a third of the time each."""
    manager = OptimizedSubscriptionManager()
    try:
        await manager.start()
        markets = await krw_markets()
        for symbols in (markets[:10], markets[5:20], ()):
            await manager.update_symbols(set(symbols))
            await asyncio.sleep(seconds / 3)
    finally:
        await manager.cleanup()


if __name__ == "__main__":
    run(batching_practice, seconds=60)
