import contextlib
import socket
import time

import msgspec
import pytest
import trio
import trio.testing

from actors.runtime.process.control_link import ControlLink, frame_of, send_last_words
from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.control.messages import Failed, FromChild, Parked, Ready, ShowTasks, Start, Stop, Unparked
from protocols.errors import ChannelError, ConnectionLost

START = Start("a", "m:run", msgspec.Raw(msgspec.msgpack.encode({"x": 1})), {"K": "v"}, "/run", 2, 1.0)

encode = msgspec.msgpack.encode


def frames(data: bytes) -> list[FromChild]:
    return [msgspec.msgpack.decode(payload, type=FromChild) for payload, _merged in FrameSplitter().feed(data)]


@pytest.fixture
def listener() -> socket.socket:
    return socket.socket(socket.AF_UNIX)


async def test_start_comes_with_the_listening_socket(listener: socket.socket) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, listener:
        socket.send_fds(ours, [pack_frame(encode(START))], [listener.fileno()])
        start, received = await ControlLink(theirs).receive_start()
        with received:
            assert received.family == socket.AF_UNIX
    assert (start.name, start.incarnation, start.secrets) == ("a", 2, {"K": "v"})


async def test_start_may_come_in_pieces(listener: socket.socket) -> None:
    ours, theirs = socket.socketpair()
    frame = pack_frame(encode(START))
    with ours, theirs, listener:
        link = ControlLink(theirs)
        socket.send_fds(ours, [frame[:3]], [listener.fileno()])
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def finish() -> None:
                await trio.testing.wait_all_tasks_blocked()
                ours.sendall(frame[3:])

            start, received = await link.receive_start()
        received.close()
    assert start.entry == "m:run"


async def test_a_supervisor_that_ends_before_start_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, pytest.raises(ConnectionLost, match="before it sent"):
        await ControlLink(theirs).receive_start()


async def test_a_first_frame_that_is_no_start_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(pack_frame(encode(Stop(1.0))))
        with pytest.raises(ChannelError, match="expected start with one descriptor, got Stop"):
            await ControlLink(theirs).receive_start()


UNREADABLE_PAYLOADS = [b"", b"garbage", b"\x92\xa4stop\xa1\xff", b"\x99\xa5start\xa1\xff", b"\x91" * 100_000]


@pytest.mark.parametrize("payload", UNREADABLE_PAYLOADS, ids=["empty", "garbage", "type", "no UTF-8", "too deep"])
async def test_a_start_that_cannot_be_read_is_a_channel_error(payload: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(pack_frame(payload))
        with pytest.raises(ChannelError, match="control link: message not understood"):
            await ControlLink(theirs).receive_start()


@pytest.mark.parametrize("payload", UNREADABLE_PAYLOADS, ids=["empty", "garbage", "type", "no UTF-8", "too deep"])
async def test_a_message_that_cannot_be_read_is_a_channel_error(payload: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(pack_frame(payload))
        with pytest.raises(ChannelError, match="control link: message not understood"):
            await ControlLink(theirs).run_reader(stop=lambda _stop: None, show_tasks=never, orphaned=never)


NEVER_LATE_NS = 2**62


def never() -> None:
    pytest.fail("nobody asked for this")


def fill(link: socket.socket) -> int:
    """Write until there is no room; return how many bytes went in."""
    link.setblocking(False)
    size = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            size += link.send(b"x" * 65536)
    with contextlib.suppress(BlockingIOError):
        while True:
            size += link.send(b"x")
    return size


def read_exactly(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += link.recv(size - len(data))
    return data


async def test_a_message_is_sent_at_once_where_there_is_room() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = ControlLink(theirs)
        link.tell(Ready(1))
        assert frames(ours.recv(4096)) == [Ready(1)]
        assert link.unsent() == b""


async def test_only_the_newest_of_each_kind_waits_for_room() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        size = fill(theirs)
        link = ControlLink(theirs)
        # The first is on its way and cannot be replaced any more.
        for message in (Ready(1), Parked("a"), Unparked(), Parked("b")):
            link.tell(message)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.run_writer)
            await trio.testing.wait_all_tasks_blocked()
            read_exactly(ours, size)
            with trio.fail_after(10):
                await trio.lowlevel.wait_readable(ours)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert frames(ours.recv(4096)) == [Ready(1), Parked("b")]
        assert link.unsent() == b""


async def test_what_found_no_room_is_left_for_the_end_of_the_process() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        size = fill(theirs)
        link = ControlLink(theirs)
        link.tell(Ready(1))
        link.tell(Parked("late"))
        read_exactly(ours, size)
        send_last_words(theirs, link.unsent() + frame_of(Failed("x", "y")))
        assert frames(ours.recv(4096)) == [Ready(1), Parked("late"), Failed("x", "y")]
        assert link.unsent() == b""


async def test_stop_is_handed_in_also_when_it_came_with_the_start(listener: socket.socket) -> None:
    ours, theirs = socket.socketpair()
    stops: list[Stop] = []
    ends: list[str] = []
    with theirs, listener:
        link = ControlLink(theirs)
        together = pack_frame(encode(START)) + pack_frame(encode(Stop(1.0)))
        socket.send_fds(ours, [together], [listener.fileno()])
        _start, received = await link.receive_start()
        received.close()
        ours.sendall(pack_frame(encode(Stop(2.0))))
        ours.close()
        await link.run_reader(stop=stops.append, show_tasks=never, orphaned=lambda: ends.append("gone"))
    assert stops == [Stop(1.0), Stop(2.0)]
    assert ends == ["gone"]


async def test_tasks_are_shown_as_often_as_that_is_asked_for() -> None:
    ours, theirs = socket.socketpair()
    done: list[str] = []
    with theirs:
        # Of the one in the middle nobody waits any more for what it would show.
        for until_ns in (NEVER_LATE_NS, time.monotonic_ns(), NEVER_LATE_NS):
            ours.sendall(pack_frame(encode(ShowTasks(until_ns))))
        ours.close()
        link = ControlLink(theirs)
        await link.run_reader(
            stop=lambda _stop: None, show_tasks=lambda: done.append("shown"), orphaned=lambda: done.append("gone")
        )
    assert done == ["shown", "shown", "gone"]


async def test_a_supervisor_that_is_gone_is_no_error_for_the_one_that_tells() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        link = ControlLink(theirs)
        link.tell(Ready(1))
        link.tell(Unparked())
        # Nobody takes them any more.
        assert frames(link.unsent()) == [Ready(1), Unparked()]
        send_last_words(theirs, frame_of(Failed("x", "y")))
        ends: list[str] = []
        await link.run_reader(stop=lambda _stop: None, show_tasks=never, orphaned=lambda: ends.append("gone"))
        assert ends == ["gone"]
