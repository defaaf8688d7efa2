import math
from collections import deque

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocols.upbit.limits import MessageLimits
from protocols.upbit.messages import MARKET_TYPES, SubscriptionEntry, SubscriptionList
from protocols.upbit.requests import Format, SubscriptionRequest, parse_request
from protocols.upbit.subscriptions import (
    ACCEPTED_AFTER_S,
    AUDIT_TIMEOUT_S,
    NO_TOPICS,
    REFUSED_WAIT_S,
    TOO_MANY_WAIT_S,
    AuditResult,
    SubscriptionPlan,
)
from protocols.upbit.suspects import LONGEST_PAUSE_S, RETRIAL_S
from protocols.upbit.topics import Topic, parse_topic

BTC, ETH, XRP = (Topic("ticker", f"KRW-{base}") for base in ("BTC", "ETH", "XRP"))
BOOK = Topic("orderbook", "KRW-BTC", 5)
ORDERS = Topic("myOrder")


def topics(*keys: str) -> frozenset[Topic]:
    return frozenset(map(parse_topic, keys))


def new_plan(**settings: float) -> SubscriptionPlan:
    return SubscriptionPlan(format=Format.SIMPLE, limits=MessageLimits(), **settings)


def open_plan(*wanted: Topic, now_s: float = 0.0) -> SubscriptionPlan:
    """A plan on an open connection that has asked for `wanted` and got data of all of them."""
    plan = new_plan()
    plan.want(frozenset(wanted), now_s=now_s)
    plan.connection_opened(now_s=now_s)
    assert plan.next_frame(now_s=now_s, ticket="x") is not None
    for topic in wanted:
        plan.saw(topic)
    return plan


def asked(frame: bytes | None) -> tuple[frozenset[Topic], frozenset[Topic]]:
    """What a request asks for: with its snapshot, and without."""
    assert frame is not None
    request = parse_request(frame)
    kept = {topic for entry in request.subscriptions if entry.is_only_realtime for topic in entry.topics}
    everything = {topic for entry in request.subscriptions for topic in entry.topics}
    return frozenset(everything - kept), frozenset(kept)


def answer_with(*entries: SubscriptionEntry) -> SubscriptionList:
    return SubscriptionList("x", entries)


def test_the_union_goes_out_at_once_on_a_new_connection() -> None:
    plan = new_plan()
    plan.want(frozenset({BTC, ETH}), now_s=5.0)
    assert plan.next_frame(now_s=6.0, ticket="x") is None
    assert plan.next_check_s(now_s=6.0) is None
    plan.connection_opened(now_s=7.0)
    assert plan.next_check_s(now_s=7.0) == 7.0
    frame = plan.next_frame(now_s=7.0, ticket="a ticket")
    assert frame is not None
    assert parse_request(frame).ticket == "a ticket"
    assert parse_request(frame).format is Format.SIMPLE
    assert asked(frame) == (frozenset({BTC, ETH}), NO_TOPICS)
    assert plan.sent == plan.wanted == {BTC, ETH}
    assert plan.next_frame(now_s=7.1, ticket="x") is None


def test_changes_that_come_close_together_go_out_as_one_request() -> None:
    plan = open_plan(BTC)
    plan.want(frozenset({BTC, ETH}), now_s=10.0)
    assert plan.next_frame(now_s=10.0, ticket="x") is None
    plan.want(frozenset({BTC, ETH, XRP}), now_s=10.015)
    assert plan.next_check_s(now_s=10.015) == 10.02
    assert asked(plan.next_frame(now_s=10.02, ticket="x")) == (frozenset({ETH, XRP}), frozenset({BTC}))


def test_a_want_that_is_taken_back_in_time_costs_no_request() -> None:
    plan = open_plan(BTC)
    plan.want(frozenset({BTC, ETH}), now_s=10.0)
    plan.want(frozenset({BTC}), now_s=10.01)
    assert plan.next_check_s(now_s=10.01) is None
    assert plan.next_frame(now_s=11.0, ticket="x") is None
    plan.want(frozenset({BTC}), now_s=11.0)
    assert plan.next_check_s(now_s=11.0) is None


