"""Answers on RUN_DIR/control.sock. Requests of several clients run side by side; none is refused for another one."""

import contextlib
import select
import socket
from typing import Any, Final

import trio

from actors.runtime.channel.peer import is_same_user
from actors.runtime.process.logs import get_logger
from supervisor.control.cutting import encode_answer
from supervisor.control.messages import MAX_LINE_BYTES, Answer, Command
from supervisor.control.orders import Orders
from supervisor.control.requests import Controllable, carry_out, decode_command
from supervisor.machine.core import UnknownChild
from supervisor.records.tail import Follower

RECEIVE_BYTES: Final = 4096
MAX_CLIENTS: Final = 32

MAX_VISITORS: Final = 8
"""Connections beyond that which may ask how the tree is, or stop it, or else are told to wait; each within `VISIT_S`.
Those beyond these are closed at once."""

VISIT_S: Final = 1.0

IDLE_S: Final = 60.0
"""How long a client may wait with its next request."""

SEND_S: Final = 30.0
"""How long it may take to read an answer."""


async def serve_control(
    listener: socket.socket, tree: Controllable, *, accepting: trio.CancelScope | None = None
) -> None:
    """Serve until cancelled; then every client sees the end of its connection.

    Args:
        listener: closed at the end.
        tree: what is asked about.
        accepting: when this is cancelled, nobody new is served here, and the end comes when the last client has left.
    """
    listener.setblocking(False)
    clients, visitors = trio.CapacityLimiter(MAX_CLIENTS), trio.CapacityLimiter(MAX_VISITORS)

    async def serve_one(stream: trio.SocketStream) -> None:
        try:
            await serve_in_place(stream)
        except Exception:  # A bug in serving one client costs this client, not a tree that does its work.
            log: Any = get_logger(actor="supervisor")
            log.exception("control.client_failed")

    async def serve_in_place(stream: trio.SocketStream) -> None:
        async with stream:
            if not is_same_user(stream.socket):
                return
            if clients.available_tokens:
                async with clients:
                    await _Client(stream, tree, orders).serve()
            elif visitors.available_tokens:
                async with visitors:
                    await _Client(stream, tree, orders).serve_visit()

    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
    async with trio.open_nursery() as serving:
        orders = Orders(tree, serving)
        with trio.CancelScope() if accepting is None else accepting:
            # It waits out a lack of descriptors or memory, which would otherwise end the tree from outside.
            await trio.serve_listeners(serve_one, listeners, handler_nursery=serving)


class _Client:
    """One connection: its requests are answered in order, and whatever was ordered is done when the client leaves."""

    def __init__(self, stream: trio.SocketStream, tree: Controllable, orders: Orders) -> None:
        self._stream = stream
        self._tree = tree
        self._orders = orders
        self._pending = b""

    async def serve(self) -> None:
        """Answer until the client leaves, follows, or sends a line that does not end."""
        with contextlib.suppress(trio.BrokenResourceError):
            while (line := await self._next_request()) is not None:
                command = decode_command(line)
                if isinstance(command, Command) and command.verb == "follow" and command.name:
                    await self._follow(command.name, command.count)
                    return
                answer = await self._carry_out(command) if isinstance(command, Command) else command
                if answer is None:
                    return
                await self._send(answer)

    async def serve_visit(self) -> None:
        """Answer one request, for which there is no place: how the tree is, or that it has to wait; stop the tree."""
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(VISIT_S):
            line = await self._next_line()
            if line is None:
                return
            command = decode_command(line)
            if isinstance(command, Command) and _needs_no_place(command):
                await self._send(await carry_out(command, self._tree))
            else:
                error = (
                    f"{MAX_CLIENTS} connections are served already, which is the limit, and only `status` and the stop "
                    "of the whole tree need no place among them; close one, or ask again"
                )
                await self._send(Answer(error=error))

    async def _carry_out(self, command: Command) -> Answer | None:
        """Return the answer; None when the client leaves before, so that it keeps its place from nobody."""
        answer: Answer | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_left, self._stream.socket, nursery.cancel_scope)
            answer = await self._orders.carry_out(command)
            nursery.cancel_scope.cancel()
        return answer

    async def _next_request(self) -> bytes | None:
        """Return the next line; None when the client says nothing more: it must not hold its place for ever."""
        with trio.move_on_after(IDLE_S):
            return await self._next_line()
        return None

    async def _next_line(self) -> bytes | None:
        """Return the next line without its newline; None at the end, or when it is too long, which is answered."""
        while b"\n" not in self._pending:
            if len(self._pending) > MAX_LINE_BYTES:
                error = f"the request is too long (limit {MAX_LINE_BYTES} bytes)"
                await self._send(Answer(error=error, is_bad_input=True))
                return None
            chunk = await self._stream.receive_some(RECEIVE_BYTES)
            if not chunk:
                return None
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    async def _send(self, answer: Answer) -> None:
        with trio.move_on_after(SEND_S) as taking:
            await self._stream.send_all(encode_answer(answer))
        if taking.cancelled_caught:
            raise trio.BrokenResourceError("the client does not read its answer")

    async def _follow(self, name: str, count: int) -> None:
        """Send lines until the client sends anything more, or leaves: a quiet child must not hold its place."""
        try:
            last, follower = self._tree.tail(name, count), self._tree.follow(name)
        except UnknownChild as error:
            await self._send(Answer(error=str(error), is_unknown_name=True))
            return
        try:
            await self._send(Answer(lines=tuple(last)))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_lines, follower, nursery.cancel_scope)
                if not self._pending:
                    with contextlib.suppress(trio.BrokenResourceError):
                        await self._stream.receive_some(1)
                nursery.cancel_scope.cancel()
        finally:
            follower.close()

    async def _send_lines(self, follower: Follower, scope: trio.CancelScope) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await self._send(Answer(lines=tuple(await follower.receive())))
        scope.cancel()


def _needs_no_place(command: Command) -> bool:
    """Whether this is answered at once whoever else is served: health checks ask for one, and a stop waits for none."""
    return command.verb == "status" or (command.verb == "stop" and not command.name)


async def _cancel_when_left(connection: trio.socket.SocketType, scope: trio.CancelScope) -> None:
    """Cancel when the client has closed its connection; one that only says nothing more still waits for its answer."""
    try:
        hung_up = select.epoll()
    except OSError:
        return  # No descriptor is left. The client keeps its place until its order is done.
    with hung_up:
        # The end of what can be read would tell of both, and stand behind requests that wait. Asked for nothing, epoll
        # tells only of a socket that is closed for both ways, epoll_ctl(2).
        hung_up.register(connection.fileno(), 0)
        await trio.lowlevel.wait_readable(hung_up.fileno())
    scope.cancel()
