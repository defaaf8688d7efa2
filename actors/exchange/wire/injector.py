"""Lets faults happen: at once on the connections that are open, or from the plan while they go on."""

import math
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, NamedTuple

import msgspec
import trio

from actors.exchange.faults.active import is_aimed_at
from actors.exchange.faults.kinds import Announce, Close, Cut, Error, Fault, Garbage, Maintenance, Reset, UnknownType
from actors.exchange.faults.plan import FaultRefused, Plan
from actors.exchange.faults.rewriting import unknown_type_frame
from actors.exchange.journal.journal import AnyJournal
from actors.exchange.sources.source import StreamKey
from actors.exchange.wire.connection import WebSocketConnection
from protocols.upbit.encoding import encode_message
from protocols.upbit.messages import REALTIME, Announcement

ANNOUNCEMENTS: Final[StreamKey] = ("announcement", "")
_KST: Final = timezone(timedelta(hours=9))


class Applied(NamedTuple):
    """What became of a fault: its id, and how many open connections it hit."""

    number: int
    connections: int


class Injector:
    """Applies faults to open connections.

    Args:
        plan: the faults that go on.
        connections: the open WebSockets by number.
        journal: told of every fault.
        now_ms: the exchange's time, in milliseconds since the epoch.
        on_maintenance: told when a maintenance begins (True) and ends (False).
        rng: for ids of announcements.
    """

    def __init__(
        self,
        plan: Plan,
        connections: Mapping[int, WebSocketConnection],
        *,
        journal: AnyJournal,
        now_ms: Callable[[], int],
        on_maintenance: Callable[[bool], None],
        rng: random.Random,
    ) -> None:
        self._plan = plan
        self._connections = connections
        self._journal = journal
        self._now_ms = now_ms
        self._on_maintenance = on_maintenance
        self._rng = rng
        self._is_down = False
        self._changed = trio.Event()

    def apply(self, fault: Fault) -> Applied:
        """Let a fault happen, or go on from now on.

        Raises:
            FaultRefused: it is aimed at a connection that is not open or not of its target, or too many go on.
        """
        hit = self._aimed_at(fault)
        number = self._plan.next_number()
        happened = self._happen_at_once(fault, hit)
        if happened is None:
            clients = [connection.client for connection in self._connections.values()]
            self._plan.add(number, fault, clients, trio.current_time())
            if isinstance(fault, Maintenance):
                self._announce(_maintenance_notice(fault), list(self._connections.values()))
            happened = 0 if getattr(fault, "target", "") == "rest" else len(hit)
        self._journal.fault({"id": number, "applied_to": happened, **_document(fault)})
        self.refresh()
        return Applied(number, happened)

    def end(self, number: int | None = None) -> int:
        """End one fault, or all; what waits because of them goes on. Return how many there were."""
        ended = self._plan.end_all() if number is None else int(self._plan.end(number))
        self._journal.fault({"ended": "all" if number is None else number})
        self.refresh()
        return ended

    def opened(self, connection: WebSocketConnection) -> None:
        """Let the faults that go on act on a new connection."""
        self._plan.note_opened(connection.client)
        self._follow(connection, trio.current_time())

    def closed(self, connection: WebSocketConnection) -> None:
        """Forget a connection that has ended."""
        self._plan.note_ended(connection.client)

    def refresh(self) -> None:
        """Bring everything up to what goes on right now."""
        now_s = trio.current_time()
        self._plan.settle(now_s)
        is_down = self._plan.maintenance(now_s) is not None
        if is_down != self._is_down:
            self._is_down = is_down
            self._on_maintenance(is_down)
            for connection in list(self._connections.values()) if is_down else ():
                connection.cut("maintenance")
        for connection in self._connections.values():
            self._follow(connection, now_s)
        self._changed.set()
        self._changed = trio.Event()

    async def run(self) -> None:
        """Begin and end what is due, until cancelled."""
        while True:
            if await self._is_time_up():
                self.refresh()

    async def wait_rest_unstalled(self) -> None:
        """Wait until no stall of REST is left."""
        while self._plan.is_stalled(None, trio.current_time()):
            await self._is_time_up()

    async def _is_time_up(self) -> bool:
        """Wait until something is due, or the faults have changed; tell whether it is the former."""
        due_s = self._plan.next_change_s(trio.current_time())
        with trio.move_on_at(math.inf if due_s is None else due_s) as scope:
            await self._changed.wait()
        return scope.cancelled_caught

    def _follow(self, connection: WebSocketConnection, now_s: float) -> None:
        client = connection.client
        connection.outlet.follow(self._plan.frame_faults(client, now_s))
        connection.set_pace(self._plan.bytes_per_s(client, now_s))
        if self._plan.is_stalled(client, now_s):
            connection.stall()
        else:
            connection.go_on()

    def _aimed_at(self, fault: Fault) -> list[WebSocketConnection]:
        """The open connections that a fault is aimed at."""
        wanted: int | None = getattr(fault, "connection", None)
        hit = [connection for connection in self._connections.values() if is_aimed_at(fault, connection.client)]
        if wanted is not None and not hit:
            connection = self._connections.get(wanted)
            if connection is None:
                raise FaultRefused(f"connection {wanted} is not open; GET /_simulator/state lists those that are")
            raise FaultRefused(f"connection {wanted} is {connection.kind}, and the target is another")
        return hit

    def _happen_at_once(self, fault: Fault, hit: list[WebSocketConnection]) -> int | None:
        """Do what happens at once and tell to how many; None for a fault that goes on."""
        if getattr(fault, "target", "") == "rest":
            return None
        if isinstance(fault, Announce):
            return self._announce(fault, hit)
        if not isinstance(fault, Close | Reset | Cut | Garbage | Error | UnknownType):
            return None
        for connection in hit:
            match fault:
                case Close():
                    connection.close(fault.code, fault.reason)
                case Reset():
                    connection.reset()
                case Cut():
                    connection.cut("cut on demand")
                case Garbage():
                    connection.push(fault.text.encode())
                case Error():
                    connection.say_error(fault.name, fault.message, closes=fault.closes)
                case UnknownType():
                    connection.push(unknown_type_frame(fault.type, connection.format))
        return len(hit)

    def _announce(self, notice: Announce, connections: list[WebSocketConnection]) -> int:
        """Send an announcement to those who asked for its category; only who asked for the body gets it."""
        told = 0
        message = self._announcement(notice)
        for connection in connections:
            wish = connection.announcement_wish(notice.category)
            if wish is not None:
                said = message if wish.include_body else _without_body(message)
                connection.push(encode_message(said, connection.format), ANNOUNCEMENTS)
                told += 1
        return told

    def _announcement(self, notice: Announce) -> Announcement:
        now_ms = self._now_ms()
        listed_at = datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(_KST).isoformat()
        return Announcement(
            event_type=notice.event_type,
            uuid=str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            title=notice.title,
            category=notice.category,
            url=notice.url,
            first_listed_at=listed_at,
            listed_at=listed_at,
            timestamp=now_ms,
            stream_type=REALTIME,
            body=notice.body,
        )


def _without_body(message: Announcement) -> Announcement:
    return msgspec.structs.replace(message, body=None)


def _maintenance_notice(fault: Maintenance) -> Announce:
    return Announce(
        category="maintenance",
        title="Maintenance of the simulated exchange",
        body=f"In {fault.notice_s:g} s all connections are dropped, for {fault.seconds:g} s.",
    )


def _document(fault: Fault) -> dict[str, object]:
    document: dict[str, object] = msgspec.to_builtins(fault)
    return document
