"""The supervisor's end of one child's control link."""

import socket
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import trio

from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.control.messages import FromChild, ShowTasks, Start, Stop
from protocols.errors import ChannelError
from protocols.unreadable import UNREADABLE

RECEIVE_BYTES: Final = 65536

LINK_BYTES: Final = 1024 * 1024
"""More than the link holds: the kernel's default is 208 KiB, unix(7)."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FromChild).decode


class PackedStart(NamedTuple):
    """The first message as it is sent; made before there is a process, so that what cannot be sent costs none."""

    frame: bytes
    heartbeat_s: float


def pack_start(start: Start) -> PackedStart:
    """Encode the first message.

    Raises:
        ValueError: it has a text that UTF-8 cannot write.
    """
    return PackedStart(pack_frame(_encode(start)), start.heartbeat_s)


class ControlStream:
    """Tells the child what to do, and hands in what it tells."""

    def __init__(self, control: socket.socket) -> None:
        control.setblocking(False)
        self._raw = control
        self._unsent = b""
        self._socket = trio.socket.from_stdlib_socket(control)
        self._sending = trio.Lock()
        self._splitter = FrameSplitter()

    def begin(self, start: PackedStart, listener: socket.socket) -> None:
        """Send the first message now, with the child's listening socket attached to its first byte.

        Nothing was sent before, so there is room; of a message that is longer than that, `finish_begin` sends the rest.

        Raises:
            OSError: the child is gone already.
        """
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, listener.fileno().to_bytes(4, "little"))]
        self._unsent = start.frame[self._raw.sendmsg([start.frame], rights) :]

    async def finish_begin(self) -> None:
        """Send what `begin` could not."""
        async with self._sending:
            unsent, self._unsent = self._unsent, b""
            await self._send_all(unsent)

    async def send_stop(self, deadline_s: float) -> None:
        """Ask the child to end; one that hung up cannot be asked, and the ladder goes on."""
        try:
            async with self._sending:
                await self._send_all(pack_frame(_encode(Stop(deadline_s=deadline_s))))
        except OSError:
            return

    def ask_for_tasks(self, until_ns: int) -> bool:
        """Ask the child to show where its tasks wait, until then; return whether there was room for that just now."""
        if self._unsent or self._sending.locked():
            return False
        try:
            self._raw.send(pack_frame(_encode(ShowTasks(until_ns))))
        except OSError:
            return False
        return True

    async def _send_all(self, data: bytes) -> None:
        while data:
            data = data[await self._socket.send(data) :]

    async def run_reader(self, tell: Callable[[FromChild], None]) -> None:
        """Hand in each message until the link ends.

        Raises:
            ChannelError: the child sent what the protocol does not allow.
        """
        while True:
            try:
                chunk = await self._socket.recv(RECEIVE_BYTES)
            except OSError:
                return
            if not chunk:
                return
            self._take(chunk, tell)

    def read_rest(self, tell: Callable[[FromChild], None]) -> None:
        """Hand in what a child that is gone has left in the link, without waiting: nothing is on its way any more.

        Read once, since a grandchild that holds the link may write on.

        Raises:
            ChannelError: as `run_reader`.
        """
        try:
            rest = self._raw.recv(LINK_BYTES)
        except OSError:
            return  # Nothing is there, or its end was read before.
        self._take(rest, tell)

    def _take(self, chunk: bytes, tell: Callable[[FromChild], None]) -> None:
        for payload, _merged in self._splitter.feed(chunk):
            try:
                message = _decode(payload)
            except UNREADABLE as error:
                raise ChannelError(f"control link: message not understood: {error}") from None
            tell(message)
