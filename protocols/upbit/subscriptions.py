"""Which request must be sent now, so that one connection gets what all wants together ask for.

The exchange replaces everything on a socket with each request, acknowledges nothing, counts requests (5 a second, 100 a
minute), is silent about a market that it does not know, and answers a request that it does not like with an error frame
and a close. What follows, and holds here:

- each request carries the whole union, built at the moment when it may be sent;
- changes that come close together go out as one request;
- a topic from which data came on this connection is asked for again with `is_only_realtime`, so that it gets no second
  snapshot; one that is new, or whose snapshot is still out, is asked for with its snapshot;
- an empty union cannot be sent (`NO_TYPE` would close the socket): then nothing is sent and the plan is `idle`; whoever
  holds the connection may close it, since the exchange goes on sending (`is_unwanted`);
- a wanted topic without a snapshot in time is named once;
- after a refusal the plan goes back to what worked, and finds out which of the new topics was to blame.

All times are `now_s`, the monotonic clock.
"""

import math
from typing import Final

from msgspec import Struct

from protocols.upbit.limits import MessageLimits
from protocols.upbit.messages import MARKET_TYPES, SubscriptionList
from protocols.upbit.refusals import Remedy, remedy_of
from protocols.upbit.requests import Format, SubscriptionRequest, build_request, subscriptions_for, topics_asked
from protocols.upbit.suspects import SuspectSearch
from protocols.upbit.topics import FULL_DEPTH, Topic
from protocols.upbit.wire_shapes import LIST_SUBSCRIPTIONS

NO_TOPICS: Final[frozenset[Topic]] = frozenset()

ACCEPTED_AFTER_S: Final = 2.0
"""A request without an error frame for so long was accepted; error frames come within 0.2 s (seen 2026-09-23)."""

REFUSED_WAIT_S: Final = 1.0
"""Wait after an error frame, should the connection outlive it."""

TOO_MANY_WAIT_S: Final = 5.0
"""Wait after a refusal that says that we sent too much; repeated violations lead to a block."""

AUDIT_TIMEOUT_S: Final = 10.0
"""After so long without an answer to LIST_SUBSCRIPTIONS another may be sent."""


class AuditResult(Struct, frozen=True):
    """How the exchange's own list differs from what was sent: topics it lacks, and topics it has too many."""

    missing: tuple[Topic, ...]
    surplus: tuple[Topic, ...]

    @property
    def is_clean(self) -> bool:
        """Whether the exchange sends just what was asked for."""
        return not self.missing and not self.surplus


