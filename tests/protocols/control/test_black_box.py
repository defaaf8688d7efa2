import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.control.black_box import (
    _COUNTERS_AT,
    _COUNTERS_DATA_AT,
    _COUNTERS_HEAD,
    BOX_BYTES,
    COUNTERS_BYTES,
    COUNTERS_DROPPED,
    SLOTS,
    BoxContents,
    BoxWriter,
    NotedMessage,
    find_stall,
    read_box,
)
from tests.protocols.control.memory import new_writer, play, read_between, stores_of

NUMBERS = st.integers(0, 2**63 - 1)
TOPICS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=18)
NOTES = st.builds(NotedMessage, what=TOPICS, epoch=NUMBERS, sequence=NUMBERS, count=NUMBERS, time_ns=NUMBERS)
COUNTERS = st.dictionaries(
    TOPICS, st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False), max_size=5
)
SECOND_NS = 1_000_000_000


def note(writer: BoxWriter, message: NotedMessage) -> None:
    writer.note(message.what, message.epoch, message.sequence, message.count, message.time_ns)


def numbered(number: int) -> NotedMessage:
    """A header of which each part tells its number."""
    return NotedMessage(f"topic/{number}", number, number, number, number)


def test_memory_that_nobody_wrote_says_nothing() -> None:
    assert read_box(bytearray(BOX_BYTES)) == BoxContents(0, "", 0, 0, 0, 0, 0, {}, ())


def test_a_process_that_has_begun_says_who_it_is() -> None:
    assert read_box(new_writer()._buffer) == BoxContents(7, "booting", 0, 0, 0, 0, 0, {}, ())


def test_who_begins_clears_what_another_process_left() -> None:
    writer = new_writer()
    note(writer, numbered(1))
    writer.counters({"frames": 1})
    writer.beat(5)
    BoxWriter(writer._buffer).begin(8)
    assert read_box(writer._buffer) == BoxContents(8, "booting", 0, 0, 0, 0, 0, {}, ())


@pytest.mark.parametrize("phase", ["booting", "importing", "running", "stopping"])
def test_each_phase_is_read_as_it_was_written(phase: str) -> None:
    writer = new_writer()
    writer.phase("importing")
    writer.phase(phase)
    writer.beat(3)
    assert (read_box(writer._buffer).phase, read_box(writer._buffer).pid) == (phase, 7)


def test_a_phase_that_is_too_long_is_cut_and_touches_nothing_else() -> None:
    writer = new_writer()
    writer.beat(3)
    writer.phase("x" * 40)
    box = read_box(writer._buffer)
    assert (box.pid, box.phase, box.beat_ns) == (7, "x" * 16, 3)


def test_beats_are_counted_and_the_newest_has_its_time() -> None:
    writer = new_writer()
    for now_ns in (10, 20, 30):
        writer.beat(now_ns)
    assert (read_box(writer._buffer).beats, read_box(writer._buffer).beat_ns) == (3, 30)


def test_progress_has_the_time_when_it_was_last_seen_to_grow() -> None:
    writer = new_writer()
    writer.progress(0, 0, 10)
    assert read_box(writer._buffer).progress_ns == 0
    writer.progress(5, 0, 20)
    writer.progress(5, 25, 30)
    box = read_box(writer._buffer)
    assert (box.consumed, box.progress_ns, box.waiting_since_ns) == (5, 20, 25)


@given(notes=st.lists(NOTES, max_size=2 * SLOTS + 3))
def test_the_newest_headers_are_kept_and_the_oldest_comes_first(notes: list[NotedMessage]) -> None:
    writer = new_writer()
    for message in notes:
        note(writer, message)
    assert read_box(writer._buffer).messages == tuple(notes[-SLOTS:])


def test_a_long_topic_is_cut_and_the_rest_of_the_header_is_whole() -> None:
    writer = new_writer()
    writer.note("가" * 100, 1, 2, 3, 4)  # Three bytes each: 24 of them fit.
    assert read_box(writer._buffer).messages == (NotedMessage("가" * 24, 1, 2, 3, 4),)


@pytest.mark.parametrize(("what", "sequence"), [("a", 2**63), ("a", -(2**63) - 1), ("\ud800", 1)])
def test_what_no_box_can_hold_is_left_out_and_ends_nobody(what: str, sequence: int) -> None:
    writer = new_writer()
    note(writer, numbered(1))
    writer.note(what, 1, sequence, 1, 1)
    note(writer, numbered(2))
    assert read_box(writer._buffer).messages == (numbered(1), numbered(2))
    assert writer.notes_dropped == 1


