"""Frames between processes: any chunking gives the same frames, and every payload is plain msgpack."""

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.channel.framing import HEADER, FrameSplitter, pack_frame
from protocols.channel.messages import (
    Accepted,
    Down,
    Event,
    Gap,
    Hello,
    Reply,
    Request,
    Up,
    Want,
    WantProblem,
    Wants,
    Welcome,
)
from protocols.errors import ChannelError

FRAMES = st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 2**32 - 1)), max_size=20)


@given(FRAMES, st.data())
def test_frames_do_not_depend_on_chunk_boundaries(frames: list[tuple[bytes, int]], data: st.DataObject) -> None:
    stream = b"".join(pack_frame(payload, merged) for payload, merged in frames)
    splitter = FrameSplitter()
    seen: list[tuple[bytes, int]] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        seen.extend(splitter.feed(stream[:size]))
        stream = stream[size:]
    assert seen == frames
    assert splitter.pending_bytes == 0


def test_a_frame_above_the_limit_names_both_sizes() -> None:
    splitter = FrameSplitter(max_payload_bytes=100)
    with pytest.raises(ChannelError, match=r"101 B.*limit 100 B"):
        list(splitter.feed(HEADER.pack(101, 0)))


def test_frames_before_one_above_the_limit_are_still_given() -> None:
    splitter = FrameSplitter(max_payload_bytes=100)
    frames = splitter.feed(pack_frame(b"whole") + HEADER.pack(101, 0))
    assert next(frames) == (b"whole", 0)
    with pytest.raises(ChannelError):
        next(frames)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Hello("me", 7), ["hello", "me", 7, 1]),
        (Wants(3, (Want("ticker/KRW-BTC"),)), ["wants", 3, [["ticker/KRW-BTC", "every", 0, "both"]]]),
        (Request(1, "state", {"a": 1}), ["request", 1, "state", {"a": 1}]),
        (Welcome("public", 2, 9, "up"), ["welcome", "public", 2, 9, "up", "", 1, 0]),
        (Accepted(3), ["accepted", 3]),
        (
            Event("ticker/KRW-BTC", 1, 2, 3, 4, 0, msgspec.Raw(msgpack.packb(["x"]))),
            ["event", "ticker/KRW-BTC", 1, 2, 3, 4, 0, ["x"]],
        ),
        (Down(1, "gone", 5), ["down", 1, "gone", 5, False]),
        (Up(2, 0.5, 6), ["up", 2, 0.5, 6]),
        (Gap("trade/KRW-BTC", 1, 5, 9, "slow"), ["gap", "trade/KRW-BTC", 1, 5, 9, "slow"]),
        (WantProblem("x", "bad"), ["problem", "x", "bad", True]),
        (Reply(1, "", msgspec.Raw(msgpack.packb(None))), ["reply", 1, "", None]),
    ],
)
def test_every_message_is_read_by_plain_msgpack(message: msgspec.Struct, expected: list[object]) -> None:
    # The order of fields is the wire: a change here breaks every running client.
    assert msgpack.unpackb(msgspec.msgpack.encode(message)) == expected