def test_a_topic_whose_snapshot_is_still_out_is_asked_for_with_it_again() -> None:
    plan = new_plan()
    plan.want(frozenset({BTC, ETH}), now_s=0.0)
    plan.connection_opened(now_s=0.0)
    plan.next_frame(now_s=0.0, ticket="x")
    plan.saw(BTC)
    plan.want(frozenset({BTC, ETH, XRP}), now_s=0.1)
    assert asked(plan.next_frame(now_s=0.2, ticket="x")) == (frozenset({ETH, XRP}), frozenset({BTC}))


def test_a_topic_that_comes_back_gets_its_snapshot_again() -> None:
    plan = open_plan(BTC, ETH)
    plan.want(frozenset({BTC}), now_s=1.0)
    assert asked(plan.next_frame(now_s=2.0, ticket="x")) == (NO_TOPICS, frozenset({BTC}))
    plan.saw(ETH)  # Was still under way.
    plan.want(frozenset({BTC, ETH}), now_s=3.0)
    assert asked(plan.next_frame(now_s=4.0, ticket="x")) == (frozenset({ETH}), frozenset({BTC}))


def test_an_empty_union_is_not_sent() -> None:
    plan = open_plan(BTC)
    assert not plan.idle
    plan.want(NO_TOPICS, now_s=1.0)
    assert plan.idle
    assert plan.next_frame(now_s=9.0, ticket="x") is None
    assert plan.next_check_s(now_s=9.0) is None
    assert plan.sent == {BTC}
    plan.want(frozenset({ETH}), now_s=10.0)
    assert asked(plan.next_frame(now_s=11.0, ticket="x")) == (frozenset({ETH}), NO_TOPICS)


def test_a_new_connection_knows_nothing_of_the_old_one() -> None:
    plan = open_plan(BTC)
    plan.connection_closed()
    assert plan.sent == NO_TOPICS
    assert plan.next_frame(now_s=2.0, ticket="x") is None
    plan.connection_opened(now_s=3.0)
    assert asked(plan.next_frame(now_s=3.0, ticket="x")) == (frozenset({BTC}), NO_TOPICS)


def test_a_request_is_built_when_its_permit_is_there_from_the_newest_wants() -> None:
    plan, now_s, at_s = new_plan(settle_s=0.0), 100.0, []
    plan.connection_opened(now_s=now_s)
    for index in range(8):
        plan.want(topics(f"ticker/KRW-C{index}"), now_s=now_s)
        if plan.next_frame(now_s=now_s, ticket="x"):
            at_s.append(now_s)
    check_s = plan.next_check_s(now_s=now_s)
    assert check_s == pytest.approx(101.1)
    assert asked(plan.next_frame(now_s=check_s, ticket="x"))[0] == topics("ticker/KRW-C7")
    assert at_s == [100.0] * 4


def test_a_topic_without_snapshot_in_time_is_named_once() -> None:
    plan = open_plan(BTC)
    silent = parse_topic("ticker/KRW-NONE")
    plan.want(frozenset({BTC, silent, ORDERS}), now_s=10.0)
    plan.next_frame(now_s=11.0, ticket="x")
    assert plan.next_check_s(now_s=11.0) == 16.0
    assert plan.overdue(now_s=15.9) == []
    assert plan.overdue(now_s=16.0) == [silent]
    plan.want(frozenset({BTC, ETH, silent, ORDERS}), now_s=20.0)
    assert asked(plan.next_frame(now_s=21.0, ticket="x"))[0] == {silent, ETH, ORDERS}
    plan.saw(ETH)
    assert plan.overdue(now_s=99.0) == []
    plan.connection_opened(now_s=100.0)
    plan.next_frame(now_s=100.0, ticket="x")
    assert plan.overdue(now_s=199.0) == [BTC, ETH]


