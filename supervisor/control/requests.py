"""What a request on the control socket says, what is done for it, and how what goes wrong is answered."""

from typing import Any, Final, NamedTuple, Protocol

import msgspec

from actors.runtime.process.logs import get_logger
from protocols.errors import SettingsError, TemporaryFailure, UsageError
from protocols.unreadable import UNREADABLE
from supervisor.control.messages import NEED_A_NAME, VERBS, Answer, Command
from supervisor.control.status import TreeStatus
from supervisor.machine.core import UnknownChild
from supervisor.records.crash_reports import Ends, Losses
from supervisor.records.tail import Follower
from supervisor.specs.plan import Plan

_LOOKING: Final = frozenset({"status", "why", "tail", "dump", "plan"})
"""Verbs that change nothing."""

_FORM: Final = (
    "a request is one JSON object a line, with verb and, where they are needed, name, count, text, group; "
    f"verbs: {', '.join(VERBS)}"
)

_decode = msgspec.json.Decoder(Command).decode


class Reached(NamedTuple):
    """What an order about a member led to: its state, as `status` calls it, and why it is that one."""

    state: str
    reason: str = ""


class Controllable(Protocol):
    """What commands can do to a tree. `UnknownChild`: nothing has that name; `UsageError`: it cannot be done.

    Attributes:
        orders_refused: orders that were not taken, since too many others waited; counted by who serves commands.
    """

    orders_refused: int

    def status(self) -> TreeStatus:
        """Describe the tree."""

    async def why(self, name: str, count: int) -> Ends:
        """Return the newest reports of a child's ends, as many as an answer has room for."""

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

    async def start_member(self, name: str) -> Reached:
        """Start a child or group and return the state that it reached."""

    async def stop_member(self, name: str) -> Reached:
        """Stop a child or group and return the state that it reached."""

    async def restart(self, name: str) -> Reached:
        """Restart a child or group and return the state that it reached."""

    async def add(self, text: str, group: str) -> list[str]:
        """Add children and groups and return their names."""

    async def remove(self, name: str) -> None:
        """Stop and forget a child or group."""

    async def plan(self) -> Plan:
        """Say what `reload` would change."""

    async def reload(self) -> Plan:
        """Read the settings again and change what is different."""


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
    except TemporaryFailure as error:
        return Answer(error=str(error))
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
            ends = await tree.why(name, command.count)
            return Answer(reports=tuple(ends.reports), left_out=ends.left_out, lost=tree.losses(name))
        case "tail":
            return Answer(lines=tuple(tree.tail(name, command.count)))
        case "dump":
            return Answer(text=await tree.dump(name))
        case "plan":
            return Answer(changes=(await tree.plan()).changes)
        case _:
            return Answer(status=tree.status())


def _reached(reached: Reached) -> Answer:
    return Answer(state=reached.state, reason=reached.reason)


async def _change(command: Command, tree: Controllable) -> Answer:
    name = command.name
    match command.verb:
        case "stop" if not name:
            tree.ask_to_stop()
        case "stop":
            return _reached(await tree.stop_member(name))
        case "start":
            return _reached(await tree.start_member(name))
        case "restart":
            return _reached(await tree.restart(name))
        case "add":
            return Answer(names=tuple(await tree.add(command.text, command.group)))
        case "remove":
            await tree.remove(name)
        case "reload":
            return Answer(changes=(await tree.reload()).changes)
    return Answer()
