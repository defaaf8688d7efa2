import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.pieces.batches import BatchQueue

TICK_S = 1 / 1024
"""A power of two: sums of it are exact."""


def queue(max_items: int = 3, max_wait_s: float = 0.5, max_waiting: int = 6) -> BatchQueue[int]:
    return BatchQueue(max_items=max_items, max_wait_s=max_wait_s, max_waiting=max_waiting)


def test_an_empty_queue_is_never_due() -> None:
    assert queue().due_s is None
    assert queue().take_due(now_s=math.inf) == []


def test_a_batch_is_due_by_its_first_item_and_later_ones_do_not_put_it_off() -> None:
    waiting = queue()
    waiting.add(1, now_s=10.0)
    waiting.add(2, now_s=10.4)
    assert waiting.due_s == 10.5
    assert waiting.take_due(now_s=10.4) == []
    assert waiting.take_due(now_s=10.5) == [1, 2]


def test_a_whole_batch_is_due_at_once() -> None:
    waiting = queue()
    assert [waiting.add(n, now_s=0.0) for n in range(4)] == [True] * 4
    assert waiting.take_due(now_s=0.0) == [0, 1, 2]
    assert waiting.due_s == 0.5


def test_a_full_queue_refuses_the_newest() -> None:
    waiting = queue()
    assert [waiting.add(n, now_s=0.0) for n in range(7)] == [True] * 6 + [False]
    assert waiting.take_next() + waiting.take_next() + waiting.take_next() == [0, 1, 2, 3, 4, 5]


def test_what_is_dropped_at_the_end_is_counted() -> None:
    waiting = queue()
    waiting.add(1, now_s=0.0)
    assert (waiting.clear(), waiting.clear(), len(waiting)) == (1, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_items": 0}, "max_items must be a whole number of at least 1, not 0"),
        ({"max_items": 2.0}, "max_items must be a whole number of at least 1, not 2.0"),
        ({"max_items": True}, "max_items must be a whole number of at least 1, not True"),
        ({"max_wait_s": -0.1}, "max_wait_s must be a number of at least 0, not -0.1"),
        ({"max_wait_s": math.nan}, "max_wait_s must be a number of at least 0, not nan"),
        ({"max_wait_s": math.inf}, "max_wait_s must be a number of at least 0, not inf"),
        ({"max_wait_s": "1"}, "max_wait_s must be a number of at least 0, not '1'"),
        ({"max_waiting": 2}, r"max_waiting \(2\) must be at least max_items \(3\)"),
    ],
)
def test_numbers_out_of_range_are_refused_in_one_line(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        queue(**arguments)  # type: ignore[arg-type]


@given(
    pauses=st.lists(st.integers(0, 300), max_size=80),
    max_items=st.integers(1, 7),
    max_wait_ticks=st.integers(0, 400),
    room=st.integers(0, 10),
)
def test_all_that_was_accepted_comes_out_once_in_order_in_small_batches_and_in_time(
    pauses: list[int], max_items: int, max_wait_ticks: int, room: int
) -> None:
    max_wait_s = max_wait_ticks * TICK_S
    waiting = queue(max_items, max_wait_s, max_items + room)
    accepted: dict[int, float] = {}
    flushed: list[int] = []
    now_s = 0.0

    def flush_due() -> None:
        while batch := waiting.take_due(now_s=now_s):
            assert len(batch) <= max_items
            assert all(now_s - accepted[item] <= max_wait_s for item in batch)
            flushed.extend(batch)

    for item, pause in enumerate(pauses):
        until_s = now_s + pause * TICK_S
        while (due_s := waiting.due_s) is not None and due_s <= until_s:
            now_s = max(now_s, due_s)
            flush_due()
        now_s = until_s
        if waiting.add(item, now_s=now_s):
            accepted[item] = now_s
    while batch := waiting.take_next():
        assert len(batch) <= max_items
        flushed.extend(batch)
    assert flushed == list(accepted)
    assert len(accepted) == len(pauses)  # With a flush that takes no time nothing is ever refused.


@given(st.lists(st.sampled_from(["add", "take"]), max_size=60), st.integers(1, 4), st.integers(0, 4))
def test_of_more_than_fits_exactly_the_rest_is_refused(acts: list[str], max_items: int, room: int) -> None:
    waiting = queue(max_items, 1.0, max_items + room)
    accepted: list[int] = []
    taken: list[int] = []
    for number, act in enumerate(acts):
        if act == "take":
            taken += waiting.take_next()
            continue
        was_full = waiting.is_full
        assert waiting.add(number, now_s=0.0) is not was_full
        accepted += [] if was_full else [number]
        assert len(waiting) <= max_items + room
    assert taken == accepted[: len(taken)]
    assert len(waiting) == len(accepted) - len(taken)
