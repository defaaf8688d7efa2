import json

import pytest

from tests.chaos.tracing import TraceFold


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def life(pid: int = 1) -> bytes:
    return line(marker="life", pid=pid)


def up(epoch: int, seen_ns: int = 10) -> bytes:
    return line(marker="up", epoch=epoch, seen_ns=seen_ns)


def event(sequence: int, *, epoch: int = 5, topic: str = "trade/A", origin: str = "live", seen_ns: int = 20) -> bytes:
    return line(topic=topic, epoch=epoch, sequence=sequence, origin=origin, seen_ns=seen_ns, type="trade", code="A")


def folded(*lines: bytes) -> TraceFold:
    fold = TraceFold("tracer")
    for data in lines:
        fold.feed(data)
    return fold


def test_numbers_without_a_hole_are_right() -> None:
    fold = folded(life(), up(5), event(8), event(9), event(1, topic="trade/B"), event(10))
    assert (fold.events, fold.holes) == (4, [])


def test_a_hole_that_nobody_told_of_is_found() -> None:
    fold = folded(life(7), up(5), event(8), event(10))
    assert fold.holes == ["tracer (pid 7) trade/A epoch 5 number 10: follows 8, and it was told of what is up to 0"]


def test_a_hole_that_was_told_of_is_right() -> None:
    gap = line(marker="gap", topic="trade/A", epoch=5, first=9, last=11)
    assert folded(life(), up(5), event(8), gap, event(12)).holes == []
    assert len(folded(life(), up(5), event(8), gap, event(13)).holes) == 1


@pytest.mark.parametrize("sequence", [8, 7])
def test_a_number_that_came_before_is_found(sequence: int) -> None:
    assert len(folded(life(), up(5), event(8), event(sequence)).holes) == 1


def test_a_new_epoch_begins_its_own_numbers_when_it_was_announced() -> None:
    assert folded(life(), up(5), event(8), line(marker="down"), up(6), event(1, epoch=6)).holes == []
    assert len(folded(life(), up(5), event(8), event(1, epoch=6)).holes) == 1


def test_what_a_late_comer_is_told_again_has_no_number_of_its_own() -> None:
    fold = folded(life(), up(5), event(3, origin="cached"), event(8), event(9))
    assert (fold.events, fold.holes) == (2, [])


def test_each_life_begins_anew_and_the_time_between_two_is_an_outage() -> None:
    fold = TraceFold("tracer")
    assert fold.feed(life()) == []
    fold.feed(up(5))
    fold.feed(event(8))
    assert [json.loads(kept)["marker"] for kept in fold.feed(life(2))] == ["down"]
    fold.feed(up(5))
    fold.feed(event(20))
    assert fold.holes == []


def test_what_a_killed_life_left_unfinished_is_no_line() -> None:
    fold = folded(life(), up(5), event(8), b'{"type":"tra', b"", life(2), up(5), event(1))
    assert (fold.torn, fold.events, fold.holes) == (1, 2, [])


def test_everything_but_lives_is_kept_as_it_came() -> None:
    fold = TraceFold("tracer")
    assert fold.feed(event(1)) == [event(1)]
    assert fold.feed(up(5)) == [up(5)]


def test_times_tell_when_the_stream_came_back() -> None:
    fold = folded(life(), up(5, 100), event(1, seen_ns=110), event(2, seen_ns=120))
    assert (fold.is_up, fold.up_ns, fold.first_event_ns, fold.event_ns) == (True, 100, 110, 120)
    fold.feed(line(marker="down"))
    assert not fold.is_up
    for data in (up(6, 200), event(1, epoch=6, seen_ns=200), event(2, epoch=6, seen_ns=210)):
        fold.feed(data)
    assert (fold.up_ns, fold.first_event_ns, fold.event_ns) == (200, 200, 210)
