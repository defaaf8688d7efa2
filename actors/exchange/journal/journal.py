"""The journal: what happened, one JSON object a line, for tests and drills to compare with what a client saw.

Lines are gathered in memory and written in bulk by a thread, at most `FLUSH_S` after they happened. When the file takes
no more, that is said once and lines are lost and counted; once writing works again, a `lost` line stands for them.
A journal is appended to: a restarted exchange continues the file with a `started` line.
"""

import base64
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import trio
from msgspec import Struct

from actors.exchange.journal.disclosure import account_id, public_path, public_settings
from actors.exchange.journal.lines import (
    ConnectionClosed,
    ConnectionOpened,
    FaultSet,
    Frame,
    JournalLine,
    Lost,
    OrderFill,
    Rest,
    Said,
    Started,
    Stopped,
)
from protocols.errors import SettingsError

FLUSH_S: Final = 0.1
BUFFER_BYTES: Final = 64 * 1024 * 1024
"""What may wait for a disk that does not answer; what comes after that is lost and counted."""

_encode: Final = msgspec.json.Encoder(decimal_format="string", enc_hook=str).encode


class _Batch(NamedTuple):
    """Lines to be written; the first one may say how many were lost before."""

    lines: list[bytes]
    told_loss: int


class _Outcome(NamedTuple):
    """How many lines of a batch were written, and why not all; empty when all were."""

    written: int
    why: str


class NoJournal:
    """A journal that is off: says so by `is_on`, and takes everything without a trace."""

    is_on: Final = False
    lost_lines: Final = 0

    def started(self, settings: Struct) -> None:
        """The exchange begins."""

    def opened(self, number: int, path: str, kind: str, peer: str, access_key: str) -> None:
        """A WebSocket was accepted."""

    def closed(self, number: int, why: str) -> None:
        """A WebSocket has ended."""

    def request(self, number: int, message: bytes) -> None:
        """A client said something on its WebSocket."""

    def frame(self, number: int, running: int, stream: tuple[str, str], payload: bytes) -> None:
        """A data frame was handed to a socket."""

    def rest(self, address: str, method: str, path: str, status: int, access_key: str) -> None:
        """A REST call was answered."""

    def fill(self, access_key: str, order_uuid: str, fill: Any) -> None:  # noqa: ANN401 - the desk's own struct
        """An order was filled, wholly or in part."""

    def fault(self, document: object) -> None:
        """A fault was asked for."""

    async def run(self) -> None:
        """Do nothing until cancelled."""
        await trio.sleep_forever()

    def close(self) -> None:
        """Do nothing."""


