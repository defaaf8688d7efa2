"""The black box of one life of an actor: a piece of memory that the supervisor keeps, whatever becomes of the process.

The layout is fixed and every field is written by one writer, in the actor, and read by the supervisor at any moment,
also after a SIGKILL in the middle of a write. What could be half written is guarded: a slot of the ring carries its
number at both ends, the counters a number that is odd while they are being written. So a reader sees the value before
or the value after, or leaves out what was being written. Single numbers need no guard: each lies at a multiple of its 8
bytes, which `struct` writes as one, so a reader finds the old one, the new one, or the 0 that it writes before.

Whatever lies in the memory, reading raises nothing: it may be the work of a process that went wild.

All times are nanoseconds of the monotonic clock, which is the same for all processes of a machine; 0 means never.
"""

import math
import struct
from typing import Any, Final

import msgspec
from msgspec import Struct

from protocols.unreadable import UNREADABLE

Counters = dict[str, int | float]

BOX_BYTES: Final = 64 * 1024

_HEADER: Final = struct.Struct("<q16sqqqqq")
"""pid, phase, time of the newest beat, beats, consumed input, time of the newest progress, input waits since."""

_PHASE_AT: Final = 8
_BEAT: Final = struct.Struct("<qq")
_BEAT_AT: Final = 24
_PROGRESS: Final = struct.Struct("<qqq")
_PROGRESS_AT: Final = 40

_SLOT: Final = struct.Struct("<qqqqq72sq")
"""number, epoch, sequence, count, time, what, number again."""

_NUMBER: Final = struct.Struct("<q")
_LAST_NUMBER_AT: Final = _SLOT.size - _NUMBER.size

SLOTS: Final = 32
_RING_AT: Final = 128

_COUNTERS_HEAD: Final = struct.Struct("<qq")
"""A number that is odd while they are written and 0 for a moment before and after, and their length."""

_COUNTERS_AT: Final = _RING_AT + SLOTS * _SLOT.size
_COUNTERS_DATA_AT: Final = _COUNTERS_AT + _COUNTERS_HEAD.size
COUNTERS_BYTES: Final = BOX_BYTES - _COUNTERS_DATA_AT

MAIN_TASK: Final = "Main task"
"""How the part of a dump begins that shows where an actor's tasks wait."""

COUNTERS_DROPPED: Final = "counters_dropped"
"""How many counters did not fit into the box."""

_encode = msgspec.msgpack.Encoder().encode
_decode_counters = msgspec.msgpack.Decoder(dict[str, Any]).decode


class NotedMessage(Struct, frozen=True):
    """The header of one message, or of the newest one of a batch.

    Attributes:
        what: its topic, cut to 72 bytes of UTF-8.
        epoch: of the stream that it belongs to.
        sequence: its number in its topic.
        count: how many messages the batch had.
        time_ns: when it was noted.
    """

    what: str
    epoch: int
    sequence: int
    count: int
    time_ns: int


class BoxContents(Struct, frozen=True):
    """What a black box holds at one moment.

    Attributes:
        pid: 0 when the process had not begun.
        phase: `booting`, `importing`, `running` or `stopping`; empty before the first.
        beat_ns: when the loop turned last.
        beats: how often it wrote that.
        consumed: how much input it has consumed.
        progress_ns: when that was last seen to have grown.
        waiting_since_ns: since when input waits while nothing is consumed; 0 when none waits.
        counters: those of the newest beat.
        messages: headers of the newest messages, the oldest first.
    """

    pid: int
    phase: str
    beat_ns: int
    beats: int
    consumed: int
    progress_ns: int
    waiting_since_ns: int
    counters: Counters
    messages: tuple[NotedMessage, ...]


Writable = bytearray | memoryview
"""`BOX_BYTES` of memory, such as a view of a mapped file."""


