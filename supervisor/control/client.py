"""Asking a running supervisor something; for commands, so it is plain blocking code."""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from actors.runtime.channel.peer import peer_pid
from protocols.errors import SettingsError, UpbitdError
from protocols.unreadable import UNREADABLE
from supervisor.control.messages import MAX_ANSWER_BYTES, Answer, Command
from supervisor.control.status import TreeStatus

CONNECT_S: Final = 1.5
RETRY_S: Final = 0.05
ANSWER_S: Final = 60.0
"""For one answer. Orders may take longer: as long as the supervisor says how the tree is, they are waited for."""

STATUS_S: Final = 3.0
"""A supervisor that lives says at once how the tree is."""

SILENT_S: Final = 15.0
"""One that has not said it for that long is given up."""

PATIENCE_S: Final = 2.0
"""How long an order may take before one who waits is told what for."""

STOPPING: Final = "stopping"

OnWaiting = Callable[[TreeStatus], None]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode


class SupervisorUnreachable(UpbitdError):
    """The supervisor of this run directory does not answer."""


class AnswerMissing(SupervisorUnreachable):
    """The supervisor closed the connection instead of answering: it ended, or serves too many others."""


class NoSupervisor(SettingsError):
    """No supervisor runs in this run directory."""


class UnknownName(SettingsError):
    """The supervisor has no child or group of this name."""


class BadInput(SettingsError):
    """The supervisor answered that the command, or what it is about, cannot be used."""


class CommandRefused(UpbitdError):
    """The supervisor answered that it cannot do this."""


def ask(control_socket: Path, command: Command, *, limit_s: float = ANSWER_S) -> Answer:
    """Send one command and return the answer.

    Raises:
        NoSupervisor: nobody listens.
        SupervisorUnreachable: no answer came within `limit_s`.
        UnknownName: the command names something that there is not.
        BadInput: the answer is that something in the command, or in the settings, cannot be used.
        CommandRefused: the answer is another error.
    """
    with _connect(control_socket) as connection:
        connection.settimeout(limit_s)
        _send(connection, command)
        return _receive(connection, limit_s)


def order(control_socket: Path, command: Command, *, waiting: OnWaiting) -> Answer:
    """Send a command that may take long, and return the answer; meanwhile tell how the tree is.

    Args:
        control_socket: of the supervisor.
        command: to be carried out; when the wait for it is given up or interrupted, it is carried out all the same.
        waiting: called every `PATIENCE_S` with the tree as it is.

    Raises:
        NoSupervisor: nobody listens.
        SupervisorUnreachable: the supervisor does not answer any more.
        UnknownName: the command names something that there is not.
        BadInput: something in the command, or in the settings, cannot be used.
        CommandRefused: the answer is another error.
    """
    with _connect(control_socket) as connection:
        _send(connection, command)
        _wait_patiently(connection.fileno(), control_socket, waiting)
        return _receive(connection, STATUS_S)


def status_of(control_socket: Path) -> TreeStatus:
    """Ask how the tree is.

    Raises:
        NoSupervisor: nobody listens.
        SupervisorUnreachable: no answer came, or one of another version.
    """
    status = ask(control_socket, Command("status"), limit_s=STATUS_S).status
    if status is None:
        raise SupervisorUnreachable("the supervisor's answer holds no status; is it of another version?")
    return status


def follow(control_socket: Path, name: str, *, count: int = 0) -> Iterator[str]:
    """Yield the last `count` lines that a child wrote, and those that it writes, until its supervisor ends.

    Raises:
        NoSupervisor: nobody listens.
        UnknownName: there is no such child.
        SupervisorUnreachable: an answer cannot be read.
    """
    with _connect(control_socket) as connection:
        connection.settimeout(None)
        _send(connection, Command("follow", name, count=count))
        with contextlib.closing(connection.makefile("rb")) as lines:
            while (line := _next_line(lines)) is not None:
                yield from _checked(_read(line)).lines


def stop_and_wait(control_socket: Path, *, waiting: OnWaiting = lambda _status: None) -> None:
    """Stop the tree and wait until its supervisor is gone, however long its children may take.

    Raises:
        NoSupervisor: nobody listens.
        SupervisorUnreachable: it is still there, and has not said how the tree is for `SILENT_S`.
    """
    with _connect(control_socket) as connection:
        pid = peer_pid(connection)
        try:
            process = _watched(pid)
        except ProcessLookupError:
            return
        try:
            _send(connection, Command("stop"))
            # A tree that stops at once may end before it answers.
            with contextlib.suppress(AnswerMissing) if process is None else _seeing_end(process):
                _receive(connection, SILENT_S)
            if process is None:
                _wait_unseen(connection, control_socket, waiting)
            else:
                _wait_patiently(process, control_socket, waiting)
        except SupervisorUnreachable as error:
            it = f"it (pid {pid})" if pid else "it"
            raise SupervisorUnreachable(f"{error}; {it} was told to stop and is still there") from error
        finally:
            if process is not None:
                os.close(process)


