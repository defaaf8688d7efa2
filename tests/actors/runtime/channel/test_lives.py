"""What a server remembers reaches a client once in each of its lives, wherever their epochs begin.

Epochs begin at the time of day, and that may be set back between two lives.
"""

from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from actors.runtime.channel.declaring import Declarations
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.receiving import Receiver
from actors.runtime.channel.subscriber import Subscriber
from actors.runtime.process.black_box import note_nowhere
from actors.runtime.process.counters import Counters
from protocols.channel.messages import Event, Gap, Want, Wants
from protocols.upbit.messages import DataMessage
from tests.actors.runtime.channel.channel_pair import capturing_log, trade

TOPIC = "trade/KRW-BTC"
REMEMBERED = 1000
EPOCH = 2_000


class Seen(NamedTuple):
    """What a client has seen of one topic."""

    ids: list[int]
    gaps: int


class Lives:
    """One client of a server that lives several times, with the bytes between them and no socket."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.published: list[int] = []
        self._declarations = Declarations()
        log, _logged = capturing_log()
        self.receiver = Receiver(DataMessage, self._declarations, self.counters, log, note=note_nowhere, told=None)
        self._subscriber: Subscriber | None = None
        self._publisher: Publisher
        self.begin_life(EPOCH)

    def begin_life(self, epoch: int) -> None:
        """The server ends, and with it the link; the next one begins its epochs here. It is the same `incarnation`."""
        self.cut()
        self._publisher = Publisher("public", 1, Counters(), epoch=epoch)
        self._publisher.refuse = lambda _topic: ""
        self._publisher.remember(TOPIC, REMEMBERED)

    def go_up(self) -> None:
        """A new connection to the source."""
        self._publisher.go_up(now_ns=0)

    def publish(self) -> None:
        """One more event, never the same as another one."""
        self.published.append(len(self.published))
        self._publisher.publish(self._publisher.streams[TOPIC], trade(self.published[-1]), 5, 6)

    def cut(self) -> None:
        """The link breaks; what was under way arrives before that."""
        if self._subscriber is not None:
            self._deliver()
            self._publisher.detach(self._subscriber)
            self._subscriber = None
            self.receiver.lose("cut", now_ns=0)

    def attach(self) -> None:
        """The link stands, as from now on or as before; what is under way arrives."""
        if self._subscriber is None:
            self.receiver.begin_link()
            self._declarations.begin_link()
            self._subscriber = self._publisher.attach("client", lambda: None)
            wants = Wants(1, (Want(TOPIC),))
            self._declarations.newest = wants
            self._declarations.goes_out(wants)
            self._publisher.set_wants(self._subscriber, wants)
        self._deliver()

    def _deliver(self) -> None:
        assert self._subscriber is not None
        while data := self._subscriber.outbox.take(1_000_000, now_s=0.0, intervals_s={}):
            assert self.receiver.take(bytes(data), now_ns=0).unreadable is None

    def seen(self) -> Seen:
        """All that the client has had."""
        items = self.receiver.waiting
        ids = [item.body.sequential_id for item in items if isinstance(item, Event)]
        return Seen(ids, sum(isinstance(item, Gap) for item in items))


STEPS = st.one_of(
    st.sampled_from(["publish", "publish", "go_up", "cut", "attach"]),
    st.integers(EPOCH - 3, EPOCH + 3),
)
"""A number begins a life with that epoch."""


@given(st.lists(STEPS, max_size=40))
@example(["publish", "publish", "attach", EPOCH - 1, "go_up", "publish"])
@example(["go_up", "publish", "publish", "attach", "go_up", "publish", "cut", "publish"])
def test_each_event_of_a_life_comes_once_and_in_order_to_who_attaches_before_it_ends(steps: list[str | int]) -> None:
    lives = Lives()
    for step in steps:
        if isinstance(step, int):
            lives.attach()
            lives.begin_life(step)
        else:
            getattr(lives, step)()
    lives.attach()
    assert lives.seen() == Seen(lives.published, 0)
    assert lives.receiver.continuity.unannounced == 0


@pytest.mark.parametrize("epoch", [1, EPOCH - 1, EPOCH, EPOCH + 1, 2 * EPOCH])
def test_what_a_new_life_remembers_is_new_wherever_its_epochs_begin(epoch: int) -> None:
    lives = Lives()
    for _ in range(4):
        lives.publish()
    lives.attach()
    lives.begin_life(epoch)
    lives.publish()
    lives.attach()
    assert lives.seen().ids == [0, 1, 2, 3, 4]
    assert lives.counters.snapshot().get("events_known", 0) == 0
