"""One connection to the exchange, kept alive for as long as the actor lives.

Connect, let the union of all wants be subscribed (`requesting`) and what comes be published (`intake`); notice a dead
link; reconnect at once and then with backoff, for ever; begin a new epoch with each connection.
"""

import random
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Final

import trio
from structlog.typing import FilteringBoundLogger

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.intake import Intake
from actors.connections.keep_alive import keep_alive
from actors.connections.requesting import Requester, Unwanted
from actors.connections.routing import Router
from actors.connections.websocket import Connection
from actors.runtime.channel.publishing import Publisher
from actors.runtime.groups import leaves
from actors.runtime.process.counters import Counter
from actors.runtime.process.heartbeat import Watch
from protocols.backoff import Backoff
from protocols.errors import AuthenticationError, ConnectionLost, HandshakeRefused
from protocols.feed_state import FeedInput, FeedState, next_state
from protocols.upbit.limits import ConnectLimit
from protocols.upbit.topics import Topic

STABLE_AFTER_S: Final = 1.0
"""The first attempt after a loss is made at once, unless the loss before it was so recent. Even an exchange that drops
each connection after this time is dialled once a second, a fifth of what it allows."""

MIN_WAIT_S: Final = {429: 1.0, 418: 10.0, 503: 1.0}
"""Shortest wait after a handshake refused with this status, when the answer does not say how long."""

DialExchange = Callable[[trio.Nursery], Awaitable[Connection]]


