"""The receiving end of a link as a plain object: bytes in, items out."""

import msgspec

from actors.runtime.channel.declaring import Declarations
from actors.runtime.channel.receiving import Item, Receiver
from actors.runtime.process.black_box import note_nowhere
from actors.runtime.process.counters import Counters
from protocols.channel.framing import pack_frame
from protocols.channel.messages import LIVE, Accepted, Down, Event, Up, Want, Wants, Welcome
from protocols.upbit.messages import DataMessage
from tests.actors.runtime.channel.channel_pair import capturing_log, trade

TOPIC = "trade/KRW-BTC"


def frame(message: msgspec.Struct) -> bytes:
    return pack_frame(msgspec.msgpack.encode(message))


def event(sequence: int) -> bytes:
    return frame(Event(TOPIC, 1, sequence, 5, 6, LIVE, trade(sequence)))


class Rig:
    """A receiver of one topic, on its first connection."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.declarations = Declarations()
        log, _logged = capturing_log()
        self.receiver = Receiver(DataMessage, self.declarations, self.counters, log, note=note_nowhere, told=None)
        self.receiver.begin_link()
        self.declare(1, TOPIC)

    def declare(self, version: int, *topics: str) -> None:
        self.declarations.newest = Wants(version, tuple(Want(topic) for topic in topics))
        self.declarations.goes_out(self.declarations.newest)

    def taken(self) -> list[Item]:
        items = list(self.receiver.waiting)
        self.receiver.waiting.clear()
        return items


def test_a_topic_that_left_is_silent_until_the_wants_without_it_were_accepted() -> None:
    rig = Rig()
    rig.declare(2)
    rig.declare(3, TOPIC)
    rig.receiver.take(event(7) + frame(Accepted(1)) + event(8), now_ns=0)
    assert rig.taken() == []
    rig.receiver.take(frame(Accepted(2)) + event(1), now_ns=0)
    assert [item.sequence for item in rig.taken() if isinstance(item, Event)] == [1]
    assert rig.receiver.continuity.unannounced == 0, "the numbering that left is forgotten"
    assert rig.counters.snapshot()["events_late"] == 2


def test_half_a_frame_of_one_connection_does_not_go_on_in_the_next() -> None:
    rig = Rig()
    assert rig.receiver.take(event(1)[:-3], now_ns=0).events == 0
    rig.receiver.begin_link()
    read = rig.receiver.take(event(2), now_ns=0)
    assert (read.events, read.unreadable) == (1, None)


def test_what_came_before_something_unreadable_is_kept() -> None:
    rig = Rig()
    read = rig.receiver.take(event(1) + pack_frame(b"\xc1") + event(2), now_ns=0)
    assert read.events == 1
    assert read.unreadable
    assert len(rig.taken()) == 1


def test_a_lost_connection_is_one_outage_with_its_length() -> None:
    rig = Rig()
    rig.receiver.take(frame(Welcome("public", 1, 4, "up", "")), now_ns=0)
    rig.receiver.lose("public: the link ended", now_ns=1_000_000_000)
    rig.receiver.lose("public: the link ended", now_ns=2_000_000_000)
    rig.receiver.begin_link()
    rig.receiver.take(frame(Welcome("public", 2, 5, "up", "")), now_ns=3_500_000_000)
    assert rig.taken() == [
        Up(4, 0.0, 0),
        Down(4, "public: the link ended", 1_000_000_000, parked=False),
        Up(5, 2.5, 3_500_000_000),
    ]