def test_a_silent_topic_that_is_wanted_anew_is_named_anew() -> None:
    plan = new_plan()
    plan.want(frozenset({BTC, ETH}), now_s=0.0)
    plan.connection_opened(now_s=0.0)
    plan.next_frame(now_s=0.0, ticket="x")
    plan.saw(BTC)
    assert plan.overdue(now_s=5.0) == [ETH]
    plan.want(frozenset({BTC}), now_s=6.0)
    assert plan.next_check_s(now_s=6.0) == 6.02
    plan.want(frozenset({BTC, ETH}), now_s=6.01)
    assert plan.next_frame(now_s=7.0, ticket="x") is None
    assert plan.next_check_s(now_s=7.0) == 11.01
    assert plan.overdue(now_s=11.01) == [ETH]


def test_a_topic_that_is_no_longer_wanted_is_not_overdue() -> None:
    plan = new_plan()
    plan.want(frozenset({BTC, ETH}), now_s=0.0)
    plan.connection_opened(now_s=0.0)
    plan.next_frame(now_s=0.0, ticket="x")
    plan.want(frozenset({BTC}), now_s=4.99)
    assert plan.overdue(now_s=5.0) == [BTC]


def test_late_data_end_the_silence_of_a_topic() -> None:
    plan = new_plan()
    plan.want(frozenset({BTC}), now_s=0.0)
    plan.connection_opened(now_s=0.0)
    plan.next_frame(now_s=0.0, ticket="x")
    assert plan.overdue(now_s=5.0) == [BTC]
    plan.saw(BTC)
    plan.connection_opened(now_s=10.0)
    plan.next_frame(now_s=10.0, ticket="x")
    assert plan.overdue(now_s=15.0) == [BTC]


def test_the_one_new_topic_of_a_refused_request_is_given_up_until_wanted_anew() -> None:
    plan = open_plan(BTC)
    plan.want(frozenset({BTC, ETH}), now_s=10.0)
    plan.next_frame(now_s=11.0, ticket="x")
    assert plan.refused("INVALID_PARAM", now_s=11.2) == [ETH]
    assert plan.next_check_s(now_s=11.2) == 11.2 + REFUSED_WAIT_S
    plan.connection_closed()
    plan.connection_opened(now_s=12.0)
    assert asked(plan.next_frame(now_s=12.0, ticket="x")) == (frozenset({BTC}), NO_TOPICS)
    assert plan.next_frame(now_s=60.0, ticket="x") is None
    plan.saw(BTC)
    assert plan.next_check_s(now_s=60.0) is None
    plan.want(frozenset({BTC}), now_s=61.0)
    plan.want(frozenset({BTC, ETH}), now_s=62.0)
    assert plan.next_frame(now_s=63.0, ticket="x") is None
    assert plan.next_check_s(now_s=63.0) == 11.2 + RETRIAL_S
    assert asked(plan.next_frame(now_s=11.2 + RETRIAL_S, ticket="x")) == (frozenset({ETH}), frozenset({BTC}))


def test_of_several_new_topics_only_the_one_to_blame_is_given_up() -> None:
    plan, bad = new_plan(), parse_topic("candle.3m/KRW-BTC")
    wanted = frozenset({BTC, ETH, BOOK, bad})
    plan.want(wanted, now_s=0.0)
    given_up, now_s = [], 0.0
    for _attempt in range(10):
        plan.connection_opened(now_s=now_s)
        while (frame := plan.next_frame(now_s=now_s, ticket="x")) or plan.next_check_s(now_s=now_s) is not None:
            if frame is not None and bad in asked(frame)[0] | asked(frame)[1]:
                given_up += plan.refused("INVALID_PARAM", now_s=now_s + 0.2)
                plan.connection_closed()
                break
            for topic in plan.sent:
                plan.saw(topic)
            now_s = plan.next_check_s(now_s=now_s) or now_s
        now_s += 1.0
    assert given_up == [bad]
    assert plan.sent == wanted - {bad}