def _watched(pid: int) -> int | None:
    """Return a pidfd; None when there can be none, as of a process in a PID namespace that is not seen from here.

    Raises:
        ProcessLookupError: the process is gone.
    """
    try:
        return os.pidfd_open(pid)  # EINVAL for 0, which stands for a process that cannot be seen from here.
    except ProcessLookupError:
        raise
    except OSError:
        return None


@contextlib.contextmanager
def _seeing_end(process: int) -> Iterator[None]:
    """Let a missing answer pass when the process has ended."""
    try:
        yield
    except AnswerMissing:
        if not _is_readable(process, SILENT_S):
            raise


def _wait_unseen(connection: socket.socket, control_socket: Path, waiting: OnWaiting) -> None:
    """Wait for the end of a supervisor whose process cannot be watched: its connections end with it.

    One of them also ends when nothing was said over it for a minute; who serves then, and whether that one stops, is
    asked anew. One that does not stop is the next supervisor.

    Raises:
        SupervisorUnreachable: it is still there, and has not said how the tree is for `SILENT_S`.
    """
    with contextlib.ExitStack() as opened, contextlib.suppress(NoSupervisor):
        while True:
            _wait_patiently(connection.fileno(), control_socket, waiting)
            opened.close()
            connection = opened.enter_context(_connect(control_socket))
            with contextlib.suppress(SupervisorUnreachable):
                if status_of(control_socket).state != STOPPING:
                    return
            time.sleep(RETRY_S)  # It may close each connection at once, as while it ends or serves too many.


def _wait_patiently(fd: int, control_socket: Path, waiting: OnWaiting) -> None:
    """Wait until a descriptor is readable, as long as the supervisor says how the tree is.

    Raises:
        SupervisorUnreachable: it has not said it for `SILENT_S`.
    """
    heard_s = time.monotonic()
    while not _is_readable(fd, PATIENCE_S):
        try:
            status = status_of(control_socket)
        except (NoSupervisor, SupervisorUnreachable) as error:
            if time.monotonic() - heard_s > SILENT_S:
                raise SupervisorUnreachable(str(error)) from error
        else:
            heard_s = time.monotonic()
            waiting(status)


def _is_readable(fd: int, limit_s: float) -> bool:
    poll = select.poll()  # Unlike `select`, it takes descriptors of any size.
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(limit_s * 1000))


def _connect(control_socket: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(CONNECT_S)
        _connect_patiently(connection, control_socket)
    except BlockingIOError as error:
        connection.close()
        raise SupervisorUnreachable(
            f"the supervisor in {control_socket.parent} took no connection within {CONNECT_S:g} s: it hangs"
        ) from error
    except OSError as error:
        connection.close()
        raise NoSupervisor(
            f"no supervisor runs in {control_socket.parent} ({error.strerror or error}); "
            "start one with `upbitd run`, or name its directory with --run-dir"
        ) from error
    return connection


def _connect_patiently(connection: socket.socket, control_socket: Path) -> None:
    """Connect; a full backlog refuses at once (EAGAIN), with whatever timeout, so it is tried until `CONNECT_S`.

    Raises:
        BlockingIOError: the backlog stayed full.
        OSError: nobody listens.
    """
    deadline_s = time.monotonic() + CONNECT_S
    while True:
        try:
            connection.connect(os.fspath(control_socket))
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise
            time.sleep(RETRY_S)
        else:
            return


def _send(connection: socket.socket, command: Command) -> None:
    """Send a request; when the supervisor has gone meanwhile, the answer that is missing tells it."""
    try:
        request = _encode(command) + b"\n"
    except UnicodeEncodeError:
        raise BadInput("what was given is not UTF-8, so nothing in the tree can have that name") from None
    try:
        connection.sendall(request)
    except TimeoutError as error:
        raise SupervisorUnreachable("the supervisor takes no requests: it is stopped, or hangs") from error
    except OSError:
        return


def _receive(connection: socket.socket, limit_s: float) -> Answer:
    connection.settimeout(limit_s)
    try:
        with contextlib.closing(connection.makefile("rb")) as lines:
            line = _next_line(lines)
    except OSError as error:
        raise SupervisorUnreachable(f"the supervisor did not answer within {limit_s:g} s: {error}") from error
    if line is None:
        raise AnswerMissing("the supervisor did not answer: it ended, or serves too many others")
    return _checked(_read(line))


def _next_line(lines: BinaryIO) -> bytes | None:
    """Return the next line; None when there is no whole one any more."""
    line = lines.readline(MAX_ANSWER_BYTES + 1)
    return line if line.endswith(b"\n") or len(line) > MAX_ANSWER_BYTES else None


def _read(line: bytes) -> Answer:
    try:
        return _decode(line)
    except UNREADABLE as error:
        raise SupervisorUnreachable(f"the supervisor did not answer what can be read: {error}") from error


def _checked(answer: Answer) -> Answer:
    if answer.is_unknown_name:
        raise UnknownName(answer.error)
    if answer.is_bad_input:
        raise BadInput(answer.error)
    if answer.error:
        raise CommandRefused(answer.error)
    return answer
