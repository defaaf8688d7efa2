"""What a client tells besides events, to the listeners of the user's program and to its log."""

import inspect
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from actors.client.delivery.callbacks import close_unawaited
from actors.client.delivery.program_log import ProgramLog
from actors.client.hosts import Host, HostTask
from actors.client.reports import ErrorReport, GapReport, Report, StateReport

MAX_REPORTS: Final = 1000
"""Reports that wait for a loop that does not turn, of which the oldest leave; and calls of listeners that wait."""

Listener = Callable[[Any], object]


class Announcer:
    """Gaps, states and errors of one client, from any thread to the user's loop.

    Args:
        client: its name.
        wake: sees to it that `deliver` is called in the user's loop, soon.

    Attributes:
        listeners: who is told, by the kind of report.
        gaps, errors, callback_errors: reports so far; of the errors, those that a callback was the cause of.
        untold: reports that not every listener got, because too many waited.
        log: of the user's program.
        listener_errors: how often each listener failed.
    """

    def __init__(self, client: str, wake: Callable[[], None]) -> None:
        self.listeners: dict[type[Report], list[Listener]] = {GapReport: [], StateReport: [], ErrorReport: []}
        self.gaps = self.errors = self.callback_errors = self.untold = 0
        self.log = ProgramLog()
        self.listener_errors: dict[Listener, int] = {}
        self._client = client
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: deque[Report] = deque()
        self._calls: set[HostTask] = set()
        self._is_closed = False

    def add(self, report: Report) -> None:
        """Tell the user's program, soon; from any thread."""
        with self._lock:
            self._count(report)
            errors = self.errors
            if not self._is_closed:
                self._waiting.append(report)
            if len(self._waiting) > MAX_REPORTS:
                self._waiting.popleft()
                self.untold += 1
        if isinstance(report, ErrorReport) and _is_worth_a_line(errors):
            text = "%s (error %d of this client)"
            self.log.write(logging.ERROR, text, report.text, errors, error=report.error)
        self._wake()

    def deliver(self, host: Host) -> None:
        """Call the listeners for what waits; in the user's loop."""
        with self._lock:
            reports = list(self._waiting)
            self._waiting.clear()
        for report in reports:
            self._tell(report, host)

    def close(self) -> None:
        """Tell nothing more."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()

    def cancel_calls(self) -> None:
        """Cancel calls of listeners that still wait for something, but for the one that the caller runs in."""
        for call in tuple(self._calls):
            if not call.is_current:
                call.cancel()

    def _count(self, report: Report) -> None:
        if isinstance(report, GapReport):
            self.gaps += 1
        elif isinstance(report, ErrorReport):
            self.errors += 1
            self.callback_errors += report.error is not None

    def _tell(self, report: Report, host: Host) -> None:
        for listener in tuple(self.listeners[type(report)]):
            if self._is_closed or len(self._calls) >= MAX_REPORTS:
                self.untold += not self._is_closed
                return
            try:
                result = listener(report)
            except Exception as error:  # noqa: BLE001 - the user's code; told in full, and hurts nobody else
                self._note_failure(listener, type(report).__name__, error)
                continue
            if inspect.isawaitable(result):
                self._await(listener, result, host)

    def _note_failure(self, listener: Listener, what: str, error: Exception) -> None:
        self.listener_errors[listener] = number = self.listener_errors.get(listener, 0) + 1
        if _is_worth_a_line(number):
            text = "client %r: a callback for %s failed (%d times so far)"
            self.log.write(logging.ERROR, text, self._client, what, number, error=error)

    def _await(self, listener: Listener, awaitable: Awaitable[object], host: Host) -> None:
        async def wait() -> None:
            try:
                await awaitable
            except Exception as error:  # noqa: BLE001 - as in `_tell`
                self._note_failure(listener, "reports, an async one,", error)
            finally:
                self._calls.discard(task)

        task = host.spawn(wait, partial(close_unawaited, awaitable))
        self._calls.add(task)  # asyncio itself keeps no task alive.


def _is_worth_a_line(number: int) -> bool:
    """The first, the tenth, the hundredth ...: a callback that always fails must not fill a disk."""
    return str(number).strip("0") == "1"
