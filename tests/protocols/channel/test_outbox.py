"""Outboxes: order, merging, gaps, sampling and bounds."""

from collections import defaultdict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.channel.continuity import Continuity
from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.channel.messages import Down, Event, Gap, Up
from protocols.channel.outbox import Outbox

ANYTHING = msgspec.msgpack.Decoder(Event[int] | Gap | Down | Up)
EPOCH = 1


def event_frame(topic: str, sequence: int, epoch: int = EPOCH) -> bytes:
    return pack_frame(msgspec.msgpack.encode(Event(topic, epoch, sequence, 0, 0, 0, sequence)))


def read(data: bytes) -> list[tuple[Event[int] | Gap | Down | Up, int]]:
    return [(ANYTHING.decode(payload), merged) for payload, merged in FrameSplitter().feed(data)]


def take_all(
    outbox: Outbox, now_s: float = 0.0, **intervals_s: float
) -> list[tuple[Event[int] | Gap | Down | Up, int]]:
    parts = []
    while data := outbox.take(1000, now_s=now_s, intervals_s=intervals_s):
        parts.append(data)
    return read(b"".join(parts))


class Wakes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_every_keeps_each_event_in_order() -> None:
    outbox = Outbox(Wakes())
    for sequence in range(1, 101):
        outbox.put_every("t", EPOCH, sequence, event_frame("t", sequence))
    assert [item.sequence for item, _ in take_all(outbox) if isinstance(item, Event)] == list(range(1, 101))
    assert (outbox.merged, outbox.dropped, outbox.waiting_bytes) == (0, 0, 0)


def test_the_writer_is_woken_once_until_it_takes() -> None:
    wakes = Wakes()
    outbox = Outbox(wakes)
    outbox.put_every("t", EPOCH, 1, event_frame("t", 1))
    outbox.put_latest("u", EPOCH, 1, event_frame("u", 1))
    outbox.put_marker(pack_frame(msgspec.msgpack.encode(Up(1, 0.0, 0))))
    assert wakes.count == 1
    take_all(outbox)
    outbox.put_latest("u", EPOCH, 2, event_frame("u", 2))
    assert wakes.count == 2


def test_latest_replaces_in_place_and_says_how_many() -> None:
    outbox = Outbox(Wakes())
    outbox.put_latest("a", EPOCH, 1, event_frame("a", 1))
    outbox.put_latest("b", EPOCH, 1, event_frame("b", 1))
    outbox.put_latest("a", EPOCH, 2, event_frame("a", 2))
    outbox.put_latest("a", EPOCH, 3, event_frame("a", 3))
    taken = [(item.topic, item.sequence, merged) for item, merged in take_all(outbox) if isinstance(item, Event)]
    # `a` keeps its place at the head of the line although it was replaced twice.
    assert taken == [("a", 3, 2), ("b", 1, 0)]
    assert outbox.merged == 2


def test_a_marker_keeps_its_place_among_events_of_all_lanes() -> None:
    outbox = Outbox(Wakes())
    outbox.put_latest("a", EPOCH, 1, event_frame("a", 1))
    outbox.put_sampled("s", EPOCH, 1, event_frame("s", 1))
    outbox.put_every("t", EPOCH, 1, event_frame("t", 1))
    outbox.put_marker(pack_frame(msgspec.msgpack.encode(Down(1, "gone", 0))))
    outbox.put_latest("a", EPOCH, 2, event_frame("a", 2))
    items = [item for item, _ in take_all(outbox, s=1.0)]
    assert isinstance(items[3], Down)
    assert {item.topic for item in items[:3] if isinstance(item, Event)} == {"a", "s", "t"}
    assert [item.sequence for item in items[4:] if isinstance(item, Event)] == [2]


