"""Frames of the exchange's WebSocket -> typed messages, once, at the edge.

All four formats (DEFAULT, SIMPLE, JSON_LIST, SIMPLE_LIST), text and binary frames, end in the same structs. The format
is read from each frame, because a request changes the format of what is already under way.

How it is fast: a frame's first bytes name its type and spelling, and choose a decoder that was built for just that
layout; frames in a row that begin alike are read in one call; the result is poured into the canonical struct by C code.
Where that does not fit (other key order, white space, a new field, a broken frame) a slower way decides, with the same
result.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

from protocols.errors import DecodeFailure
from protocols.unreadable import UNREADABLE
from protocols.upbit.messages import Message
from protocols.upbit.wire_shapes import SHAPES, Shape

LENIENT_AFTER: Final = 1_000
"""Objects of one kind with a field unknown to us, after which that kind is no longer checked for such fields."""

SAMPLE_EVERY: Final = 100
"""Of a kind that is no longer checked, one frame in this many is looked at."""

MAX_UNKNOWN_FIELDS: Final = 256
"""Fields counted by name; what comes after them is counted together, as `OTHERS`."""

MAX_FIELD_NAME: Final = 64
"""Characters of a field's name that are kept."""

OTHERS: Final = "(others)"

_REASON: Final = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>.*)`)?\Z", re.DOTALL)
_UNKNOWN_FIELD: Final = "Object contains unknown field"


_ABSENT: Final = Raw()


class _Probe(Struct):
    """Just enough of an object to see what it is, wherever in it the key stands."""

    type: str | None = None
    ty: str | None = None
    method: str | None = None
    mthd: str | None = None
    status: Raw = _ABSENT
    error: Raw = _ABSENT


class _Reader(NamedTuple):
    """How to read the frames that begin alike: each alone, and where it can be, several as an array of rows."""

    decode: Callable[[bytes], Any]
    build: Callable[[Any], Message]
    decode_rows: Callable[[bytes], list[Any]] | None = None


_probe: Final = msgspec.json.Decoder(_Probe).decode
_split: Final = msgspec.json.Decoder(list[Raw]).decode
_untyped: Final = msgspec.json.Decoder(dict[str, Any]).decode
_SHAPE_OF: Final = {mark: shape for shape in SHAPES for mark in shape.marks}


class FrameDecoder:
    """Reads frames, each on its own; what it keeps are counts, nothing that a frame's meaning hangs on.

    Attributes:
        unknown_fields: (kind, field as on the wire) -> objects seen with it. Exact up to `LENIENT_AFTER` objects of a
            kind, from there an estimate from one frame in `SAMPLE_EVERY`. At most `MAX_UNKNOWN_FIELDS` names and
            `OTHERS` of each kind.
    """

    def __init__(self) -> None:
        self.unknown_fields: dict[tuple[str, str], int] = {}
        self._objects = {
            prefix + b'"': _Reader(shape.strict, shape.build, shape.strict_rows)
            for shape in SHAPES
            for prefix in shape.prefixes
        }
        self._lists = {
            b"[" + prefix: _Reader(shape.strict_rows, shape.build) for shape in SHAPES for prefix in shape.prefixes
        }
        self._with_unknown: dict[str, int] = {}
        self._unlooked: dict[str, int] = {}

    def decode(self, frame: bytes) -> list[Message]:
        """Read one frame: one message, or as many as the array of a list format holds.

        Raises:
            DecodeFailure: the frame is not what the exchange documents; it names the path and keeps the bytes.
        """
        failures: list[DecodeFailure] = []
        messages = self.decode_batch([frame], failures)
        if failures:
            raise failures[0]
        return messages

    def decode_batch(self, frames: list[bytes], failures: list[DecodeFailure]) -> list[Message]:
        """Read frames in order; of one that cannot be read nothing is returned, and one failure goes to `failures`."""
        messages: list[Message] = []
        reader_of = self._objects.get
        start, end = 0, len(frames)
        while start < end:
            frame = frames[start]
            # The longest opening, `[{"type":"`, ends before byte 10: the next quote closes the name of the type.
            opening = frame[: frame.find(b'"', 10) + 1]
            reader = reader_of(opening)
            stop = start + 1
            if reader is not None:
                if reader.decode_rows is not None:
                    while stop < end and frames[stop].startswith(opening):
                        stop += 1
                try:
                    messages += _read_alike(reader, frames[start:stop])
                    start = stop
                    continue
                except UNREADABLE:
                    pass  # The slow way finds out what was wrong, and whether it matters.
            for each in frames[start:stop]:
                self._decode_alone(each, reader, messages, failures)
            start = stop
        return messages

    def _decode_alone(
        self, frame: bytes, reader: _Reader | None, messages: list[Message], failures: list[DecodeFailure]
    ) -> None:
        if reader is not None:
            try:
                messages.append(reader.build(reader.decode(frame)))
            except UNREADABLE:
                pass
            else:
                return
        try:
            messages.extend(self._decode_slowly(frame))
        except DecodeFailure as failure:
            failures.append(failure)

    def _decode_slowly(self, frame: bytes) -> list[Message]:
        reader = self._lists.get(frame[: frame.find(b'"', 10)])
        if reader is not None:
            try:
                return [reader.build(row) for row in reader.decode(frame)]
            except UNREADABLE:
                pass  # Row by row, so that the failure names its place.
        if not frame.lstrip().startswith(b"["):
            return [self._decode_object(frame, "$", frame)]
        try:
            rows = _split(frame)
        except UNREADABLE as error:
            raise _failure(error, "$", frame) from None
        if not rows:
            raise DecodeFailure("$", "an array without a message", frame)
        return [self._decode_object(bytes(row), f"$[{index}]", frame) for index, row in enumerate(rows)]

    def _decode_object(self, row: bytes, path: str, frame: bytes) -> Message:
        try:
            shape = _shape_of(_probe(row), path, frame)
            try:
                return shape.build(shape.strict(row))
            except msgspec.ValidationError as error:
                if not str(error).startswith(_UNKNOWN_FIELD):
                    raise
            message = shape.build(shape.lenient(row))
            self._count_unknown(shape, row, weight=1)
        except UNREADABLE as error:
            raise _failure(error, path, frame) from None
        return message

    def _count_unknown(self, shape: Shape, row: bytes, *, weight: int) -> None:
        """Note the fields of one object that its shape does not know; after too many such objects stop looking."""
        for name in _unknown_names(shape, _untyped(row)):
            key = (shape.kind, name[:MAX_FIELD_NAME])
            if key not in self.unknown_fields and len(self.unknown_fields) >= MAX_UNKNOWN_FIELDS:
                key = (shape.kind, OTHERS)
            self.unknown_fields[key] = self.unknown_fields.get(key, 0) + weight
        self._with_unknown[shape.kind] = self._with_unknown.get(shape.kind, 0) + 1
        if self._with_unknown[shape.kind] == LENIENT_AFTER:
            self._stop_checking(shape.kind)

    def _stop_checking(self, kind: str) -> None:
        """Read all spellings of one kind leniently, so that a new field does not cost speed for ever."""
        for shape in SHAPES:
            if shape.kind == kind:
                for prefix in shape.prefixes:
                    self._objects[prefix + b'"'] = _Reader(partial(self._decode_sampling, shape), shape.build)
                    self._lists[b"[" + prefix] = _Reader(partial(self._decode_rows_sampling, shape), shape.build)

    def _decode_sampling(self, shape: Shape, frame: bytes) -> Any:  # noqa: ANN401  # as the decoder that it wraps
        wire = shape.lenient(frame)
        if self._is_sample(shape.kind):
            self._count_unknown(shape, frame, weight=SAMPLE_EVERY)
        return wire

    def _decode_rows_sampling(self, shape: Shape, frame: bytes) -> list[Any]:
        wires = shape.lenient_rows(frame)
        if self._is_sample(shape.kind):
            for row in _split(frame):
                self._count_unknown(shape, bytes(row), weight=SAMPLE_EVERY)
        return wires

    def _is_sample(self, kind: str) -> bool:
        self._unlooked[kind] = (self._unlooked.get(kind, 0) + 1) % SAMPLE_EVERY
        return self._unlooked[kind] == 0


def _read_alike(reader: _Reader, frames: list[bytes]) -> list[Message]:
    """Read frames of one kind and spelling in one call, which costs less than one call for each.

    Raises:
        UNREADABLE: at least one of them does not fit.
    """
    if len(frames) == 1 or reader.decode_rows is None:
        return [reader.build(reader.decode(frame)) for frame in frames]
    rows = reader.decode_rows(b"[" + b",".join(frames) + b"]")
    if len(rows) != len(frames):
        # A frame that ends early would swallow the next one, one with a comma too many would be two.
        raise msgspec.DecodeError(f"{len(frames)} frames are {len(rows)} objects")
    return list(map(reader.build, rows))


def _shape_of(probe: _Probe, path: str, frame: bytes) -> Shape:
    """Tell what an object is from the fields that say so.

    Raises:
        DecodeFailure: none of them is there, or the type is none that we know.
    """
    told = (("type", probe.type), ("ty", probe.ty), ("method", probe.method), ("mthd", probe.mthd))
    for field, value in told:
        if value is not None:
            try:
                return _SHAPE_OF[field, value]
            except KeyError:
                raise DecodeFailure(f"{path}.{field}", f"unknown {field} {value[:MAX_FIELD_NAME]!r}", frame) from None
    if probe.error is not _ABSENT:
        return _SHAPE_OF["error", ""]
    if probe.status is not _ABSENT:
        return _SHAPE_OF["status", ""]
    raise DecodeFailure(path, "neither type nor method, status or error", frame)


def _unknown_names(shape: Shape, row: dict[str, Any]) -> Iterator[str]:
    """Names of fields that the shape does not have, each once; those of nested objects as `obu[].name`."""
    yield from row.keys() - shape.known
    nested: set[str] = set()
    for inner in row.get(shape.rows) or ():
        nested |= inner.keys() - shape.known_in_rows
    for name in nested:
        yield f"{shape.rows}[].{name}"


def _failure(error: Exception, path: str, frame: bytes) -> DecodeFailure:
    """Turn what msgspec says (`Expected ... - at `$.tp``) into a failure with its path as seen from the whole frame."""
    match = _REASON.match(str(error))
    assert match is not None  # noqa: S101  # every text matches
    return DecodeFailure(path + (match["path"] or ""), match["reason"], frame)
