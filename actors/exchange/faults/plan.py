"""Which fault is due for whom: every fault that goes on, oldest first. No sockets, no clock.

Kinds that happen at once never come here; those that wait for something (a frame, a handshake, a request) or last for a
while do. Time is an argument (`now_s`, monotonic).
"""

from collections.abc import Collection, Iterator
from typing import Final, TypeVar

from actors.exchange.faults.active import ActiveFault, Client, is_aimed_at
from actors.exchange.faults.frames import FRAME_FAULTS
from actors.exchange.faults.kinds import (
    AcceptThenClose,
    BaseFault,
    ClockOffset,
    Cut,
    Fault,
    FirstAssetLate,
    Garbage,
    HalfFrame,
    Maintenance,
    Refuse,
    Reset,
    Stall,
    Trickle,
)
from actors.exchange.faults.verdicts import UNHARMED, RestVerdict, judge_request
from protocols.errors import UpbitdError

MOST_ACTIVE: Final = 100

_ONCE_ON_REST: Final = (Reset, Cut, HalfFrame, Garbage)
"""Kinds that have no count: on REST they hit one request."""

_ON_OPEN_ONES: Final = (Stall, HalfFrame)
"""Kinds that hit the connections that are open when they are asked for, and none that opens later."""

_F = TypeVar("_F", bound=BaseFault)


class FaultRefused(UpbitdError):
    """A fault that cannot be: the message says why."""


