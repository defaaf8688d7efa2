"""Asking the exchange what it thinks is subscribed on a connection, for audits and for whoever wants to know."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from protocols.errors import ConnectionLost
from protocols.upbit.messages import SubscriptionEntry
from protocols.upbit.subscriptions import SubscriptionPlan

TIMEOUT_S: Final = 10.0
PATIENCE_S: Final = 2.0
"""Longest wait for a permit; whoever asks is told to come back when it would be longer."""

AGAIN_S: Final = 0.02


class ListAsker:
    """LIST_SUBSCRIPTIONS on the connection that there is, one request at a time, within the limits.

    Args:
        plan: what is subscribed, and when a message may be sent.
        send_list: makes and sends one request, and returns whether that could be done now; calls what it is given
            between the two, since the answer may be quicker than its return.
    """

    def __init__(self, plan: SubscriptionPlan, send_list: Callable[[Callable[[], None]], Awaitable[bool]]) -> None:
        self._plan = plan
        self._send_list = send_list
        self._is_open = False
        self._turn = trio.Lock()
        self._changed = trio.Event()
        self._entries: tuple[SubscriptionEntry, ...] = ()
        self._asked = self._answered = 0

    def connection_opened(self) -> None:
        """There is a connection that can be asked about."""
        self._is_open = True

    def connection_closed(self) -> None:
        """The connection is gone, and no answer comes any more."""
        self._is_open = False
        self._tell()

    def answered(self, entries: tuple[SubscriptionEntry, ...]) -> None:
        """The exchange answered the request before."""
        self._entries, self._answered = entries, self._asked
        self._tell()

    async def send(self) -> bool:
        """Send one request, for an audit; return whether that could be done now."""
        return await self._send_list(self._note_asked)

    async def ask(self) -> dict[str, object]:
        """Ask the exchange what it sends; return its answer as `entries`.

        Where it takes no request now, `retry_after_s` says when to ask again. Those who ask at the same time share one
        request. Where nothing was ever asked for on this connection, nothing is sent, and no question is needed.

        Raises:
            ConnectionLost: there is no connection, or it ended, or no answer came in time.
        """
        asked_before = self._asked
        async with self._turn:
            with trio.move_on_after(TIMEOUT_S):
                while self._answered <= asked_before:
                    changed = self._changed
                    if not self._is_open:
                        raise ConnectionLost("there is no connection to the exchange now; ask again")
                    now_s = trio.current_time()
                    wait_s = self._plan.permit_at_s(now_s) - now_s
                    if self._plan.is_clear:
                        return {"entries": ()}
                    if wait_s > PATIENCE_S:
                        return {"retry_after_s": wait_s}
                    if not self._plan.is_audited and not await self.send():
                        # A change of the wants goes first, as soon as it may.
                        await trio.sleep(max(wait_s, AGAIN_S))
                        continue
                    await changed.wait()
                return {"entries": self._entries}
        raise ConnectionLost(f"the exchange did not answer LIST_SUBSCRIPTIONS within {TIMEOUT_S:g} s; ask again")

    def _note_asked(self) -> None:
        self._asked += 1

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
