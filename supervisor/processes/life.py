"""One child's life: a process is made, told what to do, listened to, and collected when it is gone."""

import contextlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from protocols.control.messages import FromChild
from protocols.errors import ChannelError
from supervisor.machine.causes import Exit
from supervisor.processes.black_box import BlackBox
from supervisor.processes.control_stream import ControlStream, PackedStart
from supervisor.processes.process import ChildProcess
from supervisor.processes.stopping import dump_stacks, kill, stop_by_ladder
from supervisor.processes.watching import Coroner, wait_for_status, watch

CLEANUP_S: Final = 2.0
"""Limit for killing what is left when the tree itself is cancelled or fails."""

FRESH_BEATS: Final = 2
FRESH_S: Final = 1.0
"""A loop that has written nothing for so many beats and so long is not asked: it does not turn."""


class Dump:
    """A dump that is being made; whoever wants one meanwhile gets this one.

    Attributes:
        text: what it shows; None while that is not known, and when whoever made it gave up.
    """

    def __init__(self) -> None:
        self.done = trio.Event()
        self.text: str | None = None


class Life:
    """One life of one child: its process, its link, and what it told.

    Attributes:
        started_s: when its process was made (monotonic).
        started_ns: the same by the clock of its black box.
        ready_ns: when it was heard to be ready, by that clock; 0 before.
        heartbeat_s: how often it writes its sign of life.
        lived_s: how long it lived; meaningful once it has ended.
        ended_ns: when it ended, by the clock of its black box.
        last_words: what it, or who ended it, said about its end; empty when nobody said anything.
        traceback: what it said in detail.
        is_ending: its process is gone, and what is still in its link is read.
        ended: how it ended, once it is collected.
    """

    def __init__(self, process: ChildProcess, coroner: Coroner, *, started_s: float) -> None:
        self._process = process
        self._coroner = coroner
        self._stream = ControlStream(process.control)
        self.started_s = started_s
        self.heartbeat_s = 0.0
        self.lived_s = 0.0
        self.started_ns = time.monotonic_ns()
        self.ready_ns = 0
        self.ended_ns = 0
        self.last_words = ""
        self.traceback = ""
        self.is_ending = False
        self._rungs: list[str] = []
        self._is_deaf = False
        self._dumping: Dump | None = None
        self.ended: Exit | None = None

    @property
    def pid(self) -> int:
        """The number of its process, also after its end."""
        return self._process.pid

    @property
    def box(self) -> BlackBox:
        """What it notes about itself; readable until `close`."""
        return self._process.box

    @property
    def rung(self) -> str | None:
        """How far its stop had to go; None when it was not stopped, or ended by itself before it was killed."""
        rungs = self._rungs
        if self.ended is not None and self.ended.code is not None:
            rungs = [rung for rung in rungs if rung != "sigkill"]  # It was on its way out, and faster.
        return rungs[-1] if rungs else None

    def begin(self, start: PackedStart, listener: socket.socket) -> None:
        """Tell the process what to do, at once: whoever waits for the child waits for this.

        Args:
            start: the first message.
            listener: the child's listening socket, which goes with it.

        Raises:
            OSError: it cannot be told.
        """
        self.heartbeat_s = start.heartbeat_s
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # It is gone already; its pidfd tells.
            self._stream.begin(start, listener)

    async def run(
        self,
        *,
        told: Callable[[FromChild], None],
        link_broken: Callable[[ChannelError], None],
        ended: Callable[[Exit], Awaitable[None]],
    ) -> None:
        """Follow this life to its end; when cancelled, kill the process.

        Args:
            told: gets each message of the child.
            link_broken: called when the child sent what the protocol does not allow; it is not listened to any more.
            ended: called with how it ended, as soon as that is known. What is left of this life is put away behind
                that: whoever waits for the next one does not wait for it.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._talk, told, link_broken)
                await watch(self._process)
                self.is_ending = True
                self.lived_s, self.ended_ns = trio.current_time() - self.started_s, time.monotonic_ns()
                await wait_for_status(self._process)
                self._read_rest(told, link_broken)
                await ended(self._reap())
                nursery.cancel_scope.cancel()
        except BaseException:
            with trio.move_on_after(CLEANUP_S, shield=True):
                await self._kill_with_tree()
            raise
        finally:
            if self.ended is not None:
                self._process.close()

    async def stop(self, limit_s: float) -> None:
        """End the process by the ladder within `limit_s` seconds and the time of a dump."""
        await stop_by_ladder(
            self._process, self._stream.send_stop, limit_s=limit_s, dump=self.dump, climbed=self._climbed
        )

    async def kill(self, *, dump: bool) -> None:
        """End the process now, with a dump of its stacks before when it hangs."""
        self._climbed("sigkill")
        if dump:
            await self.dump()
        await kill(self._process)

    async def dump(self) -> str:
        """Return the stacks of its threads and tasks, as they are now; empty when it cannot show them.

        Who asks while a dump is being made gets that one: two at once would be read as one.
        """
        while (other := self._dumping) is not None:
            await other.done.wait()
            if other.text is not None:
                return other.text
        self._dumping = mine = Dump()
        try:
            mine.text = await dump_stacks(self._process, self._stream.ask_for_tasks, is_turning=self._is_turning())
            return mine.text
        finally:
            self._dumping = None
            mine.done.set()
            if "sigkill" not in self._rungs:
                self._process.box.clear_dump()  # Somebody looked; it is not what it did at its end.

    def _is_turning(self) -> bool:
        beat_ns = self._process.box.contents().beat_ns
        fresh_s = FRESH_S + FRESH_BEATS * self.heartbeat_s
        return beat_ns > 0 and time.monotonic_ns() - beat_ns < fresh_s * 1e9

    def close(self) -> None:
        """Give up its black box, once everything was read from it."""
        self._process.box.close()

    async def _talk(self, told: Callable[[FromChild], None], link_broken: Callable[[ChannelError], None]) -> None:
        with contextlib.suppress(OSError):  # It is gone already; its pidfd tells.
            await self._stream.finish_begin()
        try:
            await self._stream.run_reader(told)
        except ChannelError as error:
            self._is_deaf = True
            link_broken(error)

    def _read_rest(self, told: Callable[[FromChild], None], link_broken: Callable[[ChannelError], None]) -> None:
        if self._is_deaf:
            return
        try:
            self._stream.read_rest(told)
        except ChannelError as error:
            link_broken(error)

    async def _kill_with_tree(self) -> None:
        """Leave no process behind when the tree itself is cancelled or failed."""
        self._process.send_signal(signal.SIGKILL)
        self.is_ending = True
        if not self._process.gone.is_set():
            await watch(self._process)
        if self.ended is None:
            await wait_for_status(self._process)
            self._reap()

    def _reap(self) -> Exit:
        self.ended = self._coroner.classify(self._process.reap(), self.last_words)
        return self.ended

    def _climbed(self, rung: str) -> None:
        self._rungs.append(rung)
