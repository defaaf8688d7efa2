"""One connection to the exchange, kept alive for as long as the actor lives.

Connect, subscribe the union of all wants, decode, route, publish; notice a dead link; reconnect at once and then with
backoff, for ever; begin a new epoch with each connection. What must be sent and when is decided by `SubscriptionPlan`,
what a frame means by `FrameDecoder`, where it goes by `Router`; here only bytes and times are moved between them.
"""

import random
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import nullcontext
from typing import Final

import trio
from structlog.typing import FilteringBoundLogger

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.http_answers import plain_name
from actors.connections.keep_alive import keep_alive
from actors.connections.listing import ListAsker
from actors.connections.routing import Answer, Router
from actors.connections.websocket import Connection
from actors.runtime.channel.publishing import Publisher
from actors.runtime.groups import leaves
from actors.runtime.process.counters import Counter
from actors.runtime.process.heartbeat import Watch
from protocols.backoff import Backoff
from protocols.errors import (
    AuthenticationError,
    ConnectionLost,
    DecodeFailure,
    HandshakeRefused,
    UsageError,
)
from protocols.feed_state import FeedInput, FeedState, next_state
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.limits import ConnectLimit, MessageLimits
from protocols.upbit.messages import ErrorFrame, SubscriptionList
from protocols.upbit.refusals import Remedy, remedy_of
from protocols.upbit.subscriptions import SubscriptionPlan
from protocols.upbit.topics import Topic, parse_topic

SEND_TIMEOUT_S: Final = 5.0
STABLE_AFTER_S: Final = 1.0
"""The first attempt after a loss is made at once, unless the loss before it was so recent. Even an exchange that drops
each connection after this time is dialled once a second, a fifth of what it allows."""

UNWANTED_S: Final = 0.5
"""How long a connection stays whose topics nobody wants any more. The exchange would send them for ever, and takes no
request without any; somebody who changes from one want to another is quicker than this."""

REPORT_ONE_IN: Final = 100
"""After the first frame that could not be read, so many more until the next is logged; all are counted."""

MIN_WAIT_S: Final = {429: 1.0, 418: 10.0, 503: 1.0}
"""Shortest wait after a handshake refused with this status, when the answer does not say how long."""

DialExchange = Callable[[trio.Nursery], Awaitable[Connection]]


