"""asyncio as a host."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from actors.client.hosts.host import HostGone

ResultT = TypeVar("ResultT")


class AsyncioTask:
    """A task of an asyncio loop; the object keeps it alive, as the loop itself does not."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[], Awaitable[object]],
        unbegun: Callable[[], object] | None,
    ) -> None:
        self._loop = loop
        self._work = work
        self._unbegun = unbegun
        self._has_begun = False
        self._task = loop.create_task(self._run())
        self._task.add_done_callback(self._note_end)

    @property
    def is_current(self) -> bool:
        """Whether the caller runs inside this task."""
        try:
            return asyncio.current_task() is self._task
        except RuntimeError:  # No loop runs here.
            return False

    @property
    def is_ending(self) -> bool:
        """Whether it is being cancelled; what it awaits may be cancelled without that."""
        return self._task.cancelling() > 0

    def cancel(self) -> None:
        """Cancel it, at its first wait at the earliest."""
        if self._has_begun:
            self._task.cancel()
            return
        # asyncio would not even begin it, so that nothing of it would be cleaned up. Its first step is due already.
        with suppress(RuntimeError):  # The loop is closed: it has ended.
            self._loop.call_soon(self._task.cancel)

    async def wait(self) -> None:
        """Wait until it has ended, however it did."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        self._has_begun = True
        await self._work()

    def _note_end(self, _task: "asyncio.Task[None]") -> None:
        if not self._has_begun and self._unbegun is not None:
            self._unbegun()


class AsyncioBell:
    """Wakes one task of an asyncio loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits, or the next one who does."""
        with suppress(RuntimeError):  # The loop is closed: nobody waits.
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for a ring; return whether there was one in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class AsyncioHost:
    """One asyncio loop."""

    library = "asyncio"
    stray_cancellation: tuple[type[BaseException], ...] = (asyncio.CancelledError,)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    @property
    def is_alive(self) -> bool:
        """Whether functions can still be run there."""
        return not self.loop.is_closed()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this loop."""
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def post(self, call: Callable[[], object]) -> None:
        """Run a plain function soon in the loop's thread; from any thread."""
        try:
            self.loop.call_soon_threadsafe(call)
        except RuntimeError:
            raise HostGone("the asyncio loop is closed") from None

    def spawn(self, work: Callable[[], Awaitable[object]], unbegun: Callable[[], object] | None = None) -> AsyncioTask:
        """Start a task that belongs to nobody."""
        return AsyncioTask(self.loop, work, unbegun)

    def bell(self) -> AsyncioBell:
        """Make a bell of this loop."""
        return AsyncioBell(self.loop)

    async def result_of(self, future: "Future[ResultT]") -> ResultT:
        """Wait for what another thread works out; giving up waiting does not stop it."""
        # Shielded: a cancelled wait would cancel the work, which goes on for others.
        inner = asyncio.wrap_future(future, loop=self.loop)
        try:
            return await asyncio.shield(inner)
        except asyncio.CancelledError:
            inner.add_done_callback(_forgive)
            raise

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)


def _forgive(future: "asyncio.Future[ResultT]") -> None:
    """Look at how it ended, for nobody waits any more; asyncio would complain of an error that nobody saw."""
    if not future.cancelled():
        future.exception()
