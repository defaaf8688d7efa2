"""Ending a command by ^C or SIGTERM in good order."""

import signal
from collections.abc import Awaitable, Callable

import trio


async def run_until_signalled(work: Callable[[], Awaitable[object]]) -> None:
    """Run `work` to its end, or cancel it at SIGINT or SIGTERM and return.

    A receiver and not KeyboardInterrupt: that one may be raised inside a finalizer, where it is lost.
    """
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def cancel_on_signal() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(cancel_on_signal)
            await work()
            nursery.cancel_scope.cancel()
