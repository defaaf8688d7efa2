"""From the links of one client to its subscriptions: who gets which event, and what the client as a whole wants.

Links put items in from their own thread; everything else happens in the thread of the user's loop. One lock covers
what both touch. The links hold a switchboard only weakly: a client that is forgotten takes it away with it.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from actors.client.delivery.announcing import Announcer
from actors.client.delivery.connection_states import ConnectionStates
from actors.client.delivery.lane import Lane
from actors.client.delivery.program_log import ProgramLog
from actors.client.errors import SubscriptionError
from actors.client.hosts import Host, HostGone
from actors.client.reports import ErrorReport, GapReport, Report
from actors.client.wishes import Key, Server, Wish
from protocols.channel.messages import CACHED, Down, Event, Gap, Up, Want, WantProblem
from protocols.upbit.messages import PRIVATE_TYPES

MAX_PROBLEMS: Final = 100

Item = Event[Any] | Down | Up | Gap | WantProblem
Run = Callable[[Callable[[], None]], None]


class Switchboard:
    """The subscriptions of one client.

    Args:
        name: of the client.

    Attributes:
        run_in_thread: runs a plain function in a thread that may be blocked; set by whoever has threads.
        lanes: the active subscriptions, by key.
        announcer: tells gaps, states and errors.
        connections: what is known of those that were used so far.
        messages, late: events taken, and those that nobody wanted any more, or not yet: see `ClientHealth.late`.
        problems: topics that are not being served, and why.
        last_ns: when the newest event arrived, by the monotonic clock; 0 before the first.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()
        self.run_in_thread: Run = _run_at_once
        self.lanes: dict[Key, Lane] = {}
        self.announcer = Announcer(name, self.wake)
        self.connections = ConnectionStates(self.announcer)
        self.messages = self.late = 0
        self.problems: dict[str, str] = {}
        self.last_ns = 0
        self.is_closed = False
        self._host: Host | None = None
        self._by_topic: dict[str, Lane] = {}
        self._is_posted = False
        self._ready: set[Lane] = set()
        self._at_work: set[Lane] = set()

    # In the thread of the user's loop.

    def bind(self, host: Host) -> None:
        """Deliver in this loop from now on.

        Raises:
            SubscriptionError: it delivers in another one that still runs.
        """
        if self._host is host:
            return
        if self._host is not None and self._host.is_alive:
            raise SubscriptionError(f"client {self.name!r} is used in two loops; make one client for each")
        with self.lock:
            for lane in tuple(self.lanes.values()):
                self._end(lane)  # It went with its loop.
            self._index()
            self.connections.forget()
            self._host, self._is_posted = host, False

    def set_lane(self, lane: Lane) -> Lane:
        """Put a subscription in the place of the one of its key, at one point in time; return the one that is active.

        Whatever waits of topics that stay goes to the new one. Where the callback is the same as well, the old one
        simply changes its markets and goes on.
        """
        with self.lock:
            old = self.lanes.get(lane.wish.key)
            if old is not None and _goes_on_as(old, lane):
                old.change(lane.wish, is_anew=True)
                old.generation += 1
                lane = old
            elif old is not None:
                old.mailbox.keep(lane.topics)
                old.mailbox.pour_into(lane.mailbox)
                self._end(old)
            self.lanes[lane.wish.key] = lane
            self._index()
            if len(lane.mailbox) or lane.mailbox.has_dropped:
                self._ready.add(lane)
        self.wake()
        return lane

    def change_lane(self, lane: Lane, wish: Wish) -> None:
        """Give a subscription other markets; without any it ends."""
        with self.lock:
            if wish.topics:
                lane.change(wish, is_anew=False)
                self._ready.add(lane)  # What was dropped may be told now.
            else:
                self._end(lane)
            self._index()
        self.wake()

    def end_lane(self, lane: Lane) -> None:
        """End a subscription."""
        with self.lock:
            self._end(lane)
            self._index()

    def close(self) -> list[Lane]:
        """End all subscriptions; return those whose callback is still at work, cancelled where that can be.

        The one that the caller itself runs in is left alone.
        """
        self.announcer.close()
        with self.lock:
            self.is_closed = True
            for lane in tuple(self.lanes.values()):
                self._end(lane)
            self._by_topic.clear()
            at_work, host = list(self._at_work), self._host
        if host is None or not host.is_current:
            # In the loop that they are of, if that still runs; here nothing can wait for them.
            with suppress(HostGone):
                if host is not None:
                    host.post(self._cancel_all)
            return []
        self._cancel_all()
        return [lane for lane in at_work if lane.is_busy and not (lane.task is not None and lane.task.is_current)]

    def mute(self) -> None:
        """Deliver nothing more: the client is gone without a clean-up. From any thread."""
        self.announcer.close()
        with self.lock:
            self.is_closed = True
            for lane in self.lanes.values():
                lane.end()

    def wants(self, server: Server) -> list[Want]:
        """Everything that this client wants of one actor."""
        with self.lock:
            return [
                want
                for lane in self.lanes.values()
                if lane.wish.server == server
                for want in lane.wish.wants(lane.topics)
            ]

    def wake(self) -> None:
        """Deliver what waits, soon; from any thread."""
        with self.lock:
            host = self._host
            if host is None or self._is_posted:
                return
            self._is_posted = True
        try:
            host.post(self._deliver)
        except HostGone:
            self._is_posted = False  # Whoever watches over the hosts will free this client's wants.

    @property
    def log(self) -> ProgramLog:
        """The log of the user's program."""
        return self.announcer.log

    def report(self, report: Report) -> None:
        """Tell the user's program, through its listeners and the log; from any thread."""
        self.announcer.add(report)

    def report_gap(self, gap: Gap) -> None:
        """Tell that events of one topic were dropped; from any thread."""
        lane = self._by_topic.get(gap.topic)
        kind, _, symbol = gap.topic.partition("/")
        if lane is not None:
            kind = lane.wish.key.name
        server = "private" if kind in PRIVATE_TYPES else "public"
        missed = gap.last - gap.first + 1
        self.report(GapReport(kind, symbol, missed, gap.reason, gap.epoch, gap.first, gap.last, connection=server))

    # In the thread of the links.

    def take(self, server: Server, items: Iterable[Item]) -> bool:
        """Take what one read brought; return whether a one-shot topic was served that needs no more."""
        events: list[Event[Any]] = []
        for item in items:
            if isinstance(item, Event):
                events.append(item)
            else:
                self._put(events)
                events = []
                self._take_marker(server, item)
        return self._put(events)

    # Inside.

    def _put(self, events: list[Event[Any]]) -> bool:
        if not events:
            return False
        is_served = False
        with self.lock:
            self.last_ns = events[-1].received_ns
            for event in events:
                lane = self._by_topic.get(event.topic)
                if lane is None or (lane.wish.preference == "realtime_only" and event.origin == CACHED):
                    self.late += 1
                    continue
                self.messages += 1
                lane.put(event)
                self._ready.add(lane)
                if event.topic not in lane.topics:
                    del self._by_topic[event.topic]
                    is_served = True
                if self.problems:
                    self.problems.pop(event.topic, None)
        self.wake()
        return is_served

    def _take_marker(self, server: Server, marker: Down | Up | Gap | WantProblem) -> None:
        match marker:
            case Up() | Down():
                self.connections.take(server, marker)
            case Gap():
                self.report_gap(marker)
            case WantProblem():
                self._note_problem(marker)

    def _note_problem(self, problem: WantProblem) -> None:
        with self.lock:
            lane = self._by_topic.get(problem.topic)
            if lane is None:
                return
            if len(self.problems) < MAX_PROBLEMS:
                self.problems[problem.topic] = problem.reason
        symbol = problem.topic.partition("/")[2]
        if problem.is_held:  # What was refused for good is raised where it was wanted.
            text = f"client {self.name!r}: {lane.wish.key.name} {symbol} is not served: {problem.reason}"
            self.report(ErrorReport(self.name, lane.wish.key.name, symbol, text))

    def _deliver(self) -> None:
        """One turn: reports first, then each subscription that has something."""
        with self.lock:
            self._is_posted = False
            lanes, self._ready = self._ready, set()
            host = self._host
        try:
            if host is not None:
                self.announcer.deliver(host)
            while lanes:
                lane = lanes.pop()
                if lane.is_active:
                    lane.deliver()
                with self.lock:
                    if len(lane.mailbox) and lane.is_active:
                        self._ready.add(lane)
        finally:
            if lanes:  # User's code ended more than itself, as by `sys.exit`; the others have their turn all the same.
                with self.lock:
                    self._ready |= lanes
                self.wake()

    def _index(self) -> None:
        self._by_topic = {topic: lane for lane in self.lanes.values() for topic in lane.topics}
        self.problems = {topic: why for topic, why in self.problems.items() if topic in self._by_topic}

    def _cancel_all(self) -> None:
        """Cancel callbacks that wait for something, but for the one that the caller runs in; in the user's loop."""
        for lane in tuple(self._at_work):
            if lane.task is not None and not lane.task.is_current:
                lane.task.cancel()
        self.announcer.cancel_calls()

    def _end(self, lane: Lane) -> None:
        lane.end()
        self._ready.discard(lane)
        # A call that is under way goes on, and only the end of the client cuts it.
        self._at_work = {ended for ended in (*self._at_work, lane) if ended.is_busy}
        if self.lanes.get(lane.wish.key) is lane:
            del self.lanes[lane.wish.key]


def _goes_on_as(old: Lane, new: Lane) -> bool:
    """Whether only the markets of a subscription change."""
    if old.callback is None or new.callback is None or not old.callback.is_same(new.callback):
        return False
    return old.in_thread == new.in_thread and old.wish.with_symbols(()) == new.wish.with_symbols(())


def _run_at_once(work: Callable[[], None]) -> None:
    """Run it here, as long as there is no thread for it."""
    work()
