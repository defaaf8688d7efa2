"""One subscription at work: its events wait here, and its callback is called here, in order, one at a time.

Everything but `put` happens in the thread of the user's loop, and only while the lane is active. A callback that
returns something to await, or that runs in a thread, keeps its own lane busy and nobody else's.
"""

import inspect
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from actors.client.delivery.callbacks import AnyCallback, Callback, close_unawaited
from actors.client.delivery.figures import LaneFigures
from actors.client.delivery.mailbox import AnyEvent, mailbox_for
from actors.client.delivery.program_log import ProgramLog
from actors.client.hosts import Bell, Host, HostTask
from actors.client.reports import ErrorReport
from actors.client.wishes import Wish
from protocols.channel.messages import Gap

SLICE_S: Final = 0.005
"""How long callbacks may run one after another before the user's loop gets its turn."""

BLOCKING_S: Final = 0.1
"""A plain callback that took longer held up the whole loop of the user's program."""


class LaneOwner(Protocol):
    """What a lane needs of the client that it belongs to."""

    name: str
    lock: threading.Lock
    is_closed: bool

    @property
    def log(self) -> ProgramLog:
        """The log of the user's program."""

    def report(self, report: ErrorReport) -> None:
        """Tell the user's program about an error."""

    def report_gap(self, gap: Gap) -> None:
        """Tell the user's program that events were dropped."""

    def wake(self) -> None:
        """See to it that waiting events are delivered soon."""

    def run_in_thread(self, work: Callable[[], None]) -> None:
        """Run something that may block in a thread of its own."""


