"""Where a new process begins: `enter` is what `multiprocess` calls in it.

Importing this module must stay cheap, since the process is not safe before `enter` has armed the lifeline. Everything
heavy (trio, structlog, the actor) is imported after that.
"""

import os
import socket
import sys
from typing import Any

from actors.runtime.process.lifeline import EXIT_ORPHANED, arm_parent_death_signal, detach_from_terminal, set_signals


class InheritedSocket:
    """A stream socket that is handed to a child process as an argument, by its descriptor."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocess.reduction import DupFd  # noqa: PLC0415 - the child has no use for it

        return _inherit, (DupFd(self._socket.fileno()),)

    def take(self) -> socket.socket:
        """Return the socket; the caller owns it."""
        return self._socket


def _inherit(descriptor: Any) -> InheritedSocket:  # noqa: ANN401 - a class private to multiprocess
    return InheritedSocket(socket.socket(fileno=descriptor.detach()))


def enter(control: InheritedSocket, name: str, parent_pid: int) -> None:
    """Become the actor `name`: make the process safe, hear what to do, do it, end with the exit code.

    Exit codes: 0 ended in order, 1 the actor failed, 2 its settings or import path are wrong.
    """
    arm_parent_death_signal(parent_pid)
    detach_from_terminal()
    set_signals()
    from setproctitle import setproctitle  # noqa: PLC0415 - after the lifeline

    setproctitle(f"upbitd: {name}")

    from actors.runtime.process.control_link import receive_start  # noqa: PLC0415 - after the lifeline
    from protocols.errors import ConnectionLost  # noqa: PLC0415 - after the lifeline

    link = control.take()
    try:
        start, listener, already_read = receive_start(link)
    except ConnectionLost:
        os._exit(EXIT_ORPHANED)
    from actors.runtime.process.process import run_process  # noqa: PLC0415 - trio and structlog, the slow part

    sys.exit(run_process(start, link=link, listener=listener, already_read=already_read))
