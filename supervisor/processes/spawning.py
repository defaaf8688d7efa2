"""Making processes. One class for each way to start; the rest of the supervisor knows only `Spawner`."""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from multiprocess import process as multiprocess_process

from actors.runtime.process.child import InheritedFile, InheritedSocket, enter
from protocols.errors import UsageError
from supervisor.processes.black_box import BlackBox
from supervisor.processes.process import ChildProcess, ExitStatus

PIPE_BYTES: Final = 1024 * 1024
"""What a child may write while nobody reads; the largest that a user may ask for, pipe(7)."""

DESCRIPTORS_OF_START: Final = 16
"""`multiprocess` has up to eight open at once while it starts a process, and a pidfd comes after that."""

_SIGNALS: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
"""What a child lets through once it has its own handlers: `actors.runtime.process.lifeline.set_signals`."""


class Spawner(Protocol):
    """A way to start processes."""

    def spawn(self, name: str) -> ChildProcess:
        """Start the process of one child; it waits for its `Start` message on the control link.

        Raises:
            OSError: no process can be made.
        """

    def refill(self, *, now_s: float) -> None:
        """Make ready what is kept ready, such as spares; called once a heartbeat.

        Raises:
            OSError: no process can be made.
        """

    def collect(self) -> None:
        """Collect what the spawner itself keeps running and somebody ended; called when a child of ours has ended."""

    def known_pids(self) -> set[int]:
        """Return the processes that the spawner itself keeps running."""

    def close(self) -> None:
        """End what the spawner itself keeps running; all children are gone by then."""


class Endowment:
    """What a new process is given: one end of each pipe and socket, and its black box; the other ends stay here."""

    def __init__(self, name: str) -> None:
        with contextlib.ExitStack() as undo:
            self.box = BlackBox(name)
            undo.callback(self.box.close)
            self.control, self._theirs = socket.socketpair()
            undo.callback(self.control.close)
            undo.callback(self._theirs.close)
            self._pipes = (_pipe(undo), _pipe(undo))
            undo.pop_all()

    def arguments(self, name: str, parent_pid: int, preload: tuple[str, ...]) -> dict[str, object]:
        """Return what `actors.runtime.process.child.enter` is called with."""
        return {
            "control": InheritedSocket(self._theirs),
            "name": name,
            "parent_pid": parent_pid,
            "box": InheritedFile(self.box.box_fd),
            "dump": InheritedFile(self.box.dump_fd),
            "stdout": InheritedFile(self._pipes[0][1]),
            "stderr": InheritedFile(self._pipes[1][1]),
            "preload": preload,
        }

    @property
    def output(self) -> tuple[int, int]:
        """The reading ends of stdout and stderr."""
        return self._pipes[0][0], self._pipes[1][0]

    def close_theirs(self) -> None:
        """Close here what the child has now."""
        self._theirs.close()
        for _read, write in self._pipes:
            os.close(write)

    def close_ours(self) -> None:
        """Give up: no process was made."""
        self.box.close()
        self.control.close()
        for read in self.output:
            os.close(read)


def start_process(
    context: Any,  # noqa: ANN401 - multiprocess has no types
    name: str,
    *,
    parent_pid: int,
    preload: tuple[str, ...],
    status: Callable[[Any], ExitStatus],
    status_fd: Callable[[Any], int | None],
    starting: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> ChildProcess:
    """Start the process of one child by a context of `multiprocess`.

    Args:
        context: its way to start one.
        name: of the child.
        parent_pid: who must live for the child to live.
        preload: modules that it imports before it hears what to do.
        status: tells how the process ended, once it is gone.
        status_fd: tells what is readable when that is known; see `ChildProcess`.
        starting: held while `multiprocess` makes the process, and not when it notes what the process inherits.

    Raises:
        OSError: no process can be made.
    """
    given = Endowment(name)
    process = context.Process(target=enter, kwargs=given.arguments(name, parent_pid, preload), name=name, daemon=False)
    try:
        _check_descriptors()
        with blocked_signals(), hidden_main_module():
            with starting():
                process.start()
            made = ChildProcess(
                process.pid,
                control=given.control,
                box=given.box,
                output=given.output,
                status=lambda: status(process),
                status_fd=lambda: status_fd(process),
                release=process.close,
            )
            take_over(process)
            return made
    except BaseException:
        given.close_ours()
        raise
    finally:
        given.close_theirs()


def _pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    undo.callback(os.close, read)
    undo.callback(os.close, write)
    with contextlib.suppress(OSError):  # More than this user may have; the usual 64 KiB work too.
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(read, False)
    return read, write


def check_main_thread() -> None:
    """See that a child is started from the main thread: its parent-death signal follows the thread that made it."""
    if threading.current_thread() is not threading.main_thread():
        raise UsageError("children are started from the main thread only")


def _check_descriptors() -> None:
    """See that there are descriptors left for what `multiprocess` opens during a start.

    A fork server that is asked by a process that has too few is sent nothing, ends by that, and takes all of its
    children with it.

    Raises:
        OSError: there are not.
    """
    with contextlib.ExitStack() as opened:
        for _ in range(DESCRIPTORS_OF_START):
            opened.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


@contextlib.contextmanager
def blocked_signals() -> Iterator[None]:
    """Let the child inherit a mask: until it has set up its signals, those that end it wait for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def hidden_main_module() -> Iterator[None]:
    """Keep `multiprocess` from running our entry script again in each child: its target is imported by name."""
    main = sys.modules["__main__"]
    kept: dict[str, Any] = {name: main.__dict__[name] for name in ("__file__", "__spec__") if name in main.__dict__}
    main.__spec__ = None
    main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        main.__dict__.update(kept)


def take_over(process: Any) -> None:  # noqa: ANN401 - multiprocess has no types
    """Take a started process off the list of `multiprocess`: its end is this package's business alone.

    At each start `multiprocess` collects the exit status of every process on its list that has ended, and the one who
    asks later does not get it; at the end of the interpreter it waits for them all, without a limit.
    """
    multiprocess_process._children.discard(process)  # noqa: SLF001 - there is no public way