@given(values=st.lists(COUNTERS, min_size=1, max_size=3))
def test_counters_are_those_written_last(values: list[dict[str, int | float]]) -> None:
    writer = new_writer()
    for one in values:
        writer.counters(one)
    assert read_box(writer._buffer).counters == values[-1]


def test_a_counter_that_is_no_number_is_not_shown() -> None:
    writer = new_writer()
    writer.counters({"good": 1, "ratio": math.nan, "most": math.inf})
    assert read_box(writer._buffer).counters == {"good": 1}


@given(size=st.integers(1, 300), count=st.integers(1, 3000))
@settings(max_examples=30)
def test_of_too_many_counters_the_first_are_kept_and_the_others_counted(size: int, count: int) -> None:
    writer = new_writer()
    values: dict[str, int | float] = {f"{number:0{size}}": number for number in range(count)}
    writer.counters(values)
    kept = read_box(writer._buffer).counters
    dropped = kept.pop(COUNTERS_DROPPED, 0)
    assert list(kept.items()) == list(values.items())[: len(kept)]
    assert dropped == len(values) - len(kept)
    assert dropped == 0 or count * (size + 1) > COUNTERS_BYTES // 2  # It is no habit.


def test_a_counter_whose_name_alone_is_too_long_is_counted() -> None:
    writer = new_writer()
    writer.counters({"x" * BOX_BYTES: 1})
    assert read_box(writer._buffer).counters == {COUNTERS_DROPPED: 1}


def test_a_yes_or_no_among_the_counters_spoils_none_of_them() -> None:
    writer = new_writer()
    writer.counters({"is_up": True, "frames": 2})
    assert read_box(writer._buffer).counters == {"is_up": 1, "frames": 2}


@given(before=st.integers(0, SLOTS + 2), killed_after=st.integers(0, 60))
def test_a_process_killed_while_it_notes_leaves_all_other_headers(before: int, killed_after: int) -> None:
    writer = new_writer()
    writer.counters({"frames": 1})
    for number in range(before):
        note(writer, numbered(number))
    memory, old = bytearray(writer._buffer), read_box(writer._buffer)
    stores = stores_of(writer, lambda writer: note(writer, numbered(before)))
    new = read_box(writer._buffer)
    play(memory, stores[:killed_after])
    left = read_box(memory)
    without_oldest = old.messages if before < SLOTS else old.messages[1:]
    assert left.messages in {old.messages, without_oldest, new.messages}
    assert (left.pid, left.counters) == (7, {"frames": 1})


@given(old=COUNTERS, new=COUNTERS, part=st.floats(0, 1))
def test_a_process_killed_while_it_writes_counters_leaves_the_rest(
    old: dict[str, int | float], new: dict[str, int | float], part: float
) -> None:
    writer = new_writer()
    note(writer, numbered(1))
    writer.counters(old)
    memory = bytearray(writer._buffer)
    stores = stores_of(writer, lambda writer: writer.counters(new))
    play(memory, stores[: round(part * len(stores))])
    left = read_box(memory)
    assert left.counters in (old, {}, new)
    assert left.messages == (numbered(1),)


@given(killed_after=st.integers(0, 20), which=st.sampled_from(["beat", "progress", "phase"]))
def test_a_process_killed_while_it_beats_never_looks_as_if_it_had_hung(killed_after: int, which: str) -> None:
    writer = new_writer()
    writer.progress(5, 0, 99 * SECOND_NS)
    writer.beat(99 * SECOND_NS)
    memory = bytearray(writer._buffer)
    writes = {
        "beat": lambda writer: writer.beat(100 * SECOND_NS),
        "progress": lambda writer: writer.progress(6, 100 * SECOND_NS, 100 * SECOND_NS),
        "phase": lambda writer: writer.phase("stopping"),
    }
    play(memory, stores_of(writer, writes[which])[:killed_after])
    left = read_box(memory)
    assert find_stall(left, now_ns=101 * SECOND_NS, stall_timeout_s=5) is None
    assert left.pid == 7


