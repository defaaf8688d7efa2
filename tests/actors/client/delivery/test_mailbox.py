"""Where events wait: bounded, in order for each topic, and nothing lost without being told."""

from collections import defaultdict
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.client.delivery.mailbox import TOO_SLOW, AnyEvent, Mailbox
from protocols.channel.messages import LIVE, Event, Gap

TOPICS = ("ticker/KRW-BTC", "ticker/KRW-ETH", "ticker/KRW-XRP")


class Source:
    """Numbers the events of each topic as an actor does."""

    def __init__(self) -> None:
        self.epoch = 1
        self.sequences: dict[str, int] = defaultdict(int)

    def next(self, topic: str) -> AnyEvent:
        self.sequences[topic] += 1
        sequence = self.sequences[topic]
        return Event(topic, self.epoch, sequence, sequence, 0, LIVE, f"{topic} {self.epoch} {sequence}")

    def begin_epoch(self) -> None:
        self.epoch += 1
        self.sequences.clear()


def numbered(topic: str, sequence: int, *, epoch: int = 1) -> AnyEvent:
    return Event(topic, epoch, sequence, sequence, 0, LIVE, None)


def places(events: list[AnyEvent]) -> list[tuple[str, int]]:
    return [(event.topic, event.sequence) for event in events]


def everything(mailbox: Mailbox) -> list[AnyEvent]:
    return list(iter(mailbox.take, None))


class Kept(RuleBasedStateMachine):
    """Puts and takes in any order; every event is in one place at any time: delivered, waiting, merged or dropped."""

    @initialize(limit=st.integers(0, 6), coalesces=st.booleans())
    def open(self, limit: int, coalesces: bool) -> None:
        self.limit = limit if coalesces else limit + 1
        self.coalesces = coalesces
        self.mailbox = Mailbox(limit=self.limit, coalesces=coalesces)
        self.source = Source()
        self.put: list[AnyEvent] = []
        self.taken: list[AnyEvent] = []
        self.gaps: list[Gap] = []

    @rule(topic=st.sampled_from(TOPICS))
    def an_event_comes(self, topic: str) -> None:
        event = self.source.next(topic)
        self.put.append(event)
        self.mailbox.put(event)

    @rule()
    def an_event_is_taken(self) -> None:
        event = self.mailbox.take()
        if event is not None:
            self.taken.append(event)

    @rule()
    def gaps_are_asked_for(self) -> None:
        self.gaps += self.mailbox.take_gaps()

    @rule()
    @precondition(lambda self: self.put)
    def the_connection_is_made_anew(self) -> None:
        self.source.begin_epoch()

    @invariant()
    def the_bound_holds(self) -> None:
        if hasattr(self, "mailbox"):
            assert len(self.mailbox) <= self.limit + (len(TOPICS) if self.coalesces else 0)

    @invariant()
    def no_event_is_anywhere_else(self) -> None:
        if hasattr(self, "mailbox"):
            mailbox = self.mailbox
            assert len(self.put) == len(self.taken) + len(mailbox) + mailbox.merged + mailbox.dropped

    @invariant()
    def the_oldest_is_the_one_that_is_next(self) -> None:
        if hasattr(self, "mailbox"):
            assert (self.mailbox.oldest_ns() is None) == (len(self.mailbox) == 0)

    def teardown(self) -> None:
        if not hasattr(self, "mailbox"):
            return
        self.taken += everything(self.mailbox)
        self.gaps += self.mailbox.take_gaps()
        self._check_order()
        self._check_gaps()

    def _check_order(self) -> None:
        for topic in TOPICS:
            seen = [(event.epoch, event.sequence) for event in self.taken if event.topic == topic]
            assert seen == sorted(set(seen))

    def _check_gaps(self) -> None:
        told = [(gap.topic, gap.epoch, at) for gap in self.gaps for at in range(gap.first, gap.last + 1)]
        assert len(told) == len(set(told)) == self.mailbox.dropped
        assert {gap.reason for gap in self.gaps} <= {TOO_SLOW}
        taken = {(event.topic, event.epoch, event.sequence) for event in self.taken}
        put = {(event.topic, event.epoch, event.sequence) for event in self.put}
        if not self.coalesces:
            assert put - taken == set(told)
        else:
            assert not told
            newest = {event.topic: event for event in self.put}
            assert all((event.topic, event.epoch, event.sequence) in taken for event in newest.values())


TestKept = Kept.TestCase


