"""What a consumer wrote down, as it is read: one JSON value a line.

A line is one of these: an event or a marker of `upbitd watch --json`; a message of the exchange with its full field
names, whatever else stands beside them; a frame of the exchange as it came, in any of the four formats. Other JSON
(reports of actors, `{"status":"UP"}`) is counted and passed over.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

from actors.exchange.journal.comparison import Missed, Outage, Place
from actors.exchange.journal.line_files import Partition, Progress, RawLine, partition, read_line_at, read_raw_lines
from protocols.errors import DecodeFailure, SettingsError, UsageError
from protocols.unreadable import UNREADABLE
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.messages import MARKET_TYPES, PRIVATE_TYPES, DataMessage, ErrorFrame, Status, SubscriptionList
from protocols.upbit.topics import Topic, parse_topic

CACHED: Final = "cached"
RECOVERED: Final = "recovered"

_DATA_TYPES: Final = frozenset(MARKET_TYPES + PRIVATE_TYPES)


class Head(Struct):
    """The fields of a line that are needed to know what it is, by their long and short names."""

    marker: str = ""
    type: str = ""
    ty: str = ""
    code: str = ""
    cd: str = ""
    topic: str = ""
    origin: str = ""
    received_ns: int = 0
    first: int = 0
    last: int = 0

    @property
    def partition(self) -> Partition:
        """Type and code."""
        return partition(self.type or self.ty, self.code or self.cd)


class TraceLine(NamedTuple):
    """One line: where it stands, its own words about it, and the messages in it."""

    raw: RawLine
    head: Head
    messages: tuple[DataMessage, ...]


class TraceMark(NamedTuple):
    """What the consumer was told: of one stream, or (None) of all."""

    topic: Topic | None
    mark: Outage | Missed


class TraceSurvey(Struct):
    """What a trace holds, in short.

    Attributes:
        messages: lines by partition.
        others: lines that are JSON but no message of the exchange.
        is_torn: whether the last line was cut; it is not counted.
    """

    messages: dict[Partition, int] = field(default_factory=dict)
    others: int = 0
    is_torn: bool = False


_head: Final = msgspec.json.Decoder(Head | list[Head]).decode
_any: Final = msgspec.json.decode
_TYPES_OF_HEAD: Final = {field.name: field.type for field in msgspec.structs.fields(Head)}


class TraceFile:
    """A trace that can be read several times, also while it is written.

    Args:
        path: the file.
        progress: told of what was read.

    Attributes:
        unreadable: lines that claim to be a message and are not, among those that were read by `lines`.
        first_unreadable: where the first one is, and what is wrong with it.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path = path
        self.unreadable = 0
        self.first_unreadable = ""
        self._progress = progress
        self._decoder = FrameDecoder()
        self._is_torn = False

    def survey(self) -> TraceSurvey:
        """Read it once, and say what it holds.

        Raises:
            SettingsError: it cannot be read, or a line is no JSON.
        """
        survey = TraceSurvey()
        for _, head in self._heads():
            if head.partition[0] in _DATA_TYPES:
                survey.messages[head.partition] = survey.messages.get(head.partition, 0) + 1
            elif not head.marker:
                survey.others += 1
        survey.is_torn = self._is_torn
        return survey

    def lines(self, partitions: frozenset[Partition]) -> Iterator[TraceLine | TraceMark]:
        """Read messages of some partitions, and all markers, in order.

        Raises:
            SettingsError: it cannot be read, or a line is no JSON.
        """
        for raw, head in self._heads():
            if head.marker:
                mark = _read_mark(head)
                if mark is not None:
                    yield mark
            elif head.partition in partitions:
                yield TraceLine(raw, head, self._messages_of(raw))

    def message_at(self, place: Place) -> DataMessage:
        """Read one message again.

        Raises:
            SettingsError: the file cannot be read any more, or has changed.
        """
        try:
            return data_messages(self._decoder, read_line_at(self.path, place.offset))[place.row]
        except (DecodeFailure, IndexError):
            raise SettingsError(f"{self.path} has changed while it was read") from None

    def _messages_of(self, raw: RawLine) -> tuple[DataMessage, ...]:
        try:
            return data_messages(self._decoder, raw.data)
        except DecodeFailure as failure:
            self.unreadable += 1
            self.first_unreadable = self.first_unreadable or f"line {raw.number}: {failure.path}: {failure.reason}"
            return ()

    def _heads(self) -> Iterator[tuple[RawLine, Head]]:
        self._is_torn = False
        for raw in read_raw_lines(self.path, self._progress):
            try:
                head = _read_head(raw.data)
            except UNREADABLE as error:
                if not raw.is_whole:
                    self._is_torn = True
                    return
                raise SettingsError(f"{self.path}, line {raw.number}: no JSON: {error}") from None
            yield raw, head


def data_messages(decoder: FrameDecoder, frame: bytes) -> tuple[DataMessage, ...]:
    """Read the messages of a frame that belong to a stream.

    Raises:
        DecodeFailure: it cannot be read.
    """
    messages = decoder.decode(frame)
    return tuple(message for message in messages if not isinstance(message, Status | ErrorFrame | SubscriptionList))


def _read_head(data: bytes) -> Head:
    """Read what a line says of itself; nothing, when it is another kind of JSON.

    Raises:
        UNREADABLE: it is no JSON.
    """
    try:
        head: Head | list[Head] = _head(data)
    except msgspec.ValidationError:
        return _read_matching_head(data)
    if isinstance(head, list):
        return head[0] if head else Head()
    return head


def _read_matching_head(data: bytes) -> Head:
    """Read the fields that are what they should be: a client may mean another thing by the `code` of its `down`."""
    found = _any(data)
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return Head()
    return Head(**{name: value for name, value in found.items() if _TYPES_OF_HEAD.get(name) is type(value)})


def _read_mark(head: Head) -> TraceMark | None:
    if head.marker in {"up", "down"}:
        return TraceMark(None, Outage())
    if head.marker != "gap":
        return None
    try:
        return TraceMark(parse_topic(head.topic), Missed(max(0, head.last - head.first + 1)))
    except UsageError:
        return None  # Of a report: no message of the exchange is missing.
