"""Answers on RUN_DIR/control.sock. Requests of several clients run side by side; none is refused for another one."""

import os
import socket
import struct
from typing import Final, Protocol

import msgspec
import trio

from protocols.errors import UsageError
from supervisor.control_messages import MAX_LINE_BYTES, Answer, Command
from supervisor.status import TreeStatus

RECEIVE_BYTES: Final = 4096
MAX_CLIENTS: Final = 32
_PEER_CREDENTIALS: Final = struct.Struct("3i")
"""pid, uid, gid: `struct ucred` of unix(7)."""

_decode = msgspec.json.Decoder(Command).decode


class Controllable(Protocol):
    """What commands can do to a tree."""

    def status(self) -> TreeStatus:
        """Describe the tree."""

    async def restart(self, name: str) -> str:
        """Restart a child and return the state that it reached."""

    def ask_to_stop(self) -> None:
        """Begin to stop the tree."""


async def serve_control(listener: socket.socket, tree: Controllable) -> None:
    """Serve until cancelled; then every client sees the end of its connection."""
    listener.setblocking(False)
    clients = trio.CapacityLimiter(MAX_CLIENTS)
    with trio.socket.from_stdlib_socket(listener) as accepting:
        async with trio.open_nursery() as nursery:
            while True:
                connection, _address = await accepting.accept()
                if clients.available_tokens and peer_uid(connection) in {os.getuid(), 0}:
                    nursery.start_soon(_serve_client, trio.SocketStream(connection), tree, clients)
                else:
                    connection.close()


def peer_uid(connection: trio.socket.SocketType) -> int:
    """Return the peer's user as the kernel knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    return int(_PEER_CREDENTIALS.unpack(credentials)[1])


async def _serve_client(stream: trio.SocketStream, tree: Controllable, clients: trio.CapacityLimiter) -> None:
    pending = b""
    async with clients, stream:
        while True:
            try:
                chunk = await stream.receive_some(RECEIVE_BYTES)
                if not chunk:
                    return
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    await stream.send_all(msgspec.json.encode(await answer(line, tree)) + b"\n")
                if len(pending) > MAX_LINE_BYTES:
                    await stream.send_all(msgspec.json.encode(Answer(error="the request is too long")) + b"\n")
                    return
            except trio.BrokenResourceError:
                return


async def answer(line: bytes, tree: Controllable) -> Answer:
    """Carry out one request."""
    try:
        command = _decode(line)
    except msgspec.MsgspecError as error:
        return Answer(error=f"request not understood: {error}")
    match command.verb:
        case "status":
            return Answer(status=tree.status())
        case "stop":
            tree.ask_to_stop()
            return Answer()
        case "restart":
            try:
                return Answer(state=await tree.restart(command.name))
            except UsageError as error:
                return Answer(error=str(error))
        case _:
            return Answer(error=f"unknown verb {command.verb!r}; known: status, restart, stop")