class Journal:
    """A journal file.

    Args:
        path: the file; it is appended to.
        buffer_bytes: what may wait to be written.

    Attributes:
        is_on: whether anything is written, for callers to whom the arguments alone are dear.
        lost_lines: lines that could not be written.

    Raises:
        SettingsError: the file cannot be opened.
    """

    is_on: Final = True

    def __init__(self, path: Path, *, buffer_bytes: int = BUFFER_BYTES) -> None:
        self.lost_lines = 0
        self._path = path
        self._buffer_bytes = buffer_bytes
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._untold_loss = 0
        self._is_trouble_told = False
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._refuse_another_file(path)
            self._begin_on_a_new_line()
        except OSError as error:
            raise SettingsError(f"journal {path}: {error.strerror}; choose a file that can be written") from None

    def started(self, settings: Struct) -> None:
        """Note that the exchange begins, and its settings without secrets."""
        public = public_settings(settings)
        seed = public.get("seed", 0)
        self._add(Started(t_ns=time.monotonic_ns(), wall_ns=time.time_ns(), seed=seed, settings=public))

    def opened(self, number: int, path: str, kind: str, peer: str, access_key: str) -> None:
        """Note that a WebSocket was accepted."""
        self._add(
            ConnectionOpened(
                t_ns=time.monotonic_ns(),
                connection=number,
                path=public_path(path),
                kind=kind,
                peer=peer,
                account=account_id(access_key),
            )
        )

    def closed(self, number: int, why: str) -> None:
        """Note that a WebSocket has ended."""
        self._add(ConnectionClosed(t_ns=time.monotonic_ns(), connection=number, why=why))

    def request(self, number: int, message: bytes) -> None:
        """Note what a client said on its WebSocket."""
        self._add(Said(t_ns=time.monotonic_ns(), connection=number, **_as_text(message)))

    def frame(self, number: int, running: int, stream: tuple[str, str], payload: bytes) -> None:
        """Note a data frame handed to a socket.

        Args:
            number: of the connection.
            running: counts the frames of this connection from 1.
            stream: type and code; both empty for status, errors and lists of subscriptions.
            payload: the frame's payload before it is compressed and framed.
        """
        kind, code = stream
        self._add(
            Frame(
                t_ns=time.monotonic_ns(), connection=number, number=running, type=kind, code=code, **_as_text(payload)
            )
        )

    def rest(self, address: str, method: str, path: str, status: int, access_key: str) -> None:
        """Note a REST call; `path` may have its query, and a status of 0 says that no answer was given."""
        self._add(
            Rest(
                t_ns=time.monotonic_ns(),
                address=address,
                method=method,
                path=public_path(path),
                status=status,
                account=account_id(access_key),
            )
        )

    def fill(self, access_key: str, order_uuid: str, fill: Any) -> None:  # noqa: ANN401 - the desk's own struct
        """Note a fill; `fill` is a struct or plain values, amounts become text."""
        self._add(OrderFill(t_ns=time.monotonic_ns(), account=account_id(access_key), order=order_uuid, fill=fill))

    def fault(self, document: object) -> None:
        """Note a fault that was asked for."""
        self._add(FaultSet(t_ns=time.monotonic_ns(), fault=document))

    async def run(self) -> None:
        """Write what waits, again and again, until cancelled; the file is written by a thread."""
        while True:
            await trio.sleep(FLUSH_S)
            if self._waiting:
                batch = self._take_batch()
                # Not abandoned on cancellation: what was taken is written before `close` writes the rest.
                self._account(batch, await trio.to_thread.run_sync(self._write, batch))

    def close(self) -> None:
        """Write the rest and a last line, and close the file."""
        self._add(Stopped(t_ns=time.monotonic_ns()))
        batch = self._take_batch()
        self._account(batch, self._write(batch))
        os.close(self._file)
        if self.lost_lines:
            _tell_error("journal.incomplete", path=str(self._path), lost_lines=self.lost_lines)

    def _add(self, line: JournalLine) -> None:
        data = _encode(line)
        if self._waiting_bytes + len(data) > self._buffer_bytes:
            self._count_lost(1, "the disk is too slow")
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data) + 1

    def _take_batch(self) -> _Batch:
        """Take what waits; what was lost before it is said first."""
        lines, self._waiting, self._waiting_bytes = self._waiting, [], 0
        told, self._untold_loss = self._untold_loss, 0
        if told:
            lines.insert(0, _encode(Lost(t_ns=time.monotonic_ns(), lines=told)))
        return _Batch(lines, told)

    def _write(self, batch: _Batch) -> _Outcome:
        """Write lines; of one that went out in part the beginning is taken back, so that every line is whole."""
        data = b"".join(line + b"\n" for line in batch.lines)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:] if written else data)
        except OSError as error:
            whole = data.rfind(b"\n", 0, written) + 1
            with suppress(OSError):  # A pipe cannot be shortened, and its reader is gone.
                os.ftruncate(self._file, os.fstat(self._file).st_size - (written - whole))
            return _Outcome(data.count(b"\n", 0, whole), error.strerror or str(error))
        return _Outcome(len(batch.lines), "")

    def _account(self, batch: _Batch, outcome: _Outcome) -> None:
        """Note how the writing of a batch went."""
        lost = len(batch.lines) - outcome.written
        if batch.told_loss and not outcome.written:
            self._untold_loss += batch.told_loss
            lost -= 1  # The line about the loss is not one of those that matter.
        if lost:
            self._count_lost(lost, outcome.why)

    def _count_lost(self, lines: int, why: str) -> None:
        self.lost_lines += lines
        self._untold_loss += lines
        if not self._is_trouble_told:
            self._is_trouble_told = True
            _tell_error("journal.unwritable", path=str(self._path), reason=why)

    def _refuse_another_file(self, path: Path) -> None:
        """See that lines are not appended to somebody's notes; the file of a journal may be cut anywhere."""
        is_file = stat.S_ISREG(os.fstat(self._file).st_mode)  # A pipe has no past.
        if is_file and not _BEGIN.startswith(os.pread(self._file, len(_BEGIN), 0)):
            os.close(self._file)
            raise SettingsError(f"journal {path}: there is something else in it; choose a new file, or a journal")

    def _begin_on_a_new_line(self) -> None:
        """End the torn last line of an exchange that was killed, so that the first line of this one stands alone."""
        with suppress(OSError):  # A pipe has no size and no past.
            size = os.fstat(self._file).st_size
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                os.write(self._file, b"\n")


_BEGIN: Final = b'{"event":"'
"""How each line of a journal begins."""

AnyJournal = Journal | NoJournal


def open_journal(path: str) -> AnyJournal:
    """Open the journal that a setting names; none for an empty one.

    Raises:
        SettingsError: the file cannot be opened.
    """
    return Journal(Path(path)) if path else NoJournal()


def _as_text(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _tell_error(event: str, **fields: object) -> None:
    import structlog  # noqa: PLC0415 - slow to import, and hardly ever needed

    structlog.get_logger().error(event, **fields)