class Unwanted(ConnectionLost):
    """The connection was given up by us: nobody wants what it brings."""


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
        self._needs_keys = needs_keys
        self._progressed = progressed
        self._watch = watch
        self._router = Router(publisher)
        self._decoder = FrameDecoder()
        self._plan = SubscriptionPlan(
            format=settings.format, limits=MessageLimits(), snapshot_timeout_s=settings.snapshot_timeout_s
        )
        self._connects = ConnectLimit()
        self._backoff = Backoff(
            first_s=settings.backoff_first_s, cap_s=settings.backoff_cap_s, reset_after_s=STABLE_AFTER_S, rng=rng
        )
        self._wants_changed = trio.Event()
        self._connection: Connection | None = None
        self._sending = trio.Lock()
        """Held while a message is made and sent: the plan counts it as sent when it is made."""
        self.lists = ListAsker(self._plan, self._send_list)
        self._unwanted_s = float("inf")
        self._received_s = 0.0
        self._state = FeedState.IDLE
        self._failures = 0
        self._not_before_s = float("-inf")
        self._lost_s = float("-inf")
        publisher.link = "connecting"
        publisher.on_wanted = self._follow_wants
        publisher.keeps = lambda topic: self._router.topics.get(topic) in self._plan.sent
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
        wanted = self._router.rebuild() | self._always
        self._plan.want(wanted, now_s=trio.current_time())
        self._counters.set("topics_wanted", len(wanted))
        self._wants_changed.set()

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
        try:
            async with trio.open_nursery() as nursery:
                connection = await self._dial(nursery)
                try:
                    self._connection = connection
                    self.lists.connection_opened()
                    await self._serve(connection, nursery)
                finally:
                    self._connection = None
                    self.lists.connection_closed()
                    self._plan.connection_closed()
                    await connection.aclose()
        except* (AuthenticationError, Unwanted) as errors:
            raise next(leaves(errors)) from None
        except* ConnectionLost as errors:
            error = next(leaves(errors))
            reason = str(error)
            if isinstance(error, HandshakeRefused):
                wait_s = error.retry_after_s or MIN_WAIT_S.get(error.status, 0.0)
        self._not_before_s = trio.current_time() + wait_s
        return reason

    async def _serve(self, connection: Connection, nursery: trio.Nursery) -> None:
        now_s = trio.current_time()
        self._received_s = now_s
        self._unwanted_s = float("inf")
        self._router.begin_connection()
        self._plan.connection_opened(now_s=now_s)
        nursery.start_soon(self._send_requests, connection)
        nursery.start_soon(keep_alive, connection, self._settings, self._counters, lambda: self._received_s)
        if self._settings.audit_interval_s:
            nursery.start_soon(self._audit)
        with nullcontext() if self._watch is None else self._watch(connection.is_input_waiting):
            while True:
                frames = await connection.receive()
                self._received_s = trio.current_time()
                if self._state is not FeedState.LIVE:
                    self._go_live()
                if frames:
                    self._take(frames)

    def _go_live(self) -> None:
        """The first sign of life proves the connection: only now does its epoch begin."""
        self._enter(FeedInput.OPENED)
        self._backoff.succeeded(trio.current_time())
        self._publisher.go_up(now_ns=time.monotonic_ns())
        self._counters.add("connections_live")
        self._log.info("feed.up", epoch=self._publisher.epoch)

    def _take(self, frames: list[bytes]) -> None:
        received_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        failures: list[DecodeFailure] = []
        messages = self._decoder.decode_batch(frames, failures)
        first, answers = self._router.route(messages, received_ns, wall_ns)
        self._publisher.flush()
        self._counters.add("frames", len(frames))
        if self._progressed is not None:
            self._progressed(len(frames))
        for topic in first:
            self._plan.saw(topic)
        for answer in answers:
            self._take_answer(answer)
        for failure in failures:
            self._report(failure)
        self._counters.set("unrouted", self._router.unrouted)
        self._counters.set("snapshots_repeated", self._router.repeated)
        if self._decoder.unknown_fields:
            self._counters.set("unknown_fields", sum(self._decoder.unknown_fields.values()))

    def _take_answer(self, answer: Answer) -> None:
        if isinstance(answer, ErrorFrame):
            self._counters.add("error_frames")
            # Where keys are sent, the other end's free text is shown nowhere: it might repeat them.
            said = plain_name(answer.name) if self._needs_keys else f"{answer.name}: {answer.message}"
            self._log.warning("feed.refused", said=said)
            if self._needs_keys and remedy_of(answer.name) is Remedy.CHECK_KEYS:
                raise AuthenticationError(f"the exchange refused the keys: {said}")
            for topic in self._plan.refused(answer.name, now_s=trio.current_time()):
                self._publisher.report_problem(topic.key, f"the exchange refused it: {said}")
            self._wants_changed.set()
        elif isinstance(answer, SubscriptionList):
            self.lists.answered(answer.result)
            result = self._plan.audit(answer)
            self._counters.add("audits")
            if not result.is_clean:
                self._counters.add("audit_differences")
                self._log.warning("feed.audit", missing=result.missing, surplus=result.surplus)
                self._wants_changed.set()

    def _report(self, failure: DecodeFailure) -> None:
        self._counters.add("frames_unreadable")
        if self._failures % REPORT_ONE_IN == 0:
            self._log.warning("feed.unreadable", reason=str(failure), so_far=self._failures)
        self._failures += 1

    async def _send_requests(self, connection: Connection) -> None:
        """Send what the plan says, when it says so."""
        while True:
            async with self._sending:
                now_s = trio.current_time()
                frame = self._plan.next_frame(now_s=now_s, ticket=_ticket())
                if frame is not None:
                    self._router.note_request(self._plan.sent, self._plan.unseen)
                    await self._send(connection, frame)
                    self._publisher.drop_unwanted(self._publisher.streams)
            for topic in self._plan.overdue(now_s=now_s):
                self._counters.add("topics_silent")
                waited_s = self._settings.snapshot_timeout_s
                reason = (
                    f"no data within {waited_s:g} s: unknown to the exchange, delisted, or not served at this level"
                )
                self._log.warning("feed.silent_topic", topic=topic.key, waited_s=waited_s)
                self._publisher.report_problem(topic.key, reason)
            check_s = self._plan.next_check_s(now_s=now_s)
            with trio.move_on_at(min(float("inf") if check_s is None else check_s, self._unwanted_at_s(now_s))):
                await self._wants_changed.wait()
            self._wants_changed = trio.Event()

    def _unwanted_at_s(self, now_s: float) -> float:
        """When this connection is to be given up.

        Raises:
            Unwanted: now.
        """
        if not self._plan.is_unwanted:
            self._unwanted_s = float("inf")
        elif now_s >= self._unwanted_s:
            raise Unwanted("nobody wants what it brings")
        else:
            self._unwanted_s = min(self._unwanted_s, now_s + UNWANTED_S)
        return self._unwanted_s

    async def _send(self, connection: Connection, frame: bytes) -> None:
        with trio.move_on_after(SEND_TIMEOUT_S):
            await connection.send(frame)
            self._counters.add("requests_sent")
            self._counters.set("topics_sent", len(self._plan.sent))
            return
        raise ConnectionLost(f"a request of {len(frame)} B could not be sent within {SEND_TIMEOUT_S} s; reconnect")

    async def _audit(self) -> None:
        """From time to time, ask the exchange what it thinks is subscribed: it acknowledges nothing by itself."""
        while True:
            await trio.sleep(self._settings.audit_interval_s)
            await self.lists.send()

    async def _send_list(self, note: Callable[[], None]) -> bool:
        """Send LIST_SUBSCRIPTIONS if that may be done now; see `ListAsker`."""
        async with self._sending:
            connection = self._connection
            frame = self._plan.audit_frame(now_s=trio.current_time(), ticket=_ticket())
            if frame is None or connection is None:
                return False
            note()
            await self._send(connection, frame)
            return True


def refusal_of(key: str, served: Collection[str], *, other: str) -> str:
    """Say why a connection for the types `served` cannot serve a topic, or "" when it can; `other` serves the rest."""
    try:
        topic = parse_topic(key)
    except UsageError as error:
        return str(error)
    if topic.type not in served:
        return f"{topic.type} is served by the actor `{other}`"
    return "" if topic.key == key else f"write {topic.key!r} instead of {key!r}: a topic has one spelling"


def _ticket() -> str:
    return f"upbitd-{uuid.uuid4()}"
