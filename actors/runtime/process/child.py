"""Where a new process begins: `enter` is what `multiprocess` calls in it.

Importing this module must stay cheap, since the process is not safe before `enter` has armed the lifeline. Everything
heavy (trio, structlog, the actor) is imported after that.
"""

import contextlib
import gc
import importlib
import os
import socket
import sys
from typing import Any

from actors.runtime.process.lifeline import (
    arm_parent_death_signal,
    detach_from_terminal,
    end_by_sigterm,
    keep_mark,
    set_signals,
    use_output,
)

SPARE = "spare"
"""Name of a process that waits to become the next child; it learns its own with `Start`."""


class InheritedFile:
    """A descriptor that is handed to a child process as an argument."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocess.reduction import DupFd  # noqa: PLC0415 - the child has no use for it

        return _inherit_file, (DupFd(self._fd),)

    def take(self) -> int:
        """Return the descriptor; the caller owns it."""
        return self._fd


class InheritedSocket:
    """A stream socket that is handed to a child process as an argument, by its descriptor."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocess.reduction import DupFd  # noqa: PLC0415 - the child has no use for it

        return _inherit_socket, (DupFd(self._socket.fileno()),)

    def take(self) -> socket.socket:
        """Return the socket; the caller owns it."""
        return self._socket


def _inherit_file(descriptor: Any) -> InheritedFile:  # noqa: ANN401 - a class private to multiprocess
    fd = descriptor.detach()
    os.set_inheritable(fd, False)
    return InheritedFile(fd)


def _inherit_socket(descriptor: Any) -> InheritedSocket:  # noqa: ANN401 - a class private to multiprocess
    fd = descriptor.detach()
    os.set_inheritable(fd, False)
    return InheritedSocket(socket.socket(fileno=fd))


def enter(
    *,
    control: InheritedSocket,
    name: str,
    parent_pid: int,
    box: InheritedFile,
    dump: InheritedFile,
    stdout: InheritedFile,
    stderr: InheritedFile,
    preload: tuple[str, ...],
) -> None:
    """Become the actor `name`: make the process safe, hear what to do, do it, end with the exit code.

    Args:
        control: this end of the control link.
        name: what the process is called; `SPARE` when that comes with `Start`.
        parent_pid: who must live for this process to live: the supervisor, or its fork server.
        box: memory of the black box.
        dump: where stacks are dumped.
        stdout: the pipe that becomes descriptor 1.
        stderr: the pipe that becomes descriptor 2.
        preload: modules to import before `Start` comes; for spares.

    Exit codes are those of `protocols.control.exit_codes`.
    """
    arm_parent_death_signal(parent_pid)
    detach_from_terminal()
    use_output(stdout.take(), stderr.take())
    stacks = dump.take()
    set_signals(stacks)
    keep_mark()  # Before the title.
    from actors.runtime.process.black_box import map_box  # noqa: PLC0415 - after the lifeline

    writer = map_box(box.take())
    writer.begin(os.getpid())
    _set_title(name)
    writer.phase("importing")
    if name != SPARE:
        # What is imported stays, so the collector would search it again and again for nothing: a twentieth of a start.
        # It works from the moment the actor runs. A spare has time, and with less garbage its end is a bit quicker.
        gc.disable()
    for module in preload:
        with contextlib.suppress(Exception, SystemExit):  # The actor that needs it says what is wrong with it.
            importlib.import_module(module)

    from actors.runtime.process.counters import Counters  # noqa: PLC0415 - after the lifeline
    from actors.runtime.process.output import redirect_output  # noqa: PLC0415 - after the lifeline

    counters = Counters()
    write = redirect_output(counters).write_line
    if name == SPARE:
        from actors.runtime.process.rehearsal import rehearse  # noqa: PLC0415 - after the lifeline

        rehearse(write)

    from actors.runtime.process.process import ENDED_BY_SIGTERM, run_process  # noqa: PLC0415 - trio and structlog, the slow part

    code = run_process(control.take(), box=writer, dump=stacks, counters=counters, write=write, set_title=_set_title)
    if code == ENDED_BY_SIGTERM:
        sys.stdout.flush()
        sys.stderr.flush()
        end_by_sigterm()
    sys.exit(code)


def _set_title(name: str) -> None:
    from setproctitle import setproctitle  # noqa: PLC0415 - after the lifeline

    setproctitle(f"upbitd: {name}")
