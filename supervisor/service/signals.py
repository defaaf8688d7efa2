"""Signals of a running supervisor.

SIGINT and SIGTERM stop the tree in order, and the second one hurries. SIGHUP reloads the settings, unless the terminal
was closed: that stops the tree in order. SIGUSR1 writes the stacks of the supervisor to its stderr. SIGCHLD ends and
collects what dead children left behind.
"""

import faulthandler
import fcntl
import os
import signal
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

import trio

from actors.runtime.process.logs import get_logger
from protocols.errors import SettingsError, UsageError
from supervisor.service.terminal import Terminal
from supervisor.startup.early_signals import is_ignored

Signals = AsyncIterator[int]

STDERR_FD: Final = 2

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


class Signalled(Protocol):
    """What signals can do to a running tree."""

    def stop(self) -> None:
        """Stop the tree in order; called again, kill what is left."""

    def ask_to_stop(self) -> None:
        """Stop the tree in order; one that is stopping already goes on as it does."""

    async def reload(self) -> object:
        """Read the settings again and apply what changed; return what was done.

        Raises:
            SettingsError: they cannot be used, or a new child cannot be given its socket; nothing was changed.
            UsageError: there is nothing to read again, or this cannot be done now; nothing was changed.
        """

    def sweep(self) -> None:
        """End what dead children left behind."""


def take_default_dispositions() -> None:
    """Be able to hear signals and to learn how children end; call it before anything is started.

    A parent that ignores SIGCHLD hands that on to us, and then the kernel throws away how each child ended, wait(2).
    One that blocks signals hands that on too, and then we could not be stopped.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(
        signal.SIG_UNBLOCK, {*STOPPING, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGABRT}
    )


@contextmanager
def stacks_on_request() -> Iterator[None]:
    """Write the stacks of all threads to stderr at SIGUSR1, also when the loop is stuck, and when a signal kills us.

    The service manager's watchdog ends a service by SIGABRT, so what it was doing then is in the log.
    """
    _let_a_file_append()
    fd = _unblocking_stderr()
    faulthandler.enable(file=fd, all_threads=True)
    faulthandler.register(signal.SIGUSR1, file=fd, all_threads=True, chain=False)
    try:
        yield
    finally:
        faulthandler.unregister(signal.SIGUSR1)
        faulthandler.disable()
        os.close(fd)


def _let_a_file_append() -> None:
    """Append to a file that is stderr, as by `2> FILE`, whoever writes there.

    The log would go on where its own last line ended, over the stacks, which come by a descriptor of their own. Whoever
    started us shares the flag when it writes by the same descriptor, and nobody wants a log written over.
    """
    with suppress(OSError):  # We were started without one.
        if stat.S_ISREG(os.fstat(STDERR_FD).st_mode):
            fcntl.fcntl(STDERR_FD, fcntl.F_SETFL, fcntl.fcntl(STDERR_FD, fcntl.F_GETFL) | os.O_APPEND)


def _unblocking_stderr() -> int:
    """Return a descriptor of stderr on which a reader that is stuck cannot hold us up, where one can be had."""
    with suppress(OSError):  # A socket, as the journal's, cannot be opened anew.
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(f"/proc/self/fd/{STDERR_FD}", flags)
    with suppress(OSError):
        return os.dup(STDERR_FD)
    return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)  # We were started without one.


@contextmanager
def stop_signals() -> Iterator[Signals]:
    """Receive the signals from here on; open it before the first child is started, in the main thread."""
    hangup = () if is_ignored(signal.SIGHUP) else (signal.SIGHUP,)
    with trio.open_signal_receiver(*STOPPING, *hangup, signal.SIGCHLD) as signals:
        yield signals


async def act_on_signals(signals: Signals, tree: Signalled, *, terminal: Terminal | None = None) -> None:
    """Do what each signal asks for; run until cancelled.

    Args:
        signals: from `stop_signals`.
        tree: the running one.
        terminal: as it was when the program was started; None when every SIGHUP is to stop the tree.
    """
    async with trio.open_nursery() as nursery:
        reloads = _Reloads(tree, nursery)
        async for number in signals:
            match number:
                case signal.SIGCHLD:
                    tree.sweep()
                case signal.SIGHUP if terminal is None or terminal.is_gone():
                    tree.ask_to_stop()  # It comes twice, by the kernel and by the shell: that is no hurry.
                case signal.SIGHUP:
                    reloads.ask()
                case _:
                    tree.stop()


class _Reloads:
    """Reloads one at a time; a request that comes during one is carried out after it, several of them once."""

    def __init__(self, tree: Signalled, nursery: trio.Nursery) -> None:
        self._tree = tree
        self._nursery = nursery
        self._is_running = self._is_wanted = False
        self._log: Any = get_logger(actor="supervisor")

    def ask(self) -> None:
        self._is_wanted = True
        if not self._is_running:
            self._is_running = True
            self._nursery.start_soon(self._run)

    async def _run(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await self._reload()
        self._is_running = False

    async def _reload(self) -> None:
        try:
            done = await self._tree.reload()
        except (SettingsError, UsageError) as error:
            # The tree goes on with the settings that it has.
            self._log.error("reload.refused", problems=str(error).splitlines())
        except Exception as error:  # noqa: BLE001 - as on the control socket: a bug costs this reload, not the tree
            self._log.error("reload.failed", exc_info=error)
        else:
            self._log.info("reload.done", changes=str(done).splitlines())