@given(seed=st.integers(0, 2**32), pace=st.integers(1, 40), before=st.integers(0, 3))
def test_who_reads_while_headers_are_noted_sees_only_whole_ones(seed: int, pace: int, before: int) -> None:
    writer = new_writer()
    for number in range(before):
        note(writer, numbered(number))
    memory = bytearray(writer._buffer)

    def many(writer: BoxWriter) -> None:
        for number in range(before, before + 3 * SLOTS):
            note(writer, numbered(number))

    stores = stores_of(writer, many)
    rng = random.Random(seed)
    seen = read_between(memory, stores, iter(lambda: rng.randrange(pace), None)).messages
    sequences = [message.sequence for message in seen]
    assert list(seen) == [numbered(number) for number in sequences]
    assert sequences == sorted(sequences)


@given(seed=st.integers(0, 2**32), pace=st.integers(1, 40))
def test_who_reads_while_counters_are_written_sees_those_of_one_moment(seed: int, pace: int) -> None:
    names = [f"counter_{name}" for name in "abcdefgh"]
    writer = new_writer()
    writer.counters(dict.fromkeys(names, 0))
    memory = bytearray(writer._buffer)

    def many(writer: BoxWriter) -> None:
        for number in range(1, 40):
            writer.counters(dict.fromkeys(names[number % 2 :], number))

    stores = stores_of(writer, many)
    rng = random.Random(seed)
    seen = read_between(memory, stores, iter(lambda: rng.randrange(pace), None)).counters
    assert not seen or len(set(seen.values())) == 1


@given(data=st.binary(max_size=400), at=st.integers(0, BOX_BYTES - 400), fill=st.integers(0, 255))
def test_whatever_lies_in_the_memory_it_can_be_read(data: bytes, at: int, fill: int) -> None:
    memory = bytearray([fill]) * BOX_BYTES
    memory[at : at + len(data)] = data
    box = read_box(memory)
    find_stall(box, now_ns=1, stall_timeout_s=1)


def with_counters(payload: bytes) -> bytearray:
    """Return a box of which the counters have another content than any writer would give them."""
    writer = new_writer()
    note(writer, numbered(1))
    writer._buffer[_COUNTERS_AT : _COUNTERS_AT + _COUNTERS_HEAD.size] = _COUNTERS_HEAD.pack(2, len(payload))
    writer._buffer[_COUNTERS_DATA_AT : _COUNTERS_DATA_AT + len(payload)] = payload
    return bytearray(writer._buffer)


@given(payload=st.binary(max_size=60))
def test_of_counters_that_make_no_sense_only_numbers_are_read(payload: bytes) -> None:
    box = read_box(with_counters(payload))
    assert all(isinstance(value, int | float) for value in box.counters.values())
    assert box.messages == (numbered(1),)


@pytest.mark.parametrize(
    "payload",
    [b"\x81\xa1\xff\x01", b"\x81\xa1a" + b"\x91" * 2000, b"\x81\x01\x02", b"\xc1", b"\x81\xa1a\xa1b"],
    ids=["no UTF-8", "too deep", "a number for a name", "garbage", "text"],
)
def test_counters_of_a_process_that_went_wild_are_none(payload: bytes) -> None:
    assert read_box(with_counters(payload)).counters == {}


def contents(*, beat_s: float = 0, waiting_since_s: float = 0) -> BoxContents:
    writer = new_writer()
    writer.beat(int(beat_s * SECOND_NS))
    writer.progress(1, int(waiting_since_s * SECOND_NS), int(beat_s * SECOND_NS))
    return read_box(writer._buffer)


@pytest.mark.parametrize(
    ("box", "stall"),
    [
        (contents(), None),
        (contents(beat_s=90), None),
        (contents(beat_s=89.9), "its loop stood still for 10.1 s (limit 10 s)"),
        (contents(beat_s=100, waiting_since_s=90), None),
        (contents(beat_s=100, waiting_since_s=89), "its input has waited for 11.0 s without progress (limit 10 s)"),
        (contents(beat_s=80, waiting_since_s=79), "its loop stood still for 20.0 s (limit 10 s)"),
        (contents(beat_s=200, waiting_since_s=150), None),
    ],
    ids=["not begun", "at the limit", "loop", "waits to the limit", "input", "both", "clock of the other is ahead"],
)
def test_a_stall_is_told_with_its_time_and_limit(box: BoxContents, stall: str | None) -> None:
    assert find_stall(box, now_ns=100 * SECOND_NS, stall_timeout_s=10) == stall
