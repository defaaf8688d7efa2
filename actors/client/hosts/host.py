"""What the client needs of a loop that is not its own."""

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from protocols.errors import UpbitdError

ResultT = TypeVar("ResultT")


class HostGone(UpbitdError):
    """The loop of the user's program has ended; nothing can be run there any more."""


class HostTask(Protocol):
    """A task in the host's loop."""

    @property
    def is_current(self) -> bool:
        """Whether the caller runs inside this task."""

    @property
    def is_ending(self) -> bool:
        """Whether it is being cancelled, alone or with its loop; asked inside it."""

    def cancel(self) -> None:
        """Cancel it; called in the host's thread."""

    async def wait(self) -> None:
        """Wait until it has ended, however it did."""


class Bell(Protocol):
    """Wakes one task of the host from any thread; what was rung before `wait` counts, once."""

    def ring(self) -> None:
        """Wake who waits, or the next one who does; does nothing once the loop has ended."""

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for a ring; return whether there was one in time."""


class Host(Protocol):
    """The loop of the user's program."""

    library: str
    """`asyncio` or `trio`."""

    stray_cancellation: tuple[type[BaseException], ...]
    """What code that was not cancelled may raise as if it had been: asyncio's own; trio keeps them apart."""

    @property
    def is_alive(self) -> bool:
        """Whether functions can still be run there; may be asked from any thread."""

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this loop."""

    def post(self, call: Callable[[], object]) -> None:
        """Run a plain function soon in the loop's thread; from any thread.

        Raises:
            HostGone: the loop has ended.
        """

    def spawn(self, work: Callable[[], Awaitable[object]], unbegun: Callable[[], object] | None = None) -> HostTask:
        """Start a task that belongs to nobody. Called in the loop's thread.

        Args:
            work: it must handle its own errors.
            unbegun: called in its place when the loop ends before it could begin.
        """

    def bell(self) -> Bell:
        """Make a bell of this loop."""

    async def result_of(self, future: "Future[ResultT]") -> ResultT:
        """Wait for what another thread works out; giving up waiting does not stop it."""

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