@given(st.lists(st.sampled_from(TOPICS), max_size=12), st.lists(st.sampled_from(TOPICS), max_size=3), st.booleans())
def test_what_belongs_to_topics_that_stay_is_kept_in_order_and_all_else_leaves(
    topics: list[str], staying: list[str], coalesces: bool
) -> None:
    source, mailbox, other = Source(), Mailbox(limit=5, coalesces=coalesces), Mailbox(limit=5, coalesces=coalesces)
    for event in map(source.next, topics):
        mailbox.put(event)
        other.put(event)
    mailbox.keep(set(staying))
    assert places(everything(mailbox)) == [place for place in places(everything(other)) if place[0] in staying]
    assert [gap for gap in other.take_gaps() if gap.topic in staying] == mailbox.take_gaps()


class Poured(msgspec.Struct):
    """What came out in the end."""

    taken: list[AnyEvent]
    told: set[tuple[str, int]]


def pour(topics: list[str], old: Mailbox, new: Mailbox) -> Poured:
    for event in map(Source().next, topics):
        old.put(event)
    old.pour_into(new)
    taken = everything(new)
    return Poured(taken, {(gap.topic, at) for gap in new.take_gaps() for at in range(gap.first, gap.last + 1)})


@given(st.lists(st.sampled_from(TOPICS), max_size=20), st.integers(1, 8), st.integers(1, 8))
def test_what_is_handed_over_to_another_mailbox_is_delivered_or_told_by_that_one(
    topics: list[str], old_limit: int, new_limit: int
) -> None:
    old, new = Mailbox(limit=old_limit, coalesces=False), Mailbox(limit=new_limit, coalesces=False)
    found = pour(topics, old, new)
    source = Source()
    put = set(places([source.next(topic) for topic in topics]))
    assert set(places(found.taken)) | found.told == put
    assert not set(places(found.taken)) & found.told
    assert len(old) == 0
    assert old.take_gaps() == []


@given(st.lists(st.sampled_from(TOPICS), max_size=20), st.integers(0, 8), st.integers(0, 8))
def test_what_is_handed_over_to_another_mailbox_keeps_its_order_and_its_newest(
    topics: list[str], old_limit: int, new_limit: int
) -> None:
    old, new = Mailbox(limit=old_limit, coalesces=True), Mailbox(limit=new_limit, coalesces=True)
    taken = pour(topics, old, new).taken
    for topic in set(topics):
        seen = [event.sequence for event in taken if event.topic == topic]
        assert seen == sorted(set(seen))
        assert seen[-1] == topics.count(topic)


def test_a_gap_is_told_only_when_there_is_room_to_go_on_behind_it() -> None:
    mailbox = Mailbox(limit=4, coalesces=False)
    for sequence in range(1, 8):
        mailbox.put(numbered("trade/KRW-BTC", sequence))
    assert mailbox.take_gaps() == []
    mailbox.take()
    mailbox.put(numbered("trade/KRW-BTC", 8))  # There would be room, but it would come before its gap.
    assert places(everything(mailbox)) == [("trade/KRW-BTC", sequence) for sequence in (2, 3, 4)]
    assert mailbox.take_gaps() == [Gap("trade/KRW-BTC", 1, 5, 8, TOO_SLOW)]
    assert mailbox.dropped == 4
    mailbox.put(numbered("trade/KRW-BTC", 9))
    assert places(everything(mailbox)) == [("trade/KRW-BTC", 9)]


def test_drops_of_two_connections_are_two_gaps() -> None:
    mailbox = Mailbox(limit=1, coalesces=False)
    for event in (numbered("myOrder", 7), numbered("myOrder", 8), numbered("myOrder", 1, epoch=2)):
        mailbox.put(event)
    mailbox.take()
    assert mailbox.take_gaps() == [Gap("myOrder", 1, 8, 8, TOO_SLOW), Gap("myOrder", 2, 1, 1, TOO_SLOW)]


def test_past_its_limit_a_mailbox_of_state_has_one_place_for_each_topic() -> None:
    mailbox = Mailbox(limit=2, coalesces=True)
    for sequence in range(1, 11):
        for topic in TOPICS:
            mailbox.put(numbered(topic, sequence))
    found: list[Any] = places(everything(mailbox))
    assert found[:2] == [(TOPICS[0], 1), (TOPICS[1], 1)]
    assert sorted(found[2:]) == [(topic, 10) for topic in TOPICS]
    assert mailbox.merged == 30 - 5
