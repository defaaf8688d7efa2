"""The actor's end of its black box: memory of the supervisor, mapped into this process."""

import mmap
import os
import time
from collections.abc import Callable

from protocols.control.black_box import BOX_BYTES, BoxWriter

Note = Callable[[str, int, int, int], None]
"""Writes down the header of a message: its topic, epoch, number in the topic, and how many came with it."""


def map_box(fd: int) -> BoxWriter:
    """Map the memory behind a descriptor, which is closed; the mapping stays for the life of the process."""
    try:
        return BoxWriter(memoryview(mmap.mmap(fd, BOX_BYTES)))
    finally:
        os.close(fd)


def note_into(box: BoxWriter) -> Note:
    """Return what notes headers in a box, with the time of the call."""
    write, now_ns = box.note, time.monotonic_ns

    def note(what: str, epoch: int, sequence: int, count: int) -> None:
        write(what, epoch, sequence, count, now_ns())

    return note


def note_nowhere(_what: str, _epoch: int, _sequence: int, _count: int) -> None:
    """Note nothing; for an actor that runs without a process of its own, as in a test."""