class Feed:
    """One socket of the exchange and the topics that come over it.

    Args:
        publisher: where events go, and where wants come from.
        dial: opens one connection in a nursery; called anew for each attempt.
        always: topics that are subscribed whether anybody wants them or not.
        needs_keys: whether the exchange may refuse this connection because of the keys.
        progressed: told how many frames were taken.
        watch: asks from time to time, while connected, whether frames wait in the socket untouched.

    Attributes:
        lists: asks the exchange what it sends on this connection.
    """

    def __init__(
        self,
        publisher: Publisher,
        dial: DialExchange,
        settings: ExchangeSettings,
        counters: Counter,
        log: FilteringBoundLogger,
        *,
        rng: random.Random,
        always: frozenset[Topic] = frozenset(),
        needs_keys: bool = False,
        progressed: Callable[[int], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._publisher = publisher
        self._dial = dial
        self._settings = settings
        self._counters = counters
        self._log = log
        self._always = always
        self._watch = watch
        self._router = router = Router(publisher)
        self._requester = Requester(publisher, router, settings, counters, log)
        self._plan = plan = self._requester.plan
        self._intake = Intake(
            publisher, router, self._requester, counters, log, needs_keys=needs_keys, progressed=progressed
        )
        self._connects = ConnectLimit()
        self._backoff = Backoff(
            first_s=settings.backoff_first_s, cap_s=settings.backoff_cap_s, reset_after_s=STABLE_AFTER_S, rng=rng
        )
        self._received_s = 0.0
        self._state = FeedState.IDLE
        self._not_before_s = float("-inf")
        self._lost_s = float("-inf")
        self.lists = self._requester.lists
        publisher.link = "connecting"
        publisher.on_wanted = self._follow_wants
        publisher.keeps = lambda topic: router.topics.get(topic) in plan.sent
        self._follow_wants()

    def describe(self) -> dict[str, object]:
        """What `upbitd show` prints of a connection actor."""
        return {
            "link": self._publisher.link,
            "reason": self._publisher.link_reason,
            "epoch": self._publisher.epoch,
            "wanted": sorted(topic.key for topic in self._plan.wanted),
            "subscribed": sorted(topic.key for topic in self._plan.sent),
        }

    async def run(self) -> None:
        """Keep a connection alive until cancelled.

        Raises:
            AuthenticationError: the exchange refused the keys; the caller decides when to try again.
        """
        self._enter(FeedInput.RETRY if self._state is FeedState.PARKED else FeedInput.WANTED)
        while True:
            await self._wait_for_turn()
            if self._state is FeedState.DOWN:
                self._enter(FeedInput.RETRY)
            try:
                reason = await self._hold_one_connection()
            except AuthenticationError:
                self._enter(FeedInput.KEYS_REFUSED)
                raise
            except Unwanted:
                # Nobody is told: nobody had anything from it. The next one begins a new epoch as always.
                self._counters.add("connections_unwanted")
                self._publisher.drop_unwanted(self._publisher.streams)
                self._enter(FeedInput.LOST)
                continue
            self._note_loss()
            self._counters.add("connections_lost")
            self._log.warning("feed.down", reason=reason, epoch=self._publisher.epoch)
            self._publisher.go_down(reason, now_ns=time.monotonic_ns())

    def _note_loss(self) -> None:
        now_s = trio.current_time()
        if self._state is FeedState.LIVE and now_s - self._lost_s >= STABLE_AFTER_S:
            self._backoff.reset()
        if self._state is FeedState.LIVE:
            self._lost_s = now_s
        self._enter(FeedInput.LOST)

    def _enter(self, event: FeedInput) -> None:
        self._state = next_state(self._state, event)

    def _follow_wants(self) -> None:
        self._requester.want(self._router.rebuild() | self._always)

    async def _wait_for_turn(self) -> None:
        now_s = trio.current_time()
        delay_s = self._backoff.next_delay_s(now_s)
        turn_s = max(now_s + delay_s, self._connects.permit_at_s(now_s), self._not_before_s)
        if turn_s > now_s:
            self._log.info("feed.waiting", delay_s=round(turn_s - now_s, 3))
            await trio.sleep_until(turn_s)
        now_s = trio.current_time()
        self._connects.take(now_s)

    async def _hold_one_connection(self) -> str:
        """Connect and serve until the connection ends; return why it ended."""
        self._counters.add("connection_attempts")
        reason = "ended"
        wait_s = 0.0
        for_caller: list[BaseException] = []
        try:
            async with trio.open_nursery() as nursery:
                connection = await self._dial(nursery)
                try:
                    self._requester.connection_opened(connection, now_s=trio.current_time())
                    await self._serve(connection, nursery)
                finally:
                    self._requester.connection_closed()
                    await connection.aclose()
        except* (AuthenticationError, Unwanted) as errors:
            for_caller += leaves(errors)
        except* ConnectionLost as errors:
            error = next(leaves(errors))
            reason = str(error)
            if isinstance(error, HandshakeRefused):
                wait_s = error.retry_after_s or MIN_WAIT_S.get(error.status, 0.0)
        if for_caller:  # Raised out here: before CPython 3.11.4 what is raised in `except*` comes out as a group.
            raise for_caller[0] from None
        self._not_before_s = trio.current_time() + wait_s
        return reason

    async def _serve(self, connection: Connection, nursery: trio.Nursery) -> None:
        self._received_s = trio.current_time()
        nursery.start_soon(self._requester.run, connection)
        nursery.start_soon(keep_alive, connection, self._settings, self._counters, lambda: self._received_s)
        if self._settings.audit_interval_s:
            nursery.start_soon(self._requester.run_audits)
        with nullcontext() if self._watch is None else self._watch(connection.is_input_waiting):
            while True:
                frames = await connection.receive()
                self._received_s = trio.current_time()
                if self._state is not FeedState.LIVE:
                    self._go_live()
                if frames:
                    self._intake.take(frames)

    def _go_live(self) -> None:
        """The first sign of life proves the connection: only now does its epoch begin."""
        self._enter(FeedInput.OPENED)
        self._backoff.succeeded(trio.current_time())
        self._publisher.go_up(now_ns=time.monotonic_ns())
        self._counters.add("connections_made")
        self._log.info("feed.up", epoch=self._publisher.epoch)
