"""The subscriber's proof that nothing was missed."""

from protocols.channel.continuity import Continuity
from protocols.channel.messages import Event, Gap


def event(sequence: int, epoch: int = 1, topic: str = "t") -> Event[None]:
    return Event(topic, epoch, sequence, 0, 0, 0, None)


def test_the_first_event_sets_the_position() -> None:
    continuity = Continuity()
    assert continuity.saw_event(event(57), 0) == 0
    assert continuity.position("t") == (1, 57)


def test_a_hole_that_nobody_announced_is_counted() -> None:
    continuity = Continuity()
    continuity.saw_event(event(1), 0)
    assert continuity.saw_event(event(5), 0) == 3
    assert continuity.unannounced == 3


def test_merged_events_are_no_hole() -> None:
    continuity = Continuity()
    continuity.saw_event(event(1), 0)
    assert continuity.saw_event(event(5), 3) == 0
    assert (continuity.unannounced, continuity.merged) == (0, 3)


def test_an_announced_gap_is_no_hole() -> None:
    continuity = Continuity()
    continuity.saw_event(event(1), 0)
    continuity.saw_gap(Gap("t", 1, 2, 9, "slow"))
    assert continuity.saw_event(event(10), 0) == 0
    assert (continuity.unannounced, continuity.missed) == (0, 8)


def test_a_gap_of_the_past_does_not_move_the_position_back() -> None:
    continuity = Continuity()
    continuity.saw_event(event(10, epoch=2), 0)
    continuity.saw_gap(Gap("t", 1, 2, 9, "slow"))
    assert continuity.position("t") == (2, 10)


def test_a_new_epoch_starts_a_new_count() -> None:
    continuity = Continuity()
    continuity.saw_event(event(100, epoch=1), 0)
    assert continuity.saw_event(event(1, epoch=2), 0) == 0
    assert continuity.saw_event(event(2, epoch=2), 0) == 0


def test_a_new_life_starts_a_new_count_in_whatever_epoch() -> None:
    continuity = Continuity()
    continuity.saw_event(event(4, epoch=2), 0)
    continuity.begin_life()
    continuity.saw_gap(Gap("t", 1, 1, 2, "slow"))
    assert continuity.position("t") == (1, 2)
    assert continuity.saw_event(event(3, epoch=1), 0) == 0
    assert continuity.saw_event(event(5, epoch=1), 0) == 1


def test_a_forgotten_topic_starts_a_new_count() -> None:
    continuity = Continuity()
    continuity.saw_event(event(1), 0)
    continuity.forget("t")
    assert continuity.position("t") is None
    assert continuity.saw_event(event(50), 0) == 0
