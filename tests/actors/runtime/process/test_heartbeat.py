from functools import partial

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.runtime.process import heartbeat
from actors.runtime.process.counters import Counters
from actors.runtime.process.heartbeat import Progress, Pulse, run_heartbeat
from protocols.control.black_box import BOX_BYTES, BoxContents, BoxWriter, find_stall, read_box

SECOND_NS = 1_000_000_000


class Heart:
    """A pulse with all that it reads, and the box that it writes into."""

    def __init__(self) -> None:
        self.memory = bytearray(BOX_BYTES)
        self.progress, self.counters = Progress(), Counters()
        self.pulse = Pulse(BoxWriter(self.memory), self.progress, self.counters)

    def beat(self, now_ns: int) -> BoxContents:
        self.pulse.beat(now_ns)
        return read_box(self.memory)


def test_a_beat_writes_progress_and_counters() -> None:
    heart = Heart()
    heart.progress.consumed = 5
    heart.counters.add("frames", 3)
    box = heart.beat(10)
    assert (box.beat_ns, box.beats, box.consumed, box.progress_ns, box.counters) == (10, 1, 5, 10, {"frames": 3})


def test_input_waits_from_the_first_beat_that_finds_it_untouched() -> None:
    heart = Heart()
    with heart.progress.watch(lambda: True):
        heart.progress.consumed = 1
        waits = [heart.beat(now_ns).waiting_since_ns for now_ns in (10, 20, 30)]
        heart.progress.consumed = 2
        waits += [heart.beat(now_ns).waiting_since_ns for now_ns in (40, 50)]
    waits.append(heart.beat(60).waiting_since_ns)
    assert waits == [0, 20, 20, 0, 50, 0]


def test_an_actor_without_input_never_waits() -> None:
    heart = Heart()
    with heart.progress.watch(lambda: False):
        assert [heart.beat(now_ns).waiting_since_ns for now_ns in (10, 20)] == [0, 0]


def test_all_inputs_are_asked_and_what_one_counts_is_progress() -> None:
    heart = Heart()

    def counts() -> bool:
        heart.progress.consumed += 1
        return False

    with heart.progress.watch(lambda: True), heart.progress.watch(counts):
        assert [heart.beat(now_ns).waiting_since_ns for now_ns in (10, 20)] == [0, 0]


def test_an_input_is_watched_within_its_block_alone_also_when_that_fails() -> None:
    progress = Progress()
    seen = []

    def fails() -> None:
        with progress.watch(lambda: True):
            seen.append(progress.is_waiting())
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fails()
    assert seen == [True]
    assert not progress.is_waiting()


@given(steps=st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=40))
def test_only_who_takes_nothing_while_something_waits_is_held_to_hang(steps: list[tuple[int, bool]]) -> None:
    heart, waits, limit = Heart(), [False], 3
    taken_at = clear_at = 0
    with heart.progress.watch(lambda: waits[0]):
        for now, (taken, waits[0]) in enumerate(steps, start=1):
            heart.progress.consumed += taken
            taken_at = now if taken else taken_at
            clear_at = now if not waits[0] else clear_at
            box = heart.beat(now * SECOND_NS)
            stall = find_stall(box, now_ns=now * SECOND_NS, stall_timeout_s=limit)
            assert (stall is not None) == (now - max(taken_at, clear_at) - 1 > limit)


async def test_the_heart_beats_at_once_and_then_each_time_and_arms_the_timer(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart = Heart()
    armed: list[float] = []
    monkeypatch.setattr(heartbeat, "arm_dead_man", armed.append)
    run = partial(run_heartbeat, heart.pulse, every_s=1.0, dead_man_s=30.0, monotonic_ns=lambda: 42)
    with trio.move_on_after(2.5):
        await run()
    assert armed == [30.0] * 3
    assert (read_box(heart.memory).beats, read_box(heart.memory).beat_ns) == (3, 42)
