"""The few findings that are shown: kept by their place while streams are compared, read again to be described."""

from pathlib import Path
from typing import Any, Final

from actors.exchange.journal.comparison import Comparison, Place, Received, Sent
from actors.exchange.journal.identity import describe_identity, differences
from actors.exchange.journal.journal_file import read_frame_at
from actors.exchange.journal.trace_file import TraceFile, data_messages
from protocols.errors import DecodeFailure, SettingsError
from protocols.upbit.decoding import FrameDecoder
from protocols.upbit.messages import DataMessage
from protocols.upbit.topics import Topic

FINDINGS: Final = ("lost", "doubled", "reordered", "altered", "unknown")

Finding = dict[str, Any]
"""One finding as plain values: `stream`, the identity by its fields' names, and where it is in the files."""


class Finder:
    """Keeps the first findings of each kind.

    Args:
        journal: the journal.
        trace: the trace.
        shown: how many of each kind are kept.
    """

    def __init__(self, journal: Path, trace: TraceFile, shown: int) -> None:
        self._journal = journal
        self._trace = trace
        self._shown = shown
        self._decoder = FrameDecoder()
        self._kept: dict[str, list[tuple[Place, Topic, Place | None]]] = {name: [] for name in FINDINGS}

    def keep(self, topic: Topic, comparison: Comparison) -> None:
        """Keep what was found in one stream, as far as it is among the first."""
        for name in FINDINGS:
            for found in getattr(comparison, name)[: self._shown]:
                self._kept[name].append(_places(topic, found))
            self._kept[name] = sorted(self._kept[name])[: self._shown]

    def describe(self) -> dict[str, list[Finding]]:
        """Read the kept findings again, and say what they are.

        Raises:
            SettingsError: a file cannot be read any more.
        """
        return {name: [self._describe(name, *kept) for kept in self._kept[name]] for name in FINDINGS}

    def _describe(self, name: str, place: Place, topic: Topic, sent_place: Place | None) -> Finding:
        if name == "lost":
            return {"stream": topic.key, **self._sent_facts(place)}
        received = self._trace.message_at(place)
        found: Finding = {"stream": topic.key, **describe_identity(received), "trace_line": place.line}
        if sent_place is not None:
            found["journal_line"] = sent_place.line
            found["fields"] = {
                difference.field: {"sent": difference.sent, "received": difference.received}
                for difference in differences(self._message_sent(sent_place), received)
            }
        return found

    def _sent_facts(self, place: Place) -> Finding:
        frame = read_frame_at(self._journal, place.offset)
        return {
            **describe_identity(self._message_sent(place)),
            "journal_line": place.line,
            "connection": frame.connection,
            "frame": frame.number,
            "t_ns": frame.t_ns,
        }

    def _message_sent(self, place: Place) -> DataMessage:
        try:
            return data_messages(self._decoder, read_frame_at(self._journal, place.offset).payload)[place.row]
        except (DecodeFailure, ValueError, IndexError):
            raise SettingsError(f"{self._journal} has changed while it was read") from None


def _places(topic: Topic, found: Sent | Received | tuple[Sent, Received]) -> tuple[Place, Topic, Place | None]:
    if isinstance(found, tuple):
        sent, received = found
        return received.place, topic, sent.place
    return found.place, topic, None