def test_sampled_topics_are_due_once_in_their_interval() -> None:
    outbox = Outbox(Wakes())
    outbox.put_sampled("s", EPOCH, 1, event_frame("s", 1))
    assert [item.sequence for item, _ in take_all(outbox, 0.0, s=0.5) if isinstance(item, Event)] == [1]
    outbox.put_sampled("s", EPOCH, 2, event_frame("s", 2))
    outbox.put_sampled("s", EPOCH, 3, event_frame("s", 3))
    assert take_all(outbox, 0.1, s=0.5) == []
    assert outbox.next_due_s(now_s=0.1) == pytest.approx(0.5)
    assert [(item.sequence, merged) for item, merged in take_all(outbox, 0.5, s=0.5) if isinstance(item, Event)] == [
        (3, 1)
    ]
    assert outbox.next_due_s(now_s=0.5) is None


def test_an_event_beside_a_waiting_sample_still_wakes_the_writer() -> None:
    wakes = Wakes()
    outbox = Outbox(wakes)
    outbox.put_sampled("s", EPOCH, 1, event_frame("s", 1))
    take_all(outbox, 0.0, s=10.0)
    outbox.put_sampled("s", EPOCH, 2, event_frame("s", 2))
    take_all(outbox, 0.1, s=10.0)
    before = wakes.count
    outbox.put_every("t", EPOCH, 1, event_frame("t", 1))
    assert wakes.count == before + 1
    assert outbox.next_due_s(now_s=0.2) == pytest.approx(0.2)


def test_a_full_lane_drops_the_newest_and_announces_the_range() -> None:
    size = len(event_frame("t", 1))
    outbox = Outbox(Wakes(), limit_bytes=10 * size)
    for sequence in range(1, 21):
        outbox.put_every("t", EPOCH, sequence, event_frame("t", sequence))
    items = [item for item, _ in take_all(outbox)]
    assert [item.sequence for item in items if isinstance(item, Event)] == list(range(1, 11))
    assert items[-1] == Gap("t", EPOCH, 11, 20, "subscriber too slow")
    assert outbox.dropped == 10
    outbox.put_every("t", EPOCH, 21, event_frame("t", 21))
    assert [item.sequence for item, _ in take_all(outbox) if isinstance(item, Event)] == [21]


def marker(text: str = "") -> bytes:
    return pack_frame(msgspec.msgpack.encode(Down(1, text, 0)))


def test_markers_go_in_although_the_lane_is_full() -> None:
    outbox = Outbox(Wakes(), limit_bytes=1)
    outbox.put_every("t", EPOCH, 1, event_frame("t", 1))
    outbox.put_every("t", EPOCH, 2, event_frame("t", 2))
    outbox.put_marker(marker())
    items = [item for item, _ in take_all(outbox)]
    assert items == [Event("t", EPOCH, 1, 0, 0, 0, 1), Gap("t", EPOCH, 2, 2, "subscriber too slow"), Down(1, "", 0)]


def test_who_leaves_twice_the_limit_unread_is_hopeless_and_costs_no_more() -> None:
    wakes = Wakes()
    outbox = Outbox(wakes, limit_bytes=1000)
    while not outbox.is_hopeless:
        assert outbox.waiting_bytes <= 2000
        outbox.put_marker(marker("x" * 100))
    assert wakes.count == 2, "the writer is told, although it is waiting already"
    waiting = outbox.waiting_bytes
    for number in range(1000):
        outbox.put_marker(marker("x" * 100))
        outbox.put_latest("t", EPOCH, number, event_frame("t", number))
        outbox.put_every("u", EPOCH, number, event_frame("u", number))
    assert outbox.waiting_bytes == waiting


def test_a_frozen_latest_subscriber_does_not_grow_with_each_reconnect() -> None:
    outbox = Outbox(Wakes(), limit_bytes=100_000)
    for epoch in range(1, 400):
        for topic in range(50):
            outbox.put_latest(f"topic-{topic}", epoch, 1, event_frame(f"topic-{topic}", 1, epoch))
        outbox.put_marker(marker())
        assert outbox.waiting_bytes <= 210_000
    kinds = [type(item).__name__ for item, _ in take_all(outbox)]
    assert kinds.count("Event") >= 1000
    assert kinds.count("Gap") >= 50


