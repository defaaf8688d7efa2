"""Signals of the supervisor: the first SIGINT or SIGTERM stops the tree in order, the next ones hurry."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import trio

from supervisor.tree import Tree

Signals = AsyncIterator[int]


def keep_exit_statuses() -> None:
    """Take SIGCHLD back to its default; call it before anything is started.

    A parent that ignores it hands that on to us, and then the kernel throws away how each child ended. Source: wait(2).
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@contextmanager
def stop_signals() -> Iterator[Signals]:
    """Receive both signals from here on; open it before the first child is started, in the main thread."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        yield signals


async def stop_on_signals(signals: Signals, tree: Tree) -> None:
    """Stop the tree at the first signal, kill what is left at the next one; run until cancelled."""
    async for _number in signals:
        tree.stop()
