"""trio as a host. Tasks that outlive the call that made them are system tasks: they end with the loop."""

import math
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import trio

from actors.client.hosts.host import HostGone

ResultT = TypeVar("ResultT")


class TrioTask:
    """A system task with a scope of its own."""

    def __init__(self, work: Callable[[], Awaitable[object]], unbegun: Callable[[], object] | None) -> None:
        self._work = work
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._task: trio.lowlevel.Task | None = None
        try:
            self._task = trio.lowlevel.spawn_system_task(self._run)
        except RuntimeError:  # The run is ending: it still calls what was posted, but takes no task any more.
            self._ended.set()
            if unbegun is not None:
                unbegun()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs inside this task."""
        try:
            return trio.lowlevel.current_task() is self._task
        except RuntimeError:  # No loop runs here.
            return False

    @property
    def is_ending(self) -> bool:
        """Whether it is being cancelled."""
        return trio.current_effective_deadline() == -math.inf

    def cancel(self) -> None:
        """Cancel it."""
        self._scope.cancel()

    async def wait(self) -> None:
        """Wait until it has ended, however it did."""
        await self._ended.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._work()
        finally:
            self._ended.set()


class TrioBell:
    """Wakes one task of a trio loop."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake who waits, or the next one who does."""
        with suppress(trio.RunFinishedError):  # Nobody waits any more.
            self._token.run_sync_soon(self._set, idempotent=True)

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for a ring; return whether there was one in time."""
        event = self._event
        with trio.move_on_after(math.inf if timeout_s is None else timeout_s):
            await event.wait()
        if not event.is_set():  # Asked after the wait: with no time at all, it ends before it looks.
            return False
        if self._event is event:  # Another one who waited may have taken the ring already.
            self._event = trio.Event()
        return True

    def _set(self) -> None:
        self._event.set()


class TrioHost:
    """One run of trio."""

    library = "trio"
    stray_cancellation: tuple[type[BaseException], ...] = ()

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self.token = token

    @property
    def is_alive(self) -> bool:
        """Whether functions can still be run there."""
        try:
            self.token.run_sync_soon(_nothing, idempotent=True)
        except trio.RunFinishedError:
            return False
        return True

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this loop."""
        try:
            return trio.lowlevel.current_trio_token() is self.token
        except RuntimeError:
            return False

    def post(self, call: Callable[[], object]) -> None:
        """Run a plain function soon in the loop's thread; from any thread."""
        try:
            self.token.run_sync_soon(call)
        except trio.RunFinishedError:
            raise HostGone("the trio loop has ended") from None

    def spawn(self, work: Callable[[], Awaitable[object]], unbegun: Callable[[], object] | None = None) -> TrioTask:
        """Start a task that belongs to nobody."""
        return TrioTask(work, unbegun)

    def bell(self) -> TrioBell:
        """Make a bell of this loop."""
        return TrioBell(self.token)

    async def result_of(self, future: "Future[ResultT]") -> ResultT:
        """Wait for what another thread works out; giving up waiting does not stop it."""
        bell = self.bell()
        future.add_done_callback(lambda _future: bell.ring())
        await bell.wait()
        return future.result()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await trio.sleep(seconds)


def _nothing() -> None:
    """Be run, and so prove that the loop lives."""