class SubscriptionPlan:
    """What one connection is subscribed to, what it should be, and the next frame on the way there.

    Attributes:
        wanted: the union of all wants, as declared last.
        sent: what this connection is subscribed to, as far as was sent; empty while there is no connection.
    """

    def __init__(
        self,
        *,
        format: Format,  # noqa: A002  # the exchange's own word
        limits: MessageLimits,
        settle_s: float = 0.02,
        snapshot_timeout_s: float = 5.0,
    ) -> None:
        self.wanted = NO_TOPICS
        self.sent = NO_TOPICS
        self._format = format
        self._limits = limits
        self._settle_s = settle_s
        self._snapshot_timeout_s = snapshot_timeout_s
        self._is_open = False
        self._due_s: float | None = None
        self._not_before_s = -math.inf
        self._must_resend = False
        self._added = NO_TOPICS
        self._worked = NO_TOPICS
        self._doubtful_s: dict[Topic, float] = {}
        self._seen: set[Topic] = set()
        self._asked_s: dict[Topic, float] = {}
        self._overdue: frozenset[Topic] = NO_TOPICS
        self._lost: frozenset[Topic] = NO_TOPICS
        self._search = SuspectSearch()
        self._target = NO_TOPICS
        self._audited: frozenset[Topic] | None = None
        self._audit_s = -math.inf

    @property
    def idle(self) -> bool:
        """Whether there is nothing to ask for; an open socket stays open, kept alive by its pings."""
        return not self._target

    @property
    def is_clear(self) -> bool:
        """Whether nothing is subscribed on this connection, and nothing is to be."""
        return not self.sent and not self._is_pending

    @property
    def is_unwanted(self) -> bool:
        """Whether all that this connection is subscribed to is wanted no more; only closing it ends that."""
        return bool(self.sent) and not self.wanted

    @property
    def is_audited(self) -> bool:
        """Whether an answer to LIST_SUBSCRIPTIONS is awaited."""
        return self._audited is not None

    @property
    def _is_pending(self) -> bool:
        target = self._target
        return (
            self._is_open and bool(target) and (self._must_resend or (target is not self.sent and target != self.sent))
        )

    @property
    def unseen(self) -> frozenset[Topic]:
        """Topics that this connection is subscribed to and from which nothing came yet."""
        return self.sent - self._seen

    def connection_opened(self, *, now_s: float) -> None:
        """A new connection: nothing is subscribed there, and the limits start anew."""
        self.connection_closed()
        self._is_open = True
        self._limits.reset()
        self._due_s = max(now_s, self._not_before_s)

    def connection_closed(self) -> None:
        """The connection is gone, and with it everything that was subscribed there."""
        self._is_open = False
        self.sent = self._added = self._lost = NO_TOPICS
        self._doubtful_s.clear()
        self._seen.clear()
        self._asked_s.clear()
        self._audited = None
        self._must_resend = False

    def want(self, topics: frozenset[Topic], *, now_s: float) -> None:
        """Declare the whole union of wants, at any time, connected or not."""
        if topics == self.wanted:
            return
        for topic in self.wanted - topics:
            self._asked_s.pop(topic, None)
        for topic in (topics - self.wanted) & self.sent - self._seen:
            self._wait_for_snapshot(topic, now_s)  # Dropped and wanted again before any request went out.
        self.wanted = topics
        self._search.keep(topics)
        self._retarget()
        self._overdue &= topics
        if not self._is_pending:
            self._due_s = None
        elif self._due_s is None:
            self._due_s = now_s + self._settle_s

    def next_frame(self, *, now_s: float, ticket: str) -> bytes | None:
        """The request to send now, counted as sent; None when nothing is to be sent, or not yet."""
        if self._search.forgive(now_s):
            self._retarget()
        self._settle_doubts(now_s)
        if not self._is_pending:
            self._due_s = None
            return None
        if now_s < self.permit_at_s(now_s):
            return None
        self._limits.take(now_s)
        target = self._target
        kept = target & self.sent & self._seen - self._lost
        request = SubscriptionRequest(ticket, subscriptions_for(target, realtime_only=kept), self._format)
        self._note_sent(target, now_s)
        return build_request(request)

    def next_check_s(self, *, now_s: float) -> float | None:
        """When to ask `next_frame` and `overdue` again; None when only new input can change their answers."""
        if not self._is_open:
            return None
        times = [asked_s + self._snapshot_timeout_s for asked_s in self._asked_s.values()]
        times.append(self._search.retrial_s(self.wanted))
        if self._is_pending:
            times.append(self.permit_at_s(now_s))
        trial_s = self._search.next_trial_s(self.wanted)
        if trial_s < math.inf and self._doubtful_s:
            times.append(min(self._doubtful_s.values()) + ACCEPTED_AFTER_S)
        elif self._target <= self._worked:
            times.append(trial_s)
        next_s = min(times)
        return None if next_s == math.inf else max(now_s, next_s)

    def saw(self, topic: Topic) -> None:
        """Data of a topic arrived on this connection; the first of each topic is enough."""
        if topic in self._seen or topic not in self.sent:
            return  # Nothing new, or still under way when a request ended its subscription.
        self._seen.add(topic)
        self._asked_s.pop(topic, None)
        self._overdue -= {topic}
        # Data of a topic that only the newest request asked for prove that this request was accepted.
        if topic in self._added:
            self._accept(self.sent)

    def overdue(self, *, now_s: float) -> list[Topic]:
        """Wanted topics whose snapshot did not come in time, each once for as long as it is wanted.

        The exchange says nothing about a market that it does not know or has delisted, or cannot group by this level.
        """
        late = [topic for topic, asked_s in self._asked_s.items() if asked_s + self._snapshot_timeout_s <= now_s]
        for topic in late:
            del self._asked_s[topic]
        self._overdue |= frozenset(late)
        return sorted(late)

    def refused(self, name: str, *, now_s: float) -> list[Topic]:
        """An error frame named `name` came: go back to what worked, and return the topics that stay out.

        Of several topics that were new in the refused request none is given up yet: they are held back and tried again
        in parts, on top of what works. The one to blame stays out until it is wanted anew and a minute has passed.
        When the exchange says that we sent too much, no topic is to blame.
        """
        self._settle_doubts(now_s)
        remedy = remedy_of(name)
        # Error frames do not say which request they mean: what an earlier one asked for is suspect too.
        suspects = frozenset(self._doubtful_s)
        self._doubtful_s.clear()
        self._unsend(self._added | suspects)
        self._must_resend = self._is_open
        self._due_s = now_s + (TOO_MANY_WAIT_S if remedy is Remedy.WAIT else REFUSED_WAIT_S)
        # The exchange closes the socket after an error; "too many" holds for the next one as well.
        self._not_before_s = self._due_s if remedy is Remedy.WAIT else -math.inf
        if remedy is not Remedy.FIX_REQUEST or not suspects:
            return []
        given_up = self._search.refused(suspects, self.wanted, now_s)
        self._retarget()
        return given_up

    def audit_frame(self, *, now_s: float, ticket: str) -> bytes | None:
        """LIST_SUBSCRIPTIONS, counted as sent; None when a change is due first, or a permit or an answer is awaited."""
        is_awaited = self._audited is not None and now_s < self._audit_s + AUDIT_TIMEOUT_S
        if not self._is_open or not self.sent or self._is_pending or is_awaited:
            return None
        if self._limits.permit_at_s(now_s) > now_s:
            return None
        self._limits.take(now_s)
        self._audited = self.sent
        self._audit_s = now_s
        return build_request(SubscriptionRequest(ticket, format=self._format, method=LIST_SUBSCRIPTIONS))

    def audit(self, answer: SubscriptionList) -> AuditResult:
        """Compare the exchange's list with what was sent when it was asked for; a difference sends everything again.

        Topics that were reported as overdue may be missing there: the exchange does not know them.
        """
        asked = self.sent if self._audited is None else self._audited
        self._audited = None
        entries = answer.result
        listed = {_deep(topic) for entry in entries for topic in topics_asked(entry.type, entry.codes, entry.level)}
        missing = frozenset(topic for topic in asked & self.sent - self._overdue if _deep(topic) not in listed)
        surplus = listed.difference(map(_deep, asked | self.sent))
        if not missing and asked == self.sent:
            self._accept(self.sent)
        if missing or surplus:
            self._lost = missing
            self._seen -= missing
            self._must_resend = True
            self._due_s = -math.inf
        return AuditResult(tuple(sorted(missing)), tuple(sorted(surplus)))

    def _settle_doubts(self, now_s: float) -> None:
        """A request that stood for some time was accepted; then the next held part may be tried."""
        if self._doubtful_s:
            doubtful = self._doubtful_s.items()
            self._accept(frozenset(topic for topic, sent_s in doubtful if now_s >= sent_s + ACCEPTED_AFTER_S))
        if not self._is_open or self._doubtful_s:
            return
        if not self._target <= self._worked:
            return  # Wants that came meanwhile go first.
        if self._search.all_work(self.wanted, now_s):
            self._retarget()

    def _accept(self, topics: frozenset[Topic]) -> None:
        self._worked |= topics
        self._added -= topics
        for topic in topics:
            self._doubtful_s.pop(topic, None)

    def _unsend(self, topics: frozenset[Topic]) -> None:
        self.sent -= topics
        self._added -= topics
        self._seen -= topics
        for topic in topics:
            self._asked_s.pop(topic, None)

    def _retarget(self) -> None:
        self._target = self.wanted - self._search.held

    def _wait_for_snapshot(self, topic: Topic, now_s: float) -> None:
        # What belongs to the account has no snapshot.
        if topic.type in MARKET_TYPES:
            self._asked_s.setdefault(topic, now_s)

    def permit_at_s(self, now_s: float) -> float:
        """The earliest time at which the next message may be sent."""
        settled_s = now_s if self._due_s is None else self._due_s
        return max(settled_s, self._limits.permit_at_s(now_s))

    def _note_sent(self, target: frozenset[Topic], now_s: float) -> None:
        self._added = target - self.sent
        self.sent = target
        self._worked &= self.wanted
        for topic in target - self._worked:
            self._doubtful_s.setdefault(topic, now_s)
        self._due_s = None
        self._must_resend = False
        self._lost = NO_TOPICS
        self._seen &= target
        for topic in target - self._seen - self._overdue:
            self._wait_for_snapshot(topic, now_s)


def _deep(topic: Topic) -> Topic:
    """The topic at full depth: whether the exchange's list shows the depths asked for is not documented."""
    return topic._replace(units=FULL_DEPTH)