class Plan:
    """The faults that go on."""

    def __init__(self) -> None:
        self._active: dict[int, ActiveFault] = {}
        self._last_number = 0
        self._first_private_s: dict[tuple[int, str], float] = {}

    def next_number(self) -> int:
        """A new id; faults that happen at once have one too."""
        self._last_number += 1
        return self._last_number

    def add(self, number: int, fault: Fault, clients: Collection[Client], now_s: float) -> ActiveFault | None:
        """Let a fault go on from now on; None for one that only ends others (`refuse` with a count of 0).

        Args:
            number: its id.
            fault: what was asked for.
            clients: the open connections.
            now_s: now.

        Raises:
            FaultRefused: too many faults are active; nothing is changed.
        """
        self.settle(now_s)
        if isinstance(fault, Refuse):
            self._end_refusals(fault)
            if fault.count == 0:
                return None
        if len(self._active) >= MOST_ACTIVE:
            raise FaultRefused(f"{MOST_ACTIVE} faults are active, which is the most; end some first")
        active = ActiveFault(
            number,
            fault,
            began_s=now_s,
            ends_s=_end_of(fault, now_s),
            left=_count_of(fault),
            only=_limited_to(fault, clients),
        )
        self._active[number] = active
        for client in clients:
            self.note_opened(client)
        return active

    def end(self, number: int) -> bool:
        """End one fault; False when it was over."""
        return self._active.pop(number, None) is not None

    def end_all(self) -> int:
        """End every fault and tell how many there were."""
        ended = len(self._active)
        self._active.clear()
        self._first_private_s.clear()
        return ended

    def settle(self, now_s: float) -> None:
        """Drop what has ended."""
        for number in [number for number, active in self._active.items() if active.has_ended(now_s)]:
            del self._active[number]
        self._first_private_s = {key: s for key, s in self._first_private_s.items() if key[0] in self._active}

    def note_opened(self, client: Client) -> None:
        """Note a connection that is open: with the first private one an account's wait for assets begins."""
        for active in self._active.values():
            if isinstance(active.fault, FirstAssetLate) and client.kind == "private":
                since_s = max(client.opened_s, active.began_s)
                self._first_private_s.setdefault((active.number, client.access_key), since_s)

    def note_ended(self, client: Client) -> None:
        """Forget a connection; a fault that was limited to it is over."""
        for active in self._active.values():
            if active.only is not None:
                active.only.discard(client.number)

    def active(self, now_s: float) -> list[dict[str, object]]:
        """What goes on, with what is left of each, oldest first."""
        return [active.report(now_s) for active in self._active.values() if not active.has_ended(now_s)]

    def next_change_s(self, now_s: float) -> float | None:
        """When something begins or ends by itself; None when nothing will."""
        times_s = [active.ends_s for active in self._active.values() if active.ends_s is not None]
        times_s += [active.began_s + fault.notice_s for active, fault in self._of(Maintenance, now_s)]
        return min((at_s for at_s in times_s if at_s > now_s), default=None)

    # Handshakes.

    def take_refusal(self, kind: str, now_s: float) -> Refuse | None:
        """The refusal of the next handshake of a kind of connection, counted; None when it may go on."""
        return self._take(Refuse, kind, now_s)

    def take_early_close(self, kind: str, now_s: float) -> AcceptThenClose | None:
        """How the next connection of a kind is closed at once, counted; None when it may live."""
        return self._take(AcceptThenClose, kind, now_s)

    # Connections.

    def frame_faults(self, client: Client, now_s: float) -> tuple[ActiveFault, ...]:
        """The faults that act on a connection's data frames."""
        found = []
        for active in self._active.values():
            if isinstance(active.fault, FirstAssetLate):
                wait = self._asset_wait(active, active.fault, client, now_s)
                found.extend([wait] if wait is not None else [])
            elif isinstance(active.fault, FRAME_FAULTS) and active.hits(client):
                found.append(active)
        return tuple(found)

    def bytes_per_s(self, client: Client | None, now_s: float) -> int | None:
        """The slowest pace that is set for a connection, or for REST (None); None for no limit."""
        paces = [fault.bytes_per_s for active, fault in self._of(Trickle, now_s) if _is_hit(active, client)]
        return min(paces, default=None)

    def is_stalled(self, client: Client | None, now_s: float) -> bool:
        """Whether a connection, or REST (None), says nothing."""
        return any(_is_hit(active, client) for active, _ in self._of(Stall, now_s))

    # REST, and all of the exchange.

    def judge_request(self, method: str, path: str, now_s: float) -> RestVerdict:
        """What happens to a request; faults that hit it are counted."""
        return judge_request(self._active.values(), method, path, now_s) if self._active else UNHARMED

    def clock_offset_ms(self, now_s: float) -> int:
        """How far the times that the exchange says are off."""
        return sum(fault.ms for _, fault in self._of(ClockOffset, now_s))

    def maintenance(self, now_s: float) -> Maintenance | None:
        """The maintenance that is under way; None while one is only announced."""
        for active, fault in self._of(Maintenance, now_s):
            if now_s >= active.began_s + fault.notice_s:
                return fault
        return None

    def _of(self, kind: type[_F], now_s: float) -> Iterator[tuple[ActiveFault, _F]]:
        for active in self._active.values():
            if isinstance(active.fault, kind) and not active.has_ended(now_s):
                yield active, active.fault

    def _take(self, kind: type[_F], target: str, now_s: float) -> _F | None:
        for active, fault in self._of(kind, now_s):
            if is_aimed_at(fault, Client(0, target)):
                active.take()
                return fault
        return None

    def _end_refusals(self, newer: Refuse) -> None:
        """End the refusals that a newer one replaces: those of its own target, or of every WebSocket."""
        for number, active in list(self._active.items()):
            if isinstance(active.fault, Refuse):
                target = active.fault.target
                if target == newer.target or (newer.target == "all" and target != "rest"):
                    del self._active[number]

    def _asset_wait(
        self, active: ActiveFault, fault: FirstAssetLate, client: Client, now_s: float
    ) -> ActiveFault | None:
        """The wait of one connection for its account's first assets, as a fault of its own; None when it is over."""
        since_s = self._first_private_s.get((active.number, client.access_key))
        if client.kind != "private" or since_s is None or not active.hits(client):
            return None
        until_s = since_s + fault.seconds
        if client.opened_s >= until_s or (now_s >= until_s and not fault.reconnect):
            return None
        return ActiveFault(active.number, fault, began_s=since_s, ends_s=None if fault.reconnect else until_s)


def _is_hit(active: ActiveFault, client: Client | None) -> bool:
    if client is None:
        return getattr(active.fault, "target", "") == "rest"
    return active.hits(client)


def _end_of(fault: Fault, now_s: float) -> float | None:
    if isinstance(fault, FirstAssetLate):
        return None  # Each account has a first connection of its own, today or later.
    seconds: float | None = None if not hasattr(fault, "seconds") else fault.seconds
    if isinstance(fault, Maintenance):
        return now_s + fault.notice_s + fault.seconds
    return None if seconds is None else now_s + seconds


def _count_of(fault: Fault) -> int | None:
    if isinstance(fault, _ONCE_ON_REST) and fault.target == "rest":
        return 1
    count: int | None = getattr(fault, "count", None)
    return count


def _limited_to(fault: Fault, clients: Collection[Client]) -> set[int] | None:
    """The connections that a fault is limited to: one that is named, or for some kinds those that are open."""
    connection: int | None = getattr(fault, "connection", None)
    if connection is not None:
        return {connection}
    if isinstance(fault, _ON_OPEN_ONES) and fault.target != "rest":
        return {client.number for client in clients if is_aimed_at(fault, client)}
    return None
