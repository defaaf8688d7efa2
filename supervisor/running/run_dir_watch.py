"""The run directory while its tree runs: it may be removed, and somebody else may make another one there."""

import math
from functools import partial
from typing import Final

import trio

from protocols.errors import SettingsError
from supervisor.control.server import serve_control
from supervisor.running.listeners import Listeners
from supervisor.running.operator import Operator
from supervisor.running.own_socket import OwnSocket
from supervisor.running.run_dir import MORE_DESCRIPTORS
from supervisor.service.shortages import unusable

REMIND_S: Final = 600.0
"""How often what goes on to be wrong is told."""

LOST: Final = (
    "the tree works on, and links that stand go on, but nothing new can attach and `upbitd` commands do not reach it; "
    "restart the tree"
)

IN_SHORT: Final = "run directory lost, commands do not reach the tree: restart it"


class RunDirWatch:
    """Serves commands in the run directory, and sees to it that the directory stays that of this tree.

    Args:
        operator: of the tree.
        listeners: the children's sockets.
        services: where commands are served.

    Attributes:
        trouble: what is wrong, in a few words; empty when nothing is.

    Raises:
        SettingsError: the control socket cannot be made.
    """

    def __init__(self, operator: Operator, listeners: Listeners, services: trio.Nursery) -> None:
        self.trouble = ""
        self._operator = operator
        self._tree = operator.tree
        self._run_dir = operator.tree.run_dir
        self._history = operator.tree.records.lifecycle
        self._listeners = listeners
        self._services = services
        self._is_in_doubt = False
        self._is_made_again = False  # And that is not told yet.
        self._told_s = -math.inf
        self._unreachable: list[str] = []
        self._serve()

    def close(self) -> None:
        """Remove the control socket if it is still this tree's."""
        self._control.close()

    def look(self, *, now_s: float) -> None:
        """See whether all is where it was made, and make again what is gone for the second time; once a heartbeat.

        Args:
            now_s: monotonic.
        """
        was_lost = self._run_dir.is_lost
        is_in_doubt = was_lost or not self._control.is_there or self._history.is_gone
        was_in_doubt, self._is_in_doubt = self._is_in_doubt, is_in_doubt
        if self._is_in_doubt and not was_in_doubt:
            return  # Whoever removes it may be at it still, and would find what is made now in the way.
        try:
            self._mend(was_lost=was_lost)
        except SettingsError as error:
            self._tell_lost(str(error), now_s=now_s)
            return
        self._history.reopen()
        if self._is_made_again:
            self._tree.log.error(
                "run_dir.made_again", run_dir=str(self._run_dir.path), why="it, or the lock in it, had been removed"
            )
        elif self.trouble:
            self._tree.log.warning("run_dir.back", run_dir=str(self._run_dir.path))
        self._is_made_again = False
        self._told_s = -math.inf
        self._set_trouble("")
        self._tell_unreachable()

    def _mend(self, *, was_lost: bool) -> None:
        """Make what is gone; what could not be made, as when no descriptor was left, is made by a later look."""
        if was_lost:
            self._run_dir.retake()
            self._is_made_again = True
        if self._is_made_again:
            self._run_dir.mark_again()
        if not self._control.is_there:
            self._serve_anew()

    def _serve(self) -> None:
        path = self._run_dir.control_socket
        control = OwnSocket(self._run_dir.listen(path), path)
        try:
            # The server closes what it gets, and the file is removed while this one is open.
            listener = control.listener.dup()
        except OSError as error:
            control.close()
            raise unusable(f"cannot listen on {path}", error, MORE_DESCRIPTORS) from error
        self._control = control
        self._accepting = trio.CancelScope()
        self._services.start_soon(partial(serve_control, accepting=self._accepting), listener, self._operator)

    def _serve_anew(self) -> None:
        control, accepting = self._control, self._accepting
        self._serve()
        accepting.cancel()
        control.close()

    def _tell_lost(self, why: str, *, now_s: float) -> None:
        self._set_trouble(IN_SHORT)
        if now_s - self._told_s >= REMIND_S:
            self._told_s = now_s
            self._tree.log.error("run_dir.lost", run_dir=str(self._run_dir.path), why=why, what_to_do=LOST)

    def _tell_unreachable(self) -> None:
        """Name children whose sockets are gone: nothing new can attach to them, and only a new life gets a new one."""
        unreachable = self._listeners.gone()
        for name in unreachable:
            if name not in self._unreachable:
                todo = f"nothing new can attach to it; `upbitd restart {name}` makes a new one"
                self._tree.log.error("run_dir.socket_gone", child=name, what_to_do=todo)
        self._unreachable = unreachable

    def _set_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._tree.apply([])  # Nothing but a sign for who waits for changes: the status line is another one.
