"""What faults do to the frames of one connection; frames are numbers here."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.faults.active import ActiveFault
from actors.exchange.faults.frames import SWAP_WAIT_S, FrameLine, Passing
from actors.exchange.faults.kinds import (
    Altered,
    Delay,
    Duplicate,
    ExtraFields,
    Fault,
    FirstAssetLate,
    HalfFrame,
    Mute,
    Reorder,
)
from actors.exchange.sources.source import NO_STREAM, StreamKey

TICKER, TRADE = ("ticker", "KRW-BTC"), ("trade", "KRW-BTC")


def line_with(*faults: Fault, ends_s: float | None = None) -> FrameLine:
    line = FrameLine()
    line.faults = tuple(
        ActiveFault(number, fault, began_s=0.0, ends_s=ends_s, left=getattr(fault, "count", None))
        for number, fault in enumerate(faults, start=1)
    )
    return line


def numbers(frames: list[Passing]) -> list[int]:
    return [int(frame.payload) for frame in frames]


def send(line: FrameLine, *payloads: int, stream: StreamKey = TICKER, at_s: float = 0.0) -> list[int]:
    out: list[int] = []
    for payload in payloads:
        out += numbers(line.add(stream, str(payload).encode(), at_s))
    return out


def test_a_line_without_faults_passes_every_frame_at_once() -> None:
    line = FrameLine()
    assert line.is_idle
    assert send(line, 1, 2, 3) == [1, 2, 3]
    assert (line.held_bytes, line.next_due_s) == (0, None)


@pytest.mark.parametrize(
    ("fault", "passed"),
    [
        (Mute(), []),
        (Mute(type="ticker"), [2, 4]),
        (Mute(code="KRW-ETH"), [1, 2, 3]),
        (Mute(type="ticker", code="KRW-ETH"), [1, 2, 3, 4]),
        (Mute(type="candle.1s"), [1, 2, 3, 4]),
    ],
)
def test_mute_withholds_what_it_names(fault: Mute, passed: list[int]) -> None:
    line = line_with(fault)
    out = send(line, 1) + send(line, 2, stream=TRADE) + send(line, 3)
    assert out + send(line, 4, stream=("trade", "KRW-ETH")) == passed


def test_mute_never_withholds_errors_and_status() -> None:
    assert send(line_with(Mute()), 1, stream=NO_STREAM) == [1]


def test_mute_ends_at_its_time() -> None:
    line = line_with(Mute(), ends_s=5.0)
    assert send(line, 1, at_s=4.9) == []
    assert send(line, 2, at_s=5.0) == [2]


def test_late_assets_withhold_only_assets() -> None:
    line = line_with(FirstAssetLate())
    assert send(line, 1, stream=("myAsset", "")) == []
    assert send(line, 2, stream=("myOrder", "KRW-BTC")) == [2]


def test_duplicate_doubles_as_many_frames_as_it_says() -> None:
    assert send(line_with(Duplicate(count=2)), 1, 2, 3) == [1, 1, 2, 2, 3]


def test_reorder_lets_the_next_frame_of_the_same_stream_overtake() -> None:
    line = line_with(Reorder(count=1, type="ticker"))
    assert send(line, 1) == []
    assert send(line, 2, stream=TRADE) == [2]
    assert send(line, 3, 4) == [3, 1, 4]


def test_a_frame_that_nothing_overtakes_goes_on_after_2_s() -> None:
    line = line_with(Reorder())
    assert send(line, 1, at_s=1.0) == []
    assert line.next_due_s == 1.0 + SWAP_WAIT_S
    assert numbers(line.take_due(2.9)) == []
    assert numbers(line.take_due(3.0)) == [1]
    assert (line.held_bytes, line.next_due_s) == (0, None)


def test_delay_holds_frames_in_order_and_counts_what_it_holds() -> None:
    line = line_with(Delay(ms=500))
    assert send(line, 10, at_s=0.0) == []
    assert send(line, 20, at_s=0.2, stream=NO_STREAM) == []
    assert line.held_bytes == 4
    assert numbers(line.take_due(0.5)) == [10]
    assert line.next_due_s == pytest.approx(0.7)
    assert numbers(line.take_due(0.7)) == [20]
    assert line.held_bytes == 0


def test_what_comes_after_a_delay_has_ended_stays_behind_what_it_holds() -> None:
    line = line_with(Delay(ms=500), ends_s=0.1)
    assert send(line, 1, at_s=0.0) == []
    assert send(line, 2, at_s=0.2) == []
    assert not line.is_idle
    assert numbers(line.take_due(0.5)) == [1, 2]


def test_half_a_frame_is_marked_and_other_frames_are_not() -> None:
    line = line_with(HalfFrame())
    (status,) = line.add(NO_STREAM, b"1", 0.0)
    (data,) = line.add(TICKER, b"2", 0.0)
    assert (status.is_half, data.is_half) == (False, True)


def test_an_altered_frame_says_what_was_meant_and_counts_only_when_it_could_be_altered() -> None:
    line = line_with(Altered(count=1))
    (status,) = line.add(TICKER, b'{"x":1}', 0.0)
    (first,) = line.add(TICKER, b'{"tp":1.0}', 0.0)
    (second,) = line.add(TICKER, b'{"tp":1.0}', 0.0)
    assert status.payload == status.said
    assert (first.payload, first.said) == (b'{"tp":1.1}', b'{"tp":1.0}')
    assert second.payload == b'{"tp":1.0}'


def test_extra_fields_count_down() -> None:
    line = line_with(ExtraFields(count=1))
    assert b"x_flag" in line.add(TICKER, b'{"a":1}', 0.0)[0].payload
    assert line.add(TICKER, b'{"a":1}', 0.0)[0].payload == b'{"a":1}'


def test_a_line_whose_faults_have_ended_is_idle_again() -> None:
    line = line_with(Duplicate(count=1))
    assert send(line, 1, 2) == [1, 1, 2]
    assert line.is_idle


def test_everything_that_waits_can_be_taken_at_once() -> None:
    line = line_with(Reorder(type="trade"), Delay(ms=500))
    send(line, 1)
    send(line, 2, stream=TRADE)
    assert numbers(line.take_all()) == [1, 2]
    assert (line.held_bytes, line.next_due_s) == (0, None)


streams = st.sampled_from([TICKER, TRADE, ("trade", "KRW-ETH"), NO_STREAM])
kind_lists = st.lists(
    st.sampled_from([Delay(ms=300), Delay(ms=20), Reorder(count=2), Reorder(count=3, type="trade")]), max_size=3
)


@given(kind_lists, st.lists(st.tuples(streams, st.integers(0, 400)), max_size=25), st.floats(0.0, 5.0))
def test_delays_and_swaps_lose_and_double_nothing_and_hold_nothing_for_ever(
    faults: list[Fault], sent: list[tuple[StreamKey, int]], ends_s: float
) -> None:
    line, now_s, out = line_with(*faults, ends_s=ends_s), 0.0, []
    for number, (stream, pause_ms) in enumerate(sent):
        now_s += pause_ms / 1000
        out += line.take_due(now_s)
        out += line.add(stream, str(number).encode(), now_s)
        waiting = len(sent[: number + 1]) - len(out)
        assert (line.held_bytes > 0) == (waiting > 0)
    while (due_s := line.next_due_s) is not None:
        assert due_s <= now_s + SWAP_WAIT_S + 0.3
        out += line.take_due(due_s)
    assert Counter(numbers(out)) == Counter(range(len(sent)))
    assert line.held_bytes == 0


@given(st.lists(st.tuples(streams, st.integers(0, 400)), max_size=25), st.floats(0.0, 5.0))
def test_a_delay_alone_keeps_the_order(sent: list[tuple[StreamKey, int]], ends_s: float) -> None:
    line, now_s, out = line_with(Delay(ms=300), ends_s=ends_s), 0.0, []
    for number, (stream, pause_ms) in enumerate(sent):
        now_s += pause_ms / 1000
        out += line.take_due(now_s) + line.add(stream, str(number).encode(), now_s)
    out += line.take_due(now_s + 0.3)
    assert numbers(out) == list(range(len(sent)))
