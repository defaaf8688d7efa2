import contextlib
import socket

import msgspec
import pytest
import trio

from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.control.messages import FromChild, Parked, Ready, ShowTasks
from protocols.errors import ChannelError
from supervisor.processes.control_stream import ControlStream

encode = msgspec.msgpack.encode


async def heard(data: bytes) -> list[FromChild]:
    """What is handed in when a child sends these bytes and ends."""
    ours, theirs = socket.socketpair()
    told: list[FromChild] = []
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        with trio.fail_after(10):
            await ControlStream(ours).run_reader(told.append)
    return told


async def test_messages_are_handed_in_until_the_link_ends() -> None:
    assert await heard(pack_frame(encode(Ready(7))) + pack_frame(encode(Parked("x")))) == [Ready(7), Parked("x")]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"garbage",
        b"\x92\xa6parked\xa1\xff",
        b"\x93\xa9heartbeat\x00" + b"\x91" * 5000,
        b"\x91" * 100_000,
        encode(["ready", "seven"]),
    ],
    ids=["empty", "garbage", "no UTF-8", "too deep inside", "too deep", "wrong type"],
)
async def test_bytes_that_cannot_be_read_end_the_link_with_a_channel_error(payload: bytes) -> None:
    with pytest.raises(ChannelError, match="control link: message not understood"):
        await heard(pack_frame(payload))


def rest_of(*data: bytes, is_closed: bool) -> list[FromChild]:
    """What is handed in of that which a child has left behind."""
    ours, theirs = socket.socketpair()
    told: list[FromChild] = []
    with ours, theirs:
        for part in data:
            theirs.sendall(part)
        if is_closed:
            theirs.close()
        ControlStream(ours).read_rest(told.append)
    return told


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "held by a grandchild"])
async def test_what_a_dead_child_left_in_its_link_is_read_without_waiting(is_closed: bool) -> None:
    left = [
        pack_frame(encode(Parked("x" * 60_000))),
        pack_frame(encode(Ready(7)))[:9],
        pack_frame(encode(Ready(7)))[9:],
    ]
    assert rest_of(*left, is_closed=is_closed) == [Parked("x" * 60_000), Ready(7)]
    assert rest_of(is_closed=is_closed) == []


async def test_bytes_left_behind_that_cannot_be_read_are_a_channel_error() -> None:
    with pytest.raises(ChannelError, match="control link: message not understood"):
        rest_of(pack_frame(b"garbage"), is_closed=True)


def shown(link: socket.socket) -> list[object]:
    """What the child was asked to show."""
    link.setblocking(False)
    try:
        data = link.recv(1 << 20)
    except BlockingIOError:
        return []
    return [msgspec.msgpack.decode(payload, type=ShowTasks) for payload, _merged in FrameSplitter().feed(data)]


async def test_tasks_are_asked_for_where_that_can_be_done_at_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = ControlStream(ours)
        assert stream.ask_for_tasks(7)
        assert shown(theirs) == [ShowTasks(7)]
        async with stream._sending:  # Another message is on its way, maybe in part.
            assert not stream.ask_for_tasks(8)
        assert shown(theirs) == []
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(b"x" * 65536)
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(b"x")
        assert not stream.ask_for_tasks(9)
