"""Answers on RUN_DIR/control.sock. Requests of several clients run side by side; none is refused for another one."""

import contextlib
import socket
from typing import Any, Final, Protocol

import msgspec
import trio

from actors.runtime.channel.peer import is_same_user
from actors.runtime.process.logs import get_logger
from protocols.errors import SettingsError, UsageError
from protocols.unreadable import UNREADABLE
from supervisor.control.cutting import encode_answer
from supervisor.control.messages import MAX_LINE_BYTES, NEED_A_NAME, VERBS, Answer, Command
from supervisor.control.status import TreeStatus
from supervisor.machine.core import UnknownChild
from supervisor.records.crash_reports import CrashReport, Losses
from supervisor.records.log_collector import Follower
from supervisor.specs.plan import Plan

RECEIVE_BYTES: Final = 4096
MAX_CLIENTS: Final = 32

MAX_VISITORS: Final = 8
"""Connections beyond that which are told so, each within `VISIT_S`; those beyond these are closed at once."""

VISIT_S: Final = 1.0

IDLE_S: Final = 60.0
"""How long a client may wait with its next request."""

SEND_S: Final = 30.0
"""How long it may take to read an answer."""

_LOOKING: Final = frozenset({"status", "why", "tail", "dump", "plan"})
"""Verbs that change nothing."""

_FORM: Final = (
    "a request is one JSON object a line, with verb and, where they are needed, name, count, text, group; "
    f"verbs: {', '.join(VERBS)}"
)

_decode = msgspec.json.Decoder(Command).decode


class Controllable(Protocol):
    """What commands can do to a tree. `UnknownChild`: nothing has that name; `UsageError`: it cannot be done."""

    def status(self) -> TreeStatus:
        """Describe the tree."""

    def why(self, name: str, count: int) -> list[CrashReport]:
        """Return the newest reports of a child's ends."""

    def losses(self, name: str) -> Losses | None:
        """Return what is missing before them."""

    def tail(self, name: str, lines: int) -> list[str]:
        """Return the last lines that a child wrote."""

    def follow(self, name: str) -> Follower:
        """Follow the lines that a child writes from now on."""

    async def dump(self, name: str) -> str:
        """Return the stacks of a child's threads and tasks."""

    def ask_to_stop(self) -> None:
        """Begin to stop the tree."""

    async def start_member(self, name: str) -> str:
        """Start a child or group and return the state that it reached."""

    async def stop_member(self, name: str) -> str:
        """Stop a child or group and return the state that it reached."""

    async def restart(self, name: str) -> str:
        """Restart a child or group and return the state that it reached."""

    async def add(self, text: str, group: str) -> list[str]:
        """Add children and groups and return their names."""

    async def remove(self, name: str) -> None:
        """Stop and forget a child or group."""

    async def plan(self) -> Plan:
        """Say what `reload` would change."""

    async def reload(self) -> Plan:
        """Read the settings again and change what is different."""


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
                    await _Client(stream, tree).serve()
            elif visitors.available_tokens:
                async with visitors:
                    await _Client(stream, tree).serve_visit()

    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
    async with trio.open_nursery() as serving:
        with trio.CancelScope() if accepting is None else accepting:
            # It waits out a lack of descriptors or memory, which would otherwise end the tree from outside.
            await trio.serve_listeners(serve_one, listeners, handler_nursery=serving)


class _Client:
    """One connection: its requests are answered in order, and whatever was ordered is done when the client leaves."""

    def __init__(self, stream: trio.SocketStream, tree: Controllable) -> None:
        self._stream = stream
        self._tree = tree
        self._pending = b""

    async def serve(self) -> None:
        """Answer until the client leaves, follows, or sends a line that does not end."""
        with contextlib.suppress(trio.BrokenResourceError):
            while (line := await self._next_request()) is not None:
                command = decode_command(line)
                if isinstance(command, Command) and command.verb == "follow" and command.name:
                    await self._follow(command.name, command.count)
                    return
                await self._send(await carry_out(command, self._tree) if isinstance(command, Command) else command)

    async def serve_visit(self) -> None:
        """Answer one request, for which there is no place: how the tree is, or that it has to wait."""
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(VISIT_S):
            line = await self._next_line()
            if line is None:
                return
            command = decode_command(line)
            if isinstance(command, Command) and command.verb == "status":  # Health checks ask this.
                await self._send(await carry_out(command, self._tree))
            else:
                error = f"{MAX_CLIENTS} connections are served already, which is the limit; close one, or ask again"
                await self._send(Answer(error=error))

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


def decode_command(line: bytes) -> Command | Answer:
    """Read one request; when it cannot be used, return the answer that says why."""
    try:
        command = _decode(line)
    except UNREADABLE as error:
        return _bad_input(f"request not understood: {error}; {_FORM}")
    if command.verb not in VERBS:
        return _bad_input(f"unknown verb {command.verb!r}; known: {', '.join(VERBS)}")
    has_empty_name = command.verb == "stop" and not command.name and "name" in msgspec.json.decode(line)
    if has_empty_name or (command.verb in NEED_A_NAME and not command.name):
        return _bad_input(f"{command.verb!r} needs the name of a child or group")
    return command


def _bad_input(error: str) -> Answer:
    return Answer(error=error, is_bad_input=True)


async def carry_out(command: Command, tree: Controllable) -> Answer:
    """Carry out one request; whatever goes wrong becomes the answer."""
    try:
        return await (_look(command, tree) if command.verb in _LOOKING else _change(command, tree))
    except UnknownChild as error:
        return Answer(error=str(error), is_unknown_name=True)
    except SettingsError as error:
        return _bad_input(str(error))
    except UsageError as error:
        return Answer(error=str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one command costs this command, not a tree that does its work
        _log_bug(command, error)
        return Answer(
            error=f"{command.verb!r} failed inside the supervisor ({type(error).__name__}); its log has the traceback"
        )


def _log_bug(command: Command, error: Exception) -> None:
    log: Any = get_logger(actor="supervisor")
    log.error("control.failed", verb=command.verb, child=command.name, exc_info=error)


async def _look(command: Command, tree: Controllable) -> Answer:
    name = command.name
    match command.verb:
        case "why":
            return Answer(reports=tuple(tree.why(name, command.count)), lost=tree.losses(name))
        case "tail":
            return Answer(lines=tuple(tree.tail(name, command.count)))
        case "dump":
            return Answer(text=await tree.dump(name))
        case "plan":
            return Answer(changes=(await tree.plan()).changes)
        case _:
            return Answer(status=tree.status())


async def _change(command: Command, tree: Controllable) -> Answer:
    name = command.name
    match command.verb:
        case "stop" if not name:
            tree.ask_to_stop()
        case "stop":
            return Answer(state=await tree.stop_member(name))
        case "start":
            return Answer(state=await tree.start_member(name))
        case "restart":
            return Answer(state=await tree.restart(name))
        case "add":
            return Answer(names=tuple(await tree.add(command.text, command.group)))
        case "remove":
            await tree.remove(name)
        case "reload":
            return Answer(changes=(await tree.reload()).changes)
    return Answer()
