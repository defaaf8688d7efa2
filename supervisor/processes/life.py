"""One child's life: a process is made, told what to do, listened to, and collected when it is gone."""

import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Final

import trio

from protocols.control.messages import FromChild, Heartbeat, Start
from protocols.errors import ChannelError
from supervisor.machine.machine_types import Exit
from supervisor.processes.control_stream import ControlStream
from supervisor.processes.spawning import ChildProcess
from supervisor.processes.stopping import kill_with_dump, stop_by_ladder
from supervisor.processes.watching import classify, watch

LAST_WORDS_S: Final = 0.2
"""How long a dead child's link is read for what is still in it; a grandchild may hold it open for ever."""

CLEANUP_S: Final = 2.0
"""Limit for killing what is left when the tree itself is cancelled or fails."""


class Life:
    """One life of one child: its process, its link, and what it told.

    Attributes:
        started_s: when its process was made (monotonic).
        heartbeat: the newest one; None before the first.
        heartbeat_s: when that came.
        last_words: what it said about its own end; empty when it said nothing.
        is_ending: its process is gone, and what is still in its link is read.
        ended: how it ended, once it is collected.
    """

    def __init__(self, process: ChildProcess, *, started_s: float) -> None:
        self._process = process
        self._stream = ControlStream(process.control)
        self.started_s = started_s
        self.heartbeat: Heartbeat | None = None
        self.heartbeat_s: float | None = None
        self.last_words = ""
        self.is_ending = False
        self._rungs: list[str] = []
        self.ended: Exit | None = None

    @property
    def pid(self) -> int:
        """The number of its process, also after its end."""
        return self._process.pid

    @property
    def rung(self) -> str | None:
        """How far its stop had to go; None when it was not stopped, or ended by itself before it was killed."""
        rungs = self._rungs
        if self.ended is not None and self.ended.code is not None:
            rungs = [rung for rung in rungs if rung != "sigkill"]  # It was on its way out, and faster.
        return rungs[-1] if rungs else None

    async def run(
        self,
        start: Start,
        listener: socket.socket,
        *,
        told: Callable[[FromChild], None],
        link_broken: Callable[[ChannelError], None],
    ) -> Exit:
        """Follow this life from its `Start` message to its end; when cancelled, kill the process.

        Args:
            start: the first message.
            listener: the child's listening socket, which goes with it.
            told: gets each message of the child.
            link_broken: called when the child sent what the protocol does not allow; it is not listened to any more.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._talk, start, listener, told, link_broken)
                await watch(self._process)
                self.is_ending = True
                nursery.cancel_scope.deadline = trio.current_time() + LAST_WORDS_S
        except BaseException:
            with trio.move_on_after(CLEANUP_S, shield=True):
                await self._kill_with_tree()
            raise
        return self._reap()

    async def stop(self, limit_s: float) -> None:
        """End the process by the ladder within `limit_s` seconds and the time of a dump."""
        await stop_by_ladder(self._process, self._stream.send_stop, limit_s=limit_s, climbed=self._climbed)

    async def kill(self, *, dump: bool) -> None:
        """End the process now, with a dump of its stacks before when it hangs."""
        self._climbed("sigkill")
        if dump:
            await kill_with_dump(self._process)
        else:
            self._process.send_signal(signal.SIGKILL)
            await self._process.gone.wait()

    async def _talk(
        self,
        start: Start,
        listener: socket.socket,
        told: Callable[[FromChild], None],
        link_broken: Callable[[ChannelError], None],
    ) -> None:
        with contextlib.suppress(OSError):  # It is gone already; its pidfd tells.
            await self._stream.send_start(start, listener)
        try:
            await self._stream.run_reader(told)
        except ChannelError as error:
            link_broken(error)

    async def _kill_with_tree(self) -> None:
        """Leave no process behind when the tree itself is cancelled or failed."""
        self._process.send_signal(signal.SIGKILL)
        self.is_ending = True
        if not self._process.gone.is_set():
            await watch(self._process)
        self._reap()

    def _reap(self) -> Exit:
        self.ended = classify(self._process.reap(), self.last_words)
        self._process.close()
        return self.ended

    def _climbed(self, rung: str) -> None:
        self._rungs.append(rung)