def test_a_refusal_that_says_too_much_blames_no_topic_and_waits() -> None:
    plan = open_plan(BTC)
    plan.want(frozenset({BTC, ETH}), now_s=10.0)
    plan.next_frame(now_s=11.0, ticket="x")
    assert plan.refused("TOO_MANY_REQUEST", now_s=11.1) == []
    assert plan.sent == {BTC}
    assert plan.next_frame(now_s=16.0, ticket="x") is None
    assert plan.next_check_s(now_s=16.0) == 11.1 + TOO_MANY_WAIT_S
    assert asked(plan.next_frame(now_s=16.1, ticket="x")) == (frozenset({ETH}), frozenset({BTC}))


def test_a_refusal_long_after_the_request_blames_no_topic() -> None:
    plan = new_plan()
    plan.want(frozenset({BTC, ETH}), now_s=0.0)
    plan.connection_opened(now_s=0.0)
    plan.next_frame(now_s=0.0, ticket="x")
    assert plan.refused("WRONG_FORMAT", now_s=ACCEPTED_AFTER_S) == []
    assert plan.sent == {BTC, ETH}
    assert asked(plan.next_frame(now_s=ACCEPTED_AFTER_S + REFUSED_WAIT_S, ticket="x"))[0] == {BTC, ETH}


def test_a_refusal_without_a_connection_blames_nobody() -> None:
    plan = open_plan(BTC)
    plan.connection_closed()
    assert plan.refused("INVALID_PARAM", now_s=1.0) == []
    assert plan.next_check_s(now_s=1.0) is None


def test_the_audit_asks_for_the_list_when_nothing_else_is_due() -> None:
    plan = open_plan(BTC)
    frame = plan.audit_frame(now_s=1.0, ticket="a")
    assert frame is not None
    assert parse_request(frame) == SubscriptionRequest("a", (), Format.SIMPLE, "LIST_SUBSCRIPTIONS")
    assert plan.audit_frame(now_s=2.0, ticket="b") is None
    assert plan.audit_frame(now_s=1.0 + AUDIT_TIMEOUT_S, ticket="b") is not None
    assert plan.audit(answer_with(SubscriptionEntry("ticker", ("KRW-BTC",)))) == AuditResult((), ())
    assert plan.audit_frame(now_s=12.0, ticket="c") is not None


def test_no_audit_is_sent_without_connection_subscription_or_permit_or_before_a_change() -> None:
    plan = new_plan()
    assert plan.audit_frame(now_s=0.0, ticket="x") is None
    plan.connection_opened(now_s=0.0)
    assert plan.audit_frame(now_s=0.0, ticket="x") is None
    plan = open_plan(BTC)
    plan.want(frozenset({ETH}), now_s=0.5)
    assert plan.audit_frame(now_s=0.5, ticket="x") is None
    plan = open_plan(BTC)
    for _ in range(3):
        assert plan.audit_frame(now_s=0.0, ticket="x") is not None
        plan.audit(answer_with(SubscriptionEntry("ticker", ("KRW-BTC",))))
    assert plan.audit_frame(now_s=0.0, ticket="x") is None


def test_a_topic_missing_from_the_list_is_asked_for_again_with_its_snapshot() -> None:
    plan = open_plan(BTC, ETH, BOOK, ORDERS)
    plan.audit_frame(now_s=1.0, ticket="x")
    result = plan.audit(
        answer_with(
            SubscriptionEntry("ticker", ("KRW-BTC",)),
            SubscriptionEntry("orderbook", ("KRW-BTC",), 0.0),
            SubscriptionEntry("myOrder", ("KRW-BTC",)),
        )
    )
    assert result == AuditResult((ETH,), ())
    assert not result.is_clean
    assert plan.next_check_s(now_s=2.0) == 2.0
    assert asked(plan.next_frame(now_s=2.0, ticket="x")) == (frozenset({ETH, ORDERS}), frozenset({BTC, BOOK}))
    assert plan.next_check_s(now_s=3.0) == 7.0, "its snapshot is waited for as that of a new one"
    plan.saw(ETH)
    assert plan.next_check_s(now_s=3.0) is None
    assert plan.overdue(now_s=99.0) == []
    plan.want(plan.wanted | {XRP}, now_s=100.0)
    assert asked(plan.next_frame(now_s=101.0, ticket="x")) == (frozenset({XRP, ORDERS}), frozenset({BTC, BOOK, ETH}))


