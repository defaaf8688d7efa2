"""Answers on RUN_DIR/control.sock. Requests of several clients run side by side; none is refused for another one."""

import socket
from typing import Final, Protocol

import msgspec
import trio

from actors.runtime.channel.peer import is_same_user
from protocols.errors import UsageError
from protocols.unreadable import UNREADABLE
from supervisor.control.messages import MAX_LINE_BYTES, Answer, Command
from supervisor.control.status import TreeStatus
from supervisor.machine.machine_types import UnknownChild

RECEIVE_BYTES: Final = 4096
MAX_CLIENTS: Final = 32

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

    async def serve_one(stream: trio.SocketStream) -> None:
        async with stream:
            if clients.available_tokens and is_same_user(stream.socket):
                async with clients:
                    await _serve_client(stream, tree)

    # It waits out a lack of descriptors or memory, which would otherwise end the tree from outside.
    await trio.serve_listeners(serve_one, [trio.SocketListener(trio.socket.from_stdlib_socket(listener))])


async def _serve_client(stream: trio.SocketStream, tree: Controllable) -> None:
    pending = b""
    try:
        while chunk := await stream.receive_some(RECEIVE_BYTES):
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
    except UNREADABLE as error:
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
            except UnknownChild as error:
                return Answer(error=str(error), is_unknown_name=True)
            except UsageError as error:
                return Answer(error=str(error))
        case _:
            return Answer(error=f"unknown verb {command.verb!r}; known: status, restart, stop")