def test_one_who_always_catches_up_is_never_hopeless() -> None:
    outbox = Outbox(Wakes(), limit_bytes=100)
    for sequence in range(1, 5000):
        outbox.put_every("t", EPOCH, 3 * sequence, event_frame("t", 3 * sequence))
        outbox.put_every("t", EPOCH, 3 * sequence + 1, event_frame("t", 3 * sequence + 1))
        outbox.put_every("t", EPOCH, 3 * sequence + 2, event_frame("t", 3 * sequence + 2))
        outbox.put_marker(marker())
        take_all(outbox)
    assert not outbox.is_hopeless


def test_a_forgotten_topic_leaves_the_outbox() -> None:
    outbox = Outbox(Wakes(), limit_bytes=1)
    outbox.put_latest("a", EPOCH, 1, event_frame("a", 1))
    outbox.put_sampled("a", EPOCH, 1, event_frame("a", 1))
    outbox.put_every("b", EPOCH, 1, event_frame("b", 1))
    outbox.put_every("a", EPOCH, 2, event_frame("a", 2))
    outbox.put_every("b", EPOCH, 2, event_frame("b", 2))
    outbox.forget("a")
    topics = {item.topic for item, _ in take_all(outbox) if isinstance(item, Event | Gap)}
    assert topics == {"b"}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(["every-1", "every-2", "latest-1", "latest-2", "sampled-1"])),
        st.tuples(st.just("take"), st.integers(1, 400)),
        st.tuples(st.just("epoch"), st.just("")),
    ),
    max_size=120,
)


@given(STEPS, st.integers(150, 600))
def test_a_subscriber_can_always_prove_what_it_missed(steps: list[tuple[str, object]], limit_bytes: int) -> None:
    """Whatever is put and taken when: each event is delivered, announced as merged, or inside an announced gap."""
    outbox = Outbox(Wakes(), limit_bytes=limit_bytes)
    continuity = Continuity()
    sequences: dict[str, int] = defaultdict(int)
    epoch, now_s, put, delivered = 1, 0.0, 0, 0
    received: list[tuple[Event[int] | Gap | Down | Up, int]] = []
    for action, argument in steps:
        now_s += 0.1
        if action == "take":
            received += read(outbox.take(int(str(argument)), now_s=now_s, intervals_s={"sampled-1": 0.3}))
        elif outbox.is_hopeless:
            return  # It is cut here; what it missed ends with its link.
        elif action == "epoch":
            epoch += 1
            sequences.clear()
            outbox.put_marker(pack_frame(msgspec.msgpack.encode(Up(epoch, 0.0, 0))))
        else:
            topic = str(argument)
            sequences[topic] += 1
            put += 1
            frame = event_frame(topic, sequences[topic], epoch)
            if topic.startswith("every"):
                outbox.put_every(topic, epoch, sequences[topic], frame)
            elif topic.startswith("latest"):
                outbox.put_latest(topic, epoch, sequences[topic], frame)
            else:
                outbox.put_sampled(topic, epoch, sequences[topic], frame)
    for _ in range(1000):
        now_s += 0.3
        received += read(outbox.take(10_000, now_s=now_s, intervals_s={"sampled-1": 0.3}))
        if not outbox.waiting_frames:
            break
    for item, merged in received:
        if isinstance(item, Event):
            delivered += 1
            assert continuity.saw_event(item, merged) == 0, item
        elif isinstance(item, Gap):
            continuity.saw_gap(item)
    assert continuity.unannounced == 0
    assert delivered + continuity.merged + continuity.missed == put
    assert (continuity.merged, continuity.missed) == (outbox.merged, outbox.dropped)
    assert outbox.waiting_bytes == 0