def test_a_topic_too_many_in_the_list_makes_everything_be_sent_again() -> None:
    plan = open_plan(BTC)
    plan.audit_frame(now_s=1.0, ticket="x")
    assert plan.audit(answer_with(SubscriptionEntry("ticker", ("KRW-BTC", "KRW-XRP")))) == AuditResult((), (XRP,))
    assert asked(plan.next_frame(now_s=2.0, ticket="x")) == (NO_TOPICS, frozenset({BTC}))


def test_the_list_is_compared_with_what_was_sent_when_it_was_asked_for() -> None:
    plan = open_plan(BTC, ETH)
    plan.audit_frame(now_s=1.0, ticket="x")
    plan.want(frozenset({BTC, XRP}), now_s=1.0)
    plan.next_frame(now_s=1.2, ticket="x")
    assert plan.audit(answer_with(SubscriptionEntry("ticker", ("KRW-BTC", "KRW-ETH")))).is_clean
    assert plan.audit(answer_with(SubscriptionEntry("ticker", ("KRW-BTC", "KRW-XRP")))).is_clean


def test_a_topic_that_was_reported_as_silent_may_be_missing_from_the_list() -> None:
    plan = new_plan()
    plan.want(frozenset({BTC, ETH}), now_s=0.0)
    plan.connection_opened(now_s=0.0)
    plan.next_frame(now_s=0.0, ticket="x")
    plan.saw(BTC)
    plan.overdue(now_s=5.0)
    plan.audit_frame(now_s=6.0, ticket="x")
    assert plan.audit(answer_with(SubscriptionEntry("ticker", ("KRW-BTC",)))).is_clean


class Exchange:
    """A model of one connection's other end: the rules of the exchange as far as they concern subscriptions."""

    SNAPSHOT_S = 0.3
    ERROR_S = 0.2

    def __init__(self, refuses: frozenset[Topic], unknown: frozenset[Topic]) -> None:
        self.refuses, self.unknown = refuses, unknown
        self.received_s: list[float] = []
        self.subscribed = NO_TOPICS
        self.delivered: set[Topic] = set()
        self.snapshots: deque[tuple[float, Topic]] = deque()
        self.error_s = math.inf

    def receive(self, frame: bytes, now_s: float) -> SubscriptionList | None:
        self.received_s.append(now_s)
        assert sum(now_s - at_s < 1.0 for at_s in self.received_s) <= 5
        assert sum(now_s - at_s < 60.0 for at_s in self.received_s) <= 100
        request = parse_request(frame)
        if request.method is not None:
            return self.list_subscriptions()
        wanted = [topic for entry in request.subscriptions for topic in entry.topics]
        assert len(wanted) == len(set(wanted)) > 0
        if self.refuses & set(wanted):
            self.error_s = min(self.error_s, now_s + self.ERROR_S)
        if self.error_s < math.inf:
            return None  # Nothing that comes after a bad request is looked at: this socket is about to be closed.
        without_snapshot = {t for entry in request.subscriptions if entry.is_only_realtime for t in entry.topics}
        staying = self.delivered & set(wanted)
        assert without_snapshot == {topic for topic in staying if topic.type in MARKET_TYPES}
        self.subscribed = frozenset(wanted)
        self.delivered = staying
        known = self.subscribed - without_snapshot - self.unknown
        self.snapshots = deque((now_s + self.SNAPSHOT_S, t) for t in sorted(known) if t.type in MARKET_TYPES)
        return None

    def list_subscriptions(self) -> SubscriptionList:
        return SubscriptionList(
            "x",
            tuple(
                SubscriptionEntry(topic.type, (topic.code,) if topic.code else (), topic.level or None)
                for topic in self.subscribed
            ),
        )


