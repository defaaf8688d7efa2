"""Signals of the supervisor: the first SIGINT, SIGTERM or SIGHUP stops the tree in order, the next ones hurry."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import trio

from supervisor.running.tree import Tree
from supervisor.startup.early_signals import is_ignored

Signals = AsyncIterator[int]


def keep_exit_statuses() -> None:
    """Take SIGCHLD back to its default; call it before anything is started.

    A parent that ignores it hands that on to us, and then the kernel throws away how each child ended. Source: wait(2).
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@contextmanager
def stop_signals() -> Iterator[Signals]:
    """Receive the signals from here on; open it before the first child is started, in the main thread."""
    hangup = () if is_ignored(signal.SIGHUP) else (signal.SIGHUP,)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, *hangup) as signals:
        yield signals


async def stop_on_signals(signals: Signals, tree: Tree) -> None:
    """Stop the tree at the first signal, kill what is left at the next one; run until cancelled."""
    async for number in signals:
        if number == signal.SIGHUP:
            tree.ask_to_stop()  # A closed terminal sends it twice, by the kernel and by the shell: that is no hurry.
        else:
            tree.stop()
