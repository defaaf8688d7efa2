"""Ending a command in good order: by ^C, by SIGTERM, or with the program that started it."""

import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio

STDIN_FD: Final = 0


async def wait_for_eof() -> None:
    """Wait until stdin ends: whoever holds the other end of it is gone, however it ended."""
    async with trio.lowlevel.FdStream(os.dup(STDIN_FD)) as stdin:
        with suppress(trio.BrokenResourceError):
            while await stdin.receive_some():
                pass


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
