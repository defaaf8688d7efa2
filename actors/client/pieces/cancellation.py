"""How asyncio and trio cancel, as far as cleaning up has to know it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from actors.client.hosts import Host

Work = Callable[[], Awaitable[object]]


def cancelled_error(host: Host) -> type[BaseException]:
    """Return what a cancelled task of this loop is told by."""
    if host.library == "trio":
        # Imported only where it runs already: a program on asyncio is not made to load it.
        import trio  # noqa: PLC0415 - see above

        return trio.Cancelled
    return asyncio.CancelledError


def is_own_cancellation(host: Host) -> bool:
    """Whether a cancellation that was just caught is the current task's own.

    On asyncio it can also come out of something that the task awaited and somebody else cancelled.
    """
    if host.library == "trio":
        return True
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def run_with_last_work(host: Host, work: Work, last_work: Work, *, within_s: float) -> None:
    """Run `work`; when it is cancelled, run `last_work` for at most `within_s` before the cancellation goes on.

    On trio the cancellation is held off meanwhile; asyncio tells it only once, and a second one is obeyed at once.
    """
    cancelled: BaseException | None = None
    try:
        await work()
    except cancelled_error(host) as error:
        cancelled = error
    if cancelled is not None:
        await (_run_on_trio if host.library == "trio" else _run_on_asyncio)(last_work, within_s)
        raise cancelled


async def _run_on_trio(last_work: Work, within_s: float) -> None:
    import trio  # noqa: PLC0415 - see above

    with trio.move_on_after(within_s, shield=True):
        await last_work()


async def _run_on_asyncio(last_work: Work, within_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await last_work()