class BoxWriter:
    """The actor's end. Every method costs less than a microsecond, but `counters`, which is called once a beat.

    Attributes:
        notes_dropped: how many headers had a number or a text that no box can hold.
    """

    def __init__(self, buffer: Writable) -> None:
        self._buffer = buffer
        self._beats = 0
        self._consumed = 0
        self._noted = 0
        self._version = 0
        self.notes_dropped = 0

    def begin(self, pid: int) -> None:
        """Clear what a former user of the memory left, and say who writes from here on."""
        self._buffer[:BOX_BYTES] = bytes(BOX_BYTES)
        _HEADER.pack_into(self._buffer, 0, pid, b"booting", 0, 0, 0, 0, 0)

    def phase(self, text: str) -> None:
        """Say what the process is about; 16 bytes at most."""
        struct.pack_into("16s", self._buffer, _PHASE_AT, text.encode())

    def beat(self, now_ns: int) -> None:
        """Note that the loop turns."""
        self._beats += 1
        _BEAT.pack_into(self._buffer, _BEAT_AT, now_ns, self._beats)

    def progress(self, consumed: int, waiting_since_ns: int, now_ns: int) -> None:
        """Note how much input was consumed, and since when some waits untouched; 0: none does."""
        progress_ns = now_ns
        if consumed == self._consumed:
            progress_ns = _PROGRESS.unpack_from(self._buffer, _PROGRESS_AT)[1]
        self._consumed = consumed
        _PROGRESS.pack_into(self._buffer, _PROGRESS_AT, consumed, progress_ns, waiting_since_ns)

    def note(self, what: str, epoch: int, sequence: int, count: int, now_ns: int) -> None:
        """Note the header of a message, or of the newest one of a batch."""
        self._noted = number = self._noted + 1
        at = _RING_AT + (number % SLOTS) * _SLOT.size
        try:
            _NUMBER.pack_into(self._buffer, at, 0)  # First of all: from here on the slot says nothing.
            _SLOT.pack_into(self._buffer, at, number, epoch, sequence, count, now_ns, what.encode(), number)
        except (struct.error, UnicodeEncodeError):  # They come from a peer, who must not end this process by them.
            self.notes_dropped += 1

    def counters(self, values: Counters) -> None:
        """Replace the counters; of too many the last ones are left out, and `COUNTERS_DROPPED` says how many."""
        data, kept = _encode(values), values
        while len(data) > COUNTERS_BYTES:
            kept = dict(list(kept.items())[: len(kept) // 2])
            data = _encode({**kept, COUNTERS_DROPPED: len(values) - len(kept)})
        self._version += 2
        _COUNTERS_HEAD.pack_into(self._buffer, _COUNTERS_AT, self._version - 1, len(data))
        self._buffer[_COUNTERS_DATA_AT : _COUNTERS_DATA_AT + len(data)] = data
        _COUNTERS_HEAD.pack_into(self._buffer, _COUNTERS_AT, self._version, len(data))


def read_box(buffer: Writable) -> BoxContents:
    """Return what the box holds; what was being written is left out."""
    pid, phase, beat_ns, beats, consumed, progress_ns, waiting_ns = _HEADER.unpack_from(buffer, 0)
    return BoxContents(
        pid=pid,
        phase=phase.rstrip(b"\0").decode("ascii", "replace"),
        beat_ns=beat_ns,
        beats=beats,
        consumed=consumed,
        progress_ns=progress_ns,
        waiting_since_ns=waiting_ns,
        counters=_read_counters(buffer),
        messages=_read_messages(buffer),
    )


def _read_counters(buffer: Writable) -> Counters:
    version, length = _COUNTERS_HEAD.unpack_from(buffer, _COUNTERS_AT)
    if version <= 0 or version % 2 or not 0 < length <= COUNTERS_BYTES:
        return {}
    data = bytes(buffer[_COUNTERS_DATA_AT : _COUNTERS_DATA_AT + length])
    if _COUNTERS_HEAD.unpack_from(buffer, _COUNTERS_AT) != (version, length):
        return {}  # They were replaced meanwhile; the next look sees them.
    try:
        values = _decode_counters(data)
    except UNREADABLE:
        return {}
    # JSON, in which the status is told, has no other numbers.
    return {name: value for name, value in values.items() if isinstance(value, int | float) and math.isfinite(value)}


def _read_messages(buffer: Writable) -> tuple[NotedMessage, ...]:
    noted = dict(filter(None, (_read_slot(buffer, slot) for slot in range(SLOTS))))
    return tuple(noted[number] for number in sorted(noted))


def _read_slot(buffer: Writable, slot: int) -> tuple[int, NotedMessage] | None:
    at = _RING_AT + slot * _SLOT.size
    # The last number first: it is written last, so all of the slot was there when it was. And the first number last:
    # it goes before anything else of the slot does, so all of the slot was still there when it was read.
    (last,) = _NUMBER.unpack_from(buffer, at + _LAST_NUMBER_AT)
    _first, epoch, sequence, count, time_ns, what, _last = _SLOT.unpack_from(buffer, at)
    (first,) = _NUMBER.unpack_from(buffer, at)
    if first != last or first <= 0 or first % SLOTS != slot:
        return None
    text = what.rstrip(b"\0").decode("utf-8", "replace")
    return first, NotedMessage(text, epoch, sequence, count, time_ns)


def find_stall(box: BoxContents, *, now_ns: int, stall_timeout_s: float) -> str | None:
    """Say why an actor that runs does no work; None when it does, or when its loop has not begun."""
    still_s = (now_ns - box.beat_ns) / 1e9
    if box.beat_ns and still_s > stall_timeout_s:
        return f"its loop stood still for {still_s:.1f} s (limit {stall_timeout_s:g} s)"
    waited_s = (now_ns - box.waiting_since_ns) / 1e9
    if box.waiting_since_ns and waited_s > stall_timeout_s:
        return f"its input has waited for {waited_s:.1f} s without progress (limit {stall_timeout_s:g} s)"
    return None
