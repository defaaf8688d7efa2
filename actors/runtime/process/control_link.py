"""The child's end of the control link: tells the supervisor how it goes, hears when to stop.

What waits to be told is bounded by its meaning: of each kind (ready, parked or not) only the newest counts,
so a supervisor that does not read for a while costs a few hundred bytes and finds the present state afterwards.
"""

import os
import socket
import time
from collections.abc import Callable
from typing import Final

import msgspec
import trio

from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.control.messages import FromChild, Parked, Ready, ShowTasks, Start, Stop, ToChild, Unparked
from protocols.errors import ChannelError, ConnectionLost
from protocols.unreadable import UNREADABLE

RECEIVE_BYTES: Final = 65536
LAST_WORDS_S: Final = 0.5
"""How long a dying child may wait for room in the socket's buffer; the supervisor reads within milliseconds."""

_SLOTS: Final[dict[type, str]] = {Ready: "ready", Parked: "parked", Unparked: "parked"}

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ToChild).decode


def _read(payload: bytes) -> ToChild:
    try:
        message: ToChild = _decode(payload)
    except UNREADABLE as error:
        raise ChannelError(f"control link: message not understood: {error}") from None
    return message


def send_last_words(link: socket.socket, words: bytes) -> None:
    """Send frames outside of any loop, right before the process ends; a supervisor that is gone is no error."""
    try:
        link.settimeout(LAST_WORDS_S)
        link.sendall(words)
    except OSError:
        return


def frame_of(message: FromChild) -> bytes:
    """Return a message as it goes over the link."""
    return pack_frame(_encode(message))


class ControlLink:
    """The control link while the loop runs."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._raw = link
        self._socket = trio.socket.from_stdlib_socket(link)
        self._splitter = FrameSplitter()
        self._first: list[ToChild] = []
        self._slots: dict[str, FromChild] = {}
        self._in_flight = b""
        self._is_full = trio.Event()

    async def receive_start(self) -> tuple[Start, socket.socket]:
        """Wait for the first message, the `Start`, with the actor's listening socket.

        Raises:
            ConnectionLost: the supervisor ended before it said anything.
            ChannelError: the first message cannot be read, or is not a `Start` with exactly one descriptor.
        """
        descriptors: list[int] = []
        while not self._first:
            await trio.lowlevel.wait_readable(self._raw)
            data, received, _flags, _address = socket.recv_fds(self._raw, RECEIVE_BYTES, 1)
            for fd in received:
                os.set_inheritable(fd, False)
            descriptors += received
            if not data:
                raise ConnectionLost("control link: the supervisor ended before it sent the first frame")
            self._first += [_read(payload) for payload, _merged in self._splitter.feed(data)]
        start = self._first.pop(0)
        if not isinstance(start, Start) or len(descriptors) != 1:
            raise ChannelError(f"control link: expected start with one descriptor, got {type(start).__name__}")
        return start, socket.socket(fileno=descriptors[0])

    def tell(self, message: FromChild) -> None:
        """Send a message, or queue it when there is no room; it replaces an older one of its kind that still waits."""
        slot = _SLOTS[type(message)]
        self._slots.pop(slot, None)
        self._slots[slot] = message
        # At once, not by the writer's next turn: a restart is over when the supervisor hears that the child is ready.
        if not self._send_what_fits():
            self._is_full.set()

    def unsent(self) -> bytes:
        """Return what still waits; for the end of the process, when the writer has stopped."""
        waiting = self._in_flight + b"".join(frame_of(message) for message in self._slots.values())
        self._in_flight, self._slots = b"", {}
        return waiting

    async def run_writer(self) -> None:
        """Send what found no room, until cancelled or until the supervisor is gone (the reader acts on that)."""
        while True:
            await self._is_full.wait()
            self._is_full = trio.Event()
            while not self._send_what_fits():
                await trio.lowlevel.wait_writable(self._raw)

    def _send_what_fits(self) -> bool:
        """Send until nothing waits, or there is no room: then return False."""
        while self._in_flight or self._slots:
            if not self._in_flight:
                self._in_flight = frame_of(self._slots.pop(next(iter(self._slots))))
            try:
                sent = self._raw.send(self._in_flight)
            except BlockingIOError:
                return False
            except OSError:  # The supervisor is gone.
                return True
            self._in_flight = self._in_flight[sent:]

        return True

    async def run_reader(
        self, *, stop: Callable[[Stop], None], show_tasks: Callable[[], None], orphaned: Callable[[], None]
    ) -> None:
        """Do what the supervisor says; call `orphaned` when the link ends, because the supervisor is gone then.

        Raises:
            ChannelError: the supervisor sent what the protocol does not allow.
        """
        for message in self._first:  # They came together with the start.
            _act_on(message, stop, show_tasks)
        while True:
            try:
                chunk = await self._socket.recv(RECEIVE_BYTES)
            except OSError:
                chunk = b""
            if not chunk:
                orphaned()
                return
            for payload, _merged in self._splitter.feed(chunk):
                _act_on(_read(payload), stop, show_tasks)


def _act_on(message: ToChild, stop: Callable[[Stop], None], show_tasks: Callable[[], None]) -> None:
    match message:
        case Stop():
            stop(message)
        case ShowTasks(until_ns) if time.monotonic_ns() < until_ns:
            show_tasks()
