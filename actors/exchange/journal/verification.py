"""A journal and a trace compared, stream by stream, in bounded memory.

Both files are read once to see what is in them. Then the streams that the trace knows are compared in groups of at most
`MESSAGES_AT_ONCE` messages, each group in one more pass over both files. Of a message only numbers are kept: a hash of
its identity, a hash of all its values, and where it stands; the few that are shown are read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from actors.exchange.journal.comparison import Comparison, compare_stream
from actors.exchange.journal.findings import FINDINGS, Finder, Finding
from actors.exchange.journal.journal_file import ConnectionFacts, JournalFile, JournalSurvey
from actors.exchange.journal.line_files import Partition, Progress
from actors.exchange.journal.streams import Loader, Selection, Stream
from actors.exchange.journal.trace_file import TraceFile, TraceSurvey
from protocols.errors import SettingsError
from protocols.upbit.topics import Topic

MESSAGES_AT_ONCE: Final = 500_000
"""Messages of both files in memory at the same time, about 250 B each; a stream with more is loaded all the same."""

RIGHT: Final = ("announced", "merged", "repeated", "resent", "unseen_snapshots", "recovered", "unjudged")
"""Counts of what is no finding."""


class Tally(Struct):
    """Counts over streams; as in `Comparison`."""

    streams: int = 0
    sent: int = 0
    received: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    altered: int = 0
    unknown: int = 0
    announced: int = 0
    merged: int = 0
    repeated: int = 0
    resent: int = 0
    unseen_snapshots: int = 0
    recovered: int = 0
    unjudged: int = 0

    def add(self, comparison: Comparison) -> None:
        """Count one more stream."""
        self.streams += 1
        self.sent += comparison.sent
        self.received += comparison.received
        for name in FINDINGS:
            setattr(self, name, getattr(self, name) + len(getattr(comparison, name)))
        for name in RIGHT:
            setattr(self, name, getattr(self, name) + getattr(comparison, name))


class Verification(Struct):
    """The outcome.

    Attributes:
        is_clean: nothing was lost, doubled, reordered, altered, unknown or unreadable.
        totals, types: counts, over all and by message type.
        findings: the first of each kind, by their place in the file.
        unreadable: lines of the trace that claim to be a message and are not.
        notes: what one must know to judge the counts.
    """

    is_clean: bool = True
    totals: Tally = field(default_factory=Tally)
    types: dict[str, Tally] = field(default_factory=dict)
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    unreadable: int = 0
    notes: list[str] = field(default_factory=list)


class Verifier:
    """Compares two files.

    Args:
        journal, trace: what was sent, and what was received.
        selection: what is compared.
        is_merging_right: the consumer asked for the newest only.
        shown: findings of each kind that are described.
        progress: told of bytes that were read.
        messages_at_once: messages in memory at the same time.
    """

    def __init__(
        self,
        journal: Path,
        trace: Path,
        *,
        selection: Selection,
        is_merging_right: bool,
        shown: int,
        progress: Progress,
        messages_at_once: int = MESSAGES_AT_ONCE,
    ) -> None:
        self._journal = JournalFile(journal, progress)
        self._trace = TraceFile(trace, progress)
        self._selection = selection
        self._is_merging_right = is_merging_right
        self._messages_at_once = messages_at_once
        self._finder = Finder(journal, self._trace, shown)

    def verify(self) -> Verification:
        """Compare.

        Raises:
            SettingsError: a file cannot be read, is none of its kind, or holds nothing to compare.
        """
        sent, received = self._journal.survey(), self._trace.survey()
        self._check(sent, received)
        # What came behind the end of a journal that was ended in order was not sent by its exchange.
        horizon_ns = None if sent.is_ended else sent.newest_ns
        partitions = [part for part in received.messages if self._selection.takes_partition(part)]
        result = Verification()
        loader = Loader(self._journal, self._trace, self._selection, sent.connections, horizon_ns=horizon_ns)
        for group in grouped(partitions, sent, received, self._messages_at_once):
            self._compare(loader.load(group), result)
        if result.totals.received == result.totals.unjudged:
            raise SettingsError(
                f"{self._journal.path}: it ended before everything that is in the trace: nothing to compare"
            )
        result.findings = self._finder.describe()
        result.unreadable = self._trace.unreadable
        result.is_clean = not (result.unreadable or any(getattr(result.totals, name) for name in FINDINGS))
        result.notes = list(self._notes(sent, received, result, loader.unreadable_frames))
        return result

    def _check(self, sent: JournalSurvey, received: TraceSurvey) -> None:
        known = {facts.number for facts in sent.connections.values()}
        if strange := self._selection.connections - known:
            raise SettingsError(f"{self._journal.path}: no connection {min(strange)}; there are {_numbers(known)}")
        if not any(self._selection.takes_partition(part) for part in received.messages):
            of_these = " of what was chosen" if received.messages else ""
            raise SettingsError(f"{self._trace.path}: no message of the exchange{of_these}: nothing to compare")
        if not sent.frames:
            raise SettingsError(f"{self._journal.path}: nothing was sent in it: nothing to compare")

    def _compare(self, streams: Mapping[Topic, Stream], result: Verification) -> None:
        for topic, stream in streams.items():
            comparison = compare_stream(stream.sent, stream.noted, is_merging_right=self._is_merging_right)
            result.totals.add(comparison)
            result.types.setdefault(topic.type, Tally()).add(comparison)
            self._finder.keep(topic, comparison)

    def _notes(
        self, sent: JournalSurvey, received: TraceSurvey, result: Verification, unreadable_frames: int
    ) -> Iterator[str]:
        if not sent.is_ended:
            cut = ", and its last line is cut" if sent.is_torn else ""
            yield f"the journal has no end{cut}: its exchange runs or was killed; what came after it is not judged"
        if sent.lost_lines:
            yield f"lines of the journal that could not be written: {sent.lost_lines}; what they told counts as unknown"
        if received.is_torn:
            yield "the last line of the trace is cut and was left out"
        if received.others:
            yield f"lines of the trace that are no messages of the exchange: {received.others}"
        if result.unreadable:
            first = self._trace.first_unreadable
            yield f"lines of the trace that are not what they claim to be: {result.unreadable}, the first is {first}"
        if unreadable_frames:
            yield f"frames of the journal that are no messages (faults on demand): {unreadable_frames}"
        absent = [part for part in sent.frames if part not in received.messages and self._takes(part, sent)]
        if absent:
            yield f"streams that were sent and of which the trace has nothing, not compared: {len(absent)}"
        if result.totals.lost and (rivals := rivals_among(list(received.messages), sent, self._selection)):
            yield f"connections {_numbers(rivals)} were sent the same streams at one time: choose by --connection"

    def _takes(self, part: Partition, sent: JournalSurvey) -> bool:
        senders = sent.senders.get(part, set())
        return self._selection.takes_partition(part) and any(
            self._selection.takes_connection(sent.connections.get(connection)) for connection in senders
        )


def grouped(
    partitions: Sequence[Partition], sent: JournalSurvey, received: TraceSurvey, limit: int
) -> Iterator[frozenset[Partition]]:
    """Put partitions together as long as their messages do not exceed `limit`; one that does stands alone."""
    group: list[Partition] = []
    size = 0
    for part in partitions:
        messages = sent.frames.get(part, 0) + received.messages[part]
        if group and size + messages > limit:
            yield frozenset(group)
            group, size = [], 0
        group.append(part)
        size += messages
    if group:
        yield frozenset(group)


def rivals_among(partitions: Sequence[Partition], sent: JournalSurvey, selection: Selection) -> set[int]:
    """Numbers of connections that were sent the same partition while both were open."""
    rivals: set[int] = set()
    for part in partitions:
        senders = [sent.connections[number] for number in sent.senders.get(part, set()) if number in sent.connections]
        chosen = sorted((facts for facts in senders if selection.takes_connection(facts)), key=_opened_ns)
        for one, other in pairwise(chosen):
            if one.closed_ns is None or other.opened_ns < one.closed_ns:
                rivals |= {one.number, other.number}
    return rivals


def _opened_ns(facts: ConnectionFacts) -> int:
    return facts.opened_ns


def _numbers(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "none"
