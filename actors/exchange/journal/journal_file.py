"""A journal as it is read: line by line, tolerant of nothing but a torn line where an exchange was killed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

from actors.exchange.journal.line_files import Partition, Progress, RawLine, partition, read_line_at, read_raw_lines
from actors.exchange.journal.lines import (
    ConnectionClosed,
    ConnectionOpened,
    Frame,
    JournalLine,
    Lost,
    Started,
    Stopped,
)
from protocols.errors import SettingsError
from protocols.unreadable import UNREADABLE

_decode: Final = msgspec.json.Decoder(JournalLine).decode


class SeenLine(NamedTuple):
    """One line of a journal and which connection it is about: counted over all runs in the file, 0 for none."""

    raw: RawLine
    line: JournalLine
    connection: int


class ConnectionFacts(Struct):
    """One connection: the run it was in (from 1), its number there, whose it was, and from when to when."""

    run: int
    number: int
    account: str = ""
    opened_ns: int = 0
    closed_ns: int | None = None


class JournalSurvey(Struct):
    """What a journal holds, in short.

    Attributes:
        frames: data frames by partition.
        connections: every connection by its number over all runs, from 1.
        senders: which of them sent a partition.
        newest_ns: time of the last line.
        lost_lines: lines that the exchange could not write.
        is_torn: whether the last line was cut; it is not counted.
        is_ended: whether the exchange ended in order.
    """

    frames: dict[Partition, int] = field(default_factory=dict)
    connections: dict[int, ConnectionFacts] = field(default_factory=dict)
    senders: dict[Partition, set[int]] = field(default_factory=dict)
    newest_ns: int = 0
    lost_lines: int = 0
    is_torn: bool = False
    is_ended: bool = False


class JournalFile:
    """A journal that can be read several times, also while it is written.

    Args:
        path: the file.
        progress: told of what was read.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path = path
        self._progress = progress
        self._is_torn = False

    def survey(self) -> JournalSurvey:
        """Read it once, and say what it holds.

        Raises:
            SettingsError: it cannot be read, or a line is none of a journal.
        """
        survey = JournalSurvey()
        run = 0
        for seen in self.lines():
            survey.newest_ns = seen.line.t_ns
            survey.is_ended = isinstance(seen.line, Stopped)
            match seen.line:
                case Started():
                    run += 1
                case ConnectionOpened(t_ns=opened_ns, connection=number, account=account):
                    survey.connections[seen.connection] = ConnectionFacts(run, number, account, opened_ns)
                case ConnectionClosed(t_ns=closed_ns) if seen.connection in survey.connections:
                    survey.connections[seen.connection].closed_ns = closed_ns
                case Frame(type=kind, code=code) if kind:
                    part = partition(kind, code)
                    survey.frames[part] = survey.frames.get(part, 0) + 1
                    survey.senders.setdefault(part, set()).add(seen.connection)
                case Lost(lines=lines):
                    survey.lost_lines += lines
        survey.is_torn = self._is_torn
        return survey

    def lines(self) -> Iterator[SeenLine]:
        """Read the lines in order.

        Raises:
            SettingsError: it cannot be read, or a line is none of a journal. A line that was torn when its writer was
                killed is passed over: the last one, or one that a new start follows.
        """
        connections: dict[int, int] = {}
        torn: SettingsError | None = None
        known = 0
        self._is_torn = False
        for raw in read_raw_lines(self.path, self._progress):
            try:
                line = _decode(raw.data)
            except UNREADABLE as error:
                if torn is not None:
                    raise torn from None
                torn = SettingsError(f"{self.path}, line {raw.number}: no line of a journal: {error}")
                self._is_torn = not raw.is_whole
                continue
            if isinstance(line, Started):
                connections.clear()
            elif torn is not None:
                raise torn
            torn = None
            number = getattr(line, "connection", 0)
            if isinstance(line, ConnectionOpened) or (number and number not in connections):
                known += 1
                connections[number] = known
            yield SeenLine(raw, line, connections.get(number, 0))
        if torn is not None and not self._is_torn:
            raise torn


def read_frame_at(path: Path, offset: int) -> Frame:
    """Read the frame whose line begins at a byte offset.

    Raises:
        SettingsError: the file cannot be read any more, or has changed.
    """
    try:
        line = _decode(read_line_at(path, offset))
    except UNREADABLE:
        line = None
    if not isinstance(line, Frame):
        raise SettingsError(f"{path} has changed while it was read")
    return line
