"""Messages of both files, taken apart into streams: for each message its identity, a digest, and where it stands."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from actors.exchange.journal.comparison import Missed, Noted, Outage, Place, Received, Sent
from actors.exchange.journal.identity import digest_of, identity_of, is_snapshot
from actors.exchange.journal.journal_file import ConnectionFacts, JournalFile, SeenLine
from actors.exchange.journal.line_files import Partition, partition
from actors.exchange.journal.lines import Frame
from actors.exchange.journal.trace_file import CACHED, RECOVERED, TraceFile, TraceLine, data_messages
from protocols.errors import DecodeFailure
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.messages import CANDLE_TYPES, MARKET_TYPES, PRIVATE_TYPES, DataMessage
from protocols.upbit.topics import Topic, topic_of

ANY_CANDLE: Final = "candle"
TYPES: Final = (*MARKET_TYPES, *PRIVATE_TYPES, ANY_CANDLE)


class Selection(Struct, frozen=True):
    """What is to be compared; an empty set leaves nothing out.

    Attributes:
        types: message types; `candle` stands for all units.
        codes: markets; balances belong to none, and are left out when one is named.
        connections: connections by their number in the journal.
    """

    types: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    connections: frozenset[int] = frozenset()

    def takes_partition(self, part: Partition) -> bool:
        """Whether messages of a partition may be among what is compared."""
        kind, code = part
        is_of_type = not self.types or kind in self.types or (kind in CANDLE_TYPES and ANY_CANDLE in self.types)
        return is_of_type and (not self.codes or not code or code in self.codes)

    def takes_message(self, message: DataMessage) -> bool:
        """Whether a message of such a partition is to be compared."""
        return not self.codes or getattr(message, "code", "") in self.codes

    def takes_connection(self, facts: ConnectionFacts | None) -> bool:
        """Whether what a connection was sent is to be compared."""
        return not self.connections or (facts is not None and facts.number in self.connections)


class Stream(Struct):
    """One stream: what was sent of it, and what was written down of it."""

    sent: list[Sent] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)


class Loader:
    """Reads streams of both files into memory, some at a time.

    Args:
        journal: what was sent.
        trace: what was received.
        selection: what to take of both.
        connections: the connections of the journal.
        horizon_ns: when the newest line of a journal without an end was written.

    Attributes:
        unreadable_frames: frames of these streams that are no message: faults on demand.
    """

    def __init__(
        self,
        journal: JournalFile,
        trace: TraceFile,
        selection: Selection,
        connections: Mapping[int, ConnectionFacts],
        *,
        horizon_ns: int | None,
    ) -> None:
        self.unreadable_frames = 0
        self._journal = journal
        self._trace = trace
        self._selection = selection
        self._connections = connections
        self._horizon_ns = horizon_ns
        self._decoder = FrameDecoder()

    def load(self, partitions: frozenset[Partition]) -> dict[Topic, Stream]:
        """Read some partitions.

        Raises:
            SettingsError: a file cannot be read.
        """
        streams = self._load_trace(partitions)
        for seen in self._journal.lines():
            line = seen.line
            if (
                isinstance(line, Frame)
                and partition(line.type, line.code) in partitions
                and self._selection.takes_connection(self._connections.get(seen.connection))
            ):
                self._load_frame(seen, line, streams)
        for topic, stream in streams.items():
            if topic.type in PRIVATE_TYPES:
                stream.sent = _of_same_accounts(stream, self._connections)
        return streams

    def _load_frame(self, seen: SeenLine, line: Frame, streams: dict[Topic, Stream]) -> None:
        try:
            messages = data_messages(self._decoder, line.payload)
        except (DecodeFailure, ValueError):
            self.unreadable_frames += 1
            return
        for row, message in enumerate(messages):
            stream = streams.get(topic_of(message))
            # A stream that the trace does not know has no first and no last message there: nothing of it counts.
            if stream is not None and self._selection.takes_message(message):
                place = Place(seen.raw.offset, seen.raw.number, row)
                sent = Sent(_identity(message), digest_of(message), place, seen.connection, is_snapshot(message))
                stream.sent.append(sent)

    def _load_trace(self, partitions: frozenset[Partition]) -> dict[Topic, Stream]:
        streams: defaultdict[Topic, Stream] = defaultdict(Stream)
        for line in self._trace.lines(partitions):
            if isinstance(line, TraceLine):
                for topic, received in _received(line, self._selection, self._horizon_ns):
                    streams[topic].noted.append(received)
            elif isinstance(line.mark, Missed):
                if line.topic is not None and line.topic in streams:
                    streams[line.topic].noted.append(line.mark)
            else:
                for stream in streams.values():
                    # Several in a row say no more than one.
                    if not isinstance(stream.noted[-1], Outage):
                        stream.noted.append(line.mark)
        return dict(streams)


def _received(line: TraceLine, selection: Selection, horizon_ns: int | None) -> Iterator[tuple[Topic, Received]]:
    for row, message in enumerate(line.messages):
        if selection.takes_message(message):
            yield (
                topic_of(message),
                Received(
                    _identity(message),
                    digest_of(message),
                    Place(line.raw.offset, line.raw.number, row),
                    is_snapshot=is_snapshot(message),
                    is_cached=line.head.origin == CACHED,
                    is_recovered=line.head.origin == RECOVERED,
                    is_after_journal=_is_after(horizon_ns, line.head.received_ns),
                ),
            )


def _is_after(horizon_ns: int | None, received_ns: int) -> bool | None:
    """Whether a line is younger than the end of a journal; None when it does not say how old it is."""
    if horizon_ns is None:
        return False
    return received_ns > horizon_ns if received_ns else None


def _identity(message: DataMessage) -> int:
    """The identity as one number: a tuple of strings for each message would be the larger part of the memory."""
    return hash(identity_of(message))


def _of_same_accounts(stream: Stream, connections: Mapping[int, ConnectionFacts]) -> list[Sent]:
    """What was sent to the accounts of which something is in the trace; a trace does not say whose it is."""
    seen = {item.identity for item in stream.noted if isinstance(item, Received)}
    accounts = {_account(sent, connections) for sent in stream.sent if sent.identity in seen}
    return [sent for sent in stream.sent if _account(sent, connections) in accounts]


def _account(sent: Sent, connections: Mapping[int, ConnectionFacts]) -> str:
    facts = connections.get(sent.connection)
    return "" if facts is None else facts.account
