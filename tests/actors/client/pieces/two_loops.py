"""asyncio and trio for one test: both with a clock that jumps over waiting, so that nothing takes real time."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio
from trio.testing import MockClock


class _JumpingSelector(selectors.SelectSelector):
    """When nothing is ready, the time that would be waited has passed."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout is None:
            return ready or super().select(None)
        self.now_s += timeout
        return []


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s


class AsyncioLoop:
    """asyncio."""

    name = "asyncio"

    def run(self, main: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await main()

        with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
            runner.run(run())

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def run_for(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`, cancelled after a time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await work()


class TrioLoop:
    """trio."""

    name = "trio"

    def run(self, main: Callable[[], Awaitable[None]]) -> None:
        trio.run(main, clock=MockClock(autojump_threshold=0))

    def now_s(self) -> float:
        return trio.current_time()

    async def run_for(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`, cancelled after a time."""
        with trio.move_on_after(seconds):
            await work()


AnyLoop = AsyncioLoop | TrioLoop
