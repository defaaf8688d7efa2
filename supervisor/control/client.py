"""Asking a running supervisor something; for commands, so it is plain blocking code."""

import contextlib
import os
import select
import socket
from pathlib import Path
from typing import Final

import msgspec

from actors.runtime.channel.peer import peer_pid
from protocols.errors import SettingsError, UpbitdError
from protocols.unreadable import UNREADABLE
from supervisor.control.messages import Answer, Command

CONNECT_S: Final = 1.5
ANSWER_S: Final = 60.0
STOP_S: Final = 15.0

_decode = msgspec.json.Decoder(Answer).decode


class SupervisorUnreachable(UpbitdError):
    """The supervisor of this run directory does not answer."""


class NoSupervisor(SettingsError):
    """No supervisor runs in this run directory."""


class UnknownName(SettingsError):
    """The supervisor has no child of this name."""


class CommandRefused(UpbitdError):
    """The supervisor answered that it cannot do this."""


def ask(control_socket: Path, command: Command, *, limit_s: float = ANSWER_S) -> Answer:
    """Send one command and return the answer.

    Raises:
        NoSupervisor: nobody listens.
        SupervisorUnreachable: no answer came within `limit_s`.
        UnknownName: the command names a child that there is not.
        CommandRefused: the answer is another error.
    """
    with _connect(control_socket) as connection:
        return _exchange(connection, command, limit_s)


def stop_and_wait(control_socket: Path, *, limit_s: float = STOP_S) -> None:
    """Stop the tree and wait until its supervisor is gone.

    Raises:
        NoSupervisor: nobody listens.
        SupervisorUnreachable: it is still there after `limit_s`.
    """
    with _connect(control_socket) as connection:
        pid = peer_pid(connection)
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            _exchange(connection, Command("stop"), limit_s)
            if not select.select([process], [], [], limit_s)[0]:
                raise SupervisorUnreachable(f"the supervisor (pid {pid}) is still stopping after {limit_s:g} s")
        finally:
            os.close(process)


def _connect(control_socket: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(os.fspath(control_socket))
    except TimeoutError as error:
        connection.close()
        raise SupervisorUnreachable(
            f"the supervisor in {control_socket.parent} took no connection within {CONNECT_S:g} s"
        ) from error
    except OSError as error:
        connection.close()
        raise NoSupervisor(
            f"no supervisor runs in {control_socket.parent} ({error.strerror or error}); "
            "start one with `upbitd run`, or name its directory with --run-dir"
        ) from error
    return connection


def _exchange(connection: socket.socket, command: Command, limit_s: float) -> Answer:
    connection.settimeout(limit_s)
    try:
        connection.sendall(msgspec.json.encode(command) + b"\n")
        with contextlib.closing(connection.makefile("rb")) as lines:
            line = lines.readline()
        answer = _decode(line)
    except (OSError, *UNREADABLE) as error:
        raise SupervisorUnreachable(f"the supervisor did not answer within {limit_s:g} s: {error}") from error
    if answer.is_unknown_name:
        raise UnknownName(answer.error)
    if answer.error:
        raise CommandRefused(answer.error)
    return answer