POOL = tuple(
    map(
        parse_topic,
        (
            "ticker/KRW-BTC",
            "ticker/KRW-ETH",
            "ticker/KRW-NONE",
            "trade/KRW-BTC",
            "trade/KRW-ETH",
            "orderbook/KRW-BTC",
            "orderbook.5/KRW-ETH",
            "orderbook@10000/KRW-BTC",
            "candle.1m/KRW-BTC",
            "candle.3m/KRW-BTC",
            "myOrder",
            "myAsset",
        ),
    )
)
UNKNOWN = topics("ticker/KRW-NONE")


class SubscriptionMachine(RuleBasedStateMachine):
    """Random wants, times, closes and error frames against the model; the driver does what a connection actor does."""

    @initialize(refuses=st.frozensets(st.sampled_from(POOL), max_size=2), start_s=st.sampled_from([0.0, 1e6]))
    def start(self, refuses: frozenset[Topic], start_s: float) -> None:
        self.now_s = start_s
        self.refuses = refuses
        self.given_up: set[Topic] = set()
        self.late: list[Topic] = []
        self.requests = 0
        self.plan = new_plan()
        self.exchange: Exchange | None = None
        self.connect()

    def connect(self) -> None:
        self.exchange = Exchange(self.refuses, UNKNOWN)
        self.plan.connection_opened(now_s=self.now_s)
        self.drive()

    def drive(self) -> None:
        """Ask the plan until it says to wait."""
        for _ in range(50):
            frame = self.plan.next_frame(now_s=self.now_s, ticket="x")
            self.late += self.plan.overdue(now_s=self.now_s)
            if frame is not None and self.exchange is not None:
                self.requests += 1
                self.exchange.receive(frame, self.now_s)
            check_s = self.plan.next_check_s(now_s=self.now_s)
            if check_s is None or check_s > self.now_s:
                return
        raise AssertionError("the plan asks to be asked again at once, for ever")

    def advance(self, until_s: float) -> None:
        """Let time pass, event by event."""
        while True:
            check_s = self.plan.next_check_s(now_s=self.now_s)
            exchange = self.exchange
            snapshot_s = exchange.snapshots[0][0] if exchange and exchange.snapshots else math.inf
            error_s = exchange.error_s if exchange else math.inf
            next_s = min(snapshot_s, error_s, math.inf if check_s is None else check_s)
            if next_s > until_s:
                self.now_s = until_s
                return
            self.now_s = max(self.now_s, next_s)
            if exchange and next_s == error_s:
                self.given_up |= set(self.plan.refused("INVALID_PARAM", now_s=self.now_s))
                self.drive_after_close()
            elif exchange and next_s == snapshot_s:
                self.deliver(exchange.snapshots.popleft()[1])
            self.drive()

    def deliver(self, topic: Topic) -> None:
        assert self.exchange is not None
        if topic in self.exchange.subscribed:
            self.exchange.delivered.add(topic)
        self.plan.saw(topic)

    def drive_after_close(self) -> None:
        self.drive()
        self.plan.connection_closed()
        self.exchange = None
        self.connect()

    @rule(wanted=st.frozensets(st.sampled_from(POOL)))
    def want(self, wanted: frozenset[Topic]) -> None:
        self.given_up &= wanted
        self.plan.want(wanted, now_s=self.now_s)
        self.drive()

    @rule(topic=st.sampled_from(POOL))
    def toggle(self, topic: Topic) -> None:
        self.want(self.plan.wanted ^ {topic})

    @rule(pause_s=st.sampled_from([0.0, 0.005, 0.02, 0.1, 0.35, 1.0, 2.5, 10.0]))
    def wait(self, pause_s: float) -> None:
        self.advance(self.now_s + pause_s)

    @rule(times=st.integers(1, 30))
    def change_its_mind_fast(self, times: int) -> None:
        for turn in range(times):
            self.want(self.plan.wanted ^ {POOL[turn % 2]})
            self.advance(self.now_s + 0.03)

    @rule()
    def lose_the_connection(self) -> None:
        self.plan.connection_closed()
        self.exchange = None

    @precondition(lambda self: self.exchange is None)
    @rule()
    def reconnect(self) -> None:
        self.connect()

    @precondition(lambda self: self.exchange is not None)
    @rule(index=st.integers(0, len(POOL) - 1))
    def trade(self, index: int) -> None:
        topic = sorted(POOL)[index]
        if self.exchange and topic in self.exchange.subscribed - UNKNOWN and topic not in self.awaiting_snapshot():
            self.deliver(topic)
        self.drive()

    def awaiting_snapshot(self) -> set[Topic]:
        assert self.exchange is not None
        return {topic for _at_s, topic in self.exchange.snapshots}

    @precondition(lambda self: self.exchange is not None)
    @rule(name=st.sampled_from(["TOO_MANY_REQUEST", "INVALID_AUTH"]))
    def refuse_for_another_reason(self, name: str) -> None:
        assert self.plan.refused(name, now_s=self.now_s) == []
        self.drive_after_close()

    @precondition(lambda self: self.exchange is not None)
    @rule()
    def audit(self) -> None:
        assert self.exchange is not None
        frame = self.plan.audit_frame(now_s=self.now_s, ticket="x")
        if frame is not None and self.exchange.error_s == math.inf:
            answer = self.exchange.receive(frame, self.now_s)
            assert answer is not None
            assert self.plan.audit(answer).is_clean

    @invariant()
    def what_is_sent_is_what_is_subscribed(self) -> None:
        if self.exchange is None:
            assert self.plan.sent == NO_TOPICS
        elif self.exchange.error_s == math.inf:
            assert self.plan.sent == self.exchange.subscribed

    @invariant()
    def only_what_is_wanted_is_reported_as_refused(self) -> None:
        assert self.given_up <= self.plan.wanted

    @invariant()
    def only_what_is_silent_is_overdue(self) -> None:
        assert set(self.late) <= UNKNOWN | self.refuses

    def teardown(self) -> None:
        if not hasattr(self, "plan"):
            return
        if self.exchange is None:
            self.connect()
        # After many refusals in a row the search pauses, at the longest for an hour.
        self.advance(self.now_s + 10 * RETRIAL_S + 2 * LONGEST_PAUSE_S)
        assert self.exchange is not None
        assert self.given_up >= self.plan.wanted & self.refuses
        if self.plan.wanted - self.refuses:
            assert self.plan.sent == self.exchange.subscribed == self.plan.wanted - self.refuses
        before = self.requests
        self.advance(self.now_s + 60.0)
        assert self.requests == before


