"""What is asked of the exchange on one connection after another: subscriptions, audits, and whoever wants the list.

What to send and when is decided by `SubscriptionPlan`; here it is sent, one message at a time, and whoever wants a
topic that stays silent is told.
"""

import uuid
from collections.abc import Callable
from typing import Final

import trio
from structlog.typing import FilteringBoundLogger

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.listing import ListAsker
from actors.connections.routing import Router
from actors.connections.websocket import Connection
from actors.runtime.channel.publishing import Publisher
from actors.runtime.process.counters import Counter
from protocols.errors import ConnectionLost
from protocols.upbit.limits import MessageLimits
from protocols.upbit.subscriptions import SubscriptionPlan
from protocols.upbit.topics import Topic

SEND_TIMEOUT_S: Final = 5.0

UNWANTED_S: Final = 0.5
"""How long a connection stays whose topics nobody wants any more. The exchange would send them for ever, and takes no
request without any; somebody who changes from one want to another is quicker than this."""


class Unwanted(ConnectionLost):
    """The connection was given up by us: nobody wants what it brings."""


class Requester:
    """Sends what the plan says, when it says so.

    Attributes:
        plan: what is wanted, what was sent, and when the next message may be.
        lists: asks the exchange what it sends on this connection.
    """

    def __init__(
        self,
        publisher: Publisher,
        router: Router,
        settings: ExchangeSettings,
        counters: Counter,
        log: FilteringBoundLogger,
    ) -> None:
        self._publisher = publisher
        self._router = router
        self._settings = settings
        self._counters = counters
        self._log = log
        self._connection: Connection | None = None
        self._news = trio.Event()
        self._sending = trio.Lock()
        """Held while a message is made and sent: the plan counts it as sent when it is made."""
        self._unwanted_s = float("inf")
        self.plan = SubscriptionPlan(
            format=settings.format, limits=MessageLimits(), snapshot_timeout_s=settings.snapshot_timeout_s
        )
        self.lists = ListAsker(self.plan, self._send_list)

    def want(self, topics: frozenset[Topic]) -> None:
        """Ask for exactly these topics from now on."""
        self.plan.want(topics, now_s=trio.current_time())
        self._counters.set("topics_wanted", len(topics))
        self.look_again()

    def look_again(self) -> None:
        """The plan may have something to send: it was changed, or took in an answer."""
        self._news.set()

    def connection_opened(self, connection: Connection, *, now_s: float) -> None:
        """There is a connection, on which nothing was asked for yet; what is sent from now on goes there."""
        self._connection = connection
        self._unwanted_s = float("inf")
        self._router.begin_connection()
        self.lists.connection_opened()
        self.plan.connection_opened(now_s=now_s)

    def connection_closed(self) -> None:
        """The connection is gone, and with it all that was asked for on it."""
        self._connection = None
        self.lists.connection_closed()
        self.plan.connection_closed()

    async def run(self, connection: Connection) -> None:
        """Subscribe what is wanted, again with each change, and tell of topics that stay silent, until cancelled.

        Raises:
            Unwanted: nobody has wanted anything of this connection for a while.
            ConnectionLost: a request could not be sent.
        """
        while True:
            async with self._sending:
                now_s = trio.current_time()
                frame = self.plan.next_frame(now_s=now_s, ticket=_ticket())
                if frame is not None:
                    self._router.note_request(self.plan.sent, self.plan.unseen)
                    await self._send(connection, frame)
                    self._publisher.drop_unwanted(self._publisher.streams)
            for topic in self.plan.overdue(now_s=now_s):
                self._report_silent(topic)
            check_s = self.plan.next_check_s(now_s=now_s)
            with trio.move_on_at(min(float("inf") if check_s is None else check_s, self._unwanted_at_s(now_s))):
                await self._news.wait()
            self._news = trio.Event()

    async def run_audits(self) -> None:
        """From time to time, ask the exchange what it thinks is subscribed: it acknowledges nothing by itself."""
        while True:
            await trio.sleep(self._settings.audit_interval_s)
            await self.lists.send()

    def _report_silent(self, topic: Topic) -> None:
        self._counters.add("topics_silent")
        waited_s = self._settings.snapshot_timeout_s
        reason = f"no data within {waited_s:g} s: unknown to the exchange, delisted, or not served at this level"
        self._log.warning("feed.silent_topic", topic=topic.key, waited_s=waited_s)
        self._publisher.report_problem(topic.key, reason)

    def _unwanted_at_s(self, now_s: float) -> float:
        """When this connection is to be given up.

        Raises:
            Unwanted: now.
        """
        if not self.plan.is_unwanted:
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
            self._counters.set("topics_sent", len(self.plan.sent))
            return
        raise ConnectionLost(f"a request of {len(frame)} B could not be sent within {SEND_TIMEOUT_S} s; reconnect")

    async def _send_list(self, note: Callable[[], None]) -> bool:
        """Send LIST_SUBSCRIPTIONS if that may be done now; see `ListAsker`."""
        async with self._sending:
            connection = self._connection
            frame = self.plan.audit_frame(now_s=trio.current_time(), ticket=_ticket())
            if frame is None or connection is None:
                return False
            note()
            await self._send(connection, frame)
            return True


def _ticket() -> str:
    return f"upbitd-{uuid.uuid4()}"