class Lane:
    """One subscription.

    Args:
        wish: what is wanted.
        callback: who gets the events; None when they are iterated over.
        in_thread: whether the callback runs in a thread.

    Attributes:
        is_active: whether it still delivers.
        is_held: whether nothing is delivered yet: a callback may use what its subscribe call returns.
        is_busy: whether a callback that may take its time is at work.
        generation: how often another subscribe call has taken it over.
        bell, arrived, rested: rung when events wait, when the first one came, and when it is busy no longer.
        envelope: the event that is being delivered, with topic, epoch, sequence and times.
        first: the first event of all, once it came.
    """

    def __init__(self, owner: LaneOwner, host: Host, wish: Wish, callback: Callback | None, *, in_thread: bool) -> None:
        self.wish = wish
        self.callback = callback
        self.in_thread = in_thread
        self.topics = wish.topics
        self.mailbox = mailbox_for(wish)
        self.figures = LaneFigures()
        self.is_active = True
        self.envelope: AnyEvent | None = None
        self.first: AnyEvent | None = None
        self.generation = 0
        self.bell: Bell = host.bell()
        self.arrived: Bell = host.bell()
        self.rested: Bell = host.bell()
        self.task: HostTask | None = None
        self.is_held = False
        self.is_busy = False
        self._owner = owner
        self._host = host
        self._until_s = 0.0
        self._is_gone = False

    @property
    def is_done(self) -> bool:
        """Whether nothing more can come: a one-shot wish that was served whole."""
        return not self.topics

    def change(self, wish: Wish, *, is_anew: bool) -> None:
        """Want other markets from here on; what waits of those that stay is delivered. Called under the lock.

        Args:
            wish: the new one.
            is_anew: whether those of a one-shot wish that were served already are wanted once more.
        """
        before, self.wish = self.wish.topics, wish
        self.topics = {
            topic: symbol
            for topic, symbol in wish.topics.items()
            if is_anew or topic in self.topics or topic not in before
        }
        self.mailbox.keep(wish.topics)
        self.first = None

    def end(self) -> None:
        """Deliver nothing more; a callback that runs is not stopped. Called under the lock."""
        self.is_active = False
        self.bell.ring()
        self.arrived.ring()

    def put(self, event: AnyEvent) -> None:
        """Add an event; called under the lock, from the thread that reads the link."""
        if self.first is None:
            self.first = event
            self.arrived.ring()
        self.mailbox.put(event)
        if self.wish.preference == "snapshot_only":
            self.topics.pop(event.topic, None)

    def deliver(self) -> None:
        """Hand over what waits, for one slice of time; what is left then follows in the next turn of the loop."""
        if self.callback is None:
            self.bell.ring()
            return
        if self.is_busy or self.is_held:
            return
        if self.in_thread:
            self.is_busy = True
            self._owner.run_in_thread(self._drain_in_thread)
            return
        until_s = time.perf_counter() + SLICE_S
        while (called := self._call_next()) is not None:
            result, event = called
            if inspect.isawaitable(result):
                self.is_busy = True
                self.task = self._host.spawn(partial(self._drain, result, event), partial(self._give_up, result))
                return
            if time.perf_counter() >= until_s:
                self._owner.wake()
                return

    def take(self) -> AnyEvent | None:
        """Remove the next event for delivery, and tell before it what was dropped."""
        if self.mailbox.has_dropped:
            with self._owner.lock:
                gaps = self.mailbox.take_gaps() if self.is_active else ()
            for gap in gaps:
                self._owner.report_gap(gap)
        with self._owner.lock:
            event = self.mailbox.take() if self.is_active else None
            if event is not None:
                self.envelope = event
                self.figures.note_delivery(event, now_ns=time.monotonic_ns())
            return event

    async def give_way(self) -> None:
        """Let the loop have its turn, once a slice of time; who iterates over waiting events would never wait."""
        if time.perf_counter() >= self._until_s:
            await self._host.sleep(0)
            self._until_s = time.perf_counter() + SLICE_S

    def _call_next(self) -> tuple[Any, AnyEvent] | None:
        """Call the callback with the next event; return what it returned and the event, or None when none waits.

        Whether the lane is still active is asked last of all, in the step in which the event leaves the mailbox: with
        that the call has begun. A lane that another thread replaces or ends before it begins nothing more, and what
        waits goes to its successor. So nothing that takes a while may lie between that step and the call.
        """
        function = None if self.callback is None else self.callback.get()
        event = self.take()
        return None if event is None else (self._call(function, event), event)

    def _call(self, function: AnyCallback | None, event: AnyEvent) -> Any:  # noqa: ANN401 - what it returns
        if function is None:
            self._tell_gone()
            return None
        began_s = time.perf_counter()
        try:
            return function(event.body)
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises is counted and told, and hurts nobody else
            self._tell(event, error)
            return None
        except self._host.stray_cancellation:
            self._tell(event, RuntimeError("it raised a cancellation that was not its own"))
            return None
        except SystemExit:
            if not self.in_thread:
                raise
            # It would end no program from here, but the thread with the links of all clients.
            self._tell(event, RuntimeError("sys.exit ends nothing in a thread; set an event that main waits for"))
            return None
        finally:
            self._note_blocking(time.perf_counter() - began_s)

    async def _drain(self, awaitable: Any, event: AnyEvent | None) -> None:  # noqa: ANN401 - of the user
        """Await what a callback returned, and go on with what came meanwhile."""
        try:
            until_s = time.perf_counter() + SLICE_S
            while event is not None:
                try:
                    if inspect.isawaitable(awaitable):
                        await awaitable
                except Exception as error:  # noqa: BLE001 - as in `_call`
                    self._tell(event, error)
                except self._host.stray_cancellation:
                    if self.task is None or self.task.is_ending:
                        raise
                    self._tell(event, RuntimeError("what it waited for was cancelled"))
                if time.perf_counter() >= until_s:
                    await self._host.sleep(0)
                    until_s = time.perf_counter() + SLICE_S
                awaitable, event = self._call_next() or (None, None)
        finally:
            if self.task is not None and self.task.is_ending:
                # Or what waits would be begun once more in a loop that is ending.
                with self._owner.lock:
                    self.end()
            self._rest()

    def _give_up(self, awaitable: Any) -> None:  # noqa: ANN401 - of the user
        """The loop has ended before `_drain` began."""
        close_unawaited(awaitable)
        self._rest()

    def _drain_in_thread(self) -> None:
        try:
            while (called := self._call_next()) is not None:
                result, event = called
                if inspect.iscoroutine(result):
                    close_unawaited(result)
                    why = "it returned a coroutine, which a thread cannot await; in_thread=False"
                    self._tell(event, TypeError(why))
        finally:
            self._rest()

    def _rest(self) -> None:
        self.is_busy = False
        self.task = None
        self.rested.ring()
        if len(self.mailbox):
            self._owner.wake()

    def _tell(self, event: AnyEvent, error: Exception) -> None:
        self.figures.errors += 1
        symbol = self.wish.topics.get(event.topic, "") or getattr(event.body, "code", "")
        name = self.callback.name if self.callback is not None else "?"
        where = " ".join(filter(None, (self.wish.key.name, symbol)))
        text = f"client {self._owner.name!r}: callback {name} failed on {where}: {type(error).__name__}: {error}"
        self._owner.report(ErrorReport(self._owner.name, self.wish.key.name, symbol, text, error))

    def _tell_gone(self) -> None:
        """Say once that nobody is there to be called any more, though the client is."""
        if self._is_gone or self._owner.is_closed:
            return
        self._is_gone = True
        name = self.callback.name if self.callback is not None else "?"
        text = (
            f"client {self._owner.name!r}: the object of callback {name} of {self.wish.key.name} is gone; "
            "keep a reference to it as long as it shall be called"
        )
        self._owner.report(ErrorReport(self._owner.name, self.wish.key.name, "", text))

    def _note_blocking(self, took_s: float) -> None:
        if took_s < BLOCKING_S or self.in_thread:
            return
        self.figures.blocked += 1
        if self.figures.blocked == 1:
            name = self.callback.name if self.callback is not None else "?"
            text = "client %r: callback %s of %s held up the whole program for %.2f s; make it async, or in_thread=True"
            self._owner.log.write(logging.WARNING, text, self._owner.name, name, self.wish.key.name, took_s)