TestSubscriptionMachine = SubscriptionMachine.TestCase
TestSubscriptionMachine.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_requests_at_the_limit_keep_a_steady_pace() -> None:
    plan, exchange, now_s = new_plan(settle_s=0.02), Exchange(NO_TOPICS, NO_TOPICS), 0.0
    plan.connection_opened(now_s=0.0)
    while now_s < 180.0:
        plan.want(topics(f"ticker/KRW-C{int(now_s * 100)}"), now_s=now_s)
        frame = plan.next_frame(now_s=now_s, ticket="x")
        if frame is not None:
            exchange.receive(frame, now_s)
        now_s += 0.01
    last_minute = [at_s for at_s in exchange.received_s if at_s >= 120.0]
    assert 70 <= len(last_minute) <= 76


def test_a_request_is_json_that_a_person_can_read() -> None:
    plan = open_plan(BTC)
    plan.want(frozenset({BTC, BOOK}), now_s=1.0)
    assert msgspec.json.decode(plan.next_frame(now_s=2.0, ticket="t") or b"") == [
        {"ticket": "t"},
        {"type": "orderbook", "codes": ["KRW-BTC.5"]},
        {"type": "ticker", "codes": ["KRW-BTC"], "is_only_realtime": True},
        {"format": "SIMPLE"},
    ]
