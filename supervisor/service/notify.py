"""Telling the service manager how the tree is: ready, reloading, stopping, one line of status, signs of life.

The protocol is sd_notify(3): one datagram of `NAME=value` lines to the socket that NOTIFY_SOCKET names. Nothing here
waits: what cannot be delivered now is counted, and the state is said again at the next tick, since a service manager
that misses READY=1 would end a tree that works.
"""

import enum
import os
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Final

from protocols.errors import SettingsError
from supervisor.service.watchdog import Watchdog, take_watchdog_interval

SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"

MAX_ADDRESS_BYTES: Final = 107
"""Of sockaddr_un.sun_path, unix(7)."""

STATUS_EVERY_S: Final = 1.0
"""A tree in trouble changes many times a second; who reads the line does not."""

RETRY_S: Final = 0.25
"""How soon what could not be delivered is said again."""

MAX_LINE: Final = 400
"""Characters of a status line."""


class Phase(enum.Enum):
    """What the service manager knows about the tree."""

    STARTING = enum.auto()
    READY = enum.auto()
    RELOADING = enum.auto()
    STOPPING = enum.auto()


_MAY_FOLLOW: Final = {
    Phase.STARTING: {Phase.READY, Phase.STOPPING},
    Phase.READY: {Phase.RELOADING, Phase.STOPPING},
    Phase.RELOADING: {Phase.READY, Phase.STOPPING},
    Phase.STOPPING: set[Phase](),
}


class Notifier:
    """The supervisor's way to its service manager. Made by `take_notifier`.

    Args:
        address: of the manager's socket; an abstract one begins with a zero byte.
        watchdog_s: after so much silence the manager ends the service; None when it does not watch.
        monotonic_ns: CLOCK_MONOTONIC, which the manager uses too.

    Attributes:
        lost: datagrams that could not be delivered.
    """

    def __init__(
        self,
        address: bytes,
        *,
        watchdog_s: float | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.lost = 0
        self._address = address
        self._monotonic_ns = monotonic_ns
        self._watchdog = Watchdog(watchdog_s)
        self._phase = Phase.STARTING
        self._is_owed = False
        self._reloads = 0
        self._line = self._wanted_line = ""
        self._line_due_s = float("-inf")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def tick(self, *, is_started: bool, is_stopping: bool, line: str, now_s: float) -> None:
        """Say what is new, and that the tree lives.

        Only the tree's clock calls this, after it has found its tree in order: so the watchdog sees the work itself and
        not a task beside it.

        Args:
            is_started: whether each child was ready, or has failed once.
            is_stopping: whether the whole tree is being stopped.
            line: how the tree is; told when it is another one, at most once in `STATUS_EVERY_S`.
            now_s: monotonic, always of the same clock.
        """
        if is_stopping:
            self._enter(Phase.STOPPING)
        elif is_started and self._phase is Phase.STARTING:
            self._enter(Phase.READY)
        elif self._is_owed:
            self._say_phase()
        if self._watchdog.is_due(now_s=now_s) and self._send("WATCHDOG=1"):
            self._watchdog.fed(now_s=now_s)
        self._wanted_line = one_line(line)
        if self._wanted_line != self._line and now_s >= self._line_due_s:
            self._line_due_s = now_s + STATUS_EVERY_S
            if self._send(f"STATUS={self._wanted_line}"):
                self._line = self._wanted_line

    def next_tick_s(self, *, now_s: float) -> float:
        """Return when `tick` is to be called again at the latest, also when nothing happens; it may be infinite."""
        times = [self._watchdog.due_s]
        if self._wanted_line != self._line:
            times.append(self._line_due_s)
        if self._is_owed:
            times.append(now_s + RETRY_S)
        due_s = min(times)
        # What could not be delivered is due already; it is tried again later and not in a loop.
        return due_s if due_s > now_s else now_s + RETRY_S

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that settings are being read again, and at the end that the tree is ready again; may be nested."""
        self._reloads += 1
        self._enter_if_allowed(Phase.RELOADING)
        try:
            yield
        finally:
            self._reloads -= 1
            if not self._reloads and self._phase is Phase.RELOADING:
                self._enter(Phase.READY)

    def stopping(self) -> None:
        """Say that the tree is being stopped; further calls do nothing."""
        self._enter(Phase.STOPPING)

    def close(self) -> None:
        """Close the socket; nothing can be said any more."""
        self._socket.close()

    def _enter(self, phase: Phase) -> None:
        if phase is not self._phase:
            self._enter_if_allowed(phase)
        elif self._is_owed:
            self._say_phase()

    def _enter_if_allowed(self, phase: Phase) -> None:
        if phase in _MAY_FOLLOW[self._phase]:
            self._phase = phase
            self._say_phase()

    def _say_phase(self) -> None:
        text = f"{self._phase.name}=1"
        if self._phase is Phase.RELOADING:
            # So that the manager can tell this reload from an earlier one, sd_notify(3).
            text += f"\nMONOTONIC_USEC={self._monotonic_ns() // 1000}"
        self._is_owed = not self._send(text)

    def _send(self, text: str) -> bool:
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            # Its queue is full, or it is being restarted: it must never hold up the tree.
            self.lost += 1
            return False
        return True


def take_notifier(environment: MutableMapping[str, str], *, pid: int | None = None) -> Notifier | None:
    """Take the service manager's variables out of the environment, so that no child can speak for the supervisor.

    Args:
        environment: usually `os.environ`.
        pid: of this process, by default its own.

    Returns:
        None when no service manager listens.

    Raises:
        SettingsError: a variable cannot be used.
    """
    text = environment.pop(SOCKET_VARIABLE, "")
    watchdog_s = take_watchdog_interval(environment, pid=os.getpid() if pid is None else pid)
    return Notifier(_address_of(text), watchdog_s=watchdog_s) if text else None


def _address_of(text: str) -> bytes:
    address = os.fsencode(text)
    if address[:1] not in {b"/", b"@"} or len(address) < 2 or len(address) > MAX_ADDRESS_BYTES:
        raise SettingsError(
            f"{SOCKET_VARIABLE}={text[:120]!r} names no Unix socket; the service manager sets it, unset it elsewhere"
        )
    return b"\0" + address[1:] if address[:1] == b"@" else address


def one_line(text: str) -> str:
    """Return the text as one printable line of at most `MAX_LINE` characters: a line break would begin a new field."""
    line = "".join(character if character.isprintable() else " " for character in text).strip()
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 3]}..."
