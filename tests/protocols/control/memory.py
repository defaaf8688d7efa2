"""Memory whose stores and loads are known one by one, as a processor makes them: 8 bytes at a time.

Writers are recorded: what they store, in order. So a writer that is killed after any of its stores can be shown, and a
reader on another processor that makes its loads between them.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from protocols.control import black_box
from protocols.control.black_box import BOX_BYTES, BoxContents, BoxWriter, read_box

WORD = 8

Store = tuple[int, bytes]
STRUCTS = ("_HEADER", "_BEAT", "_PROGRESS", "_SLOT", "_NUMBER", "_COUNTERS_HEAD")


def words(at: int, data: bytes) -> Iterator[Store]:
    for begin in range(0, len(data), WORD):
        yield at + begin, data[begin : begin + WORD]


class Recorded(bytearray):
    """Writes down what is stored; does something before each load."""

    def __init__(self, content: bytes | bytearray) -> None:
        super().__init__(content)
        self.stores: list[Store] = []
        self.before_load: Callable[[], None] = lambda: None

    def store(self, at: int, data: bytes) -> None:
        for word_at, word in words(at, data):
            self.stores.append((word_at, word))
            super().__setitem__(slice(word_at, word_at + len(word)), word)

    def load(self, at: int, size: int) -> bytes:
        loaded = bytearray()
        for begin in range(at, at + size, WORD):
            self.before_load()
            loaded += bytearray.__getitem__(self, slice(begin, min(begin + WORD, at + size)))
        return bytes(loaded)

    def __setitem__(self, where: object, data: object) -> None:
        assert isinstance(where, slice)
        assert isinstance(data, bytes)
        self.store(where.start or 0, data)

    def __getitem__(self, where: object) -> bytes:  # type: ignore[override]  # only slices are asked for
        assert isinstance(where, slice)
        return self.load(where.start, where.stop - where.start)


class RecordedStruct:
    """A `struct.Struct` that stores as the one of C does: zeros first, then the fields in their order."""

    def __init__(self, real: struct.Struct) -> None:
        self._real = real
        self.size = real.size

    def pack_into(self, buffer: Recorded, at: int, *values: object) -> None:
        buffer.store(at, bytes(self.size))
        buffer.store(at, self._real.pack(*values))

    def unpack_from(self, buffer: Recorded, at: int) -> tuple[object, ...]:
        return self._real.unpack(buffer.load(at, self.size))


@contextmanager
def recorded_structs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in STRUCTS:
            patch.setattr(black_box, name, RecordedStruct(getattr(black_box, name)))
        yield


def stores_of(writer: BoxWriter, write: Callable[[BoxWriter], None]) -> list[Store]:
    """Let a writer write into its memory, and return what it stored there."""
    memory = Recorded(bytes(writer._buffer))
    before, writer._buffer = writer._buffer, memory
    with recorded_structs():
        write(writer)
    writer._buffer = before
    play(before, memory.stores)
    return memory.stores


def play(memory: bytearray | memoryview, stores: list[Store]) -> None:
    for at, word in stores:
        memory[at : at + len(word)] = word


def read_between(memory: bytearray, stores: list[Store], steps: Iterator[int]) -> BoxContents:
    """Read while another processor stores: before each load so many more of its stores are made."""
    shared, waiting = Recorded(memory), iter(stores)

    def some_stores() -> None:
        for _ in range(next(steps)):
            if (store := next(waiting, None)) is None:
                return
            bytearray.__setitem__(shared, slice(store[0], store[0] + len(store[1])), store[1])

    shared.before_load = some_stores
    with recorded_structs():
        return read_box(shared)


def new_writer() -> BoxWriter:
    writer = BoxWriter(bytearray(BOX_BYTES))
    writer.begin(7)
    return writer
